"""By how much the scope of releases grew. No Django, no database.

Halfway between the day its first story was planned and the day its last was rodeo done, a release had some stories left.
After that day some were added, some dropped. What was finished after it, divided by what was left then, is the factor by
which the remaining scope grew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

FEWEST_RELEASES = 3
# One odd release shall not say everything.
SMALLEST, LARGEST = 0.5, 3.0


class Stay(NamedTuple):
    """A story was planned for a release from `since` to `until` (None: it still is). `done`: its last acceptance, None if it
    isn't rodeo done."""

    story: int
    squad: int
    since: datetime
    until: datetime | None
    done: datetime | None

    def holds(self, at: datetime) -> bool:
        """Say whether it was planned at a moment."""
        return self.since <= at and (self.until is None or self.until > at)

    def is_left(self, at: datetime) -> bool:
        """Say whether it was planned and still to be done."""
        return self.holds(at) and (self.done is None or self.done > at)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a past release says: so many stories were left halfway, and so many were finished from there on."""

    name: str
    slug: str
    left: int
    finished: int
    done: datetime

    @property
    def factor(self) -> float:
        """By how much the remaining scope grew; 1 is not at all."""
        return min(LARGEST, max(SMALLEST, self.finished / self.left))


def done_at(stays: Iterable[Stay]) -> datetime | None:
    """Return when the last story of a release was rodeo done; None if one isn't, or there are none."""
    final = [stay.done for stay in stays if stay.until is None]
    if not final or None in final:
        return None
    return max(moment for moment in final if moment is not None)


def growth_of(name: str, slug: str, stays: list[Stay]) -> Growth | None:
    """Return how a finished release grew; None if it isn't finished, had nothing left halfway, or was
    written down only afterwards."""
    end = done_at(stays)
    if end is None:
        return None
    begin = min(stay.since for stay in stays)
    if begin >= end:
        # Written down after it was done: nothing is known of its life.
        return None
    half = begin + (end - begin) / 2
    left = len({stay.story for stay in stays if stay.is_left(half)})
    finished = sum(1 for stay in stays if stay.until is None and stay.done is not None and stay.done > half)
    return Growth(name, slug, left, finished, end) if left else None


def factors(past: Iterable[Growth]) -> list[float]:
    """Return the factors to draw from: those of past releases, or none where there are too few to learn from."""
    found = [each.factor for each in past]
    return found if len(found) >= FEWEST_RELEASES else []
