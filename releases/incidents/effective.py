"""What is known of an incident: from what outside systems report and what people corrected to one value for each field.

Pure: no Django, no database. The same reports and corrections give the same values in whatever order they came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from portal.kernel import clock
from releases.incidents.incident_clock import TIMES

TIME_FIELDS = tuple(TIMES)
LIST_FIELDS = ("services", "environments")
ROLES = ("commander", "scribe", "liaison")
FIELDS = ("title", "severity", *LIST_FIELDS, *TIME_FIELDS, *ROLES, "is_maintenance", "stated")
# What each field is called in a sentence.
LABELS = {
    "title": "title",
    "severity": "severity",
    "services": "services",
    "environments": "environments",
    **{name: words[0].lower() for name, words in TIMES.items()},
    **{role: role for role in ROLES},
    "is_maintenance": "maintenance",
    "stated": "stated lengths",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What one source says of an incident. Rows are named by their pk.

    `by_people` is what stands in an incident that was merged into it: when that began counts, but not that it goes on.
    """

    key: str
    title: str = ""
    severity: int | None = None
    services: frozenset[int] = frozenset()
    environments: frozenset[int] = frozenset()
    impact_started_at: datetime | None = None
    detected_at: datetime | None = None
    declared_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    is_maintenance: bool = False
    by_people: bool = False

    @property
    def began_at(self) -> datetime | None:
        """The first thing known of it."""
        known = [getattr(self, name) for name in TIME_FIELDS]
        return min((at for at in known if at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of one field: a value as JSON (a time as text). `place` sorts corrections of one moment."""

    field: str
    value: Any
    at: datetime
    place: int = 0


@dataclass(slots=True)
class Effective:
    """The value of each field, and for those that people said otherwise what the reports say."""

    title: str = ""
    severity: int | None = None
    services: list[int] = field(default_factory=list)
    environments: list[int] = field(default_factory=list)
    impact_started_at: datetime | None = None
    detected_at: datetime | None = None
    declared_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    commander: int | None = None
    scribe: int | None = None
    liaison: int | None = None
    is_maintenance: bool = False
    stated: dict[str, Any] = field(default_factory=dict)
    reported: dict[str, Any] = field(default_factory=dict)


def effective(
    reports: Iterable[Reported], corrections: Iterable[Correction], ranks: Mapping[int, int] | None = None
) -> Effective:
    """Return what is known of an incident. `ranks` orders severities by their pk, the worst lowest.

    A person's newest correction of a field beats all reports. One thing happens after it all the same: trouble that began
    after the moment a person gave for the resolution was not resolved then, so the reports count again.
    """
    ordered = sorted(reports, key=_order)
    values = from_reports(ordered, ranks or {})
    found = Effective(**values)
    newest: dict[str, Correction] = {}
    for each in sorted(corrections, key=lambda one: (one.at, one.place)):
        newest[each.field] = each
    for name, correction in newest.items():
        value = _read(name, correction.value)
        if name == "resolved_at" and began_again(ordered, value):
            continue
        if name in values and values[name] != value:
            found.reported[name] = values[name]
        setattr(found, name, value)
    return found


def began_again(reports: Iterable[Reported], resolved_at: datetime | None) -> bool:
    """Say whether anything reported began after a moment at which the incident is said to have been resolved."""
    return resolved_at is not None and any(
        not each.by_people and each.began_at and each.began_at > resolved_at for each in reports
    )


def _order(report: Reported) -> tuple[bool, datetime | None, str]:
    began = report.began_at
    # Those without any time come last, by their key.
    return began is None, began or clock.parse("1970-01-02"), report.key


def from_reports(ordered: Sequence[Reported], ranks: Mapping[int, int]) -> dict[str, Any]:
    """Return what the reports alone say, the first report first."""
    of_sources = [each for each in ordered if not each.by_people]
    known = [each.severity for each in ordered if each.severity is not None]
    return {
        "title": next((each.title for each in ordered if each.title), ""),
        "severity": min(known, key=lambda pk: (ranks.get(pk, len(ranks)), pk), default=None),
        "services": sorted({pk for each in ordered for pk in each.services}),
        "environments": sorted({pk for each in ordered for pk in each.environments}),
        "impact_started_at": _first(ordered, "impact_started_at"),
        "detected_at": _first(ordered, "detected_at"),
        "declared_at": _first(ordered, "declared_at"),
        "mitigated_at": _last(of_sources, "mitigated_at"),
        "resolved_at": _last(of_sources, "resolved_at"),
        "is_maintenance": bool(of_sources) and all(each.is_maintenance for each in of_sources),
    }


def _first(reports: Iterable[Reported], name: str) -> datetime | None:
    return min((at for each in reports if (at := getattr(each, name)) is not None), default=None)


def _last(reports: Sequence[Reported], name: str) -> datetime | None:
    """Return the last of a time that all reports have; None where one lacks it: it isn't over for that one."""
    found = [getattr(each, name) for each in reports]
    return max(found) if found and None not in found else None


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TIME_FIELDS, clock.parse),
    **dict.fromkeys(LIST_FIELDS, lambda value: sorted(value or ())),
    "title": lambda value: value or "",
    "is_maintenance": bool,
    "stated": lambda value: dict(value or {}),
}


def _read(name: str, value: Any) -> Any:
    """Return a corrected value as its field has it."""
    return _READERS[name](value) if name in _READERS else value


def to_json(name: str, value: Any) -> Any:
    """Return the value of a field as corrections keep it."""
    if name in TIME_FIELDS:
        return clock.iso(value)
    return sorted(value) if name in LIST_FIELDS else value
