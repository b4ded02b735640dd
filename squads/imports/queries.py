"""What an import would do to existing stories: the plan that the preview shows and the import carries out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Concat, Trim

from portal.kernel import clock
from squads.imports import formats, validation
from squads.imports.foreign_keys import KINDS, KeyPlan, plan_keys
from squads.imports.formats import Problem
from squads.imports.models import Import
from squads.stories.models import Story
from squads.teams.keys import as_key
from squads.teams.models import Squad

BATCH, MOST_PLANNED, LONGEST_VERSION, NAMED_STAYING = 900, 100, 200, 10
CHOICES_OF = {"type": Story.Type, "progress": Story.Progress}
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
    def description(self) -> str:
        """The change as text, short enough for a list."""
        name = FIELD_NAMES[self.name]
        if self.name in ("description", "acceptance_criteria"):
            return f"{name}: other text"
        before, after = (self._display(value) for value in (self.before, self.after))
        return f"{name}: {before} → {after}"

    def _display(self, value: Any) -> str:
        text = str(CHOICES_OF[self.name](value).label) if self.name in CHOICES_OF else str(value or "none")
        return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(slots=True)
class RowPlan:
    """What a row does: creates a story where `story` is None, else changes the existing one by these differences."""

    row: validation.ValidRow
    story: Story | None
    release: Any
    differences: list[Difference] = field(default_factory=list)
    stays: bool = False


@dataclass(slots=True)
class Plan:
    """Everything an import would do."""

    kind: str
    steps: list[RowPlan]
    problems: list[Problem]
    validated: validation.ValidatedFile
    parsed: formats.Parsed
    missing_releases: list[str]
    squad: Squad
    keys: KeyPlan = field(default_factory=KeyPlan)

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
            "left_out": self.validated.left_out,
        }

    @property
    def notes(self) -> list[str]:
        """What was left out of the file, what becomes of keys, and which stories stay where evidence holds them."""
        staying = [step.story.key for step in self.steps if step.story and step.stays]
        return [*self.parsed.notes, *self.keys.notes(self.squad), *([stays(staying)] if staying else ())]

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
    return parsed, validation.validate(parsed, clock.now(), mapping.get("types"), mapping.get("statuses"))


def plan_import(imported: Import, parsed: formats.Parsed, validated: validation.ValidatedFile) -> Plan:
    """Compare a validated file with the squad's stories and with the releases."""
    rows = validated.rows
    named = {row.release for row in rows if row.release} | {release for _, release, _ in validated.releases_of_refused}
    releases = find_releases(named)
    allowed = bool(imported.mapping.get("plan_releases"))
    existing = _existing(imported.squad, imported.kind, rows)
    problems, steps = list(validated.problems), []
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
        steps.append(_plan_row(row, story, release))
    for place, name, column in validated.releases_of_refused:
        if not releases.get(name) and (wrong := _unknown_release(name, allowed, name in releases, missing)):
            problems.append(Problem(place, column, *wrong))
    if parsed.headers:
        problems.sort(key=lambda problem: int(problem.place.removeprefix("line ")))
    keys = plan_keys(imported.squad, imported.kind, parsed.items, [step.row for step in steps if step.story is None])
    return Plan(imported.kind, steps, problems, validated, parsed, list(missing), imported.squad, keys)


def _plan_row(row: validation.ValidRow, story: Story | None, release: Any) -> RowPlan:
    """Compare a row with its story, if there is one. Evidence holds a story against a file as it does against people."""
    if story is None:
        return RowPlan(row, None, release)
    differences = _differences(row, story, release)
    kept = [each for each in differences if each.name != "progress" or not story.is_held_against(each.after)]
    return RowPlan(row, story, release, kept, stays=len(kept) != len(differences))


def stays(keys: list[str]) -> str:
    """Say which stories an import leaves where evidence holds them."""
    named = ", ".join(keys[:NAMED_STAYING]) + (f" and {len(keys) - NAMED_STAYING} more" if keys[NAMED_STAYING:] else "")
    stay, them = ("stays", "it") if len(keys) == 1 else ("stay", "them")
    return f"{named} {stay} where evidence holds {them}, though the file says less. The other fields are updated."


def _same_story(row: validation.ValidRow, story: Story, first: str) -> Problem:
    """Return the problem of two rows for one story: one has its key here, the other the key it was imported from."""
    reason = f"{first} is {story.key} already, which was imported from {story.external.partition(':')[2][:60]}."
    return Problem(row.place, "key", reason, "Take one of the two rows out.")


def _unknown_release(name: str, allowed: bool, several: bool, missing: dict[str, None]) -> tuple[str, str] | None:
    """Return the reason and the remedy for a release that was not found; None when it will be planned."""
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
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def find_releases(names: Iterable[str]) -> dict[str, Any]:
    """Return releases by slug, by line and version, or by version alone; None for a name that several releases have.

    The model is looked up by its name, since squads imports no code of releases (docs/adr/0002).
    """
    manager = apps.get_model("releases", "Release")._default_manager
    found: dict[str, Any] = {}
    for chunk in _chunks(sorted(names)):
        whole = Trim(Concat("line", Value(" "), "version", output_field=CharField()))
        rows = list(manager.annotate(whole=whole).filter(Q(slug__in=chunk) | Q(version__in=chunk) | Q(whole__in=chunk)))
        wanted = set(chunk)
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


def _existing(squad: Squad, kind: str, rows: list[validation.ValidRow]) -> dict[str, Story]:
    """Return the stories that earlier imports made of these rows; for Rodeo's own export, also those with its keys."""
    found: dict[str, Story] = {}
    stories = squad.stories.defer("standing").select_related("release")
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


def _differences(row: validation.ValidRow, story: Story, release: Any) -> list[Difference]:
    found = [
        Difference(name, getattr(story, name), value)
        for name, value in row.values.items()
        if not _same_text(getattr(story, name), value)
    ]
    if row.release is not None and (release or not row.release) and story.release != release:
        found.append(Difference("release", story.release, release))
    elif row.release and release is None:
        found.append(Difference("release", story.release, row.release))
    return found


def _same_text(before: str, after: str) -> bool:
    """Compare texts without regard to line ends: browsers send CRLF, other systems LF."""
    return before == after or before.replace("\r\n", "\n") == after.replace("\r\n", "\n")
