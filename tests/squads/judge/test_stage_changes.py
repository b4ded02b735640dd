"""How a story came to its stage, without a database: the judge applied to every moment of its evidence."""

from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from squads.judge.case import FlagEdit, Move, TakenBack
from squads.judge.judgement import Facts, Row, judge, judge_with_history
from squads.judge.stage_changes import Transition
from squads.judge.stages import PROGRESS
from tests.squads.judge.test_judge import (
    FIX,
    HOURS,
    ROWS,
    T0,
    accepted,
    checked,
    deployed,
    hour,
    merged,
    ran,
    row,
)

DONE = [merged(), ran(), checked(), deployed(), accepted()]


def facts(*rows: Row, **values: Any) -> Facts:
    return Facts(**{"key": "PAY-12", "progress": "dev_done", "progress_at": T0, "rows": rows, **values})


def history(*rows: Row, **values: Any) -> list[Transition]:
    return judge_with_history(facts(*rows, **values))[1]


def stays(*rows: Row, **values: Any) -> list[tuple[str, float]]:
    """The stages a story came to, and when, in hours after T0."""
    return [(each.to_stage, (each.at - T0).total_seconds() / 3600) for each in history(*rows, **values)]


def whys(*rows: Row, **values: Any) -> list[str]:
    return [each.why for each in history(*rows, **values)]


def test_every_rung_is_a_change_at_the_time_of_what_proves_it() -> None:
    assert stays(*DONE) == [("dev_done", 0), ("integrated", 2), ("tested", 3), ("deployed", 4), ("rodeo_done", 6)]
    assert [each.from_stage for each in history(*DONE)] == ["todo", "dev_done", "integrated", "tested", "deployed"]
    assert [each.cause.id for each in history(*DONE)[1:]] == [each.id for each in DONE[1:]]
    assert whys(*DONE)[-2:] == ["1.4 runs in production", "smoke passed in production"]


def test_a_rollback_is_a_change_with_its_reason() -> None:
    back = deployed(8, shas=(), detail="rollback", label="1.3")
    last = history(*DONE, back)[-1]
    assert (last.from_stage, last.to_stage, last.at) == ("rodeo_done", "tested", hour(8))
    assert last.why == "rolled back to 1.3 in production, which does not contain it"
    assert last.cause == back


def test_evidence_that_comes_late_corrects_the_past() -> None:
    seen = [merged(), deployed()]
    assert stays(*seen) == [("dev_done", 0), ("deployed", 4)]
    assert stays(*seen, ran(2), checked(3)) == [("dev_done", 0), ("integrated", 2), ("tested", 3), ("deployed", 4)]
    rolled_back_meanwhile = [deployed(8, shas=(), detail="rollback"), deployed(9), accepted(10)]
    assert stays(*DONE, *rolled_back_meanwhile)[-3:] == [("tested", 8), ("deployed", 9), ("rodeo_done", 10)]


def test_a_new_commit_sends_a_story_back_and_says_what_lacks() -> None:
    last = history(*DONE, merged(10, FIX))[-1]
    assert (last.from_stage, last.to_stage) == ("rodeo_done", "dev_done")
    assert last.why == "no successful run of the mainline contains bbbbbbb yet"


def test_a_repeated_check_changes_nothing_and_a_failed_one_is_the_reason() -> None:
    assert stays(*DONE, checked(9), accepted(20), deployed(21, label="1.5")) == stays(*DONE)
    failed = history(*DONE, accepted(9, "failure"))[-1]
    assert (failed.to_stage, failed.why) == ("deployed", "smoke failed in production")
    failed_before = [
        *DONE[:3],
        checked(5, "failure"),
        deployed(6),
        deployed(8, shas=(), detail="rollback", label="1.3"),
    ]
    assert [each.to_stage for each in history(*failed_before)][-3:] == ["integrated", "deployed", "integrated"]
    assert whys(*failed_before)[-1].startswith("rolled back to 1.3")


def test_several_rows_of_one_moment_are_one_change() -> None:
    assert stays(merged(1), ran(1), checked(1), deployed(1)) == [("dev_done", 0), ("deployed", 1)]


def test_what_is_taken_back_counts_until_then() -> None:
    hand = row("deployment", 5, shas=["*"], service="", tier="production", label="Ana, by hand", by_hand=True)
    back = TakenBack(hour(7), f"{hand.id}-", hand, 3)
    found = history(*DONE[:3], taken_back=[back])
    assert [(each.to_stage, each.at) for each in found[-2:]] == [("deployed", hour(5)), ("tested", hour(7))]
    assert found[-1].cause == back
    assert found[-1].why.startswith("evidence by hand was withdrawn: ")
    assert history(*DONE[:3], taken_back=[back._replace(at=hour(5))]) == history(*DONE[:3])


def test_people_move_a_story_with_their_reason() -> None:
    moves = [
        Move(hour(1), "1", "todo", "in_progress", 7),
        Move(hour(2), "2", "in_progress", "dev_done", 7, "Ready for the bank"),
        Move(hour(9), "3", "dev_done", "todo", 8),
    ]
    found = history(progress="todo", progress_at=hour(9), moves=moves)
    assert [(each.to_stage, each.why, each.cause.person) for each in found] == [
        ("in_progress", "its squad said so", 7),
        ("dev_done", "Ready for the bank", 7),
        ("todo", "its squad said so", 8),
    ]
    # What evidence holds, no move moves.
    held = history(*DONE, progress="todo", progress_at=hour(9), moves=moves)
    assert held[-1].to_stage == "rodeo_done"


def test_of_work_that_was_brought_in_the_story_itself_says_the_last_move() -> None:
    recorded = [Move(hour(1), "1", "todo", "in_progress"), Move(hour(8), "2", "in_progress", "todo")]
    assert stays(progress="dev_done", progress_at=hour(5), moves=recorded) == [("in_progress", 1), ("dev_done", 5)]
    assert stays(progress="dev_done", progress_at=None, moves=recorded) == []
    assert stays(progress="in_progress", progress_at=None) == []


def test_a_flag_that_somebody_names_later_darkens_the_story_from_then_on() -> None:
    edit = FlagEdit(hour(9), "1", "flag", "", "cart", 7)
    assert stays(*DONE, flag="cart", flag_edits=[edit])[-2:] == [("rodeo_done", 6), ("deployed", 9)]
    assert history(*DONE, flag="cart", flag_edits=[edit])[-1].cause == edit
    assert stays(*DONE, flag="cart")[-1] == ("deployed", 4)


HAND = st.builds(
    row,
    st.sampled_from(["run", "test", "deployment", "acceptance"]),
    HOURS,
    shas=st.just(["*"]),
    service=st.just(""),
    environment=st.sampled_from(["", "eu"]),
    tier=st.just("production"),
    by_hand=st.just(True),
)
MOVES = st.lists(st.tuples(HOURS, st.sampled_from(PROGRESS)), max_size=4)


@st.composite
def stories(draw: Any) -> Facts:
    """A story with evidence, some of it by hand and some of that taken back, and with moves that lead to where it is."""
    rows = list({each.id: each for each in draw(st.lists(st.one_of(ROWS, HAND), max_size=14))}.values())
    kept = [each for each in rows if not each.by_hand or draw(st.booleans())]
    back = [TakenBack(hour(draw(HOURS)), f"{each.id}-", each, 2) for each in rows if each not in kept]
    moves: list[Move] = []
    for number, (at, to) in enumerate(sorted(draw(MOVES), key=lambda each: each[0])):
        moves.append(Move(hour(at), str(number), moves[-1].to if moves else "todo", to, 1))
    flag = draw(st.sampled_from(["", "cart"]))
    edits = [FlagEdit(hour(draw(HOURS)), "1", "flag", "", "cart", 3)] if flag and draw(st.booleans()) else []
    progress, since = (moves[-1].to, moves[-1].at) if moves else ("todo", None)
    return facts(
        *kept,
        progress=progress,
        progress_at=since,
        flag=flag,
        moves=moves,
        taken_back=back,
        flag_edits=edits,
    )


def until(said: Facts, at: datetime) -> Facts:
    """What could be known of a story at one moment."""
    moves = [each for each in said.moves if each.at <= at]
    edited = not list(said.flag_edits) or any(each.at <= at for each in said.flag_edits)
    return facts(
        *(each for each in said.rows if each.at <= at),
        *(each.row for each in said.taken_back if each.row.at <= at < each.at),
        progress=moves[-1].to if moves else "todo",
        progress_at=moves[-1].at if moves else None,
        flag=said.flag if edited else "",
    )


@settings(max_examples=150)
@given(said=stories())
def test_history_is_the_judge_applied_to_every_moment(said: Facts) -> None:
    standing, found = judge_with_history(said)
    moments = {each.at for each in (*said.rows, *said.moves, *said.flag_edits, *said.taken_back)}
    moments |= {each.row.at for each in said.taken_back}
    stage, expected = "todo", []
    for at in sorted(moments):
        if (now := judge(until(said, at))["stage"]) != stage:
            expected.append((stage, now, at))
            stage = now
    assert [(each.from_stage, each.to_stage, each.at) for each in found] == expected
    assert standing["stage"] == stage
    assert all(each.why for each in found)


@settings(max_examples=100)
@given(said=stories(), data=st.data())
def test_any_order_and_repetition_gives_the_same_history(said: Facts, data: Any) -> None:
    def shuffled(some: Any) -> list[Any]:
        again = data.draw(st.lists(st.sampled_from(list(some)))) if some else []
        return list(data.draw(st.permutations(list(some)))) + again

    other = said._replace(
        rows=shuffled(said.rows),
        moves=data.draw(st.permutations(list(said.moves))),
        taken_back=shuffled(said.taken_back),
    )
    assert judge_with_history(other) == judge_with_history(said)


@settings(max_examples=100)
@given(said=stories())
def test_a_standing_says_since_when_as_its_history_does(said: Facts) -> None:
    standing, found = judge_with_history(said)
    assert (standing["since"] is None) == (not found)
    assert not found or (found[-1].to_stage, found[-1].at) == (
        standing["stage"],
        datetime.fromisoformat(standing["since"]),
    )


def test_nothing_happened_to_a_story_that_nobody_touched() -> None:
    assert history(progress="todo", progress_at=None) == []
