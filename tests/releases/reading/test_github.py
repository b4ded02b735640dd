"""What GitHub sends, from the door to the rows it makes."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from releases.inbox.actions import replay
from releases.inbox.models import Fact, InboundEvent, Source
from releases.models import Artifact, Change, Deployment, Run, StoryLink
from releases.providers.parse import moment
from releases.providers.signatures import sign
from releases.reading.actions import drain_inbox
from squads.models import Squad
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db
SECRET = "between-us"
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
PLACE = {"full_name": "shop/checkout", "html_url": "https://github.com/shop/checkout", "default_branch": "main"}


@pytest.fixture
def github(db: None) -> Source:
    return Source.objects.create(key="github", name="GitHub", kind="github", secret=SECRET)


def send(event: str, said: dict[str, Any] | bytes, delivery: str = "", *, form: bool = False) -> int:
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    if form:
        body = urlencode({"payload": body.decode()}).encode()
    headers: Any = {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or f"{event}-1",
        "X-Hub-Signature-256": sign(body, SECRET),
    }
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    return Client().post("/hooks/github/", body, content_type=kind, headers=headers).status_code


def workflow_run(**more: Any) -> dict[str, Any]:
    run = {
        "id": 7,
        "name": "CI",
        "head_sha": SHA,
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "html_url": "https://github.com/shop/checkout/actions/runs/7",
        "run_attempt": 1,
        "event": "push",
        "created_at": "2026-03-01T10:00:00Z",
        "run_started_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-01T10:05:00Z",
        "repository": PLACE,
        **more,
    }
    return {"action": run["status"], "workflow_run": run, "repository": PLACE}


def test_a_workflow_run_is_a_run_whose_phases_may_come_in_any_order(github: Source) -> None:
    assert send("workflow_run", workflow_run(), "2") == 202
    running = workflow_run(status="in_progress", conclusion=None, updated_at="2026-03-01T10:01:00Z")
    assert send("workflow_run", running, "1") == 202
    drain_inbox()
    run = Run.objects.get()
    assert (run.phase, run.outcome, run.sha, run.branch, run.pipeline) == ("finished", "success", SHA, "main", "CI")
    assert run.url.endswith("/actions/runs/7")


def test_a_word_that_nobody_explained_is_unknown(github: Source) -> None:
    send("workflow_run", workflow_run(conclusion="splendid"))
    drain_inbox()
    assert (Run.objects.get().outcome, Run.objects.get().phase) == ("unknown", "finished")


def test_a_merged_pull_request_is_a_change_of_the_story_it_names_and_a_form_says_the_same(
    github: Source, payments: Squad, ana: Any
) -> None:
    create_story(payments, by=ana, title="A saddle")
    pull = {
        "number": 5,
        "title": "PAY-1: a saddle",
        "body": "",
        "merged": True,
        "merge_commit_sha": SHA,
        "state": "closed",
        "merged_at": "2026-03-01T09:00:00Z",
        "html_url": "https://github.com/shop/checkout/pull/5",
        "head": {"ref": "saddle", "sha": "a" * 40},
        "base": {"ref": "main", "repo": PLACE},
        "user": {"login": "ana"},
    }
    assert send("pull_request", {"action": "closed", "pull_request": pull, "repository": PLACE}, form=True) == 202
    drain_inbox()
    assert Change.objects.get().sha == SHA
    assert StoryLink.objects.get().key == "PAY-1"


def test_a_deployment_that_a_later_one_took_the_place_of_did_not_fail(github: Source) -> None:
    deployment = {
        "id": 9,
        "sha": SHA,
        "ref": "main",
        "environment": "production",
        "created_at": "2026-03-01T11:00:00Z",
        "updated_at": "2026-03-01T11:00:00Z",
        "url": "https://api.github.com/repos/shop/checkout/deployments/9",
    }
    for number, (state, at) in enumerate((("success", "11:02"), ("inactive", "12:00"))):
        status = {"id": number, "state": state, "created_at": f"2026-03-01T{at}:00Z", "environment": "production"}
        said = {"action": "created", "deployment_status": status, "deployment": deployment, "repository": PLACE}
        assert send("deployment_status", said, str(number)) == 202
    drain_inbox()
    row = Deployment.objects.get()
    assert (row.phase, row.outcome, row.sha, row.environment.key) == ("finished", "success", SHA, "production")


def test_the_same_delivery_is_kept_once_and_a_changed_byte_refused(github: Source) -> None:
    assert [send("ping", {"zen": "Calm."}, "same"), send("ping", {"zen": "Calm."}, "same")] == [202, 200]
    body = json.dumps({"zen": "Calm."}).encode()
    headers: Any = {"X-GitHub-Event": "ping", "X-Hub-Signature-256": sign(body, SECRET)}
    changed = body.replace(b"Calm", b"Balm")
    assert Client().post("/hooks/github/", changed, content_type="application/json", headers=headers).status_code == 401
    drain_inbox()
    assert InboundEvent.objects.get().state == "ignored"


def test_all_real_webhooks_are_taken_and_replaying_them_changes_nothing(github: Source, real_data: Path) -> None:
    files = sorted((real_data / "webhooks" / "github").glob("*/*.json"))
    assert len(files) > 50
    for number, file in enumerate(files):
        assert send(file.parent.name, file.read_bytes(), str(number)) == 202, file
    drain_inbox()
    assert not list(InboundEvent.objects.filter(state="failed").values_list("kind", "error"))
    told = set(Fact.objects.values_list("kind", flat=True))
    assert {"run", "deployment", "ticket"} <= told
    before = [list(model._default_manager.order_by("pk").values()) for model in (Run, Deployment, Change, Fact)]
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drain_inbox()
    assert before == [list(model._default_manager.order_by("pk").values()) for model in (Run, Deployment, Change, Fact)]


def test_real_webhooks_make_the_rows_that_are_written_in_them(github: Source, real_data: Path) -> None:
    found: dict[str, Any] = {}
    for file in sorted((real_data / "webhooks" / "github").glob("*/*.json")):
        found.setdefault(file.parent.name, json.loads(file.read_bytes()))
        send(file.parent.name, file.read_bytes(), f"{file.parent.name}-{file.stem}")
    drain_inbox()

    ran, checked, told = found["workflow_run"]["workflow_run"], found["check_run"]["check_run"], found["status"]
    run = Run.objects.get(sha=ran["head_sha"])
    assert (run.outcome, run.branch, run.url) == (ran["conclusion"], ran["head_branch"], ran["html_url"])
    assert run.repository is not None and run.repository.key == found["workflow_run"]["repository"]["full_name"]
    assert (run.started_at, run.finished_at) == (moment(ran["run_started_at"]), moment(ran["updated_at"]))
    check = Run.objects.get(sha=checked["head_sha"], pipeline=checked["name"])
    assert (check.outcome, check.finished_at) == (checked["conclusion"], moment(checked["completed_at"]))
    status = Run.objects.get(sha=told["sha"], pipeline=told["context"])
    assert (status.outcome, status.branch, status.finished_at) == (told["state"], "master", moment(told["updated_at"]))

    put, state = found["deployment"]["deployment"], found["deployment_status"]["deployment_status"]
    deployment = Deployment.objects.get(sha=put["sha"])
    assert (deployment.environment.key, deployment.raw_status, deployment.outcome) == (
        put["environment"],
        state["state"],
        "",
    )
    assert (deployment.phase, deployment.started_at) == ("running", moment(state["created_at"]))
    release = found["release"]["release"]
    artifact = Artifact.objects.get(purl=f"pkg:github/codertocat/hello-world@{release['tag_name']}")
    assert artifact.published_at == moment(release["published_at"])
    assert not Change.objects.exists(), "no pull request among them was merged, and the push is of a tag"
