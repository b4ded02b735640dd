"""A release is ready when all its gates pass; whatever blocks it changes exactly its own gate."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from releases.approvals.actions import answer, ask
from releases.approvals.models import Approval
from releases.contents.models import ReleaseContent
from releases.environments.actions import create_environment, edit_environment
from releases.environments.models import Environment
from releases.freezes.actions import create_freeze, delete_freeze
from releases.freezes.models import Freeze
from releases.gates.readiness import GATES
from releases.inbox.models import InboundEvent, Source
from releases.outside_checks.models import OutsideAnswer
from releases.pipelines.models import Repository
from releases.planning.actions import create_release
from releases.readiness.actions import add_item, drop_flag, remove_item
from releases.readiness.gate_templates import save_template
from releases.readiness.inputs import inputs_of
from releases.readiness.models import ChecklistItem
from releases.readiness.queries import readiness_for_service, readiness_of
from releases.required_pipelines.actions import require_pipelines
from squads.acceptance.actions import plan_accepters
from squads.acceptance.queries import planned_accepters
from squads.endings.actions import cancel
from squads.models import Story
from squads.retrospectives.actions import Subject, create, publish
from squads.retrospectives.editing import edit
from squads.stories.actions import create_story
from tests.releases.contents.conftest import Told
from tests.releases.evidence.conftest import hour, sha_of
from tests.releases.readiness.conftest import EVERY_GATE, Shop, purl_of, said

pytestmark = pytest.mark.django_db
Do = Callable[[Shop], object]


def limit(most: int | None) -> Do:
    """Have the line take so many stories in a release."""

    def do(shop: Shop) -> object:
        gates = [{**each, "values": {"most": most}} if each["gate"] == "batch" else each for each in EVERY_GATE]
        return save_template(by=shop.pam, line="Shop", gates=gates, monitors=["am"], version=None)

    return do


def plan_late(shop: Shop) -> object:
    late = create_story(shop.squad, by=shop.ana, title="Late", release=shop.release)
    plan_accepters([late], shop.pam, by=shop.pam)
    # The change board is asked again about what ships now.
    said(shop, "success")
    return late


def cancel_late(shop: Shop) -> object:
    cancel(shop.release.planned_stories.get(title="Late"), by=shop.ana, because="Next time.")
    return said(shop, "success")


def choose_rebuilt(shop: Shop) -> object:
    purl = purl_of("ledger", "9f" * 32)
    return ReleaseContent.objects.create(
        release=shop.release, service=shop.services["ledger"], sha=sha_of("ledger"), purl=purl, by=shop.pam
    )


def freeze_today(shop: Shop) -> object:
    days = {"starts_on": clock.now().date(), "ends_on": clock.now().date()}
    return create_freeze(by=shop.pam, name="Peak season", services=[shop.services["ledger"]], **days)


def ask_ana(shop: Shop) -> object:
    return ask(shop.release, by=shop.pam, kind="person", person=shop.ana)


# What blocks, its gate, the state that follows, and what removes it.
BLOCKERS: list[tuple[str, str, Do, Do]] = [
    ("stories", "failed", plan_late, cancel_late),
    ("runs", "failed", lambda s: s.run("ledger", 6, "failure"), lambda s: s.run("ledger", 7)),
    (
        "soak",
        "failed",
        lambda s: s.deploy("ledger", "staging", 8, commit="b" * 40, artifact=purl_of("ledger", "8f" * 32)),
        lambda s: s.deploy("ledger", "staging", 9),
    ),
    (
        "deploy_order",
        "failed",
        lambda s: s.deploy("ledger", "production", 10),
        lambda s: s.deploy("checkout", "production", 11),
    ),
    ("flags", "failed", lambda s: s.flag(True, hour(12).isoformat()), lambda s: s.flag(False, hour(13).isoformat())),
    (
        "incidents",
        "failed",
        lambda s: s.alert("Errors", 70, service="ledger"),
        lambda s: s.alert("Errors", 70, 80, service="ledger"),
    ),
    ("freezes", "failed", freeze_today, lambda s: delete_freeze(Freeze.objects.get(), by=s.pam, version=None)),
    ("batch", "failed", limit(1), limit(None)),
    (
        "acceptance",
        "failed",
        lambda s: plan_accepters([s.stories["ledger"]], None, by=s.pam),
        lambda s: plan_accepters([s.stories["ledger"]], s.pam, by=s.pam),
    ),
    ("approvals", "waiting", ask_ana, lambda s: answer(Approval.objects.get(), by=s.ana, given=True)),
    (
        "checklist",
        "failed",
        lambda s: add_item(by=s.pam, release=s.release, text="Write the notes"),
        lambda s: remove_item(ChecklistItem.objects.get(text="Write the notes"), by=s.pam),
    ),
    ("outside_checks", "failed", lambda s: said(s, "failure"), lambda s: said(s, "success")),
    ("outside_checks", "unknown", lambda s: said(s, ""), lambda s: said(s, "success")),
    (
        "incidents",
        "unknown",
        lambda s: Source.objects.filter(key="am").update(state="broken"),
        lambda s: Source.objects.filter(key="am").update(state="active"),
    ),
]


def test_a_release_of_which_everything_is_known_to_be_well_is_ready(shop: Shop) -> None:
    found = shop.readiness()
    assert {each.gate: (each.state, each.reason) for each in found.findings if each.state != "passed"} == {}
    assert (found.verdict, found.sentence) == ("ready", "Ready.")
    assert [each.gate for each in found.findings] == [gate.name for gate in GATES]


@pytest.mark.parametrize(
    ("gate", "state", "block", "unblock"), BLOCKERS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_blocks_changes_exactly_its_own_gate_and_removing_it_too(
    shop: Shop, gate: str, state: str, block: Do, unblock: Do
) -> None:
    block(shop)
    assert {name: each for name, each in shop.states().items() if each != "passed"} == {gate: state}
    unblock(shop)
    assert {name: each for name, each in shop.states().items() if each != "passed"} == {}


def test_another_artifact_than_the_tested_one_is_not_the_tested_one(shop: Shop) -> None:
    choose_rebuilt(shop)
    found = shop.gate("artifacts")
    assert found.state == "failed"
    assert found.reason == (
        "sha256:2f2f2f2f2f2f of ledger was tested in staging, but sha256:9f9f9f9f9f9f is to be deployed."
    )


def test_an_artifact_that_turns_out_to_be_of_another_commit_fails(shop: Shop) -> None:
    choose_rebuilt(shop)
    shop.test("ledger", 6, artifact=purl_of("ledger", "9f" * 32))
    found = shop.gate("artifacts")
    assert (found.state, found.reason) == (
        "unknown",
        "Nothing tells which commit sha256:9f9f9f9f9f9f of ledger was made from.",
    )
    shop.run("ledger", 7, commit="b" * 40, artifact=purl_of("ledger", "9f" * 32))
    found = shop.gate("artifacts")
    assert (found.state, found.reason) == (
        "failed",
        f"sha256:9f9f9f9f9f9f of ledger was made from bbbbbbb, but {sha_of('ledger')[:7]} is to be deployed.",
    )


def test_a_failed_check_of_the_commit_counts_until_the_artifact_passes_it(shop: Shop) -> None:
    create_environment(by=shop.pam, key="testing", tier="testing")
    where = {"commit": sha_of("ledger"), "environment": "testing", "name": "load"}
    shop.test("ledger", 6, "failed", **where)
    found = shop.gate("artifacts")
    assert (found.state, found.reason) == (
        "failed",
        f"load in testing didn’t pass with {sha_of('ledger')[:7]} of ledger, and nobody knows with which artifact.",
    )
    shop.test("ledger", 7, **where)
    assert shop.gate("artifacts").state == "passed"
    shop.test("ledger", 8, "failed", **where)
    shop.test("ledger", 9, **where, artifact=purl_of("ledger"))
    assert shop.gate("artifacts").state == "passed"


def told_by(shop: Shop, key: str) -> Told:
    """Return what tells more of a repository that was read before."""
    history = Told(Source.objects.get(key=key), shop.send)
    history.looks = 10
    return history


def test_a_tag_that_lacks_a_planned_storys_change_blocks_and_so_does_a_chosen_commit(shop: Shop) -> None:
    history, late = told_by(shop, "git-ledger"), create_story(shop.squad, by=shop.ana, title="Late")
    history.touch("late", f"{late.key} later", 5, "ledger")
    history.look("late", **{"v1.0": ("ledger", 1)})
    Story.objects.filter(pk=late.pk).update(release=shop.release)
    at, change = sha_of("ledger")[:7], sha_of("late")[:7]
    missing = [each.text for each in shop.gate("stories").blockers if late.key in each.text]
    assert f"{at} of ledger doesn’t contain {change} of {late.key}." in missing
    address = f"/api/v1/releases/{shop.release.slug}/contents/ledger/"
    as_pam = shop.browser(shop.pam)
    for sha, words in (
        (sha_of("ledger"), f"{at} of ledger doesn’t contain {change} of {late.key}."),
        ("c" * 40, f"Nothing tells whether ccccccc of ledger contains {change} of {late.key}."),
    ):
        assert as_pam.put(address, {"sha": sha}, content_type="application/json").status_code == 200
        assert words in [each.text for each in shop.gate("stories").blockers]
        assert readiness_for_service(shop.release, "ledger").verdict == "not_ready"
    said(shop, "success")
    assert readiness_for_service(shop.release, "checkout").verdict == "ready"
    assert as_pam.delete(address).status_code == 204
    history.look("late", **{"v1.0": ("late", 6)})
    assert not any("contain" in each.text for each in shop.gate("stories").blockers)


def test_a_schema_change_of_another_release_that_comes_along_is_asked_for(shop: Shop) -> None:
    history = told_by(shop, "git-ledger")
    for name, parent, at in (("other", "ledger", 5), ("newer", "other", 6)):
        history.touch(name, "more", at, parent, files=("ledger/migrations/0002_b.py",) if name == "other" else ())
    history.look("newer", **{"v0.9": ("other", 5), "v1.0": ("newer", 7)})
    assert shop.gate("schema_changes").state == "passed"
    shop.deploy("ledger", "production", 8)
    found = shop.gate("schema_changes")
    assert (found.state, found.blockers[0].text) == (
        "failed",
        f"ledger/migrations/0002_b.py of ledger ({sha_of('other')[:7]}) isn’t named expand or contract.",
    )


def test_changes_of_a_repository_that_nobody_owns_leave_a_release_unknown(shop: Shop) -> None:
    repository = Repository.objects.create(key="shop/tools")
    config = {"repository": repository.key}
    git = Source.objects.create(key="git-tools", name="tools", kind="git", repository=repository, config=config)
    history = Told(git, shop.send)
    history.touch("tools", f"{shop.stories['ledger'].key} tools", 5)
    history.look("tools")
    for gate in ("runs", "artifacts", "soak", "schema_changes", "incidents"):
        found = shop.gate(gate)
        words = "It ships changes of shop/tools, which belongs to no service."
        assert (found.state, found.reason) == ("unknown", words), gate
    # A pipeline of another service deploys nothing of it.
    said(shop, "success")
    assert readiness_for_service(shop.release, "checkout").verdict == "ready"


def test_a_story_of_which_no_service_is_known_counts_for_each(shop: Shop) -> None:
    late = create_story(shop.squad, by=shop.ana, title="Late", release=shop.release)
    plan_accepters([late], shop.pam, by=shop.pam)
    for service in ("checkout", "ledger"):
        told = shop.browser().get(f"/api/v1/releases/{shop.release.slug}/readiness/", {"service": service}).json()
        [stories] = [each for each in told["gates"] if each["gate"] == "stories"]
        assert (told["ready"], stories["state"]) == (False, "failed")
        assert stories["reason"].startswith(f"{late.key} isn’t tested")


def test_the_artifact_of_a_test_that_names_none_is_what_ran_there_then(shop: Shop) -> None:
    # Every test here names nothing but its service and environment.
    assert shop.gate("artifacts").state == "passed"
    shop.deploy("ledger", "staging", 3.95, commit="b" * 40, artifact=purl_of("ledger", "7f" * 32))
    found = shop.gate("artifacts")
    # It was deployed while the test ran, so nobody knows which of the two was tested.
    assert (found.state, found.blockers[0].text) == (
        "unknown",
        "No test of sha256:2f2f2f2f2f2f of ledger before production is known.",
    )


def test_a_flag_that_nobody_spoke_of_is_unknown(shop: Shop) -> None:
    assert shop.need is not None
    drop_flag(shop.need, by=shop.pam)
    assert shop.gate("flags").state == "unknown"


def test_monitoring_watches_a_service_once_it_told_of_it_and_no_other(shop: Shop) -> None:
    save_template(by=shop.pam, line="Shop", gates=EVERY_GATE, monitors=[], version=None)
    assert len(shop.gate("incidents").blockers) == 2
    shop.alert("Slow", 70, 71, service="ledger")
    assert [each.key for each in shop.gate("incidents").blockers] == ["monitoring of checkout"]


def test_an_incident_elsewhere_than_in_production_blocks_nothing(shop: Shop) -> None:
    shop.alert("Errors", 70, service="ledger", environment="staging")
    assert shop.gate("incidents").state == "passed"
    shop.alert("Down", 70, environment="production")
    assert shop.gate("incidents").reason == "Open incident on a service nobody named: Down."


def test_an_incident_where_nobody_knows_whether_it_is_production_is_not_dropped(shop: Shop) -> None:
    shop.alert("Errors", 70, service="ledger", environment="blue")
    found = shop.gate("incidents")
    assert (found.state, found.reason) == (
        "unknown",
        "Open incident on ledger: Errors, in blue. Nobody said whether that’s production.",
    )
    edit_environment(Environment.objects.get(key="blue"), by=shop.pam, tier="other")
    assert shop.gate("incidents").state == "passed"


def test_an_alert_in_staging_does_not_show_that_production_is_watched(shop: Shop) -> None:
    save_template(by=shop.pam, line="Shop", gates=EVERY_GATE, monitors=[], version=None)
    for place in ("staging", "blue", "prod-eu"):
        shop.alert(f"Slow in {place}", 70, 71, service="ledger", environment=place)
        assert len(shop.gate("incidents").blockers) == 2
    shop.alert("Slow", 70, 71, service="ledger", environment="production")
    assert [each.key for each in shop.gate("incidents").blockers] == ["monitoring of checkout"]


def test_a_flag_is_unknown_where_its_service_runs_and_nothing_tells_of_it(shop: Shop) -> None:
    create_environment(by=shop.pam, key="prod-us", tier="production")
    shop.deploy("ledger", "prod-us", 10)
    assert shop.gate("flags").state == "passed"
    shop.deploy("checkout", "prod-us", 11)
    assert shop.gate("flags").reason == "Nothing tells the state of refunds in prod-us; it must be off."
    shop.flag(False, hour(12).isoformat(), "prod-us")
    assert shop.gate("flags").state == "passed"


def test_a_flag_that_is_wrong_in_what_only_a_name_makes_production_is_unknown(shop: Shop) -> None:
    shop.flag(True, hour(12).isoformat(), "prod-us")
    found = shop.gate("flags")
    assert (found.state, found.remedy) == ("unknown", "Say which tier prod-us is.")
    edit_environment(Environment.objects.get(key="prod-us"), by=shop.pam, tier="production")
    assert shop.gate("flags").state == "failed"


def test_evidence_of_systems_goes_stale_by_itself(shop: Shop) -> None:
    InboundEvent.objects.update(received_at=clock.now() - timedelta(days=10))
    OutsideAnswer.objects.update(at=clock.now() - timedelta(hours=3))
    states = {name: state for name, state in shop.states().items() if state != "passed"}
    assert states == {"flags": "stale", "incidents": "stale", "outside_checks": "stale"}


def test_what_an_outside_check_said_of_other_content_says_nothing(shop: Shop) -> None:
    choose_rebuilt(shop)
    found = shop.gate("outside_checks")
    assert (found.state, found.reason) == ("unknown", "Change board: It wasn’t asked about what ships now.")
    said(shop, "success")
    assert shop.gate("outside_checks").state == "passed"


def test_the_size_of_a_release_is_its_own_when_a_service_asks(shop: Shop) -> None:
    limit(1)(shop)
    [batch] = [each for each in readiness_for_service(shop.release, "ledger").findings if each.gate == "batch"]
    assert batch.reason == "It has 2 stories; 1 is the most here."


def test_a_service_is_judged_by_what_concerns_it(shop: Shop) -> None:
    shop.run("ledger", 6, "failure")
    assert readiness_for_service(shop.release, "ledger").verdict == "not_ready"
    checkout = readiness_for_service(shop.release, "checkout")
    assert (checkout.verdict, checkout.service) == ("ready", "checkout")
    assert readiness_for_service(shop.release, "nobody").verdict == "unknown"


def test_a_service_waits_for_the_one_before_it(shop: Shop) -> None:
    [order] = [each for each in readiness_for_service(shop.release, "ledger").findings if each.gate == "deploy_order"]
    assert (order.state, order.reason) == (
        "waiting",
        "checkout goes to production before ledger, and isn’t in production yet.",
    )


def test_an_empty_release_is_not_ready_and_says_what_is_not_known(shop: Shop) -> None:
    release = create_release(by=shop.pam, version="2.0", line="Shop")
    found = readiness_of([release])[release.pk]
    assert found.verdict != "ready"
    assert {each.gate for each in found.findings if each.state == "unknown"} >= {"stories", "runs", "artifacts"}


def test_a_newer_attempt_that_shows_nothing_hides_none_that_did(shop: Shop) -> None:
    shop.run("ledger", 6, "cancelled")
    assert shop.gate("runs").state == "passed"
    shop.run("ledger", 7, "failure")
    shop.run("ledger", 8, "cancelled")
    assert shop.gate("runs").state == "failed"


def test_a_run_for_a_request_says_nothing_about_the_commit(shop: Shop) -> None:
    shop.run("ledger", 6, "failure", trigger="pull_request", pipeline="preview")
    assert shop.gate("runs").state == "passed"


def test_who_accepts_is_read_as_stories_say_it(shop: Shop) -> None:
    facts = inputs_of([shop.release])[shop.release.pk].facts
    named = planned_accepters([story.pk for story in shop.stories.values()])
    assert sorted(story.accepter for story in facts.stories) == sorted(named.values()) == ["Pam", "Pam"]


def test_judging_takes_twenty_queries_whatever_there_is(shop: Shop) -> None:
    freeze_today(shop)
    ask_ana(shop)
    with CaptureQueriesContext(connection) as one:
        readiness_of([shop.release])
    releases = [shop.release, *(create_release(by=shop.pam, version=f"3.{n}", line="Shop") for n in range(9))]
    for release in releases:
        create_story(shop.squad, by=shop.ana, title="More", release=release)
    with CaptureQueriesContext(connection) as ten:
        readiness_of(releases)
    assert len(ten) == len(one) <= 20


def test_the_page_shows_what_was_learned_before_about_its_services(shop: Shop) -> None:
    for title, restricted in (("Ledger was slow", False), ("Ledger was wrong", True)):
        about = Subject(services=[shop.services["ledger"]])
        row = create(shop.squad, by=shop.ana, kind="incident", title=title, subject=about, restricted=restricted)
        edit(row, by=shop.ana, **{"section:summary": "Slow.", "section:learnings": "Warm the **cache**."})
        publish(row, by=shop.ana)
    address = f"{shop.release.get_absolute_url()}readiness/"
    page = shop.browser().get(address).content.decode()
    assert "Learned before about these services" in page and "Warm the <strong>cache</strong>." in page
    reader = Client()
    reader.force_login(User.objects.create_user("nia"))
    seen = reader.get(address).content.decode()
    assert "Ledger was slow" in seen and "Ledger was wrong" not in seen


def test_the_page_says_the_verdict_every_gate_and_who_can_act(shop: Shop) -> None:
    address = f"{shop.release.get_absolute_url()}readiness/"
    page = shop.browser().get(address).content.decode()
    assert "Ready." in page and 'data-verdict="ready"' in page
    shop.run("ledger", 6, "failure")
    page = shop.browser().get(address).content.decode()
    assert "Not ready. 1 gate doesn’t pass: CI runs." in page
    assert "Squad Payments" in page and "Fix it, or run it again" in page
    filtered = shop.browser().get(address, {"who": "squad Payments"}).content.decode()
    assert 'id="gate-runs"' in filtered and 'id="gate-stories"' not in filtered
    assert "No gate waits for Nobody" in shop.browser().get(address, {"who": "Nobody"}).content.decode()
    assert 'aria-current="true"><bdi>ledger' in shop.browser().get(address, {"service": "ledger"}).content.decode()


def test_every_gate_has_a_page(shop: Shop) -> None:
    for gate in GATES:
        assert shop.browser().get(f"{shop.release.get_absolute_url()}readiness/{gate.name}/").status_code == 200
    assert shop.browser().get(f"{shop.release.get_absolute_url()}readiness/luck/").status_code == 404


def test_programs_are_told_whether_it_is_ready(shop: Shop) -> None:
    address = f"/api/v1/releases/{shop.release.slug}/readiness/"
    told = shop.browser().get(address).json()
    assert (told["ready"], told["verdict"], told["service"]) == (True, "ready", "")
    shop.run("ledger", 6, "failure")
    told = shop.browser().get(address).json()
    assert (told["ready"], told["verdict"]) == (False, "not_ready")
    [runs] = [each for each in told["gates"] if each["gate"] == "runs"]
    assert (runs["passes"], runs["blockers"][0]["squad"]) == (False, "payments")
    assert shop.browser().get(address, {"service": "checkout"}).json()["ready"] is True
    assert shop.browser().get(address, {"servce": "checkout"}).status_code == 400


# Further runs on the commit of ledger, at hours after its green one, and how the gate and the stage answer.
RUNS: list[list[dict[str, str]]] = [
    [{"outcome": "failure"}],
    [{"outcome": "failure"}, {"outcome": "success"}],
    [{"outcome": "failure"}, {"outcome": "cancelled"}],
    [{"outcome": "cancelled"}],
    [{"outcome": "skipped", "pipeline": "docs"}],
    [{"outcome": "failure", "pipeline": "lint"}],
    [{"outcome": "failure", "trigger": "pull_request"}],
    [{"outcome": "failure", "trigger": "schedule"}],
    [{"outcome": "failure", "trigger": "manual"}],
    [{"outcome": "failure", "branch": "feature/x"}],
    [{"outcome": "failure", "branch": "refs/heads/main"}],
    [{"outcome": "failure", "commit": sha_of("ledger")[:10]}],
]


@pytest.mark.parametrize("runs", RUNS, ids=str)
@pytest.mark.parametrize("required", [[], ["CI"]], ids=["no rule", "a rule"])
def test_runs_count_as_they_do_for_stories(shop: Shop, runs: list[dict[str, str]], required: list[str]) -> None:
    if required:
        require_pipelines(shop.services["ledger"], required, by=shop.ana)
    for number, told in enumerate(runs):
        shop.run("ledger", 6 + number, **told)  # type: ignore[arg-type]
    story = shop.stories["ledger"]
    story.refresh_from_db()
    [integrated] = [each["state"] for each in story.standing["rungs"] if each["rung"] == "integrated"]
    assert (shop.gate("runs").state == "passed") == (integrated == "held"), (shop.gate("runs"), integrated)
