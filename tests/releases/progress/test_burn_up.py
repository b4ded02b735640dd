"""Burn-up as pure numbers: who was in the release at a moment, and on which stage."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.progress.burn_up import (
    MOST_POINTS,
    Step,
    counts_at,
    days_between,
    days_left,
    stage_at,
    started_at,
)
from squads.judge.stages import STAGES
from squads.scope_history.stays import Stay, Turn, stays_of

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def day(number: float) -> datetime:
    return T0 + timedelta(days=number)


def counts(*stages: str) -> tuple[int, ...]:
    return tuple(stages.count(stage) for stage in STAGES)


def test_a_story_counts_from_when_it_came_in_until_it_went_out() -> None:
    stays = stays_of([Turn(day(1), 7, True), Turn(day(4), 7, False), Turn(day(6), 7, True)])
    steps = {7: [Step(day(2), "todo", "in_progress"), Step(day(5), "in_progress", "tested")]}
    found = [counts_at(stays, steps, {7: "tested"}, day(number + 0.5)) for number in range(7)]
    assert found == [
        counts(),
        counts("todo"),
        counts("in_progress"),
        counts("in_progress"),
        counts(),
        counts(),
        counts("tested"),
    ]


def test_a_story_that_is_planned_and_named_counts_once() -> None:
    stays = [*stays_of([Turn(day(3), 7, True)]), Stay(7, day(1))]
    assert sum(counts_at(stays, {}, {7: "todo"}, day(5))) == 1
    assert sum(counts_at(stays, {}, {7: "todo"}, day(2))) == 1


def test_a_stage_nobody_knows_the_past_of_is_as_it_is_now() -> None:
    assert stage_at([], day(1), "dev_done") == "dev_done"


def test_work_starts_when_a_story_moves_on_while_it_is_in_the_release() -> None:
    steps = {1: [Step(day(1), "todo", "in_progress"), Step(day(4), "in_progress", "dev_done")]}
    assert started_at([Stay(1, day(2))], steps) == day(4)
    assert started_at([Stay(1, day(2), day(3))], steps) is None
    back = {1: [Step(day(5), "dev_done", "in_progress")]}
    assert started_at([Stay(1, day(2))], back) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 3), st.booleans()), max_size=20))
def test_who_is_in_at_the_end_is_who_came_in_last(turns: list[Any]) -> None:
    turns.sort(key=lambda each: each[0])
    inside: set[int] = set()
    for _, story, joins in turns:
        inside = inside | {story} if joins else inside - {story}
    stays = stays_of([Turn(day(at), story, joins) for at, story, joins in turns])
    assert sum(counts_at(stays, {}, {}, day(30))) == len(inside)


@pytest.mark.parametrize("length", [1, 2, 119, 120, 121, 400, 5000])
def test_a_long_time_is_drawn_with_fewer_days_and_always_ends_today(length: int) -> None:
    first = date(2020, 1, 1)
    last = first + timedelta(days=length - 1)
    found = days_between(first, last)
    assert found[-1] == last and first <= found[0] and len(found) <= MOST_POINTS
    assert len({later - earlier for earlier, later in pairwise(found)}) <= 1
    assert length > MOST_POINTS or len(found) == length


TARGET = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("target", "today", "reached", "said"),
    [
        (None, TARGET, None, ""),
        (TARGET, date(2026, 3, 7), None, "3 days left"),
        (TARGET, date(2026, 3, 9), None, "1 day left"),
        (TARGET, TARGET, None, "due today"),
        (TARGET, date(2026, 3, 12), None, "overdue by 2 days"),
        (TARGET, date(2026, 4, 1), date(2026, 3, 11), "in production 1 day after the target date"),
        (TARGET, date(2026, 4, 1), date(2026, 3, 8), "in production 2 days before the target date"),
        (TARGET, date(2026, 4, 1), TARGET, "in production on the target date"),
    ],
)
def test_days_left_in_words(target: date | None, today: date, reached: date | None, said: str) -> None:
    assert days_left(target, today, reached) == said
