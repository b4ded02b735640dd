"""When work will be done, by drawing the weeks that were again: a double bootstrap. No Django, no database.

Each trial first resamples the past weeks with replacement, then draws the weeks to come from that resample. The first step
says that the weeks on record are themselves a sample: with few of them, the dates lie further apart. Weeks are drawn whole,
with their days in order, so weekends, quiet weeks and weeks with many stories stay as they were. Weeks in which nothing was
finished are drawn like any other.

Several squads draw the same weeks in a trial, so a week that was quiet for all of them stays one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from random import Random
from typing import NamedTuple

TRIALS = 2000
# A trial that is not done within two years says "later", and no date.
MOST_WEEKS = 104
DAYS = 7
# Seven counts of finished stories, from the first day of the week to its last.
Week = Sequence[int]


class Team(NamedTuple):
    """What one squad has left to finish, and its past weeks, the oldest first. All teams have the same weeks."""

    left: int
    weeks: Sequence[Week]


@dataclass(frozen=True, slots=True)
class Odds:
    """What the trials said: on which day each was done, sorted; 0 is the first day. One at MOST_WEEKS was not done by then."""

    days: tuple[int, ...]

    def day(self, share: float) -> int | None:
        """Return the first day by which at least this share (0 to 1) of the trials were done; None if that is later than
        MOST_WEEKS."""
        found = self.days[ceil(share * len(self.days)) - 1]
        return found if found < MOST_WEEKS * DAYS else None

    def chance(self, day: int) -> float:
        """Return the share (0 to 1) of the trials that were done by the end of a day."""
        return bisect_right(self.days, min(day, MOST_WEEKS * DAYS - 1)) / len(self.days)


def simulate(teams: Sequence[Team], *, seed: int, growth: Sequence[float] = (), trials: int = TRIALS) -> Odds:
    """Return when all teams are done with what they have left. The same arguments give the same answer.

    `growth` are factors by which the scope of past releases grew: each trial takes one of them. Every trial takes as many
    random numbers whatever is left, so with less to do no trial ends later.
    """
    random = Random(seed)
    counted = [
        (team.left, [sum(week) for week in team.weeks], [list(accumulate(week)) for week in team.weeks])
        for team in teams
        if team.left
    ]
    weeks = range(len(teams[0].weeks)) if teams else range(0)
    found = []
    for _ in range(trials):
        factor = growth[int(random.random() * len(growth))] if growth else 1.0
        rounding = random.random()
        resampled = random.choices(weeks, k=len(weeks))
        drawn = random.choices(resampled, k=MOST_WEEKS)
        last = 0
        for left, totals, running in counted:
            last = max(last, _done(max(1, int(left * factor + rounding)), drawn, totals, running))
        found.append(last)
    return Odds(tuple(sorted(found)))


def _done(left: int, drawn: Sequence[int], totals: Sequence[int], running: Sequence[Sequence[int]]) -> int:
    """Return the day on which a team has finished so many stories, in weeks drawn from its past."""
    sums = list(accumulate(map(totals.__getitem__, drawn)))
    week = bisect_left(sums, left)
    if week == len(sums):
        return MOST_WEEKS * DAYS
    before = sums[week - 1] if week else 0
    return week * DAYS + bisect_left(running[drawn[week]], left - before)
