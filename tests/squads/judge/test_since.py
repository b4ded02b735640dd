"""Since when a story stands on its stage: worked out by hand, and held against its whole history."""

from typing import Any

import pytest

from portal.kernel import clock
from tests.squads.judge.test_judge import (
    FIX,
    T0,
    Row,
    accepted,
    checked,
    deployed,
    merged,
    ran,
    row,
    standing,
)

DONE = [merged(), ran(), checked(), deployed(), accepted()]


def since(*rows: Row, **facts: Any) -> float:
    """In hours after T0, when progress was said."""
    moment = clock.parse(standing(*rows, **facts)["since"])
    assert moment is not None
    return (moment - T0).total_seconds() / 3600


@pytest.mark.parametrize(("steps", "at"), [(0, 0), (1, 0), (2, 2), (3, 3), (4, 4), (5, 6)])
def test_a_stage_begins_with_the_evidence_that_proves_it(steps: int, at: float) -> None:
    assert since(*DONE[:steps]) == at


@pytest.mark.parametrize(
    ("later", "stage", "at"),
    [
        ([checked(9)], "rodeo_done", 6),
        ([accepted(20)], "rodeo_done", 6),
        ([deployed(20, label="1.5")], "rodeo_done", 6),
        ([deployed(8, shas=(), detail="rollback")], "tested", 8),
        ([accepted(9, "failure")], "deployed", 9),
        ([accepted(9, "failure"), accepted(11)], "rodeo_done", 11),
        ([merged(10, FIX)], "dev_done", 10),
        ([row("incident", 7, "failure", detail="INC-1")], "deployed", 7),
        ([row("incident", 7, "failure", detail="INC-1"), row("incident", 9, detail="INC-1")], "rodeo_done", 9),
    ],
)
def test_what_comes_later_counts_from_its_own_time(later: list[Row], stage: str, at: float) -> None:
    assert standing(*DONE, *later)["stage"] == stage
    assert since(*DONE, *later) == at


def test_a_repeated_check_begins_nothing_anew() -> None:
    assert since(*DONE[:3], checked(5), checked(7)) == 3
    assert since(*DONE[:3], checked(5, "failure"), checked(7)) == 7
    assert since(*DONE[:3], checked(5, "failure")) == 5


def test_a_flag_counts_from_the_switch() -> None:
    def switched(at: float, verdict: str) -> Row:
        return row("flag", at, verdict, service="", label="cart", detail="everyone")

    assert since(*DONE, switched(5, "success"), flag="cart") == 6
    assert since(*DONE, switched(5, "success"), switched(8, "failure"), flag="cart") == 8


def test_a_story_nobody_moved_has_no_time() -> None:
    from squads.judge.judgement import Facts, judge

    assert judge(Facts("PAY-1", "todo", None, ()))["since"] is None
