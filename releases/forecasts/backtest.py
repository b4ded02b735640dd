"""How often forecasts would have held: on a series of days, and on releases as they went. No Django, no database.

Each forecast knows only what was known on its day. What was never finished is a miss once the forecast's date is over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from releases.forecasts.bootstrap import DAYS, TRIALS, Odds, Team, simulate
from releases.forecasts.growth import Growth, Stay, done_at, factors
from releases.forecasts.throughput import FEWEST_FINISHED, Record, basis

LIKELY = 0.85
WINDOWS, ITEMS = (28, 42, 56, 91), (10, 30)


@dataclass(slots=True)
class Coverage:
    """How many forecasts held, of how many that were checked; and of how many the end isn't known yet, or was no date."""

    held: int = 0
    checked: int = 0
    open: int = 0
    refused: int = 0

    @property
    def share(self) -> float | None:
        """The share that held; None if none was checked."""
        return self.held / self.checked if self.checked else None

    def note(self, forecast: int | None, taken: int | None, watched: int) -> None:
        """Count a forecast: the day it said, the day on which it was done (None: never), and how many days were watched."""
        if forecast is None:
            self.refused += 1
        elif taken is not None:
            self.checked += 1
            self.held += taken <= forecast
        elif forecast < watched:
            self.checked += 1
        else:
            self.open += 1


def weeks_before(days: Sequence[int], end: int, window: int) -> list[Sequence[int]]:
    """Return the whole weeks of the last `window` days before day `end` of a series, the oldest first."""
    first = end - window // DAYS * DAYS
    return [days[start : start + DAYS] for start in range(first, end, DAYS)]


def taken_from(days: Sequence[int], start: int, items: int) -> int | None:
    """Return on which day from `start` on so many items were finished; None if they never were."""
    for ahead, count in enumerate(days[start:]):
        items -= count
        if items <= 0:
            return ahead
    return None


def series_coverage(
    days: Sequence[int], window: int, items: int, *, every: int = DAYS, seed: int = 1, trials: int = TRIALS
) -> Coverage:
    """Return how often the 85 % date held on a series of days: forecasts of so many items, from so many days before each.

    As on the page, there is no date where fewer than 8 were finished before.
    """
    found = Coverage()
    for start in range(window, len(days), every):
        weeks = weeks_before(days, start, window)
        if sum(map(sum, weeks)) < FEWEST_FINISHED:
            found.refused += 1
            continue
        odds = simulate([Team(items, weeks)], seed=seed + start, trials=trials)
        found.note(odds.day(LIKELY), taken_from(days, start, items), len(days) - start)
    return found


class Moves(NamedTuple):
    """The times at which a story reached a stage that counts, and what it reached (“” for anything else), the oldest first."""

    squad: int
    steps: Sequence[tuple[datetime, str]]


class Past(NamedTuple):
    """A release with the stories that were planned for it."""

    name: str
    stays: Sequence[Stay]


def release_coverage(
    releases: Iterable[Past],
    moves: Mapping[int, Moves],
    growth: Sequence[Growth],
    today: date,
    *,
    zone: tzinfo = UTC,
    seed: int = 1,
    trials: int = TRIALS,
) -> dict[str, Coverage]:
    """Return how often the 85 % date would have held for each release, forecast once a week while it was unfinished.

    `zone` is where its days begin.
    """
    found = {}
    for name, stays in releases:
        end = done_at(stays)
        last = end.astimezone(zone).date() if end else today
        counted = found[name] = Coverage()
        day = min(stay.since for stay in stays).astimezone(zone).date() + timedelta(days=1)
        while day <= last:
            at = datetime.combine(day, time(), zone)
            records = records_at(at, stays, moves)
            if records:
                odds = _odds(records, day, [each for each in growth if each.done < at], seed, trials)
                said = odds.day(LIKELY) if odds else None
                counted.note(said, (last - day).days if end else None, (today - day).days)
            day += timedelta(days=DAYS)
    return found


def _odds(records: list[Record], day: date, growth: list[Growth], seed: int, trials: int) -> Odds | None:
    based = basis(records, day)
    if not based.teams:
        return None
    return simulate(based.teams, seed=seed + day.toordinal(), growth=factors(growth), trials=trials)


def records_at(at: datetime, stays: Iterable[Stay], moves: Mapping[int, Moves]) -> list[Record]:
    """Return what was known of each squad with unfinished stories of a release at a moment; its zone is that of the days."""
    left: dict[int, int] = {}
    for story, squad in {stay.story: stay.squad for stay in stays if stay.holds(at)}.items():
        if _stage(moves.get(story), at) != "rodeo_done":
            left[squad] = left.get(squad, 0) + 1
    since: dict[int, date] = {}
    finished: dict[int, dict[date, int]] = {squad: {} for squad in left}
    for squad, steps in moves.values():
        past = [step for step in steps if step[0] < at] if squad in left else []
        if not past:
            continue
        first = past[0][0].astimezone(at.tzinfo).date()
        since[squad] = min(since.get(squad, first), first)
        if past[-1][1] == "rodeo_done":
            day = past[-1][0].astimezone(at.tzinfo).date()
            finished[squad][day] = finished[squad].get(day, 0) + 1
    return [Record(str(squad), "", count, since.get(squad), finished[squad]) for squad, count in left.items()]


def _stage(moves: Moves | None, at: datetime) -> str:
    past = [to for moment, to in moves.steps if moment < at] if moves else []
    return past[-1] if past else ""
