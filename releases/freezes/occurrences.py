"""When freezes hold: from their rules to moments. Pure: no Django, no database, and never the present moment.

A freeze repeats in its own time zone: what begins at 22:00 begins at 22:00 in summer and in winter. Where a clock changes, a
freeze is never shorter than it reads: a time that is there twice begins at the first and ends at the second; one that is
never there (clocks go forward) is the moment at which they do (docs/adr/0046-local-times-of-freezes.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from releases.freezes.public_holidays import holidays_of
from releases.freezes.recurrence import days_of

LONGEST = timedelta(days=366)
DAY = timedelta(days=1)


class Spanning(Protocol):
    """Something with a beginning and an end, which is no part of it any more."""

    @property
    def starts(self) -> datetime: ...
    @property
    def ends(self) -> datetime: ...


S = TypeVar("S", bound=Spanning)


@dataclass(frozen=True, slots=True)
class Times:
    """When a freeze holds. Days and times are those of its zone; without times, it holds for whole days, the last included.

    `rule` repeats it (RRULE), `holidays` has it on every public holiday of NL or DE-BY instead. `exceptions` are days on
    which it does not begin.
    """

    key: int
    name: str
    zone: str
    starts_on: date
    ends_on: date
    starts_at: time | None = None
    ends_at: time | None = None
    rule: str = ""
    holidays: str = ""
    exceptions: frozenset[date] = frozenset()

    @property
    def first(self) -> datetime:
        """The local time at which it begins for the first time."""
        return datetime.combine(self.starts_on, self.starts_at or time.min)

    @property
    def length(self) -> timedelta:
        """How long it is by its own clock on the wall."""
        if self.starts_at is None or self.ends_at is None:
            return self.ends_on - self.starts_on + DAY
        return datetime.combine(self.ends_on, self.ends_at) - self.first


@dataclass(frozen=True, slots=True)
class Window:
    """One time that a freeze holds: from `starts` up to `ends`, in UTC. `day` is the day it begins on in its zone."""

    key: int
    name: str
    day: date
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which something holds all the time, and what does, by name."""

    starts: datetime
    ends: datetime
    names: tuple[str, ...]


def moment(local: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    """Return the moment (UTC) that a local time means: of two, the first or the `last`; of none, when clocks go forward."""
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first > second:
        return _jump(second, first, zone)
    return second if last else first


def _jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second, between two moments, at which clocks of a zone show something else than just before."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        same = (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return before + timedelta(seconds=high)


def windows_of(times: Times, after: datetime, before: datetime) -> Iterator[Window]:
    """Yield when a freeze holds, as far as it touches the time from `after` up to `before`, in order."""
    zone = _zone(times.zone)
    begin = (after.astimezone(zone).replace(tzinfo=None) - times.length - DAY).date()
    end = (before.astimezone(zone).replace(tzinfo=None) + DAY).date()
    for day, name in _days(times, begin, end):
        if day in times.exceptions:
            continue
        local = datetime.combine(day, times.starts_at or time.min)
        starts, ends = moment(local, zone, last=False), moment(local + times.length, zone, last=True)
        if starts < ends and ends > after and starts < before:
            yield Window(times.key, f"{times.name}: {name}" if name else times.name, day, starts, ends)


def _days(times: Times, begin: date, end: date) -> list[tuple[date, str]]:
    """Return the days between two on which a freeze begins, and what they are called."""
    if times.holidays:
        years = range(max(begin.year, times.starts_on.year), end.year + 1)
        named = [each for year in years for each in holidays_of(times.holidays, year)]
    elif times.rule:
        named = [(day, "") for day in days_of(times.rule, times.first, times.zone, end.year)]
    else:
        named = [(times.starts_on, "")]
    return [(day, name) for day, name in named if begin <= day <= end and day >= times.starts_on]


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def windows(freezes: Iterable[Times], after: datetime, before: datetime) -> list[Window]:
    """Return when any of these freezes holds between two moments, the first beginning first."""
    found = [window for times in freezes for window in windows_of(times, after, before)]
    return sorted(found, key=lambda each: (each.starts, each.ends, each.key))


def upcoming(times: Times, at: datetime, most: int, *, within: timedelta = timedelta(days=3660)) -> list[Window]:
    """Return when a freeze holds next, what holds at this moment included: at most so many times."""
    found: list[Window] = []
    step = max(timedelta(days=366), times.length)
    after = at
    while after < at + within and len(found) < most:
        found += [each for each in windows_of(times, after, after + step) if each.starts >= after or after == at]
        after += step
    return found[:most]


def frozen_at(found: Iterable[S], at: datetime) -> tuple[S, ...]:
    """Return those of these times that a moment lies in: the end is not in it."""
    return tuple(each for each in found if each.starts <= at < each.ends)


def frozen_until(found: Iterable[Spanning], at: datetime) -> datetime | None:
    """Return when nothing holds any more, of what holds at this moment or follows on without a gap; None if nothing holds."""
    end = None
    for each in sorted(found, key=lambda one: one.starts):
        if each.starts <= (end or at) < each.ends:
            end = each.ends
    return end


def runway(found: Iterable[S], at: datetime, length: timedelta) -> S | None:
    """Return the first of these times that something would run into which starts at this moment and takes this long."""
    met = [each for each in found if at < each.starts < at + length]
    return min(met, key=lambda each: each.starts, default=None)


def union(found: Iterable[Window]) -> tuple[Span, ...]:
    """Return the times during which something holds, in order, without overlaps; what follows on without a gap is one."""
    spans: list[Span] = []
    for each in sorted(found, key=lambda one: (one.starts, one.ends)):
        if spans and each.starts <= spans[-1].ends:
            last = spans[-1]
            names = last.names if each.name in last.names else (*last.names, each.name)
            spans[-1] = Span(last.starts, max(last.ends, each.ends), names)
        else:
            spans.append(Span(each.starts, each.ends, (each.name,)))
    return tuple(spans)
