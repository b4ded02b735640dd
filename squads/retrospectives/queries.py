"""What pages read about retrospectives: the list, one of them, its versions, and what is like it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, identity, moment, number, text, together, truth
from squads.retrospectives.editing import TEXT, label_of, present, said, said_of
from squads.retrospectives.models import (
    LearnedMark,
    Retrospective,
    RetrospectiveEdit,
    RetrospectiveParticipant,
    RetrospectiveSection,
    RetrospectiveTheme,
    TimelineEntry,
)
from squads.retrospectives.permissions import rights
from squads.retrospectives.roles import in_roles, roles_of
from squads.teams.models import Membership

MOST_FOUND = 1000
MOST_RELATED, MOST_DAYS, MOST_ALIKE = 5, 5, 50
SAME_SERVICE, SAME_THEME = 3, 2
MOST_LINES = 40
MOST_LEARNED = 5
# Words that are in every title.
LONG_ENOUGH = 4


class TextSearch(NamedTuple):
    """How texts are searched: the search stands above squads, and portal/subscriptions.py hands it in.

    `refs` returns the ids of up to so many published retrospectives that everyone can read and that have all these words;
    `alike` of up to so many with any of these words in their titles, and the titles; `excerpts` where words stand, as HTML.
    """

    refs: Callable[[str, int], list[str]]
    alike: Callable[[Collection[str], int], list[tuple[str, str]]]
    excerpts: Callable[[str, Collection[str]], Mapping[str, SafeString]]


SEARCHES: list[TextSearch] = []


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a list of retrospectives is narrowed to."""

    q: str = ""
    squad: str = ""
    service: str = ""
    severity: str = ""
    kind: str = ""
    theme: str = ""
    year: int | None = None
    state: str = ""
    subject: str = ""

    @property
    def filtered(self) -> bool:
        """Whether anything is asked for."""
        return self != Wanted()


@dataclass(frozen=True, slots=True)
class Listed:
    """The rows that fit, and whether the search found more than it looks through."""

    rows: "QuerySet[Retrospective]"
    cut: bool = False


def listed(reader: Anyone, wanted: Wanted) -> Listed:
    """Return the retrospectives that this person can read and that fit, the newest first."""
    rows = Retrospective.objects.readable_by(reader)
    exact = {"squad__slug": wanted.squad, "services__slug": wanted.service, "severity": wanted.severity}
    exact |= {"kind": wanted.kind, "themes__name": wanted.theme, "state": wanted.state}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.year is not None:
        rows = rows.filter(year=wanted.year)
    if wanted.subject:
        kind, _, key = wanted.subject.partition(":")
        rows = rows.filter(subject_kind=kind, subject_key=key)
    cut = False
    if wanted.q:
        found, cut = _refs(wanted.q)
        rows = rows.filter(Among(F("pk"), [UUID(each) for each in found] + _unheld(reader, wanted.q)))
    return Listed(rows.select_related("squad").newest(), cut)


def in_order(ids: Sequence[UUID]) -> list[Retrospective]:
    """Return the retrospectives with these ids as lists show them, in this order."""
    rows = {row.pk: row for row in Retrospective.objects.filter(pk__in=ids).select_related("squad").order_by()}
    return [rows[pk] for pk in ids if pk in rows]


def _refs(asked: str) -> tuple[list[str], bool]:
    refs = [ref for search in SEARCHES for ref in search.refs(asked, MOST_FOUND + 1)]
    return refs[:MOST_FOUND], len(refs) > MOST_FOUND


def _unheld(reader: Anyone, asked: str) -> list[Any]:
    """Return the ids of what no search holds (drafts, restricted ones) that this person can read and that has all words.

    Of the newest MOST_FOUND of them; their texts are looked through, and nobody else's.
    """
    mine = Retrospective.objects.readable_by(reader).not_public().newest()
    ids = list(mine.values_list("pk", flat=True)[:MOST_FOUND])
    found = Retrospective.objects.filter(pk__in=ids)
    for word in asked.split()[:10] if ids else []:
        has = RetrospectiveSection.objects.filter(retrospective__in=ids, text__icontains=word).values("retrospective")
        found = found.filter(Q(title__icontains=word) | Q(pk__in=has))
    return list(found.values_list("pk", flat=True)) if ids else []


def excerpts(asked: str, rows: Collection[Retrospective]) -> Mapping[str, SafeString]:
    """Return where the words that were looked for stand in these, by id, as HTML."""
    refs = [str(row.pk) for row in rows]
    found: dict[str, SafeString] = {}
    for search in SEARCHES:
        found.update(search.excerpts(asked, refs))
    return found


@dataclass(slots=True)
class Labels:
    """What stands with retrospectives in lists: the names of their services and their themes."""

    services: dict[Any, list[tuple[str, str]]] = field(default_factory=dict)
    themes: dict[Any, list[str]] = field(default_factory=dict)


def labels_of(rows: Sequence[Retrospective]) -> Labels:
    """Return the services (name, slug) and themes of retrospectives, in one query."""
    ids = [row.pk for row in rows]
    found = Labels()
    if not ids:
        return found
    through = Retrospective.services.through._default_manager.filter(retrospective__in=ids)
    services, themes = together(
        [
            Asked(through, {"retrospective_id": identity, "service__name": text, "service__slug": text}),
            Asked(
                RetrospectiveTheme.objects.filter(retrospective__in=ids), {"retrospective_id": identity, "name": text}
            ),
        ]
    )
    for pk, name, slug in sorted(services, key=lambda each: each[1]):
        found.services.setdefault(pk, []).append((name, slug))
    for pk, name in sorted(themes, key=lambda each: each[1]):
        found.themes.setdefault(pk, []).append(name)
    return found


# One of them


class Near(NamedTuple):
    """A retrospective that has services or themes in common with another one, and how many points these are worth."""

    title: str
    at: datetime
    restricted: bool
    points: int


@dataclass(slots=True)
class Around:
    """What stands around the text of a retrospective on its page."""

    services: list[tuple[str, str]]
    themes: list[str]
    learned: int
    has_learned: bool
    writable: bool
    member: bool
    participants: int
    has_actions: bool
    # Published ones about the same services or themes, whoever can read them: only `related` may look at these.
    near: Mapping[UUID, Near]


def _around_parts() -> list[Asked]:
    this, person = Given("own", is_one=True), Given("person", is_one=True)
    own, of_person = Among(F("retrospective"), this), Among(F("person"), person)
    through = Retrospective.services.through._default_manager
    marks, added = LearnedMark.objects.filter(own), RetrospectiveParticipant.objects.filter(own)
    members = Membership.objects.filter(Among(F("squad"), Given("squad", is_one=True)), Among(F("user"), person))
    # Looked up by name: packages import only downwards, and actions lie above retrospectives.
    proposed = apps.get_model("squads", "RetrospectiveAction")._default_manager.filter(own).order_by()
    return [
        Asked(through.filter(own), {"service__name": text, "service__slug": text}),
        Asked(RetrospectiveTheme.objects.filter(own), {"name": text}),
        Asked(marks.order_by().values("retrospective").annotate(n=Count("pk")), {"n": number}),
        Asked(marks.filter(of_person), {"pk": number}),
        Asked(members, {"pk": number}),
        Asked(added.annotate(me=Case(When(of_person, then=Value(1)), default=Value(0))), {"me": number}),
        Asked(proposed.values("retrospective").distinct(), {"retrospective": identity}),
    ]


def _near_parts() -> list[Asked]:
    own = Among(F("retrospective"), Given("own", is_one=True))
    columns = {"retrospective": identity, "title": text, "at": moment, "restricted": truth, "n": number}
    found = []
    for rows, name, column in (
        (Retrospective.services.through._default_manager.all(), "service", "service_id"),
        (RetrospectiveTheme.objects.order_by(), "name", "name"),
    ):
        same = rows.filter(**{f"{name}__in": rows.filter(own).values(column)})
        # Said so, SQLite begins with those of the service, and not with all that are published.
        same = same.exclude(retrospective__state__in=NOT_PUBLISHED)
        about = {name: F(f"retrospective__{field}") for name, field in NEAR_FIELDS.items()}
        found.append(Asked(same.values("retrospective", **about).annotate(n=Count("pk")), columns))
    return found


NOT_PUBLISHED = [each.value for each in Retrospective.State if each != Retrospective.State.PUBLISHED]
NEAR_FIELDS = {"title": "title", "at": "shown_at", "restricted": "restricted"}
AROUND = Together(_around_parts)
AROUND_AND_NEAR = Together(lambda: [*_around_parts(), *_near_parts()])


def around(row: Retrospective, reader: Anyone) -> Around:
    """Return what stands around a retrospective for this reader, in one query."""
    asked = AROUND_AND_NEAR if row.state == Retrospective.State.PUBLISHED else AROUND
    pk = reader.pk or 0
    given = asked.rows(own=row.pk, person=pk, squad=row.squad_id)
    services, themes, learned, mine, member, people, proposed, *near = given
    squads = [reader.program_of_id] if reader.is_authenticated and reader.program_of_id else []
    staff = reader.is_authenticated and reader.is_staff and not reader.program_of_id
    in_squad = bool(member) or bool(staff) or row.squad_id in squads
    may = rights(row, reader, in_squad=in_squad, added=any(me for (me,) in people))
    alike: dict[UUID, Near] = {}
    for rows, each in zip(near, (SAME_SERVICE, SAME_THEME), strict=False):
        for pk, title, at, restricted, n in rows:
            known = alike.get(pk)
            alike[pk] = Near(title, at, restricted, n * each + (known.points if known else 0))
    alike.pop(row.pk, None)
    return Around(
        sorted(services),
        sorted(name for (name,) in themes),
        learned[0][0] if learned else 0,
        bool(mine),
        may.write,
        may.member,
        len(people),
        bool(proposed),
        alike,
    )


def timeline_of(row: Retrospective, *, dropped: bool = False) -> "QuerySet[TimelineEntry]":
    """Return what happened, in order; entries without a day last. Dropped ones only if asked for."""
    rows = row.timeline.all()
    return rows if dropped else rows.exclude(state=TimelineEntry.State.DROPPED)


def related(row: Retrospective, reader: Anyone, near: Mapping[UUID, Near]) -> list[Retrospective]:
    """Return published retrospectives about the same services or themes, or with the same words in their titles.

    Most in common first, then the newest. A service counts three, a theme two (`near`, from `around`), a word of the title
    one.
    """
    words = _words(row.title)
    scores = {pk: each.points + _shared(words, each.title) for pk, each in near.items()}
    open_ones = sorted(((scores[pk], each.at) for pk, each in near.items() if not each.restricted), reverse=True)
    # What comes after this one is shown to nobody: there are enough before it that everyone can read.
    last = open_ones[MOST_RELATED - 1] if len(open_ones) >= MOST_RELATED else None
    likely = [pk for pk, each in near.items() if last is None or (scores[pk], each.at) >= last]
    for search in SEARCHES if words and (last is None or last[0] <= len(words)) else ():
        titled = {UUID(ref): _shared(words, title) for ref, title in search.alike(words, MOST_ALIKE)}
        others = {pk: n for pk, n in titled.items() if pk not in scores and (last is None or n >= last[0])}
        scores |= others
        likely += others
    rows = Retrospective.objects.readable_by(reader).published().filter(pk__in=likely).exclude(pk=row.pk)
    found = list(rows.only(*RELATED_FIELDS).select_related("squad").order_by("-shown_at", "pk")) if likely else []
    return sorted(found, key=lambda each: -scores[each.pk])[:MOST_RELATED]


RELATED_FIELDS = ("slug", "title", "lead", "began_at", "squad__name", "squad__slug")


def _shared(words: Sequence[str], title: str) -> int:
    lower = title.lower()
    return sum(word in lower for word in words)


def _words(title: str) -> list[str]:
    found = ("".join(letter for letter in word if letter.isalnum()) for word in title.lower().split())
    return list(dict.fromkeys(word for word in found if len(word) >= LONG_ENOUGH))[:6]


def this_day(reader: Anyone, at: datetime | None = None) -> list[Retrospective]:
    """Return published retrospectives about something that began on this day of another year."""
    rows = Retrospective.objects.readable_by(reader).published().of_day(at or clock.now())
    return list(rows.select_related("squad").order_by("-began_at", "pk")[:MOST_DAYS])


# Versions


def edits_of(row: Retrospective) -> "QuerySet[RetrospectiveEdit]":
    """Return who changed what, the newest first."""
    return row.edits.select_related("by").order_by("-version", "-pk")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two versions have differently, as lines: (sign, text), the sign "+", "-" or " "."""

    label: str
    lines: list[tuple[str, str]]


def compare(row: Retrospective, old: int, new: int) -> list[Difference]:
    """Return what differs between two versions of a retrospective, the older first: its fields, its sections, its timeline."""
    texts = {section.key: section for section in row.sections.all()}
    roles = roles_of(row)
    after = list(row.edits.filter(version__gt=min(old, new)).order_by("-version", "-pk"))
    names = dict.fromkeys(each.field for each in after if each.field != "timeline")
    order = {f"{TEXT}{key}": place for place, key in enumerate(texts)}
    found: list[Difference] = []
    for name in sorted(names, key=lambda each: (order.get(each, -1), each)):
        states = [in_roles(_text(_at(row, texts, after, name, version)), roles) for version in sorted((old, new))]
        if states[0] != states[1]:
            found.append(Difference(label_of(name, texts), diff(states[0], states[1])))
    if any(each.field == "timeline" for each in after):
        found += _compare_timelines(row, after, roles, *sorted((old, new)))
    return found


def _compare_timelines(
    row: Retrospective, edits: Sequence[RetrospectiveEdit], roles: Mapping[str, str], old: int, new: int
) -> list[Difference]:
    """Return the entries that came or changed between two versions, in their order now; the others aren't repeated."""
    was: dict[int, tuple[str, str]] = {}
    by_entry: dict[int, list[RetrospectiveEdit]] = {}
    for each in edits:
        if each.entry_id is not None:
            by_entry.setdefault(each.entry_id, []).append(each)
    entries = list(row.timeline.all())
    for entry in entries:
        states = []
        for version in (old, new):
            said_then = said_of(entry)
            for each in by_entry.get(entry.pk, []):
                if each.version > version:
                    said_then = _text(each.before)
            states.append(in_roles(said_then, roles) if entry.since_version <= version else "")
        was[entry.pk] = states[0], states[1]
    lines: list[tuple[str, str]] = []
    for before, now in (was[entry.pk] for entry in entries):
        if before != now:
            lines += [(sign, " ".join(line.split())) for sign, line in (("-", before), ("+", now)) if line]
    # What was changed before the history knew which entry it was.
    lost = sum(each.field == "timeline" and each.entry_id is None and bool(each.before) for each in edits)
    lost += sum(entry.since_version == 0 for entry in entries)
    told = [("?", "Some changes of the timeline are older than its history, and can’t be compared.")] if lost else []
    return [Difference("timeline", lines + told)] if lines or told else []


def _at(row: Retrospective, texts: Any, edits: Sequence[RetrospectiveEdit], name: str, version: int) -> Any:
    """Return what a field was at a version: what it is, without what was done since."""
    value = None if name == "reopened" else said(present(row, texts, name))
    for each in edits:
        if each.field == name and each.version > version:
            value = each.before
    return value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    return "" if value is None else str(value)


def diff(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of two texts as (sign, text): "-" only the first has, "+" only the second, " " both."""
    one, other = before.splitlines(), after.splitlines()
    found: list[tuple[str, str]] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            found += [(" ", line) for line in one[i1:i2]]
        else:
            found += [("-", line) for line in one[i1:i2]] + [("+", line) for line in other[j1:j2]]
    return found


@dataclass(frozen=True, slots=True)
class ShownEdit:
    """One edit as the history shows it: who changed which field, and how."""

    edit: RetrospectiveEdit
    label: str
    lines: list[tuple[str, str]]


def shown_edits(
    edits: Sequence[RetrospectiveEdit], texts: Mapping[str, RetrospectiveSection], roles: Mapping[str, str]
) -> list[ShownEdit]:
    """Return edits as the history shows them: of long texts only the lines that changed, and roles instead of names."""
    found = []
    for each in edits:
        before, after = (in_roles(_text(value), roles) for value in (each.before, each.after))
        lines = [line for line in diff(before, after) if line[0] != " "]
        found.append(ShownEdit(each, label_of(each.field, texts), lines[:MOST_LINES]))
    return found


@dataclass(frozen=True, slots=True)
class Learnings:
    """What was learned about some services before: the newest retrospectives that say so, and how many more do."""

    rows: list[tuple[Retrospective, str]]
    more: int


def learnings_about(services: Collection[str], reader: Anyone) -> Learnings:
    """Return the learnings of published retrospectives about services, by their names; two queries at most."""
    rows = RetrospectiveSection.objects.filter(
        key="learnings", retrospective__in=Retrospective.objects.readable_by(reader).published()
    )
    through = Retrospective.services.through._default_manager.filter(service__name__in=services)
    rows = rows.exclude(text="").filter(retrospective__in=through.values("retrospective"))
    found = list(
        rows.select_related("retrospective__squad").order_by("-retrospective__shown_at", "pk")[: MOST_LEARNED + 1]
    )
    more = rows.count() - MOST_LEARNED if len(found) > MOST_LEARNED else 0
    return Learnings([(each.retrospective, each.text) for each in found[:MOST_LEARNED]], more)
