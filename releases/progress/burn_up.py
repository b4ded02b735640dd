"""Burn-up: how many stories a release shipped at a moment, and on which stages they were. Pure: no Django, no present moment.

Everything counts from its own time, so evidence that comes late changes the past, and the last moment is as the board is.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from squads.judge.stages import STAGES
from squads.scope_history.stays import Stay

# More days than this are drawn every other day, or every third and so on.
MOST_POINTS = 120


class Step(NamedTuple):
    """A story went from one stage to another."""

    at: datetime
    from_stage: str
    to_stage: str


Steps = Mapping[int, Sequence[Step]]
Counts = tuple[int, ...]


def stage_at(steps: Sequence[Step], at: datetime, now: str) -> str:
    """Return the stage of a story at a moment; `now` is its stage where it never changed."""
    stage = steps[0].from_stage if steps else now
    for step in steps:
        if step.at > at:
            break
        stage = step.to_stage
    return stage


def counts_at(stays: Iterable[Stay], steps: Steps, stages: Mapping[int, str], at: datetime) -> Counts:
    """Return how many stories of the release were on each stage at a moment, in the order of STAGES."""
    counts = dict.fromkeys(STAGES, 0)
    for story in {stay.story_id for stay in stays if stay.holds(at)}:
        counts[stage_at(steps.get(story, ()), at, stages.get(story, "todo"))] += 1
    return tuple(counts.values())


def days_between(first: date, last: date) -> list[date]:
    """Return the days to draw, the last one always: all of them, or, of a long time, every other or third and so on."""
    count = (last - first).days + 1
    stride = -(-count // MOST_POINTS)
    back = (last - timedelta(days=stride * number) for number in range(-(-count // stride)))
    return sorted(day for day in back if day >= first)


def started_at(stays: Iterable[Stay], steps: Steps) -> datetime | None:
    """Return when work on the release began: the first time one of its stories came to a later stage while it was in it."""
    moments = [
        step.at
        for stay in stays
        for step in steps.get(stay.story_id, ())
        if stay.holds(step.at) and STAGES.index(step.to_stage) > STAGES.index(step.from_stage)
    ]
    return min(moments, default=None)


def days_left(target: date | None, today: date, reached: date | None) -> str:
    """Say how far the target date is, or how the release met it; `reached` is the day it was in production."""
    if target is None:
        return ""
    if reached is not None:
        late = (reached - target).days
        if late == 0:
            return "in production on the target date"
        return f"in production {_days(abs(late))} {'after' if late > 0 else 'before'} the target date"
    left = (target - today).days
    if left == 0:
        return "due today"
    return f"{_days(left)} left" if left > 0 else f"overdue by {_days(-left)}"


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"
