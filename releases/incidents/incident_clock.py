"""The five times of an incident, the lengths between them, and what is wrong with them. docs/incidents.md defines each.

Pure: no Django, no database, nothing of the present moment.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import NamedTuple

from portal.kernel.numbers import median

# Each time, in the order in which one expects them, and how a sentence says that it has come.
TIMES = {
    "impact_started_at": ("Impact started", "the impact started"),
    "detected_at": ("Detected", "it was detected"),
    "declared_at": ("Declared", "it was declared"),
    "mitigated_at": ("Mitigated", "it was mitigated"),
    "resolved_at": ("Resolved", "it was resolved"),
}


class Measure(NamedTuple):
    """A length between two of the times: its name, its clock in words, and whether it can be nothing."""

    name: str
    start: str
    end: str
    clock: str
    may_be_zero: bool = False


MEASURES = {
    "time_to_detect": Measure(
        "Time to detect", "impact_started_at", "detected_at", "from impact start to detection", may_be_zero=True
    ),
    "time_to_mitigate": Measure(
        "Time to mitigate", "detected_at", "mitigated_at", "from detection to mitigation", may_be_zero=True
    ),
    "time_to_mitigate_from_declaration": Measure(
        "Time to mitigate", "declared_at", "mitigated_at", "from declaration to mitigation", may_be_zero=True
    ),
    "time_to_resolve": Measure("Time to resolve", "detected_at", "resolved_at", "from detection to resolution"),
    "time_to_resolve_from_declaration": Measure(
        "Time to resolve", "declared_at", "resolved_at", "from declaration to resolution"
    ),
    "duration": Measure("Duration", "impact_started_at", "resolved_at", "from impact start to resolution"),
}


class Times(NamedTuple):
    """When things happened; None where nobody knows."""

    impact_started_at: datetime | None = None
    detected_at: datetime | None = None
    declared_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None


# Under this name, what was written down elsewhere says of which times only the day is known.
BY_DAY = "by_day"


def days_only(stated: Mapping[str, Mapping[str, object]]) -> Collection[str]:
    """Return the names of the times of which only the day is known."""
    return stated.get(BY_DAY, {}).keys()


def exact(times: Times, stated: Mapping[str, Mapping[str, object]]) -> Times:
    """Return the times that are known to the minute: a day makes no length."""
    return times._replace(**dict.fromkeys(days_only(stated)))


@dataclass(frozen=True, slots=True)
class Length:
    """One measure of one incident. `value` is None where a time is missing, then `missing` names it.

    `problem` says why the length can't be; it is shown all the same, and counts in no mean.
    """

    measure: str
    value: timedelta | None
    missing: tuple[str, ...] = ()
    problem: str = ""

    @property
    def counts(self) -> bool:
        """Whether it may go into a mean."""
        return self.value is not None and not self.problem

    @property
    def name(self) -> str:
        """What it is called."""
        return MEASURES[self.measure].name

    @property
    def clock(self) -> str:
        """From when to when it is measured."""
        return MEASURES[self.measure].clock


def length(measure: str, times: Times) -> Length:
    """Return one measure of these times."""
    told = MEASURES[measure]
    start, end = getattr(times, told.start), getattr(times, told.end)
    missing = tuple(name for name, at in ((told.start, start), (told.end, end)) if at is None)
    if start is None or end is None:
        return Length(measure, None, missing)
    value = end - start
    if value < timedelta(0):
        return Length(measure, value, problem=f"{TIMES[told.end][0]} before {TIMES[told.start][1]}.")
    if not value and not told.may_be_zero:
        return Length(measure, value, problem=f"{TIMES[told.end][0]} the moment {TIMES[told.start][1]}.")
    return Length(measure, value)


def lengths(times: Times) -> list[Length]:
    """Return all measures of these times, in the order of MEASURES."""
    return [length(measure, times) for measure in MEASURES]


def out_of_order(times: Times) -> list[str]:
    """Return a sentence for each two times that came the other way round than one expects. It may really have been so."""
    known = [(name, at) for name, at in times._asdict().items() if at is not None]
    return [
        f"{TIMES[second][0]} before {TIMES[first][1]}."
        for (first, before), (second, after) in combinations(known, 2)
        if after < before
    ]


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean and median of a measure over some incidents: how many count, how many can't be, how many lack a time."""

    measure: str
    mean: timedelta | None
    median: timedelta | None
    counted: int
    inconsistent: int
    unknown: int

    @property
    def name(self) -> str:
        """What it is called."""
        return MEASURES[self.measure].name

    @property
    def clock(self) -> str:
        """From when to when it is measured."""
        return MEASURES[self.measure].clock


def mean(measure: str, incidents: Iterable[Times]) -> Mean:
    """Return the mean of a measure. Lengths that can't be are left out and counted apart; without any that counts, None."""
    found = [length(measure, each) for each in incidents]
    values = [each.value.total_seconds() for each in found if each.counts and each.value is not None]
    inconsistent = sum(bool(each.problem) for each in found)
    unknown = sum(each.value is None for each in found)
    middle = median(values)
    return Mean(
        measure,
        timedelta(seconds=sum(values) / len(values)) if values else None,
        timedelta(seconds=middle) if middle is not None else None,
        len(values),
        inconsistent,
        unknown,
    )


@dataclass(frozen=True, slots=True)
class Stated:
    """A length that somebody wrote down elsewhere, beside the one that follows from the times.

    `differs` is None where the times give no length to compare with.
    """

    measure: str
    minutes: int | None
    words: str
    derived: timedelta | None

    @property
    def name(self) -> str:
        """What it is called."""
        return MEASURES[self.measure].name

    @property
    def clock(self) -> str:
        """From when to when it is compared."""
        return MEASURES[self.measure].clock

    @property
    def differs(self) -> bool | None:
        """Whether it is another length than the derived one, by a minute or more."""
        if self.derived is None or self.minutes is None:
            return None
        return abs(self.derived.total_seconds() - 60 * self.minutes) >= 60


def compare(stated: dict[str, dict[str, object]], times: Times) -> list[Stated]:
    """Return each stated length beside the derived one. `stated` has minutes and words by measure."""
    found = []
    for measure in MEASURES:
        if measure in stated:
            minutes = stated[measure].get("minutes")
            words = str(stated[measure].get("words") or "")
            derived = length(measure, times).value
            found.append(Stated(measure, minutes if isinstance(minutes, int) else None, words, derived))
    return found


# What is written down longer after it happened than this was added later.
ADDED_LATER = timedelta(minutes=10)


def added_later(happened_at: datetime, written_at: datetime) -> bool:
    """Say whether something was written down after the fact."""
    return written_at - happened_at > ADDED_LATER
