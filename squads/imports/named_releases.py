"""Which releases the rows of a file mean: those there are, and those to be planned.

A version alone means no release of another squad's line. A sprint or milestone is a release only where a person said so, and
then one of the squad's own lines (docs/imports.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import CharField, Q, Value
from django.db.models.functions import Concat, Trim

from squads.imports.validation import ValidRow
from squads.teams.models import Service, Squad

BATCH, MOST_PLANNED, LONGEST_VERSION = 900, 100, 200
PLAN_THEM = "Tick “Create missing releases”, or use another name."


def own_lines(squad: Squad) -> list[str]:
    """Return the lines that are the squad's own: its services, and the squad itself."""
    names = squad.services.order_by("name").values_list("name", flat=True)
    return list(dict.fromkeys([*names, squad.name]))


@dataclass(slots=True)
class NamedReleases:
    """The releases that a file names, by name; those to be planned are in `missing` and `milestones`, which have a line."""

    squad: Squad
    may_plan: bool
    line: str
    found: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    milestones: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(
        cls, squad: Squad, mapping: dict[str, Any], names: Iterable[str], milestones: Iterable[str]
    ) -> "NamedReleases":
        """Look up these names of releases, and these of sprints and milestones."""
        lines = own_lines(squad)
        # A squad with one service plans it; one with several plans for itself, until a person says which.
        line = mapping["line"] if mapping.get("line") in lines else lines[0] if len(lines) == 2 else squad.name
        found, own = find_releases(squad, names), find_releases(squad, milestones, lines)
        return cls(squad, bool(mapping.get("plan_releases")), line, found, own)

    def release_of(self, row: ValidRow) -> Any:
        """Return the release of a row; None where it names none, or one that is not there."""
        return (self.own if row.is_milestone else self.found).get(row.release or "")

    def full_name(self, name: str, *, is_milestone: bool) -> str:
        """Return the name that a release will have once it is planned."""
        return f"{self.line} {name}" if is_milestone else name

    @property
    def planned_names(self) -> list[str]:
        """The releases that will be planned, by their full names."""
        return [*self.missing, *(self.full_name(name, is_milestone=True) for name in self.milestones)]

    def plan(self, name: str, *, is_milestone: bool) -> tuple[str, str] | None:
        """Note that a release is to be planned; return the reason and the remedy where it cannot be."""
        if wrong := self.problem(name, is_milestone=is_milestone):
            return wrong
        (self.milestones if is_milestone else self.missing)[name] = None
        return None

    def problem(self, name: str, *, is_milestone: bool = False) -> tuple[str, str] | None:
        """Return why a release that was not found cannot be planned, and the remedy; None where it can, or was found."""
        known, missing = (self.own, self.milestones) if is_milestone else (self.found, self.missing)
        short = name[:60]
        if known.get(name) is not None:
            return None
        if name in known:
            return f"There are several releases “{short}”.", "Add the line: “Shop 5.10”."
        if len(name) > LONGEST_VERSION:
            return f"The release’s name is over {LONGEST_VERSION} characters.", "Shorten it."
        if not self.may_plan:
            return f"There’s no release “{self.full_name(short, is_milestone=is_milestone)}”.", PLAN_THEM
        if len(self.missing) + len(self.milestones) >= MOST_PLANNED and name not in missing:
            return (
                f"The file names more than {MOST_PLANNED} missing releases.",
                "Choose another column for releases, or none.",
            )
        return None


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    listed = sorted(values)
    for start in range(0, len(listed), BATCH):
        yield listed[start : start + BATCH]


def find_releases(squad: Squad, names: Iterable[str], lines: Iterable[str] | None = None) -> dict[str, Any]:
    """Return releases by slug, by line and version, or by version alone; None for a name that several releases have.

    With `lines`, only releases of these. Without, a version alone means none of another squad's lines.
    The model is looked up by its name, since squads imports no code of releases (docs/adr/0002).
    """
    manager = apps.get_model("releases", "Release")._default_manager
    found: dict[str, Any] = {}
    for chunk in _chunks(set(names)):
        whole = Trim(Concat("line", Value(" "), "version", output_field=CharField()))
        wanted = Q(slug__in=chunk) | Q(version__in=chunk) | Q(whole__in=chunk)
        rows = list(
            manager.annotate(whole=whole).filter(wanted, **({} if lines is None else {"line__in": list(lines)}))
        )
        named, strange = set(chunk), _lines_of_others(squad, {row.line for row in rows}) if lines is None else set()
        by_version: dict[str, list[Any]] = {}
        for row in rows:
            if row.line not in strange:
                by_version.setdefault(row.version, []).append(row)
        for version, same in by_version.items():
            if version in named:
                found[version] = same[0] if len(same) == 1 else None
        found.update((str(row), row) for row in rows if str(row) in named)
        found.update((row.slug, row) for row in rows if row.slug in named)
    return found


def _lines_of_others(squad: Squad, lines: set[str]) -> set[str]:
    """Return those of these lines that are another squad, or a service of one."""
    services = Service.objects.filter(name__in=lines, squad__isnull=False).exclude(squad=squad)
    squads = Squad.objects.filter(name__in=lines).exclude(pk=squad.pk)
    return set(services.values_list("name", flat=True)) | set(squads.order_by().values_list("name", flat=True))
