"""What an import would do to existing stories: the plan that the preview shows and the import carries out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import QuerySet

from portal.kernel import clock
from squads.imports import formats, validation
from squads.imports.foreign_keys import KINDS, KeyPlan, plan_keys
from squads.imports.formats import Problem
from squads.imports.models import Import
from squads.imports.named_people import NamedPeople
from squads.imports.named_releases import NamedReleases
from squads.stories.models import Story, StoryEdit
from squads.stories.queries import handed_over
from squads.teams.keys import as_key
from squads.teams.models import Squad

BATCH, NAMED_STAYING = 900, 10
# What a person says of a file, beside its columns.
ANSWERS = ("types", "statuses", "dates", "zone", "milestones")
CHOICES_OF = {"type": Story.Type, "progress": Story.Progress, "ending": Story.Ending}
FIELDS = (
    "key",
    "title",
    "type",
    "status",
    "category",
    "resolution",
    "description",
    "acceptance_criteria",
    "release",
    "milestone",
    "assignees",
    "created",
    "moved",
    "ended",
    "comment",
)
FIELD_NAMES = {
    "title": "title",
    "type": "type",
    "description": "description",
    "acceptance_criteria": "acceptance criteria",
    "progress": "progress",
    "release": "release",
    "assignees": "assignees",
    "ending": "closed",
}


class Difference(NamedTuple):
    """One field that an import changes."""

    name: str
    before: Any
    after: Any

    @property
    def description(self) -> str:
        """The change as text, short enough for a list."""
        name = FIELD_NAMES[self.name]
        if self.name in ("description", "acceptance_criteria"):
            return f"{name}: other text"
        if self.name == "assignees":
            before, after = (", ".join(person.name for person in value) or "none" for value in self[1:])
            return f"{name}: {before} → {after}"
        before, after = (self._display(value) for value in (self.before, self.after))
        return f"{name}: {before} → {after}"

    def _display(self, value: Any) -> str:
        text = str(CHOICES_OF[self.name](value).label) if value and self.name in CHOICES_OF else str(value or "none")
        return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(slots=True)
class RowPlan:
    """What a row does: creates a story where `story` is None, else changes the existing one by these differences."""

    row: validation.ValidRow
    story: Story | None
    release: Any
    differences: list[Difference] = field(default_factory=list)
    stays: bool = False
    missing_name: str = ""
    people: list[Any] = field(default_factory=list)

    @property
    def release_name(self) -> str:
        """The release by its full name: the one that is there, or the one to be planned."""
        return str(self.release or self.missing_name)


@dataclass(slots=True)
class Plan:
    """Everything an import would do."""

    kind: str
    steps: list[RowPlan]
    problems: list[Problem]
    validated: validation.ValidatedFile
    parsed: formats.Parsed
    releases: NamedReleases
    squad: Squad
    keys: KeyPlan = field(default_factory=KeyPlan)
    handed_over: list[str] = field(default_factory=list)
    people_notes: list[str] = field(default_factory=list)

    @property
    def created(self) -> list[RowPlan]:
        return [row_plan for row_plan in self.steps if row_plan.story is None]

    @property
    def updated(self) -> list[RowPlan]:
        return [row_plan for row_plan in self.steps if row_plan.story is not None and row_plan.differences]

    @property
    def counts(self) -> dict[str, int]:
        """How many rows are created, updated, unchanged, refused and left out."""
        created, updated = len(self.created), len(self.updated)
        return {
            "created": created,
            "updated": updated,
            "unchanged": len(self.steps) - created - updated,
            "refused": len({problem.place for problem in self.problems}),
            "left_out": self.validated.left_out + len(self.handed_over),
        }

    @property
    def notes(self) -> list[str]:
        """What of the file is not brought in or not known, what becomes of keys, and what stays where evidence holds it."""
        staying = [step.story.key for step in self.steps if step.story and step.stays]
        said = [*self.parsed.notes, *self.people_notes, *self._unread(), *self.keys.notes(self.squad)]
        return [*said, stays(staying)] if staying else said

    def _unread(self) -> Iterator[str]:
        validated = self.validated
        if self.handed_over:
            yield f"Skipped, because they moved to another squad: {formats.listed(self.handed_over)}."
        for column, count in validated.unknown_times.items():
            values = (
                f"{count} values of “{column}” aren’t times" if count > 1 else f"1 value of “{column}” isn’t a time"
            )
            yield f"{values} in the past, so it’s unknown when that work changed."
        if validated.moves_without_meaning:
            changes = (
                f"{validated.moves_without_meaning} status change{'s' if validated.moves_without_meaning > 1 else ''}"
            )
            yield f"{changes} skipped, without a time or a known status."
        if validated.milestones and not self.is_by_milestones:
            rows, names = validated.milestones.total(), formats.listed(list(validated.milestones))
            yield (
                f"{rows} row{'s name' if rows > 1 else ' names'} a sprint or milestone ({names}). "
                "These aren’t releases unless you choose so."
            )

    @property
    def is_by_milestones(self) -> bool:
        """Whether a person said that sprints and milestones are releases."""
        return any(step.row.is_milestone for step in self.steps)

    @property
    def good(self) -> int:
        """How many rows an import would take."""
        return len(self.steps)


def imports_of(squad: Squad) -> QuerySet[Import]:
    """Return the squad's imports, newest first, without the files themselves."""
    return squad.imports.select_related("by").defer("body", "mapping")


def read_file(imported: Import) -> tuple[formats.Parsed, validation.ValidatedFile]:
    """Parse and validate the stored file with its mapping. Raises formats.Refused."""
    mapping = imported.mapping
    parsed = formats.parse(bytes(imported.body), imported.kind, mapping.get("columns"))
    answers = {name: mapping[name] for name in ANSWERS if mapping.get(name)}
    return parsed, validation.validate(parsed, clock.now(), **answers)


def plan_import(imported: Import, parsed: formats.Parsed, validated: validation.ValidatedFile) -> Plan:
    """Compare a validated file with the squad's stories and with the releases."""
    rows = validated.rows
    named = {row.release for row in rows if row.release and not row.is_milestone}
    named |= {release for _, release, _ in validated.releases_of_refused}
    milestones = {row.release for row in rows if row.release and row.is_milestone}
    releases = NamedReleases.of(imported.squad, imported.mapping, named, milestones)
    existing = _existing(imported.squad, imported.kind, rows)
    left = handed_over(imported.squad)
    gone = {key: left[key].key for row in rows if (key := row.external) in left and key not in existing}
    named_people = {name for row in rows for name in row.assignees or ()}
    people = NamedPeople.of(imported.squad, named_people, by_user_name=imported.kind == "rodeo")
    # What people here cancelled or reopened since is theirs to say.
    edits = StoryEdit.objects.filter(field="ending", story__squad=imported.squad)
    settled = set(edits.values_list("story_id", flat=True)) if any(row.ending for row in rows) else set()
    problems, steps = list(validated.problems), []
    taken: dict[int, str] = {}
    for row in rows:
        release = releases.release_of(row)
        if row.release and not release and (wrong := releases.plan(row.release, is_milestone=row.is_milestone)):
            problems.append(Problem(row.place, row.release_column, *wrong))
            continue
        story = existing.get(row.external)
        if story is None and row.external in gone:
            continue
        if story is not None and taken.setdefault(story.pk, row.place) != row.place:
            problems.append(_same_story(row, story, taken[story.pk]))
            continue
        step = _plan_row(row, story, release, releases, people.of_row(row.assignees))
        if story is not None and story.pk in settled:
            step.differences = [each for each in step.differences if each.name != "ending"]
        steps.append(step)
    for place, name, column in validated.releases_of_refused:
        if wrong := releases.problem(name):
            problems.append(Problem(place, column, *wrong))
    if parsed.headers:
        problems.sort(key=lambda problem: int(problem.place.removeprefix("line ")))
    keys = plan_keys(imported.squad, imported.kind, parsed.items, [step.row for step in steps if step.story is None])
    found = (imported.kind, steps, problems, validated, parsed, releases, imported.squad, keys, list(gone.values()))
    return Plan(*found, people.notes())


def _plan_row(
    row: validation.ValidRow, story: Story | None, release: Any, releases: NamedReleases, people: list[Any]
) -> RowPlan:
    """Compare a row with its story, if there is one. Evidence holds a story against a file as it does against people."""
    full_name = releases.full_name(row.release or "", is_milestone=row.is_milestone) if row.release else ""
    if story is None:
        return RowPlan(row, None, release, missing_name=full_name, people=people)
    differences = _differences(row, story, release, full_name)
    assigned = list(story.assignees.all())
    # A row that names nobody who is here takes nobody off.
    if people and {each.pk for each in people} != {each.pk for each in assigned}:
        differences.append(Difference("assignees", assigned, people))
    kept = [each for each in differences if each.name != "progress" or not story.is_held_against(each.after)]
    return RowPlan(
        row, story, release, kept, stays=len(kept) != len(differences), missing_name=full_name, people=people
    )


def stays(keys: list[str]) -> str:
    """Say which stories an import leaves where evidence holds them."""
    named = ", ".join(keys[:NAMED_STAYING]) + (f" and {len(keys) - NAMED_STAYING} more" if keys[NAMED_STAYING:] else "")
    stay = "stays" if len(keys) == 1 else "stay"
    return f"{named} {stay} in the stage that evidence shows. The other fields are updated."


def _same_story(row: validation.ValidRow, story: Story, first: str) -> Problem:
    """Return the problem of two rows for one story: one has its key here, the other the key it was imported from."""
    reason = f"{first} is already {story.key}, imported from {story.external.partition(':')[2][:60]}."
    return Problem(row.place, "key", reason, "Remove one of the two rows.")


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    listed = list(values)
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def _existing(squad: Squad, kind: str, rows: list[validation.ValidRow]) -> dict[str, Story]:
    """Return the stories that earlier imports made of these rows; for Rodeo's own export, also those with its keys."""
    found: dict[str, Story] = {}
    stories = squad.stories.defer("standing").select_related("release").prefetch_related("assignees")
    for chunk in _chunks(row.external for row in rows):
        found.update((story.external, story) for story in stories.filter(external__in=chunk))
    if kind == "rodeo":
        for chunk in _chunks(row.key for row in rows):
            found.update((f"rodeo:{story.key}", story) for story in stories.filter(key__in=chunk))
    elif kind in KINDS:
        # The same work as a table before, and from the system itself now.
        others = {f"{each}:{row.key}": row.external for row in rows if row.external not in found for each in KINDS[:2]}
        for chunk in _chunks(others if any(as_key(row.key) for row in rows) else ()):
            found.update((others[story.external], story) for story in stories.filter(external__in=chunk))
    return found


def _differences(row: validation.ValidRow, story: Story, release: Any, full_name: str) -> list[Difference]:
    found = [
        Difference(name, getattr(story, name), value)
        for name, value in row.values.items()
        if not _same_text(getattr(story, name), value)
    ]
    if row.release is not None and (release or not row.release) and story.release != release:
        found.append(Difference("release", story.release, release))
    elif row.release and release is None:
        found.append(Difference("release", story.release, full_name))
    if row.ending and not story.ending:
        found.append(Difference("ending", story.ending, row.ending))
    return found


def _same_text(before: str, after: str) -> bool:
    """Compare texts without regard to line ends: browsers send CRLF, other systems LF."""
    return before == after or before.replace("\r\n", "\n") == after.replace("\r\n", "\n")
