"""Every gate: where it holds, fails, waits, is stale and is unknown."""

from dataclasses import replace
from datetime import timedelta

import pytest

from releases.gates.facts import FlagNeed, PlaceFact
from releases.gates.findings import FAILED, PASSED, WORST_FIRST, Finding, Override
from releases.gates.readiness import BY_NAME, GATES, NOT_READY, READY, UNKNOWN, Readiness, judge
from tests.releases.gates.cases import (
    AT,
    CASES,
    DAY,
    LEDGER,
    OTHER,
    PASSES,
    WEB,
    Case,
    check,
    learning,
    place,
    ready,
    run,
    template,
    with_,
    with_service,
    with_story,
)


def judged(case: Case) -> Readiness:
    """Judge the ready release after what the case does to it."""
    facts = ready().of_service(case.asked) if case.asked else ready()
    return judge(case.change(facts), template(**{case.gate: case.settings}))


def of(gate: str, readiness: Readiness) -> Finding:
    """What one gate says."""
    return next(each for each in readiness.findings if each.gate == gate)


def test_a_release_is_ready_when_every_gate_passes() -> None:
    readiness = judge(ready(), template())

    assert (readiness.verdict, readiness.sentence) == (READY, "Ready.")
    assert [(each.gate, each.state) for each in readiness.findings] == [(gate.name, PASSED) for gate in GATES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.gate} {case.state} {case.says[:40]}")
def test_a_gate_says_what_keeps_it_closed(case: Case) -> None:
    found = of(case.gate, judged(case))

    assert found.state == case.state
    assert case.says in " ".join([found.reason, *(blocker.text for blocker in found.blockers)])
    assert found.blockers
    for blocker in found.blockers:
        assert blocker.text.endswith((".", "?", "support"))
        assert blocker.remedy.endswith(".")
        assert blocker.who or blocker.remedy.startswith("Wait")


def test_every_gate_has_a_case_for_each_state_it_can_be_in_and_for_no_other() -> None:
    shown = {(case.gate, case.state) for case in [*CASES, *PASSES]}

    assert shown == {(gate.name, state) for gate in GATES for state in gate.states}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.gate} {case.state} {case.says[:40]}")
def test_removing_what_blocks_one_gate_changes_that_gate_alone(case: Case) -> None:
    asked = ready().of_service(case.asked) if case.asked else ready()
    blocked, free = judged(case), judge(asked, template())
    changed = [a.gate for a, b in zip(blocked.findings, free.findings, strict=True) if a.state != b.state]

    # Where nobody knows what ships at all, all gates about that are unknown together.
    together = {
        "which commit of web it": ["stories", "runs", "artifacts", "soak", "schema_changes"],
        "which services it ships": ["runs", "artifacts", "soak", "schema_changes", "incidents", "learnings"],
        "belongs to no service": ["runs", "artifacts", "soak", "schema_changes", "incidents", "learnings"],
        "which commit of it": ["runs", "artifacts", "soak"],
    }
    others = next((gates for words, gates in together.items() if words in case.says), [])
    # An artifact that isn't the tested one isn't the one that ran in staging either.
    if case.says.startswith(("was tested in staging", "No artifact of web")):
        assert "artifacts" in changed
        return
    if "doesn’t run" in case.says or "which isn’t the tested" in case.says or "goes before it" in case.says:
        others = [gate for gate in ("soak", "deploy_order") if gate in changed]
    assert set(changed) - set(others) <= {case.gate}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.gate} {case.state} {case.says[:40]}")
def test_a_release_with_one_closed_gate_is_never_ready(case: Case) -> None:
    readiness = judged(case)

    assert readiness.verdict == (NOT_READY if case.state in (FAILED, "waiting") else UNKNOWN)
    assert of(case.gate, readiness).title in readiness.sentence


def test_all_gates_are_judged_when_the_first_fails() -> None:
    facts = with_(stories=(), services=(), checklist=(), approvals=())(ready())
    readiness = judge(replace(facts, freezes=(replace(facts.freezes[0], starts=AT - DAY),)), template())

    assert len(readiness.findings) == len(GATES)
    assert of("freezes", readiness).state == FAILED
    assert "Not ready. 1 gate doesn’t pass: Freezes." in readiness.sentence
    assert "7 gates are unknown: Stories, CI runs" in readiness.sentence


def test_a_newer_attempt_counts_and_an_older_one_does_not() -> None:
    facts = with_service("web", runs=(run(outcome="failure", hours=30), run(hours=2)))(ready())

    assert of("runs", judge(facts, template())).state == PASSED


def test_what_says_nothing_breaks_no_row_of_successes() -> None:
    attempts = (run(hours=9), run(outcome="cancelled", hours=8), run(hours=7))
    facts = with_service("web", runs=attempts)(with_service("ledger", runs=attempts)(ready()))

    assert of("runs", judge(facts, template(runs={"passes": 2}))).state == PASSED


def test_a_failure_breaks_a_row_of_successes() -> None:
    attempts = (run(hours=9), run(hours=8), run(outcome="failure", hours=7), run(hours=6))
    facts = with_service("web", runs=attempts)(with_service("ledger", runs=attempts)(ready()))

    assert "1 time in a row" in of("runs", judge(facts, template(runs={"passes": 2}))).blockers[0].text


def test_a_check_of_the_artifact_that_failed_and_passed_again_passes() -> None:
    facts = with_service("web", checks=(check("failure", at=AT - 2 * DAY), check(at=AT - DAY)))(ready())

    assert of("artifacts", judge(facts, template())).state == PASSED


def test_a_check_of_the_artifact_outweighs_an_earlier_one_that_names_none_and_no_later_one_makes_up_for_it() -> None:
    failed, named = check("failure", digest="", at=AT - 2 * DAY), check(at=AT - DAY)

    assert of("artifacts", judge(with_service("web", checks=(failed, named))(ready()), template())).state == PASSED
    later = (check("failure", at=AT - 2 * DAY), check(digest=""))
    assert of("artifacts", judge(with_service("web", checks=later)(ready()), template())).state == FAILED


def test_one_of_several_checks_that_fails_is_enough() -> None:
    facts = with_service("web", checks=(check("failure", name="load", at=AT - 2 * DAY), check(at=AT - DAY)))(ready())

    assert of("artifacts", judge(facts, template())).state == FAILED


def test_evidence_from_the_future_tells_no_age() -> None:
    facts = with_service("ledger", watched_at=AT + timedelta(days=400))(ready())
    found = of("incidents", judge(facts, template(incidents={"stale_after_hours": 1})))

    assert (found.state, found.reason) == (
        "unknown",
        "The evidence for ledger is dated in 1 year, so its age isn’t known.",
    )


def test_a_flag_is_on_for_an_audience_when_it_is_on_for_everyone() -> None:
    facts = ready()
    need = replace(facts.flag_needs[0], on=True, audience="beta")
    on = replace(facts.flags[0], on=True)

    assert of("flags", judge(replace(facts, flag_needs=(need,), flags=(on,)), template())).state == PASSED


def test_a_freeze_of_another_service_does_not_stop_the_one_that_asks() -> None:
    facts = ready()
    frozen = replace(facts, freezes=(replace(facts.freezes[0], starts=AT - DAY, services=("ledger",)),))

    assert of("freezes", judge(frozen, template())).state == FAILED
    assert of("freezes", judge(frozen.of_service("web"), template())).state == PASSED


def test_a_service_that_the_release_does_not_ship_is_unknown() -> None:
    readiness = judge(ready().of_service("mobile"), template())

    assert readiness.verdict == UNKNOWN
    assert of("runs", readiness).reason == "mobile isn’t among the services it ships."


def test_the_size_of_a_release_is_its_own_whichever_service_asks() -> None:
    few = {"batch": {"most": 2}}
    limited = replace(ready(), squads=(replace(ready().squads[0], batch_limit=2),))

    for facts in (ready(), ready().of_service("web")):
        assert of("batch", judge(facts, template(**few))).reason == "It has 3 stories; 2 is the most here."
    assert of("batch", judge(limited.of_service("web"), template())).state == FAILED


def test_a_flag_is_judged_where_the_services_of_its_stories_run() -> None:
    live = (place("production"),)
    elsewhere = with_service("web", places=(*ready().services[1].places, *live))(ready())
    here = with_service("ledger", places=(replace(live[0], environment="prod-us"),))(ready())

    assert of("flags", judge(elsewhere, template())).state == PASSED
    assert of("flags", judge(here, template())).reason == (
        "Nothing tells the state of wallet in prod-us; it must be off."
    )


def test_a_flag_that_hides_no_story_is_needed_by_every_service() -> None:
    facts = replace(ready(), flag_needs=(*ready().flag_needs, FlagNeed("kill-switch", True)))

    for each in (facts, facts.of_service("ledger"), facts.of_service("web")):
        assert of("flags", judge(each, template())).reason == (
            "Nothing tells the state of kill-switch in production; it must be on."
        )


def test_a_flag_of_a_story_is_no_matter_of_a_service_that_the_story_does_not_change() -> None:
    facts = replace(ready(), flag_needs=(FlagNeed("wallet", True),))

    assert of("flags", judge(facts.of_service("ledger"), template())).state == FAILED
    assert of("flags", judge(facts.of_service("web"), template())).state == PASSED


EU, US = (place("production", sha=LEDGER, environment=each) for each in ("eu", "us"))
GREEN = place("production?", sha=LEDGER, environment="green")


@pytest.mark.parametrize(
    ("first", "state", "says"),
    [
        ((EU, US), PASSED, "In order so far: ledger before web."),
        ((EU, US, GREEN), PASSED, "In order so far"),
        (
            (EU, replace(US, sha=WEB, digest=OTHER)),
            FAILED,
            "web is in eu, but ledger goes before it and isn’t in us yet.",
        ),
        (
            (EU, replace(US, healthy=False)),
            FAILED,
            "web is in eu, but ledger goes before it and isn’t healthy in us yet.",
        ),
        ((GREEN,), UNKNOWN, "ledger goes before web and is in green. Nobody said whether that’s production."),
        ((EU, replace(GREEN, healthy=False)), UNKNOWN, "ledger goes before web and isn’t healthy in green. Nobody"),
        ((EU, replace(GREEN, sha=WEB, digest=OTHER)), UNKNOWN, "ledger goes before web and isn’t in green. Nobody"),
    ],
)
def test_a_service_that_goes_first_is_out_once_all_of_production_runs_it(
    first: tuple[PlaceFact, ...], state: str, says: str
) -> None:
    facts = with_service("web", places=(place("production", environment="eu"),))(ready())
    facts = with_service("ledger", places=first)(facts)

    for each in (facts, facts.of_service("web")):
        found = of("deploy_order", judge(each, template()))
        assert (found.state, found.reason[: len(says)]) == (state, says)


def test_a_service_that_waits_for_another_is_told_whose_turn_it_is() -> None:
    for first, state in (((), "waiting"), ((EU, replace(US, healthy=False)), "waiting"), ((GREEN,), UNKNOWN)):
        facts = with_service("ledger", places=first)(ready()).of_service("web")
        assert of("deploy_order", judge(facts, template())).state == state


def test_a_flag_in_a_place_nobody_classified_is_well_if_it_is_right_whatever_that_place_is() -> None:
    facts = ready()
    guessed = replace(facts.flags[0], environment="prod2", confirmed=False)
    wrong = replace(guessed, on=True)

    assert of("flags", judge(replace(facts, flags=(*facts.flags, guessed)), template())).state == PASSED
    assert of("flags", judge(replace(facts, flags=(guessed,)), template())).state == UNKNOWN
    found = of("flags", judge(replace(facts, flags=(*facts.flags, wrong)), template()))
    assert (found.state, found.remedy) == (UNKNOWN, "Say which tier prod2 is.")


def test_evidence_that_is_too_old_is_told_beside_what_fails() -> None:
    red = with_service("web", runs=(run(outcome="failure"),))(ready())
    found = of("runs", judge(red, template(runs={"stale_after_hours": 1})))

    assert [each.state for each in found.blockers] == [FAILED, "stale"]


def test_what_systems_tell_again_and_again_is_too_old_after_a_while_unless_somebody_says_otherwise() -> None:
    for name, hours in (("incidents", 24), ("flags", 24 * 7), ("outside_checks", 1)):
        assert BY_NAME[name].clean({})["stale_after_hours"] == hours
        assert BY_NAME[name].clean({"stale_after_hours": None})["stale_after_hours"] is None


def test_what_blocks_most_surely_and_longest_comes_first() -> None:
    facts = with_service("web", runs=(run(outcome="cancelled"), run(outcome="failure", pipeline="lint", hours=5)))(
        ready()
    )
    facts = with_service("ledger", runs=(run(outcome="failure", pipeline="unit", hours=50),))(facts)
    found = of("runs", judge(facts, template()))

    assert [blocker.text[:4] for blocker in found.blockers] == ["unit", "lint", "buil"]
    assert [WORST_FIRST.index(blocker.state) for blocker in found.blockers] == [0, 0, 2]
    assert found.since == AT - timedelta(hours=50)
    assert found.reason == "3 runs aren’t green."


def test_a_sum_is_said_only_of_what_is_all_of_one_kind() -> None:
    red = with_service("web", runs=(run(outcome="failure"), run(outcome="failure", pipeline="lint")))
    lost = with_(unclaimed=("shop/tools",))
    unwatched = with_service("ledger", watched_at=None)(with_service("web", watched_at=None)(ready()))

    assert of("runs", judge(red(ready()), template())).reason == "2 runs aren’t green."
    assert of("runs", judge(lost(red(ready())), template())).reason == "build of web on 2222222 failed, and 2 more."
    assert of("incidents", judge(unwatched, template())).reason == "2 services aren’t watched."
    assert of("incidents", judge(lost(unwatched), template())).reason.endswith("wouldn’t be seen, and 2 more.")


def test_an_old_test_of_an_artifact_is_old_beside_a_newer_one() -> None:
    facts = with_service("web", checks=(check(name="e2e", at=AT - 60 * DAY), check()))(ready())
    found = of("artifacts", judge(facts, template()))

    assert (found.state, found.reason) == (
        "stale",
        "The evidence for e2e of web in staging is 2 months old; 1 month is the most here.",
    )


def test_learnings_are_read_by_whoever_owns_or_changes_the_service() -> None:
    facts = with_(learnings=(learning(reads=()),))(ready())
    blocker = of("learnings", judge(facts, template())).blockers[0]
    assert (blocker.who, blocker.squad) == ("squad Payments", "payments")
    also = with_story("PAY-1", squad="Search", squad_slug="search")(facts)
    blocker = of("learnings", judge(also, template())).blockers[0]
    assert (blocker.who, blocker.squad) == ("squad Payments or squad Search", "")
    nobodys = with_service("ledger", squad="", squad_slug="")(facts)
    for key in ("PAY-1", "PAY-3"):
        nobodys = with_story(key, services=())(nobodys)
    assert of("learnings", judge(nobodys, template())).who == "Pam"


def test_learnings_older_than_the_gate_looks_back_need_no_reader_and_of_unknown_age_do() -> None:
    old = with_(learnings=(learning(reads=(), published_at=AT - 40 * DAY),))(ready())
    found = of("learnings", judge(old, template(learnings={"days": 39})))
    assert (found.state, found.reason) == (
        PASSED,
        "No retrospective published in the last 39 days says what was learned about its services.",
    )
    assert of("learnings", judge(old, template(learnings={"days": 40}))).state == FAILED
    assert of("learnings", judge(old, template(learnings={"days": None}))).state == FAILED
    undated = with_(learnings=(learning(reads=(), published_at=None),))(ready())
    assert of("learnings", judge(undated, template())).state == FAILED
    none = of("learnings", judge(with_(learnings=())(ready()), template(learnings={"days": None})))
    assert none.reason == "No retrospective says what was learned about its services."


def test_learnings_about_another_service_do_not_keep_a_pipeline_waiting() -> None:
    facts = with_(learnings=(learning(reads=()),))(ready())
    assert of("learnings", judge(facts.of_service("web"), template())).state == PASSED
    assert of("learnings", judge(facts.of_service("ledger"), template())).state == FAILED
    assert of("learnings", judge(replace(facts, learnings=None).of_service("web"), template())).state == "unknown"


def test_an_override_of_unread_learnings_ends_when_their_text_changes() -> None:
    facts = with_(learnings=(learning(reads=()),))(ready())
    found = of("learnings", judge(facts, template()))
    given = Override("learnings", "Pam", AT, "Agreed.", AT + DAY, frozenset(each.identity for each in found.blockers))
    assert of("learnings", judge(facts, template(), [given])).lets_pass
    edited = with_(learnings=(learning(reads=(), version=5),))(ready())
    assert not of("learnings", judge(edited, template(), [given])).lets_pass
