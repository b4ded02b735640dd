"""Every system says in its own way what started a run; all of them come down to a few words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from releases.providers import triggers
from releases.providers.buildbot.translators import build as buildbot_build
from releases.providers.gitlab.translators import pipeline
from releases.providers.jenkins.translators import build as jenkins_build

SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
PROJECT = {"id": 7, "web_url": "https://gitlab.example/shop/checkout", "path_with_namespace": "shop/checkout"}


def gitlab(request: dict[str, Any] | None = None, **said: Any) -> Any:
    attributes = {
        "id": 1,
        "ref": "main",
        "sha": SHA,
        "status": "success",
        "finished_at": "2026-01-31 12:00:00 UTC",
        **said,
    }
    body = {"object_attributes": attributes, "project": PROJECT, **({"merge_request": request} if request else {})}
    return pipeline(body, {})[0]


def jenkins(*causes: str, url: str = "https://ci.example/job/shop/job/checkout/job/main/7/") -> Any:
    body = {
        "url": url,
        "number": 7,
        "timestamp": 1_769_860_800_000,
        "result": "SUCCESS",
        "building": False,
        "actions": [{"causes": [{"_class": each} for each in causes]}, {}],
    }
    return jenkins_build(body, {})[0]


def buildbot(reason: str) -> Any:
    body = {"number": 1, "builderid": 2, "complete": True, "results": 0, "complete_at": 1_769_860_800}
    received = datetime(2026, 2, 1, tzinfo=UTC)
    return buildbot_build({**body, "buildset": {"reason": reason}}, received, {})[0]


@pytest.mark.parametrize(
    ("said", "trigger"),
    [
        ({"source": "push"}, "push"),
        ({"source": "push", "tag": True, "ref": "v2.0"}, "tag"),
        ({"source": "merge_request_event", "ref": "refs/merge-requests/5/train"}, "merge_queue"),
        ({"source": "merge_request_event", "ref": "refs/merge-requests/5/merge"}, "pull_request"),
        ({"source": "schedule"}, "schedule"),
        ({"source": "web"}, "manual"),
        ({"source": "trigger"}, "api"),
        ({"source": "ondemand_dast_scan"}, "other"),
        ({"source": "external"}, ""),
        ({}, ""),
    ],
    ids=lambda each: "/".join(map(str, each.values())) if isinstance(each, dict) else each,
)
def test_gitlab_names_the_source_of_a_pipeline(said: dict[str, Any], trigger: str) -> None:
    assert gitlab(**said).trigger == trigger


def test_a_pipeline_of_a_forks_merge_request_is_the_forks() -> None:
    request = {"iid": 5, "source_branch": "main", "source_project_id": 9, "target_project_id": 7}
    assert gitlab(request, source="merge_request_event").trigger == "fork"
    assert gitlab({**request, "source_project_id": 7}, source="merge_request_event").trigger == "pull_request"
    train = {"source": "merge_request_event", "ref": "refs/merge-requests/5/train"}
    assert gitlab(request, **train).trigger == "merge_queue"


@pytest.mark.parametrize(
    ("causes", "trigger"),
    [
        (["hudson.triggers.SCMTrigger$SCMTriggerCause"], "push"),
        (["com.cloudbees.jenkins.GitHubPushCause", "hudson.triggers.TimerTrigger$TimerTriggerCause"], "push"),
        (["jenkins.branch.BranchIndexingCause"], "push"),
        (["hudson.triggers.TimerTrigger$TimerTriggerCause"], "schedule"),
        (["hudson.model.Cause$UserIdCause"], "manual"),
        (["hudson.model.Cause$RemoteCause"], "api"),
        (["hudson.model.Cause$UpstreamCause"], ""),
        (["org.example.SomeOtherCause", "hudson.model.Cause$UserIdCause"], ""),
        ([], ""),
    ],
)
def test_jenkins_lists_the_causes_of_a_build(causes: list[str], trigger: str) -> None:
    assert jenkins(*causes).trigger == trigger


def test_the_job_of_a_request_is_built_for_the_request() -> None:
    url = "https://ci.example/job/shop/job/checkout/job/PR-12/7/"
    assert jenkins("jenkins.branch.BranchEventCause", url=url).trigger == "pull_request"


@pytest.mark.parametrize(
    ("reason", "trigger"),
    [
        ("The SingleBranchScheduler scheduler named 'main' triggered this build", "push"),
        ("The Nightly scheduler named 'night' triggered this build", "schedule"),
        ("The Periodic scheduler named 'hourly' triggered this build", "schedule"),
        ("The Triggerable scheduler named 'after' triggered this build", ""),
        ("A build was forced by 'Ana': try it again", "manual"),
        ("rebuild", "manual"),
        ("", ""),
    ],
)
def test_buildbot_gives_a_reason(reason: str, trigger: str) -> None:
    assert buildbot(reason).trigger == trigger


@pytest.mark.parametrize(
    ("word", "trigger"),
    [
        ("Merge-Train", "merge_queue"),
        ("cron", "schedule"),
        ("PR", "pull_request"),
        ("on a full moon", "other"),
        ("", ""),
    ],
)
def test_a_word_that_nobody_knows_is_something_else_and_proves_nothing(word: str, trigger: str) -> None:
    assert triggers.trigger_of(word) == trigger


def test_a_report_with_an_unknown_trigger_is_refused_with_the_known_ones(scripts: Any, send: Any) -> None:
    said = {"id": "1", "service": "checkout", "commit": SHA, "outcome": "passed"}
    answer = send("/api/v1/runs/", {**said, "trigger": "full moon"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "trigger" and "merge_queue" in answer.json()["errors"][0]["detail"]
    assert send("/api/v1/runs/", {**said, "trigger": "merge_train"}).status_code == 202
