"""What an import would do to the stories that are there: the preview, which the import itself follows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Concat, Trim

from portal.kernel import clock
from squads.imports import checking, formats
from squads.imports.formats import Problem
from squads.imports.models import Import
from squads.stories.models import Story
from squads.teams.models import Squad

AT_ONCE, MOST_PLANNED, LONGEST_VERSION, NAMED_STAYING = 900, 100, 200, 10
NAMED = {"type": Story.Type, "progress": Story.Progress}
FIELDS = ("key", "title", "type", "status", "description", "acceptance_criteria", "release", "created")
FIELD_NAMES = {
    "title": "title",
    "type": "type",
    "description": "description",
    "acceptance_criteria": "acceptance criteria",
    "progress": "progress",
    "release": "release",
}
PLAN_THEM = "Tick “plan the releases that are missing”, or name another there."


class Difference(NamedTuple):
    """One field that an import changes."""

    name: str
    before: Any
    after: Any

    @property
    def said(self) -> str:
        """The change in words, short enough for a list."""
        name = FIELD_NAMES[self.name]
        if self.name in ("description", "acceptance_criteria"):
            return f"{name}: other text"
        before, after = (self._word(value) for value in (self.before, self.after))
        return f"{name}: {before} → {after}"

    def _word(self, value: Any) -> str:
        text = str(NAMED[self.name](value).label) if self.name in NAMED else str(value or "none")
        return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(slots=True)
class Step:
    """What becomes of one row: a new story when `story` is None, else the differences to the one there is."""

    row: checking.Ready
    story: Story | None
    release: Any
    differences: list[Difference] = field(default_factory=list)
    stays: bool = False


@dataclass(slots=True)
class Plan:
    """Everything an import would do."""

    kind: str
    steps: list[Step]
    problems: list[Problem]
    checked: checking.Checked
    parsed: formats.Parsed
    missing_releases: list[str]

    @property
    def created(self) -> list[Step]:
        return [step for step in self.steps if step.story is None]

    @property
    def updated(self) -> list[Step]:
        return [step for step in self.steps if step.story is not None and step.differences]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are created, updated, unchanged, refused and left out."""
        created, updated = len(self.created), len(self.updated)
        return {
            "created": created,
            "updated": updated,
            "unchanged": len(self.steps) - created - updated,
            "refused": len({problem.place for problem in self.problems}),
            "left_out": self.checked.left_out,
        }

    @property
    def notes(self) -> list[str]:
        """What was left out of the file, and which stories stay where evidence holds them though it says less."""
        staying = [step.story.key for step in self.steps if step.story and step.stays]
        return [*self.parsed.notes, stays(staying)] if staying else self.parsed.notes

    @property
    def good(self) -> int:
        """How many rows an import would take."""
        return len(self.steps)


def imports_of(squad: Squad) -> QuerySet[Import]:
    """Return the squad's imports, newest first, without the files themselves."""
    return squad.imports.select_related("by").defer("body", "mapping")


def read(imported: Import) -> tuple[formats.Parsed, checking.Checked]:
    """Read the kept file as its mapping says. Raises formats.Refused."""
    mapping = imported.mapping
    parsed = formats.parse(bytes(imported.body), imported.kind, mapping.get("columns"))
    return parsed, checking.check(parsed, clock.now(), mapping.get("types"), mapping.get("statuses"))


def plan_of(imported: Import, parsed: formats.Parsed, checked: checking.Checked) -> Plan:
    """Compare what was read with the squad's stories and the releases there are."""
    rows = checked.rows
    named = {row.release for row in rows if row.release} | {release for _, release, _ in checked.releases_of_refused}
    releases = find_releases(named)
    allowed = bool(imported.mapping.get("plan_releases"))
    existing = _existing(imported.squad, imported.kind, rows)
    problems, steps = list(checked.problems), []
    missing: dict[str, None] = {}
    taken: dict[int, str] = {}
    for row in rows:
        release = releases.get(row.release or "")
        if row.release and not release:
            if wrong := _unknown_release(row.release, allowed, row.release in releases, missing):
                problems.append(Problem(row.place, row.release_column, *wrong))
                continue
            missing[row.release] = None
        story = existing.get(row.external)
        if story is not None and taken.setdefault(story.pk, row.place) != row.place:
            problems.append(_same_story(row, story, taken[story.pk]))
            continue
        steps.append(_step(row, story, release))
    for place, name, column in checked.releases_of_refused:
        if not releases.get(name) and (wrong := _unknown_release(name, allowed, name in releases, missing)):
            problems.append(Problem(place, column, *wrong))
    if parsed.headers:
        problems.sort(key=lambda problem: int(problem.place.removeprefix("line ")))
    return Plan(imported.kind, steps, problems, checked, parsed, list(missing))


def _step(row: checking.Ready, story: Story | None, release: Any) -> Step:
    """Compare a row with its story, if there is one. Evidence holds a story against a file as it does against people."""
    if story is None:
        return Step(row, None, release)
    differences = _differences(row, story, release)
    kept = [each for each in differences if each.name != "progress" or not story.is_held_against(each.after)]
    return Step(row, story, release, kept, stays=len(kept) != len(differences))


def stays(keys: list[str]) -> str:
    """Say which stories an import leaves where evidence holds them."""
    named = ", ".join(keys[:NAMED_STAYING]) + (f" and {len(keys) - NAMED_STAYING} more" if keys[NAMED_STAYING:] else "")
    stay, them = ("stays", "it") if len(keys) == 1 else ("stay", "them")
    return f"{named} {stay} where evidence holds {them}, though the file says less. The other fields are updated."


def _same_story(row: checking.Ready, story: Story, first: str) -> Problem:
    """One row names a story by its key here, another by what it was imported from: which of them is right?"""
    reason = f"{first} is {story.key} already, which was imported from {story.external.partition(':')[2][:60]}."
    return Problem(row.place, "key", reason, "Take one of the two rows out.")


def _unknown_release(name: str, allowed: bool, several: bool, missing: dict[str, None]) -> tuple[str, str] | None:
    """Say what is wrong with a release that was not found, and what to do; None when it will be planned."""
    short = name[:60]
    if several:
        return f"There are several releases “{short}”.", "Write the line too: “Shop 5.10”."
    if len(name) > LONGEST_VERSION:
        return f"The release's name has over {LONGEST_VERSION} characters.", "Shorten it."
    if not allowed:
        return f"No release is called “{short}”.", PLAN_THEM
    if len(missing) >= MOST_PLANNED and name not in missing:
        return (
            f"The file names more than {MOST_PLANNED} missing releases.",
            "Choose another column for releases, or none.",
        )
    return None


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    listed = list(values)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]


def find_releases(names: Iterable[str]) -> dict[str, Any]:
    """Return the releases that are called so in addresses, by line and version, or by version alone.

    A name that several have is there with None. Named, not imported: squads knows no code of releases (docs/adr/0002).
    """
    manager = apps.get_model("releases", "Release")._default_manager
    found: dict[str, Any] = {}
    for some in _chunks(sorted(names)):
        whole = Trim(Concat("line", Value(" "), "version", output_field=CharField()))
        rows = list(manager.annotate(whole=whole).filter(Q(slug__in=some) | Q(version__in=some) | Q(whole__in=some)))
        wanted = set(some)
        by_version: dict[str, list[Any]] = {}
        for row in rows:
            by_version.setdefault(row.version, []).append(row)
        for version, same in by_version.items():
            if version in wanted:
                found[version] = same[0] if len(same) == 1 else None
        for row in rows:
            if str(row) in wanted:
                found[str(row)] = row
        for row in rows:
            if row.slug in wanted:
                found[row.slug] = row
    return found


def _existing(squad: Squad, kind: str, rows: list[checking.Ready]) -> dict[str, Story]:
    """Return the stories that earlier imports made of these rows; Rodeo's own export also finds a story by its key."""
    found: dict[str, Story] = {}
    stories = squad.stories.defer("standing").select_related("release")
    for some in _chunks(row.external for row in rows):
        found.update((story.external, story) for story in stories.filter(external__in=some))
    if kind == "rodeo":
        for some in _chunks(row.key for row in rows):
            found.update((f"rodeo:{story.key}", story) for story in stories.filter(key__in=some))
    return found


def _differences(row: checking.Ready, story: Story, release: Any) -> list[Difference]:
    found = [
        Difference(name, getattr(story, name), value)
        for name, value in row.values.items()
        if not _same(getattr(story, name), value)
    ]
    if row.release is not None and (release or not row.release) and story.release != release:
        found.append(Difference("release", story.release, release))
    elif row.release and release is None:
        found.append(Difference("release", story.release, row.release))
    return found


def _same(before: str, after: str) -> bool:
    """Browsers send line ends as CRLF, other systems as LF: they are the same text."""
    return before == after or before.replace("\r\n", "\n") == after.replace("\r\n", "\n")
