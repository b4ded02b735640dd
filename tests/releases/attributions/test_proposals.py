"""Which deployments are proposed as the cause of an incident, by hand-made examples and any order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from releases.attributions.proposals import Put, ending, propose

T0 = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
PLACE = ("checkout", "production")


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def put(id_: str, minutes: float, what: str = "", **more: Any) -> Put:
    values = {"id": id_, "began_at": at(minutes - 1), "at": at(minutes), "what": what, "label": what, **more}
    return Put(**values)


def proposed(puts: list[Put], ended: float | None = None, window: timedelta = DAY) -> dict[Any, tuple[str, str]]:
    found = propose({PLACE: puts}, T0, None if ended is None else at(ended), window)
    return {each.deployment: (each.method, each.confidence) for each in found}


def test_the_last_deployment_before_it_is_fair_and_earlier_ones_are_weak() -> None:
    puts = [put("a", -300, "V1"), put("b", -20, "V2"), put("after", 5, "V3")]
    assert proposed(puts) == {"a": ("window", "weak"), "b": ("window", "fair")}
    assert proposed([put("a", -61, "V1")]) == {"a": ("window", "weak")}


def test_nothing_outside_the_window_is_proposed() -> None:
    puts = [put("old", -24 * 60 - 1, "V1"), put("edge", -24 * 60, "V2")]
    assert proposed(puts) == {"edge": ("window", "weak")}
    back = [put("v1", -3000, "V1"), put("v2", -2000, "V2"), put("v3", -10, "V3"), put("back", 30, "V1")]
    assert proposed(back) == {"v3": ("rollback", "strong")}


def test_going_back_from_three_to_one_proposes_two_and_three_in_any_order() -> None:
    puts = [put("v1", -400, "V1"), put("v2", -300, "V2"), put("v3", -10, "V3"), put("back", 30, "V1")]
    for order in permutations(puts):
        assert proposed(list(order)) == {"v2": ("rollback", "strong"), "v3": ("rollback", "strong")}
    end = ending({PLACE: puts}, T0, None)
    assert end is not None and end.deployment == "back"
    assert end.because == "Probably ended by going back to V1 at 2026-03-02 12:30 UTC."


def test_going_back_in_steps_proposes_what_each_step_left_in_any_order() -> None:
    puts = [
        put("v1", -400, "V1"),
        put("v2", -300, "V2"),
        put("v3", -10, "V3"),
        put("b2", 30, "V2"),
        put("b1", 60, "V1"),
    ]
    for order in permutations(puts):
        assert proposed(list(order)) == {"v2": ("rollback", "strong"), "v3": ("rollback", "strong")}
    found = propose({PLACE: puts}, T0, None, DAY)
    assert [each.because.split(" was")[0] for each in found] == ["V1", "V2"], "what each was left for"
    end = ending({PLACE: puts}, T0, None)
    assert end is not None and end.deployment == "b1", "the trouble went on after the first step"


def test_trying_again_what_was_left_is_no_way_back() -> None:
    puts = [put("v1", -400, "V1"), put("v2", -10, "V2"), put("back", 30, "V1"), put("again", 90, "V2")]
    assert proposed(puts) == {"v2": ("rollback", "strong")}
    end = ending({PLACE: puts}, T0, None)
    assert end is not None and end.deployment == "back"


def test_a_rollback_of_what_came_during_the_trouble_leaves_the_suspects_from_before() -> None:
    puts = [put("v1", -400), put("v2", -10), put("fix", 20), put("undo", 40, is_rollback=True)]
    assert proposed(puts) == {"v1": ("window", "weak"), "v2": ("window", "fair")}


def test_a_rollback_after_the_end_tells_nothing() -> None:
    puts = [put("v1", -400, "V1"), put("v2", -10, "V2"), put("back", 30, "V1")]
    assert proposed(puts, ended=20) == {"v1": ("window", "weak"), "v2": ("window", "fair")}
    assert ending({PLACE: puts}, T0, at(20)) is None


def test_a_rollback_to_something_unknown_leaves_only_what_ran_last() -> None:
    puts = [put("v1", -400), put("v2", -10), put("back", 30, is_rollback=True)]
    assert proposed(puts) == {"v2": ("rollback", "strong")}


def test_a_failed_attempt_to_go_back_is_no_rollback_but_a_failed_deployment_may_be_a_cause() -> None:
    puts = [put("v1", -400, "V1"), put("v2", -10, "V2", succeeded=False), put("back", 30, "V1", succeeded=False)]
    assert proposed(puts) == {"v1": ("window", "weak"), "v2": ("window", "fair")}


def test_a_revert_and_a_hotfix_point_at_what_they_put_right() -> None:
    puts = [put("a", -300, "V1"), put("b", -20, "V2"), put("fix", 15, "V3", reverts=frozenset({"a"}))]
    assert proposed(puts) == {"a": ("revert", "strong"), "b": ("window", "fair")}
    puts[2] = put("fix", 15, "V2-hotfix", is_hotfix=True)
    assert proposed(puts) == {"a": ("window", "weak"), "b": ("hotfix", "fair")}


def test_a_deployment_that_was_under_way_may_be_the_cause_but_not_one_that_began_later() -> None:
    assert proposed([put("slow", 10, "V2", began_at=at(-5))]) == {"slow": ("window", "fair")}
    assert proposed([put("later", 10, "V2", began_at=at(1))]) == {}


def test_each_place_is_looked_at_by_itself() -> None:
    here = [put("a1", -100, "V1"), put("a2", -50, "V2"), put("a3", 10, "V1")]
    found = propose({("a", "eu"): here, ("b", "eu"): [put("b1", -30, "V9")]}, T0, None, DAY)
    assert [(each.deployment, each.method) for each in found] == [("a2", "rollback"), ("b1", "window")]


PUTS = st.lists(
    st.tuples(st.integers(-3000, 3000), st.sampled_from(["", "V1", "V2", "V3"]), st.booleans(), st.booleans()),
    max_size=9,
    unique_by=lambda each: each[0],
)


@given(PUTS, st.integers(1, 2000), st.randoms(use_true_random=False))
def test_whatever_happened_nothing_outside_the_window_is_proposed_and_order_changes_nothing(
    rows: list[tuple[int, str, bool, bool]], minutes: int, random: Any
) -> None:
    puts = [put(str(m), m, what, succeeded=good, is_rollback=back) for m, what, good, back in rows]
    window = timedelta(minutes=minutes)
    found = propose({PLACE: puts}, T0, None, window)
    by_id = {each.id: each for each in puts}
    for each in found:
        assert T0 - window <= by_id[each.deployment].at and by_id[each.deployment].began_at <= T0
    random.shuffle(puts)
    assert propose({PLACE: puts}, T0, None, window) == found
