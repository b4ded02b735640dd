"""What a squad finished, week by week, and whether that is enough to say a date. No Django, no database.

The weeks are whole and end with the last midnight in the company: today isn't over, so it is no day of theirs.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from releases.forecasts.bootstrap import DAYS, Team

FEWEST_FINISHED, FEWEST_WEEKS = 8, 6
# A quarter says most about what comes. Where it holds too few finished stories, half a year is looked at.
USUAL_WEEKS, MOST_WEEKS_BACK = 13, 26


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one squad: what it has left, and what it finished on which day.

    `since` is the day of its first story that was deployed or rodeo done. Before, a quiet week can't be told from one that
    nobody reported.
    """

    squad: str
    slug: str
    left: int
    since: date | None
    finished: Mapping[date, int] = field(default_factory=dict)
    unknown: int = 0

    def whole_weeks(self, today: date) -> int:
        """Return how many whole weeks are on record."""
        return max(0, (today - self.since).days // DAYS) if self.since else 0

    def weeks(self, today: date, count: int) -> list[tuple[int, ...]]:
        """Return how many stories were finished on each day of the last weeks, the oldest week first."""
        first = today - timedelta(days=count * DAYS)
        return [
            tuple(self.finished.get(first + timedelta(days=week * DAYS + day), 0) for day in range(DAYS))
            for week in range(count)
        ]

    def finished_in(self, today: date, count: int) -> int:
        """Return how many stories it finished in the last weeks."""
        return sum(map(sum, self.weeks(today, count)))


@dataclass(frozen=True, slots=True)
class Basis:
    """What a forecast rests on: so many weeks of each squad that has something left; or why there is none."""

    weeks: int
    teams: tuple[Team, ...]
    refusals: tuple[str, ...]


def basis(records: Sequence[Record], today: date) -> Basis:
    """Return the weeks that all these squads have on record, or every reason why no date can be said."""
    shared = min((record.whole_weeks(today) for record in records), default=0)
    count = min(USUAL_WEEKS, shared)
    if any(record.finished_in(today, count) < FEWEST_FINISHED for record in records):
        count = min(MOST_WEEKS_BACK, shared)
    refusals = [reason for record in records if (reason := _refusal(record, today, count))]
    if refusals:
        return Basis(count, (), tuple(_said(refusals)))
    return Basis(count, tuple(Team(record.left, record.weeks(today, count)) for record in records), ())


class _Refusal(NamedTuple):
    """What a squad lacks, and of how many (0: of none)."""

    said: str
    needed: int = 0


def _said(refusals: Iterable[_Refusal]) -> Iterator[str]:
    """Say what squads lack, and once how much a forecast needs."""
    for needed, some in groupby(sorted(refusals, key=lambda each: each.needed), lambda each: each.needed):
        said = [each.said for each in some]
        if needed:
            said.append(f"A forecast needs {needed}{' of each' if len(said) > 1 else ''}.")
        yield " ".join(said)


def _refusal(record: Record, today: date, shared: int) -> _Refusal | None:
    if record.since is None:
        return _Refusal(f"{record.squad} has no story that was deployed or rodeo done.")
    own = record.whole_weeks(today)
    if own < FEWEST_WEEKS:
        return _Refusal(f"{record.squad} has {_counted(own, 'whole week')} on record.", FEWEST_WEEKS)
    if shared < FEWEST_WEEKS:
        return None
    finished = record.finished_in(today, shared)
    if finished >= FEWEST_FINISHED:
        return None
    whole = shared in (own, MOST_WEEKS_BACK)
    which = f"the last {shared} weeks" if whole else f"the {shared} weeks that all its squads have on record"
    return _Refusal(f"{record.squad} finished {_counted(finished, 'story', 'stories')} in {which}.", FEWEST_FINISHED)


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
