"""What the pages of stories show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.urls import reverse
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.among import Given
from portal.kernel.markdown import to_html
from portal.kernel.prepared import Prepared
from squads.assignments.queries import Assignee, assigned_in, assignees_in
from squads.judge import judgement
from squads.judge.case import LOST, REPLACED, RESTORED, REVERTED, REWRITTEN
from squads.labels.queries import links_in
from squads.stories import ladder
from squads.stories.editing import CHECKLISTS
from squads.stories.editing import lines as checklines
from squads.stories.models import Evidence, Story, StoryAlias, StoryEdit
from squads.teams import queries as teams
from squads.teams.models import Squad

# What each rung asks for when it is missing, said to the person who can supply it.
NEXT = {
    "dev_done": "Set it when development is finished.",
    "integrated": "Updates automatically once a mainline run with its changes succeeds.",
    "tested": "Updates automatically once a check passes in testing or staging.",
    "deployed": "Updates automatically once it’s deployed to production.",
    "rodeo_done": "Updates automatically once it’s accepted in production after that deployment.",
}
# What became of a change, by the detail of the newest row that says so.
BECAME = {
    REVERTED: "reverted by {}",
    RESTORED: "brought back by {}",
    REPLACED: "replaced by {}",
    LOST: "no longer on any branch",
    REWRITTEN: "{}",
}
SHORT_SHA = 7
MOST_RUNS = 500
# How the history says which key a story had in which squad: “Payments, as PAY-1”.
KEY_BEFORE = ", as "
RUNS_SHOWN = 4
# Attempts that ended so hide nothing that an earlier one showed.
SHOWING_NOTHING = ("cancelled", "skipped", "unknown")
MOST_NAMED = 10


# Instead of the slug of a release: planned for none.
NO_RELEASE = "none"


def releases_called(slug: str) -> "QuerySet[Any]":
    """Return the release of this slug, or the one that had it before it was renamed."""
    # Packages of releases lie above this one: a story names its release.
    releases: Any = Story._meta.get_field("release").related_model
    found: QuerySet[Any] = releases._default_manager.filter(Q(slug=slug) | Q(former_names__slug=slug))
    return found


def planned_for(slug: str) -> Q:
    """Return what stories must be to be planned for a release, by its slug or a former one, or for none (NO_RELEASE)."""
    if slug == NO_RELEASE:
        return Q(release=None)
    return Q(release__in=releases_called(slug).values("pk"))


class Line(NamedTuple):
    """One story in a list."""

    story: Story
    glyph: SafeString
    answer: str
    brief: str
    gaps: str
    people: list[Assignee]
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the large ladder."""

    rung: str
    name: str
    state: str
    said: str
    at: datetime | None
    why: str
    hint: str


class Check(NamedTuple):
    """One line of a checklist."""

    line: str
    html: SafeString
    met: bool


@dataclass(frozen=True, slots=True)
class Checklist:
    """The acceptance criteria or the production checks of a story, line by line."""

    name: str
    checks: list[Check]

    @property
    def met(self) -> int:
        """How many lines are ticked."""
        return sum(check.met for check in self.checks)


class Linked(NamedTuple):
    """A link to a change, the newest run of each pipeline for that change, and what became of it, in words."""

    link: Any
    change: Any
    on_mainline: bool
    runs: list[Any]
    became: str = ""


def owner_names(standings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return {service: squad} for every owner these answers mention, in one query."""
    return teams.owners(
        part["owner"]
        for standing in standings
        for part in standing.get("answer", ())
        if isinstance(part, dict) and part.get("owner")
    )


def answer(story: Story, at: datetime | None = None, owners: Mapping[str, str] | None = None) -> str:
    """Return the honest answer about one story in one sentence. `owners` are looked up where they are not given."""
    if story.ending:
        return ended_words(story, at)
    owners = owner_names([story.standing]) if owners is None else owners
    return judgement.say(story.standing, at=at, owners=owners, squad=story.squad.name)


def ended_words(story: Story, at: datetime | None = None) -> str:
    """Say how a story ended other than done, and what of it runs or is integrated all the same."""
    what = "Cancelled"
    if story.ending == Story.Ending.DUPLICATE:
        what = f"Duplicate of {story.duplicate_of.key}, closed" if story.duplicate_of else "Closed as a duplicate"
    who = f" by {story.ended_by.name}" if story.ended_by else ""
    when = f" {clock.ago(story.ended_at, at)}" if story.ended_at else ""
    still = still_there(story)
    why = story.ended_because.strip()
    why = f" Reason: {why}{'' if why[-1] in '.!?' else '.'}" if why else ""
    return f"{'' if still else 'No. '}{what}{who}{when}{f', but {still}' if still else ''}.{why}"


def still_there(story: Story) -> str:
    """Say where the changes of a story are that ended other than done; "" where no evidence holds any there."""
    holds = {each["rung"] for each in story.standing.get("rungs", ()) if each["state"] in ("held", "by_hand")}
    if "deployed" in holds:
        return "its changes run in production"
    return "its changes are on the mainline" if "integrated" in holds else ""


def told(story: Story) -> dict[str, Any]:
    """Return what programs are told about a story by /is/<key>."""
    return {
        "key": story.key,
        "elsewhere": story.foreign_key,
        "title": story.title,
        "answer": answer(story),
        "rodeo_done": story.stage == Story.Stage.RODEO_DONE,
        "stage": story.stage,
        "ended": story.ending,
        "gaps": story.standing.get("gaps", []),
        "dark": story.standing.get("dark", False),
        "rungs": story.standing.get("rungs", []),
    }


def gap_words(standing: Mapping[str, Any]) -> str:
    """Return the rungs that were skipped, such as "tested"."""
    return ", ".join(ladder.NAMES[gap] for gap in standing.get("gaps", ()))


def people_and_labels(ids: Iterable[int]) -> tuple[dict[int, list[Assignee]], dict[int, list[str]]]:
    """Return who works on each of these stories, the longest first, and its labels by name; one query for both."""
    ids = list(ids)
    if not ids:
        return {}, {}
    people, labels = list[Any](), list[Any]()
    for row in PEOPLE_AND_LABELS.rows(ids=ids):
        (people if row[4] >= 0 else labels).append(row)
    people.sort(key=lambda row: row[5:])
    named: dict[int, list[str]] = {}
    for story, name, *_ in sorted(labels, key=lambda row: row[2]):
        named.setdefault(story, []).append(name)
    return assignees_in(people), named


def _people_and_labels() -> "QuerySet[Any, Any]":
    none = (Value(""), Value(-1), Value(None, DateTimeField()), Value(0))
    links = links_in(Given("ids")).values_list("story_id", "label__name", "label__folded", *none)
    return assigned_in(Given("ids")).union(links, all=True)


PEOPLE_AND_LABELS = Prepared(_people_and_labels)


def lines(stories: Iterable[Story]) -> list[Line]:
    """Return stories as lines of a list, with a query for the owners they mention and one for people and labels."""
    rows = list(stories)
    at, owners = clock.now(), owner_names(story.standing for story in rows)
    people, labels = people_and_labels(story.pk for story in rows)
    return [
        Line(
            story,
            ladder.glyph(story.standing),
            answer(story, at, owners),
            judgement.say_briefly(story.standing, at=at) if not story.ending else "",
            gap_words(story.standing),
            people.get(story.pk, []),
            labels.get(story.pk, []),
        )
        for story in rows
    ]


def rungs(story: Story) -> list[Rung]:
    """Return the ladder of a story from its top, rodeo done, down to dev done."""
    known = {rung["rung"]: rung for rung in story.standing.get("rungs", ())}
    found = []
    for name, words in ladder.NAMES.items():
        rung = known.get(name, {"state": "missing", "at": None, "why": "not judged yet"})
        said = ladder.SAID[rung["state"]]
        if name in story.standing.get("gaps", ()):
            said = "gap"
        holds = rung["state"] in ("held", "by_hand")
        at = clock.parse(rung["at"]) if rung["state"] != "missing" else None
        found.append(Rung(name, words, rung["state"], said, at, rung["why"], "" if holds else NEXT[name]))
    return found[::-1]


def timeline(story: Story) -> QuerySet[Evidence]:
    """Return a story's evidence, newest first."""
    return story.evidence.select_related("person", "taken_back_by").order_by("-at", "-pk")


def changes(story: Story) -> "QuerySet[Any]":
    """Return the links from changes to a story, newest change first, without those a person refused and mentions."""
    return _newest_first(story.change_links.asking())


def mentions(story: Story) -> "QuerySet[Any]":
    """Return the links from changes that only mention a story, newest change first."""
    return _newest_first(story.change_links.mentioning())


def _newest_first(links: "QuerySet[Any]") -> "QuerySet[Any]":
    return links.select_related("change__repository__service", "change__release").order_by(
        "-change__committed_at", "-change__merged_at", "change_id"
    )


def linked(links: Iterable[Any]) -> list[Linked]:
    """Return links with what became of their changes and with the runs of these: of each pipeline the newest that shows
    something."""
    links = list(links)
    became = {
        (row.story_id, sha): BECAME[row.detail].format(row.label[:SHORT_SHA] if row.detail != REWRITTEN else row.label)
        for row in Evidence.objects.filter(kind="revert", story__in={link.story_id for link in links}).order_by("at")
        for sha in row.shas
    }
    runs: dict[str, dict[str, Any]] = {}
    shas = {link.change.sha for link in links}
    # Declared by name, as in `environments` below.
    rows = apps.get_model("releases", "Run")._default_manager.filter(sha__in=shas)
    for row in rows.newest_first()[:MOST_RUNS]:
        known = runs.setdefault(row.sha, {}).setdefault(row.pipeline, row)
        if known.outcome in SHOWING_NOTHING and row.outcome not in SHOWING_NOTHING:
            runs[row.sha][row.pipeline] = row
    return [
        Linked(
            link,
            link.change,
            link.change.landed is not None or link.change.merged_at is not None,
            list(runs.get(link.change.sha, {}).values())[:RUNS_SHOWN],
            became.get((link.story_id, link.change.sha), BECAME[LOST] if link.change.lost else ""),
        )
        for link in links
    ]


def checklist(story: Story, name: str) -> Checklist:
    """Return the lines of a checklist (acceptance_criteria or production_checks), with their ticks."""
    met = set(getattr(story, CHECKLISTS[name]))
    return Checklist(name, [Check(line, to_html(line), line in met) for line in checklines(getattr(story, name))])


def services(story: Story) -> list[str]:
    """Return the services a story changed, by name."""
    named = story.evidence.filter(kind="change").exclude(service="").order_by().values_list("service", flat=True)
    return sorted(set(named))


def environments() -> Any:
    """Every environment still there. Declared by name: squads imports no code of releases (docs/adr/0002)."""
    rows = apps.get_model("releases", "Environment")._default_manager.filter(gone_at=None, merged_into=None)
    return rows.order_by("order", "name")


def stories_with(key: str) -> list[str]:
    """Return the keys of the stories that have this key, here or elsewhere."""
    named = Story.objects.filter(Q(key=key) | Q(pk__in=StoryAlias.objects.filter(key=key).values("story")))
    return sorted(named.order_by().values_list("key", flat=True)[:MOST_NAMED])


def handed_over(squad: Squad) -> dict[str, Story]:
    """Return the stories that went from this squad to another, by where they came from (`Story.external`), and by the key
    that they had here, as an export of Rodeo says it ("rodeo:PAY-1")."""
    left = f"{KEY_BEFORE}{squad.key_prefix}-"
    rows = (
        StoryEdit.objects.filter(field="squad")
        .exclude(story__squad=squad)
        .select_related("story__squad")
        .defer("story__standing")
    )
    found = {}
    for edit in rows.order_by("at", "pk"):
        before = str(edit.before)
        if left in before:
            found[f"rodeo:{before.rpartition(KEY_BEFORE)[2]}"] = edit.story
            found[edit.story.external] = edit.story
    found.pop("", None)
    return found


def shared_keys(story: Story) -> list[str]:
    """Say which keys of a story mean neither it nor another one that has them too."""
    own = Q(story=story) | Q(key=story.key)
    keys = {story.key, *StoryAlias.objects.filter(own).order_by().values_list("key", flat=True)}
    if keys == {story.key}:
        return []
    found, named = [], Story.objects.named(keys)
    for key in sorted(keys):
        others = " and ".join(each for each in stories_with(key) if each != story.key)
        if key not in named:
            said = f"{key} is also a key of {others}. Changes that mention it aren’t linked until someone links them."
            found.append(said)
        elif named[key] != story.pk:
            found.append(f"Changes that mention {key} are linked to {others}, which had that key before.")
    return found


def why_unknown(key: str) -> str:
    """Say what is known about a key that leads to no story."""
    if same := stories_with(key):
        return f"{key} could mean {' or '.join(same)}. Ask for one of them."
    prefix = key.rpartition("-")[0]
    squad = Squad.objects.filter(key_prefix=prefix).first() if prefix else None
    if squad is None:
        return f"There’s no story {key}, and no squad uses that prefix. A key looks like PAY-12."
    if squad.next_number == 1:
        return f"There’s no story {key}. {squad} has no stories yet."
    last = f"{prefix}-{squad.next_number - 1}"
    if squad.stories.count() < squad.next_number - 1:
        return f"There’s no story {key}. {squad} has stories up to {last}."
    return f"There’s no story {key}. {squad} has {prefix}-1 to {last}."


class ActionOf(NamedTuple):
    """The retrospective that a story is an action of: its title, and the address of the action on its page."""

    title: str
    url: str


def action_of(story: Story, reader: Anyone) -> ActionOf | None:
    """Return which retrospective a story is an action of, if this person can read that; else nothing tells that there is one.

    One query, and none where `is_action` says that it is of none. Looked up by name: retrospectives stand above stories.
    """
    if not getattr(story, "is_action", True):
        return None
    readable = apps.get_model("squads", "Retrospective")._default_manager.readable_by(reader)
    found = readable.filter(actions__story=story.pk).values_list("title", "slug", "actions__pk").first()
    if found is None:
        return None
    title, slug, pk = found
    return ActionOf(title, f"{reverse('squads:retrospective_pages:detail', args=[slug])}#action-{pk}")
