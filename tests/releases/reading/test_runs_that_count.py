"""Which runs integrate a story: all that a push, a merge queue or a tag started on a commit of the mainline, together; and every
attempt stays what it was. Reading on equals reading everything anew."""

import json
import random
from typing import Any

import pytest

from portal.kernel import outbox
from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.mappings.actions import create_rule
from releases.models import Deployment, Run
from squads.models import Evidence, Story
from tests.releases.reading import test_order
from tests.releases.reading.test_late_news import (
    FIRST,
    SEEDS,
    assert_a_rebuild_changes_nothing,
    ci,
    deployment,
    git,
    github,
    pulled,
    report,
    some_workflow,
    stages,
    step,
)
from tests.releases.reading.test_order import answers, commits, event, hour, look, read_all, record

pytestmark = pytest.mark.usefixtures("scene")
scene = test_order.scene
B, C, D = "b" * 40, "c" * 40, "d" * 40
OURS = {"full_name": "shop/checkout"}


def workflow(at: float, name: str, conclusion: str | None = "success", *, number: int = 0, **said: Any) -> None:
    """Have GitHub tell of a workflow run of b, PAY-1's commit; without a conclusion it is under way."""
    source = Source.objects.get_or_create(key="github", defaults={"name": "GitHub", "kind": "github"})[0]
    run = {
        "id": number or int(at * 100),
        "name": name,
        "head_branch": "main",
        "head_sha": B,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "event": "push",
        "run_attempt": 1,
        "run_started_at": hour(at - 0.2).isoformat(),
        "updated_at": hour(at).isoformat(),
        "head_repository": OURS,
        **said,
    }
    body = json.dumps({"repository": {**OURS, "default_branch": "main"}, "workflow_run": run}).encode()
    store(source, delivery=f"run {at} {name} {said}", kind="workflow_run", body=body, at=hour(24))
    read_all()
    outbox.deliver()


def evidence() -> list[tuple[str, str]]:
    rows = Evidence.objects.filter(story__key="PAY-1", kind="run").order_by("at")
    return list(rows.values_list("verdict", "detail"))


def test_a_red_sibling_of_the_same_commit_is_said_and_keeps_the_story_from_being_integrated() -> None:
    step(*pulled("c", 2.5))
    workflow(3, "Lint")
    assert stages()["PAY-1"] == "integrated"
    workflow(4, "Tests", "failure")
    assert stages()["PAY-1"] == "todo"
    assert "no longer integrated: Tests failed on bbbbbbb (Lint passed)" in answers()[0].replace("No l", "no l")
    assert_a_rebuild_changes_nothing()
    workflow(5, "Tests", run_attempt=2, number=400)
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_a_green_run_on_a_tag_makes_no_red_run_on_the_mainline_unsaid() -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", "failure")
    workflow(4, "CI", head_branch="v1.0")
    assert stages()["PAY-1"] == "todo"
    assert "CI failed on bbbbbbb" in answers()[0]
    assert_a_rebuild_changes_nothing()
    workflow(5, "CI", number=500)
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_what_is_still_running_is_waited_for_and_a_later_green_commit_heals() -> None:
    step(*pulled("c", 2.5))
    workflow(3.1, "Tests", None, number=1, run_started_at=hour(2.9).isoformat())
    workflow(3.2, "Lint")
    assert stages()["PAY-1"] == "todo"
    assert "Tests is still running on bbbbbbb (Lint passed)" in answers()[0]
    assert_a_rebuild_changes_nothing()
    workflow(3.5, "Tests", "failure", number=1, run_started_at=hour(2.9).isoformat())
    assert evidence() == [("failure", "Tests failed on bbbbbbb (Lint passed)")]
    workflow(4, "Tests", head_sha=C)
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_what_begins_after_a_commit_was_green_can_only_make_it_red() -> None:
    step(*pulled("c", 2.5))
    workflow(3, "Tests")
    workflow(5, "Publish", None, number=2, head_branch="v1.0")
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ({"event": "push"}, True),
        ({"event": "merge_group", "head_branch": "gh-readonly-queue/main/pr-12-aaaa"}, True),
        ({"event": "push", "head_branch": "v2.0.0"}, True),
        ({"event": "release", "head_branch": "v2.0.0"}, True),
        ({"event": "schedule"}, False),
        ({"event": "workflow_dispatch"}, False),
        ({"event": "repository_dispatch"}, False),
        ({"event": "dynamic"}, False),
        ({"event": "issue_comment"}, False),
        ({"event": "workflow_run"}, False),
        ({"event": "pull_request"}, False),
        ({"event": "pull_request", "head_repository": None}, False),
        ({"event": "push", "head_repository": {"full_name": "stranger/checkout"}}, False),
    ],
    ids=lambda each: "/".join(map(str, each.values())) if isinstance(each, dict) else "",
)
def test_what_started_a_run_decides_whether_it_proves_anything(said: dict[str, Any], counts: bool) -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", **said)
    assert stages()["PAY-1"] == ("integrated" if counts else "todo")
    assert_a_rebuild_changes_nothing()


def test_a_scheduled_success_heals_no_failure() -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", "failure")
    workflow(4, "Close stale issues", event="schedule")
    workflow(5, "CI", event="schedule")
    assert stages()["PAY-1"] == "todo"
    assert "CI failed on bbbbbbb" in answers()[0]
    workflow(6, "CI", event="workflow_dispatch")
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_a_pipeline_of_gitlab_that_is_run_by_hand_is_another_attempt_at_the_one_of_the_push() -> None:
    step(*pulled("c", 2.5))
    source = Source.objects.create(key="gitlab", name="GitLab", kind="gitlab")
    project = {"id": 7, "path_with_namespace": "shop/checkout", "web_url": "https://gitlab.example/shop/checkout"}

    def pipeline(at: float, started_by: str, status: str) -> None:
        said = {"id": int(at), "ref": "main", "sha": B, "source": started_by, "status": status}
        body = {"object_attributes": {**said, "finished_at": hour(at).isoformat()}, "project": project}
        store(source, delivery=f"{at}", kind="pipeline", body=json.dumps(body).encode(), at=hour(24))
        read_all()

    pipeline(3, "web", "success")
    assert stages()["PAY-1"] == "todo"
    pipeline(4, "push", "failed")
    pipeline(5, "schedule", "success")
    assert "push failed on bbbbbbb" in answers()[0]
    pipeline(6, "web", "success")
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


def test_a_run_of_a_deleted_forks_main_proves_nothing_of_the_commit_that_was_merged() -> None:
    side = record("9" * 40, ("a" * 40,), 1, "PAY-4 from a fork")
    merge = record("8" * 40, (C, "9" * 40), 4, "Merge pull request #5 from stranger/main")
    step(*pulled("c", 2.5), *git(commits(side, merge), look(5, "8" * 40)))
    workflow(3, "CI", event="pull_request", head_sha="9" * 40, head_repository=None)
    workflow(5.5, "CI", "failure", head_sha="8" * 40)
    assert set(stages().values()) <= {"todo", "deployed"}
    assert Run.objects.get(sha="9" * 40).branch == "deleted fork:main"
    assert_a_rebuild_changes_nothing()


def test_a_run_of_a_release_branch_counts_once_production_runs_its_commit() -> None:
    fix = record("9" * 40, (B,), 3, "PAY-2 fixed on the release branch")
    step(*pulled("b", 1.5), *git(commits(fix), look(3.5, B, ("v1.2.1", "9" * 40, 3.4))))
    workflow(4, "CI", head_sha="9" * 40, head_branch="release/1.2")
    assert stages()["PAY-2"] == "todo"
    step(*ci(event("service.deployed", 5, "checkout", {"environment": {"id": "production"}}, commit="9" * 40)))
    assert stages()["PAY-2"] == "deployed"
    rungs = {each["rung"]: each["state"] for each in Story.objects.get(key="PAY-2").standing["rungs"]}
    assert rungs["integrated"] == "held"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize("end", ["cancelled", "skipped", "stale"])
def test_an_attempt_that_was_cancelled_hides_nothing(end: str) -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", number=7)
    workflow(4, "CI", None, number=7, run_attempt=2)
    workflow(5, "CI", end, number=7, run_attempt=2)
    assert stages()["PAY-1"] == "integrated"
    assert list(Run.objects.order_by("finished_at").values_list("outcome", flat=True)[:1]) == ["success"]
    assert_a_rebuild_changes_nothing()


def test_every_attempt_is_a_run_of_its_own_and_the_newest_that_shows_something_counts() -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", number=7)
    workflow(4, "CI", "failure", number=7, run_attempt=2)
    assert stages()["PAY-1"] == "todo"
    assert evidence() == [("success", ""), ("failure", "CI failed on bbbbbbb")]
    workflow(5, "CI", number=7, run_attempt=3)
    assert stages()["PAY-1"] == "integrated"
    assert [(stage.to_stage, stage.at) for stage in Story.objects.get(key="PAY-1").stage_changes.order_by("at")] == [
        ("integrated", hour(3)),
        ("todo", hour(4)),
        ("integrated", hour(5)),
    ]
    assert_a_rebuild_changes_nothing()


def test_a_cancelled_pipeline_of_a_commit_holds_its_siblings_up() -> None:
    step(*pulled("c", 2.5))
    workflow(3.1, "Tests", "cancelled", run_started_at=hour(2.9).isoformat())
    workflow(3.2, "Lint")
    assert stages()["PAY-1"] == "todo"
    assert "Tests was cancelled on bbbbbbb (Lint passed)" in answers()[0]
    assert_a_rebuild_changes_nothing()


def test_a_report_with_the_same_id_never_hides_what_the_earlier_one_showed() -> None:
    step(*pulled("c", 2.5))
    said = {"id": "7", "service": "checkout", "commit": B, "branch": "main"}
    report(1, "run", **said, outcome="success", finished_at=hour(3).isoformat())
    report(2, "run", **said, outcome="cancelled", finished_at=hour(4).isoformat())
    assert stages()["PAY-1"] == "integrated"
    report(3, "run", **said, outcome="failure", finished_at=hour(5).isoformat())
    assert stages()["PAY-1"] == "todo"
    assert Run.objects.count() == 2
    assert_a_rebuild_changes_nothing()


def test_a_deployment_that_failed_when_it_was_tried_again_leaves_what_the_first_put_there() -> None:
    step(*pulled("c", 2.5))
    deployment(1, 5, "b", id="1")
    deployment(2, 6, "b", id="1", outcome="cancelled")
    deployment(3, 7, "b", id="1", outcome="failure")
    assert stages()["PAY-1"] == "deployed"
    ends = Deployment.objects.order_by("finished_at").values_list("outcome", "finished_at")
    assert list(ends) == [("success", hour(5)), ("failure", hour(7))]
    assert_a_rebuild_changes_nothing()


def test_a_deployment_reported_again_with_its_id_takes_nothing_from_what_was_accepted_before() -> None:
    step(*pulled("c", 2.5))
    deployment(1, 5, "b", id="1")
    said = {"environment": "production", "story": "PAY-1"}
    report(2, "acceptance-run", **said, outcome="passed", finished_at=hour(6).isoformat())
    deployment(3, 7, "b", id="1")
    assert stages()["PAY-1"] == "rodeo_done"
    deployment(4, 8, "a", id="2")
    deployment(5, 9, "b", id="1")
    assert stages()["PAY-1"] == "deployed"
    assert Deployment.objects.count() == 4
    assert_a_rebuild_changes_nothing()


def test_a_check_with_the_same_id_is_another_attempt() -> None:
    step(*pulled("c", 2.5))
    deployment(1, 5, "b")
    said = {"id": "c", "environment": "production", "story": "PAY-1"}
    report(2, "acceptance-run", **said, outcome="passed", finished_at=hour(6).isoformat())
    report(3, "acceptance-run", **said, outcome="cancelled", finished_at=hour(7).isoformat())
    assert stages()["PAY-1"] == "rodeo_done"
    report(4, "acceptance-run", **said, outcome="failed", finished_at=hour(8).isoformat())
    assert stages()["PAY-1"] == "deployed"
    assert Evidence.objects.filter(kind="acceptance").count() == 2
    assert_a_rebuild_changes_nothing()


def test_a_system_says_in_its_own_word_what_started_a_run() -> None:
    step(*pulled("c", 2.5))
    ran = {"pipelineName": "main", "outcome": "success"}
    step(*ci(event("pipelinerun.finished", 3, "r1", ran, commit=B, repository="shop/checkout", trigger="nightly")))
    assert (stages()["PAY-1"], Run.objects.get().trigger) == ("todo", "schedule")
    step(*ci(event("pipelinerun.finished", 4, "r2", ran, commit=B, repository="shop/checkout", trigger="webhook")))
    assert stages()["PAY-1"] == "integrated"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize("said", ["skipped", "not run", "cancelled", "failed"])
def test_what_was_skipped_deployed_nothing(said: str) -> None:
    step(*pulled("c", 2.5))
    skipped = {"environment": {"id": "production"}, "outcome": said}
    step(*ci(event("service.deployed", 3, "checkout", skipped, commit=C)))
    deployment(1, 4, "c", outcome=said)
    assert (stages()["PAY-1"], Deployment.objects.count()) == ("todo", 2)
    deployment(2, 5, "c")
    assert stages()["PAY-1"] == "deployed"
    assert_a_rebuild_changes_nothing()


@pytest.mark.parametrize(
    ("said", "deployed"),
    [({}, True), ({"conclusion": "skipped"}, False), ({"head_repository": {"full_name": "stranger/checkout"}}, False)],
    ids=["ours", "skipped", "a fork's"],
)
def test_a_run_that_a_rule_makes_a_deployment_deploys_only_if_it_ran_here(
    root: Any, said: dict[str, Any], deployed: bool
) -> None:
    step(*pulled("c", 2.5))
    create_rule(by=root, kind="pipeline", pattern="Deploy", role="deploy", environment="production", tier="production")
    workflow(3, "Deploy", said.pop("conclusion", "success"), **said)
    assert (stages()["PAY-1"] == "deployed") is deployed
    assert_a_rebuild_changes_nothing()


def test_the_story_page_shows_the_attempt_that_showed_something(as_ana: Any) -> None:
    step(*pulled("c", 2.5))
    workflow(3, "CI", "failure", number=7)
    workflow(4, "CI", "cancelled", number=7, run_attempt=2)
    assert "CI: failure" in " ".join(as_ana.get("/stories/PAY-1/").content.decode().split())


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS // 2))
def test_whatever_runs_come_in_whatever_order_a_rebuild_changes_nothing(seed: int) -> None:
    r = random.Random(seed)
    Source.objects.create(key="github", name="GitHub", kind="github")
    said = [*pulled("b", 1.5), *pulled("d", 3.5), *pulled("f", 5.5)]
    said += [each for number in range(24) for each in github(some_workflow(r, 2 + number / 2 + r.random()))]
    r.shuffle(said)
    while said:
        share = r.choice([1, 1, 2, 5])
        some, said = said[:share], said[share:]
        step(*some)
    assert_a_rebuild_changes_nothing()
