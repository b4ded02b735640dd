"""The judge, without a database: what holds, what is missing, what is withdrawn, and the sentence that says so."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from squads.judge.judgement import BY_HAND, HELD, MISSING, RUNGS, WITHDRAWN, Facts, Row, judge, say

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SHA, FIX = "a" * 40, "b" * 40
OWNERS = {"checkout": "Payments", "ledger": "Books"}


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def row(kind: str, at: float, verdict: str = "success", **values: Any) -> Row:
    values = {
        "service": "checkout",
        "environment": "",
        "tier": "",
        "label": "",
        "detail": "",
        "by_hand": False,
        **values,
    }
    started = values.pop("started", None)
    shas = tuple(values.pop("shas", ()))
    identity = f"{kind}-{at}-{values['service']}-{values['environment']}-{shas}"
    return Row(
        kind,
        verdict,
        hour(at),
        hour(started) if started is not None else None,
        values["service"],
        values["environment"],
        values["tier"],
        shas,
        values["label"],
        values["detail"],
        values["by_hand"],
        identity,
    )


def merged(at: float = 1, sha: str = SHA, **values: Any) -> Row:
    return row("change", at, shas=[sha], **values)


def ran(at: float = 2, shas: tuple[str, ...] = (SHA,), **values: Any) -> Row:
    return row("run", at, shas=shas, label="run main of aaaaaaa", **values)


def checked(at: float = 3, verdict: str = "success", shas: tuple[str, ...] = (SHA,), **values: Any) -> Row:
    values = {"environment": "staging", "tier": "staging", "label": "regression", **values}
    return row("test", at, verdict, shas=shas, **values)


def deployed(at: float = 4, shas: tuple[str, ...] = (SHA,), **values: Any) -> Row:
    return row(
        "deployment", at, shas=shas, **{"environment": "production", "tier": "production", "label": "1.4", **values}
    )


def accepted(at: float = 6, verdict: str = "success", started: float | None = None, **values: Any) -> Row:
    return row(
        "acceptance",
        at,
        verdict,
        started=at - 0.5 if started is None else started,
        **{"service": "", "environment": "production", "tier": "production", "label": "smoke", **values},
    )


def standing(*rows: Row, progress: str = "dev_done", **facts: Any) -> dict[str, Any]:
    return judge(Facts("PAY-12", progress, T0, rows, **facts))


def states(judged: dict[str, Any]) -> dict[str, str]:
    return {each["rung"]: each["state"] for each in judged["rungs"]}


def answer(judged: dict[str, Any], at: float = 73) -> str:
    return say(judged, at=hour(at), owners=OWNERS, squad="Payments")


def test_a_story_nobody_started_is_to_do() -> None:
    assert answer(standing(progress="todo")) == "No. To do: nobody has started it (squad Payments)."


def test_a_story_in_progress_says_since_when() -> None:
    assert answer(standing(progress="in_progress")) == "No. In progress, started 3 days ago (squad Payments)."


def test_dev_done_without_a_change_asks_for_one() -> None:
    judged = standing()
    assert judged["stage"] == "dev_done"
    assert answer(judged) == (
        "No. Dev done. No change is linked to it yet: mention PAY-12 in a commit message (squad Payments)."
    )


def test_merged_only_names_the_commit_and_the_missing_run() -> None:
    assert answer(standing(merged())) == (
        "No. Dev done. Merged 3 days ago as aaaaaaa; no successful run of the mainline contains it yet "
        "(checkout: squad Payments)."
    )


def test_a_commit_beside_the_mainline_is_not_integrated_by_a_run() -> None:
    judged = standing(merged(verdict=""), ran())
    assert states(judged)["integrated"] == WITHDRAWN
    judged = standing(merged(verdict=""))
    assert states(judged)["integrated"] == MISSING
    assert "not on the mainline yet" in answer(judged)


def test_each_rung_follows_from_its_own_evidence() -> None:
    rows = [merged(), ran(), checked(), deployed(), accepted()]
    stages = [standing(*rows[: count + 1])["stage"] for count in range(5)]
    assert stages == ["dev_done", "integrated", "tested", "deployed", "rodeo_done"]
    assert standing(*rows)["gaps"] == []
    assert answer(standing(*rows)) == "Yes. Rodeo done: accepted in production 2 days ago."


def test_deployed_but_never_tested_is_a_gap_and_says_so() -> None:
    judged = standing(merged(), ran(), deployed())
    assert (judged["stage"], judged["gaps"]) == ("deployed", ["tested"])
    assert answer(judged) == (
        "No. Deployed 2 days ago to production; not accepted yet (squad Payments). Gap: never tested before production."
    )


def test_acceptance_started_before_the_deployment_finished_proves_nothing() -> None:
    assert standing(merged(), ran(), checked(), deployed(5), accepted(6, started=4.9))["stage"] == "deployed"
    assert standing(merged(), ran(), checked(), deployed(5), accepted(6, started=5))["stage"] == "rodeo_done"


def test_a_rollback_withdraws_deployed_and_rodeo_done_with_the_reason() -> None:
    judged = standing(
        merged(), ran(), checked(), deployed(), accepted(), deployed(8, shas=(), detail="rollback", label="1.3")
    )
    assert judged["stage"] == "tested"
    assert states(judged)["deployed"] == states(judged)["rodeo_done"] == WITHDRAWN
    assert answer(judged) == (
        "No. No longer deployed: rolled back to 1.3 in production, which does not contain it, 2 days ago "
        "(checkout: squad Payments). It is tested again."
    )


def test_rolling_forward_needs_a_new_acceptance() -> None:
    rows = [merged(), ran(), checked(), deployed(), accepted(), deployed(8, shas=(), detail="rollback"), deployed(9)]
    assert standing(*rows)["stage"] == "deployed"
    assert "not accepted again since" in answer(standing(*rows))
    assert standing(*rows, accepted(10))["stage"] == "rodeo_done"


def test_a_later_deployment_that_still_contains_it_needs_no_new_acceptance() -> None:
    assert (
        standing(merged(), ran(), checked(), deployed(), accepted(), deployed(20, label="1.5"))["stage"] == "rodeo_done"
    )


def test_a_failed_check_in_production_withdraws_rodeo_done_until_one_passes() -> None:
    rows = [merged(), ran(), checked(), deployed(), accepted(), accepted(9, "failure")]
    assert states(standing(*rows))["rodeo_done"] == WITHDRAWN
    assert "smoke failed in production" in answer(standing(*rows))
    assert standing(*rows, accepted(11))["stage"] == "rodeo_done"


def test_a_new_commit_must_travel_the_whole_way_again() -> None:
    judged = standing(merged(), ran(), checked(), deployed(), accepted(), merged(10, FIX))
    assert judged["stage"] == "dev_done"
    assert "Merged 2 days ago as bbbbbbb; no successful run" in answer(judged)
    assert states(judged)["deployed"] == MISSING


def test_every_service_the_story_changed_must_have_it() -> None:
    both = [merged(), ran(), checked(), deployed(), merged(1, FIX, service="ledger")]
    assert standing(*both)["stage"] == "dev_done"
    assert "ledger: squad Books" in answer(standing(*both))
    both += [ran(2, (FIX,), service="ledger"), checked(3, shas=(FIX,), service="ledger")]
    assert standing(*both)["stage"] == "tested"
    both.append(deployed(7, (FIX,), service="ledger"))
    assert standing(*both, accepted(6))["stage"] == "deployed"
    assert standing(*both, accepted(8))["stage"] == "rodeo_done"


def test_every_production_environment_must_have_it() -> None:
    rows = [merged(), ran(), checked(), deployed(environment="prod-eu"), deployed(3, shas=(), environment="prod-us")]
    judged = standing(*rows)
    assert judged["stage"] == "tested"
    assert "prod-us runs 1.4 without aaaaaaa (it is in prod-eu)" in answer(judged)
    assert standing(*rows, deployed(5, environment="prod-us"))["stage"] == "deployed"


def test_a_service_removed_from_one_of_two_environments_no_longer_counts_there() -> None:
    rows = [merged(), ran(), deployed(environment="prod-eu"), deployed(environment="prod-us")]
    removed = deployed(8, shas=(), environment="prod-us", detail="removal")
    assert standing(*rows, removed)["stage"] == "deployed"
    assert (
        standing(*rows, removed, deployed(9, shas=(), environment="prod-eu", detail="removal"))["stage"] == "integrated"
    )


def test_evidence_by_hand_counts_for_the_commits_made_until_then() -> None:
    hand = row("deployment", 5, shas=["*"], service="", environment="production", tier="production", by_hand=True)
    judged = standing(merged(), ran(), checked(), hand)
    assert states(judged)["deployed"] == BY_HAND
    assert states(standing(merged(), ran(), checked(), hand, merged(6, FIX)))["deployed"] == MISSING


def test_a_story_without_changes_can_be_vouched_for_by_hand() -> None:
    by_hand = {"shas": ["*"], "service": "", "by_hand": True}
    rows = [
        row("deployment", 2, environment="production", tier="production", **by_hand),
        row("acceptance", 4, started=3, environment="production", tier="production", **by_hand),
    ]
    judged = standing(*rows)
    assert (judged["stage"], judged["gaps"]) == ("rodeo_done", ["integrated", "tested"])
    assert "by hand" in answer(judged)


def test_a_flag_that_is_off_keeps_a_story_dark() -> None:
    rows = [merged(), ran(), checked(), deployed(), accepted()]
    off = row("flag", 5, "failure", service="", label="new-cart", detail="everyone")
    judged = standing(*rows, off, flag="new-cart")
    assert (judged["stage"], judged["dark"]) == ("deployed", True)
    assert "dark: flag new-cart is off for everyone" in answer(judged)
    on = row("flag", 7, "success", service="", label="new-cart", detail="everyone")
    assert standing(*rows, off, on, flag="new-cart")["stage"] == "rodeo_done"
    beta = row("flag", 7, "success", service="", label="new-cart", detail="beta")
    assert standing(*rows, off, beta, flag="new-cart")["stage"] == "deployed"
    assert standing(*rows, off, beta, flag="new-cart", audience="beta")["stage"] == "rodeo_done"


def test_an_open_incident_withdraws_rodeo_done_until_it_is_resolved() -> None:
    rows = [merged(), ran(), checked(), deployed(), accepted()]
    opened = row("incident", 7, "failure", label="checkout is slow", detail="INC-1")
    assert states(standing(*rows, opened))["rodeo_done"] == WITHDRAWN
    assert "incident checkout is slow is open" in answer(standing(*rows, opened))
    resolved = row("incident", 9, "success", label="checkout is slow", detail="INC-1")
    assert standing(*rows, opened, resolved)["stage"] == "rodeo_done"


def test_a_failed_recheck_in_staging_withdraws_tested() -> None:
    judged = standing(merged(), ran(), checked(), checked(5, "failure"))
    assert states(judged)["tested"] == WITHDRAWN
    assert "regression failed in staging" in answer(judged)
    assert standing(merged(), ran(), checked(), checked(5, "failure"), checked(6))["stage"] == "tested"


def test_deployed_while_still_in_progress_is_a_gap_of_dev_done() -> None:
    judged = standing(merged(), ran(), checked(), deployed(), progress="in_progress")
    assert (judged["stage"], judged["gaps"]) == ("deployed", ["dev_done"])
    assert "its squad never said dev done" in answer(judged)


def test_a_service_nobody_owns_is_named_as_such() -> None:
    assert "attic: no squad owns it yet" in answer(standing(merged(service="attic")))


SHAS = st.lists(st.sampled_from([SHA, FIX]), unique=True).map(tuple)
HOURS = st.integers(0, 12)
SERVICES = st.sampled_from(["checkout", "ledger"])
ROWS = st.one_of(
    st.builds(
        merged, at=HOURS, sha=st.sampled_from([SHA, FIX]), service=SERVICES, verdict=st.sampled_from(["success", ""])
    ),
    st.builds(ran, at=HOURS, shas=SHAS, service=SERVICES),
    st.builds(checked, at=HOURS, shas=SHAS, service=SERVICES, verdict=st.sampled_from(["success", "failure"])),
    st.builds(
        deployed,
        at=HOURS,
        shas=SHAS,
        service=SERVICES,
        environment=st.sampled_from(["eu", "us"]),
        detail=st.sampled_from(["deploy", "rollback", "removal"]),
    ),
    st.builds(accepted, at=HOURS, verdict=st.sampled_from(["success", "failure"])),
    st.builds(
        row,
        st.just("flag"),
        HOURS,
        st.sampled_from(["success", "failure"]),
        service=st.just(""),
        label=st.just("cart"),
        detail=st.just("everyone"),
    ),
)


@settings(max_examples=60)
@given(rows=st.lists(ROWS, max_size=14), data=st.data(), flag=st.sampled_from(["", "cart"]))
def test_any_order_and_repetition_of_the_evidence_gives_the_same_standing(
    rows: list[Row], data: Any, flag: str
) -> None:
    # Two rows of one identity are one row.
    rows = list({each.id: each for each in rows}.values())
    shuffled = data.draw(st.permutations(rows)) + (data.draw(st.lists(st.sampled_from(rows))) if rows else [])
    assert standing(*rows, flag=flag) == standing(*shuffled, flag=flag)


@settings(max_examples=60)
@given(rows=st.lists(ROWS, max_size=14), progress=st.sampled_from(["todo", "in_progress", "dev_done"]))
def test_every_standing_is_whole(rows: list[Row], progress: str) -> None:
    judged = standing(*rows, progress=progress)
    held = [name for name, state in states(judged).items() if state in (HELD, BY_HAND)]
    assert list(states(judged)) == list(RUNGS)
    assert judged["stage"] == (held[-1] if held else progress)
    assert set(judged["gaps"]).isdisjoint(held)
    assert "rodeo_done" not in held or "deployed" in held
    assert answer(judged).startswith("Yes." if judged["stage"] == "rodeo_done" else "No.")
    assert all(each["why"] for each in judged["rungs"])


def test_taken_off_production_is_said_as_such() -> None:
    judged = standing(merged(), ran(), checked(), deployed(), deployed(49, (), detail="removal", label=""))
    assert states(judged)["deployed"] == WITHDRAWN
    assert answer(judged).startswith(
        "No. No longer deployed: taken off production 1 day ago (checkout: squad Payments)."
    )


def test_a_failure_in_one_production_stands_until_that_one_passes() -> None:
    eu, us = ({"environment": name, "tier": "production"} for name in ("prod-eu", "prod-us"))
    rows = [
        merged(),
        ran(),
        checked(),
        deployed(4, **eu),
        deployed(4, **us),
        accepted(6, "failure", **eu),
        accepted(7, **us),
    ]
    judged = standing(*rows)
    assert judged["stage"] == "deployed"
    assert "smoke failed in prod-eu" in answer(judged)
    assert standing(*rows, accepted(8, **eu))["stage"] == "rodeo_done"


def test_a_check_that_fails_later_counts_however_early_it_began() -> None:
    judged = standing(merged(), ran(), checked(), deployed(), accepted(9, "failure", started=5), accepted(7, started=6))
    assert states(judged)["rodeo_done"] == WITHDRAWN


def test_a_flag_must_be_on_wherever_the_story_runs() -> None:
    eu, us = ({"environment": name, "tier": "production"} for name in ("prod-eu", "prod-us"))
    rows = [merged(), ran(), checked(), deployed(4, **eu), deployed(4, **us), accepted(8, **eu)]
    for off, on in ((5, 6), (6, 5)):
        flags = [
            row("flag", off, "failure", service="", label="x", detail="everyone", **us),
            row("flag", on, service="", label="x", detail="everyone", **eu),
        ]
        judged = standing(*rows, *flags, flag="x")
        assert judged["dark"]
        assert "dark: flag x is off for everyone in prod-us" in answer(judged)
    again = row("flag", 9, service="", label="x", detail="everyone", **us)
    assert standing(*rows, *flags, again, flag="x")["stage"] == "rodeo_done"


def test_production_at_large_by_hand_gives_way_to_the_places_machines_tell_of() -> None:
    by_hand = {"environment": "", "by_hand": True, "service": "", "shas": ("*",)}
    rows = [merged(), ran(), deployed(4, **by_hand)]
    assert standing(*rows)["stage"] == "deployed"
    later = [merged(10, FIX), ran(11, (SHA, FIX)), deployed(12, (SHA, FIX))]
    assert standing(*rows, *later)["stage"] == "deployed"
    assert "to production;" in answer(standing(*rows, *later))
    assert standing(*rows, *later, merged(20, "c" * 40))["stage"] == "dev_done"


def test_work_that_is_seen_is_not_called_unstarted() -> None:
    judged = standing(merged(), progress="todo")
    assert answer(judged) == (
        "No. To do by its squad’s word, but merged 3 days ago as aaaaaaa; no successful run of the mainline contains it "
        "yet (checkout: squad Payments)."
    )


def test_of_several_services_the_one_that_is_missing_is_named() -> None:
    both = [merged(), merged(1, FIX, service="ledger"), ran(), ran(2, (FIX,), service="ledger")]
    said = answer(standing(*both, deployed()))
    assert said.startswith("No. Integrated 2 days ago; not tested before production yet (checkout: squad Payments)")
    tested = [checked(), checked(3, shas=(FIX,), service="ledger")]
    said = answer(standing(*both, *tested, deployed()))
    assert "no deployment of it to production yet (ledger: squad Books); checkout is deployed." in said
    said = answer(standing(*both, *tested))
    assert "no deployment of it to production yet (checkout: squad Payments); ledger is not deployed either." in said
    whys = {each["rung"]: each["why"] for each in standing(*both, *tested, deployed())["rungs"]}
    assert whys["deployed"].startswith("ledger: ") and "checkout: " in whys["integrated"]


def test_a_gap_of_one_service_names_it() -> None:
    both = [merged(), merged(1, FIX, service="ledger"), ran(), ran(2, (FIX,), service="ledger"), checked()]
    said = answer(standing(*both, deployed(), deployed(4, (FIX,), service="ledger")))
    assert "Gap: ledger: never tested before production." in said


def test_where_several_services_run_is_said_of_all() -> None:
    both = [merged(), merged(1, FIX, service="ledger")]
    there = [deployed(), deployed(5, (FIX,), service="ledger", environment="prod-eu")]
    assert "Deployed 2 days ago to prod-eu, production; not accepted yet" in answer(standing(*both, *there))


def test_many_services_are_named_in_part() -> None:
    several = [merged(1, str(number) * 40, service=f"s{number}") for number in range(1, 7)]
    said = answer(standing(*several, *[ran(2, (str(number) * 40,), service=f"s{number}") for number in range(2, 7)]))
    assert "(s1: no squad owns it yet); s2, s3, s4 and 2 more are integrated." in said


@settings(max_examples=60)
@given(rows=st.lists(ROWS, max_size=14))
def test_whatever_one_of_several_services_lacks_is_said_with_its_name(rows: list[Row]) -> None:
    rows = [merged(), merged(1, FIX, service="ledger"), *rows]
    judged = standing(*rows)
    lacking = [
        each for each in judged["rungs"] if each["state"] in (MISSING, WITHDRAWN) and each["rung"] != "rodeo_done"
    ]
    for each in lacking:
        assert each["why"].startswith(("checkout: ", "ledger: "))
    if judged["stage"] in ("dev_done", "integrated", "tested"):
        assert "(checkout: squad" in answer(judged) or "(ledger: squad" in answer(judged)
