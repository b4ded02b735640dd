"""Overrides, settings and the verdict."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.gates.findings import Finding, Override
from releases.gates.parameters import GateSetting, InvalidParameter
from releases.gates.readiness import BY_NAME, DEFAULT, GATES, READY, Readiness, judge
from tests.releases.gates.cases import AT, CASES, DAY, Case, ready, run, template, with_service, with_story

LATE = with_story("PAY-1", stage="dev_done")


def override(readiness: Readiness, gate: str, **values: Any) -> Override:
    """Pam lets a gate pass as it is."""
    blockers = next(each for each in readiness.findings if each.gate == gate).blockers
    made = Override(
        gate, "Pam", AT - DAY, "Agreed with support.", AT + DAY, frozenset(each.identity for each in blockers)
    )
    return replace(made, **values)


def of(gate: str, readiness: Readiness) -> Finding:
    return next(each for each in readiness.findings if each.gate == gate)


def test_an_overridden_gate_lets_the_release_pass_and_still_says_what_is_wrong() -> None:
    facts = LATE(ready())
    given_for = override(judge(facts, template()), "stories")
    readiness = judge(facts, template(), [given_for])

    assert (readiness.verdict, readiness.sentence) == (READY, "Ready. 1 gate is overridden: Stories.")
    assert of("stories", readiness).state == "failed"
    assert of("stories", readiness).override == given_for
    assert readiness.blockers == ()


def test_an_override_ends_when_something_else_is_wrong_too() -> None:
    given_for = override(judge(LATE(ready()), template()), "stories")
    readiness = judge(with_story("PAY-2", stage="todo")(LATE(ready())), template(), [given_for])

    assert readiness.verdict == "not_ready"
    assert (
        of("stories", readiness).void_overrides[0][1] == "It was given for something else. New since: PAY-2 is to do."
    )


def test_an_override_still_counts_when_less_is_wrong() -> None:
    both = with_story("PAY-2", stage="todo")(LATE(ready()))
    given_for = override(judge(both, template()), "stories")

    assert judge(LATE(ready()), template(), [given_for]).verdict == READY


def test_an_override_for_a_red_run_does_not_count_for_another_commit() -> None:
    red = with_service("web", runs=(run(outcome="failure"),))(ready())
    given_for = override(judge(red, template()), "runs")
    newer = with_service("web", sha="3" * 40, runs=(run(outcome="failure"),))(ready())

    assert of("runs", judge(red, template(), [given_for])).override is not None
    assert of("runs", judge(newer, template(), [given_for])).override is None


def test_an_override_for_what_is_unknown_does_not_cover_what_fails() -> None:
    unknown = with_service("web", runs=(run(outcome="cancelled"),))(ready())
    given_for = override(judge(unknown, template()), "runs")
    red = with_service("web", runs=(run(outcome="failure"),))(ready())

    assert of("runs", judge(red, template(), [given_for])).override is None


def test_an_override_expires() -> None:
    facts = LATE(ready())
    given_for = override(judge(facts, template()), "stories", until=AT)
    readiness = judge(facts, template(), [given_for])

    assert readiness.verdict == "not_ready"
    assert of("stories", readiness).void_overrides[0][1] == "It expired just now."


def test_an_override_of_a_gate_that_passes_is_not_told_as_one() -> None:
    given_for = override(judge(LATE(ready()), template()), "stories")
    readiness = judge(ready(), template(), [given_for])

    assert readiness.sentence == "Ready."
    assert of("stories", readiness).override is None


def test_a_template_without_gates_says_nothing() -> None:
    readiness = judge(ready(), ())

    assert (readiness.verdict, readiness.sentence) == ("unknown", "Unknown. Its template has no gates.")


def test_a_gate_that_the_template_leaves_out_is_not_judged() -> None:
    only = [GateSetting("batch", BY_NAME["batch"].clean({}))]

    assert [each.gate for each in judge(LATE(ready()), only).findings] == ["batch"]


def test_soak_time_is_only_judged_where_somebody_wants_it() -> None:
    assert {setting.gate for setting in DEFAULT} == set(BY_NAME) - {"soak", "learnings"}


@pytest.mark.parametrize(
    ("gate", "values", "field", "says"),
    [
        (
            "stories",
            {"stage": "shipped"},
            "stage",
            "Choose one of: dev_done, integrated, tested, deployed, rodeo_done.",
        ),
        ("stories", {"stages": "tested"}, "stages", "Stories has no setting “stages”. It has stage, stale_after_hours"),
        ("runs", {"passes": 0}, "passes", "Enter a whole number from 1 to 20, or leave it empty."),
        ("runs", {"passes": True}, "passes", "Enter a whole number"),
        ("runs", {"passes": "²"}, "passes", "Enter a whole number"),
        ("runs", {"passes": 1.5}, "passes", "Enter a whole number"),
        ("approvals", {"of": "Lea"}, "of", "Enter a list of names."),
        ("approvals", {"of": ["x" * 81]}, "of", "of 80 characters or fewer"),
        ("freezes", {"stale_after_hours": 5}, "stale_after_hours", "Freezes has no setting"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(
    gate: str, values: dict[str, object], field: str, says: str
) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(says)) as refused:
        BY_NAME[gate].clean(values)

    assert refused.value.field == field


def test_settings_are_kept_as_they_were_cleaned() -> None:
    for gate in GATES:
        cleaned = gate.clean({})
        assert gate.clean(cleaned) == cleaned


def test_names_are_kept_once() -> None:
    assert BY_NAME["approvals"].clean({"of": [" Lea ", "", "Lea", "Security"]})["of"] == ["Lea", "Security"]


def _as_case(changes: list[Case]) -> tuple[dict[str, dict[str, object]], Readiness]:
    facts = ready()
    settings: dict[str, dict[str, object]] = {}
    for case in changes:
        facts = case.change(facts)
        settings[case.gate] = {**settings.get(case.gate, {}), **case.settings}
    return settings, judge(facts, template(**settings))


@given(st.lists(st.sampled_from([case for case in CASES if not case.asked]), max_size=6))
def test_however_much_is_wrong_a_gate_is_only_in_states_it_can_be_in_and_says_why(changes: list[Case]) -> None:
    _, readiness = _as_case(changes)

    for found in readiness.findings:
        assert found.state in BY_NAME[found.gate].states
        assert bool(found.blockers) == (found.state != "passed")
        assert found.reason
    assert (readiness.verdict == READY) == all(each.state == "passed" for each in readiness.findings)


@given(st.lists(st.sampled_from([case for case in CASES if not case.asked]), min_size=1, max_size=6))
def test_whatever_is_wrong_can_be_overridden_gate_by_gate_as_it_is(changes: list[Case]) -> None:
    settings, before = _as_case(changes)
    facts = ready()
    for case in changes:
        facts = case.change(facts)
    given_for = [override(before, each.gate) for each in before.findings if each.blockers]
    after = judge(facts, template(**settings), given_for)

    assert after.verdict == READY
    assert [each.state for each in after.findings] == [each.state for each in before.findings]
    over = [replace(each, until=AT) for each in given_for]
    assert judge(facts, template(**settings), over).verdict == before.verdict
