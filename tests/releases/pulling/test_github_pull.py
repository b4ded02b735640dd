"""GitHub pulled as the worker does it: what webhooks missed, what breaks off, and a worker that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from portal.kernel import clock
from releases.allowed_hosts.models import AllowedHost
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Deployment, Run
from releases.providers.base import PullFailed
from releases.providers.signatures import sign
from releases.pulling import actions as pulling
from releases.pulling import api_pull, leases
from releases.reading.actions import drain_inbox
from tests.conftest import ROOT, wait_until
from tests.doubles.github import TOKEN, GitHub, limited
from tests.doubles.serving import Reply

NAME = "shop/checkout"
SECRET = "between-us"
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"
MANY = 10_000
WORKER = """
import django, sys
django.setup()
from releases.inbox.models import Source
from releases.pulling import actions as pulling
from releases.pulling import leases
source = Source.objects.get(key="github")
while pulling.pull_source(source.pk, leases.lease_now(source)).more:
    pass
"""


def ago(**before: float) -> str:
    return (clock.now() - timedelta(**before)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "name": "CI",
        "head_sha": SHA,
        "head_branch": "main",
        "status": "completed",
        "conclusion": "success",
        "created_at": at,
        "run_started_at": at,
        "updated_at": at,
        **more,
    }


@pytest.fixture
def github() -> Iterator[GitHub]:
    double = GitHub()
    double.add(NAME)
    yield double
    double.close()


def connected(github: GitHub) -> Source:
    AllowedHost.objects.create(host="127.0.0.1")
    return Source.objects.create(
        key="github",
        name="GitHub",
        kind="github",
        secret=SECRET,
        credential=TOKEN,
        config={"url": github.url, "repositories": [NAME]},
    )


@pytest.fixture
def source(db: None, github: GitHub) -> Source:
    return connected(github)


def pull(source: Source) -> leases.PullResult | None:
    lease = leases.lease_now(source)
    assert lease is not None
    pulled = pulling.pull_source(source.pk, lease)
    source.refresh_from_db()
    return pulled


def delivered(github: GitHub) -> None:
    for number, (event, said) in enumerate(github.hooks):
        body = json.dumps({"repository": github.repositories[NAME], **said}).encode()
        headers: Any = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(number),
            "X-Hub-Signature-256": sign(body, SECRET),
        }
        assert (
            Client().post("/hooks/github/", body, content_type="application/json", headers=headers).status_code == 202
        )


def happens(github: GitHub) -> None:
    """A run begins and ends, a pull request is merged, a deployment goes out; GitHub sends what it sends of each."""
    for state, conclusion, at in (("in_progress", None, ago(minutes=9)), ("completed", "failure", ago(minutes=8))):
        now = run(1, ago(minutes=10), status=state, conclusion=conclusion, updated_at=at)
        github.put(NAME, "actions/runs", now)
        github.send("workflow_run", {"action": state, "workflow_run": now})
    request = {
        "id": 7,
        "number": 7,
        "state": "closed",
        "title": "A saddle",
        "merged_at": ago(minutes=7),
        "merge_commit_sha": SHA,
        "updated_at": ago(minutes=7),
        "base": {"ref": "main"},
        "head": {"ref": "saddle"},
    }
    github.put(NAME, "pulls", request)
    github.send("pull_request", {"action": "closed", "pull_request": request})
    deployed = {
        "id": 5,
        "sha": SHA,
        "environment": "production",
        "created_at": ago(minutes=6),
        "updated_at": ago(minutes=5),
    }
    status = {"id": 50, "state": "success", "created_at": ago(minutes=5)}
    github.put(NAME, "deployments", deployed)
    github.put(NAME, "deployments/5/statuses", status)
    github.send("deployment", {"action": "created", "deployment": deployed})
    github.send("deployment_status", {"action": "created", "deployment_status": status, "deployment": deployed})


def rows() -> list[Any]:
    columns = ("id", "phase", "outcome", "sha", "started_at", "finished_at", "raw_status")
    return [
        sorted(Run.objects.values_list(*columns, "branch", "pipeline"), key=str),
        sorted(Deployment.objects.values_list(*columns, "environment__key"), key=str),
        sorted(Change.objects.values_list("id", "sha", "merged_at", "subject", "url"), key=str),
    ]


def test_a_pull_heals_every_row_that_lost_webhooks_left_out_and_moves_none_that_came(
    github: GitHub, source: Source
) -> None:
    github.webhooks = False
    happens(github)
    delivered(github)
    drain_inbox()
    assert rows() == [[], [], []]
    pulled = pull(source)
    assert pulled is not None and pulled.records == 3, source.last_error
    drain_inbox()
    healed = rows()
    assert [len(each) for each in healed] == [1, 1, 1]
    assert not InboundEvent.objects.exclude(state="processed").exists()
    again = pull(source)
    assert again is not None and (again.records, rows()) == (0, healed)


def test_webhooks_and_a_pull_speak_of_the_same_rows(github: GitHub, source: Source) -> None:
    happens(github)
    delivered(github)
    drain_inbox()
    before = rows()
    assert pull(source) is not None
    drain_inbox()
    assert rows() == before and [len(each) for each in before] == [1, 1, 1]


def test_page_two_failing_leaves_what_was_read_and_the_next_pull_goes_on(github: GitHub, source: Source) -> None:
    github.put(NAME, "actions/runs", *(run(number, ago(days=8, minutes=number)) for number in range(250)))
    seen = []
    for reply in (Reply({"message": "oops"}, 500), Reply([{}] * 100, cut=True)):
        github.between = lambda asked, reply=reply: github.go_wrong("/actions/runs", reply) if _is_old(asked) else None
        # The next page begins with the last of the one before.
        assert pull(source) is None and "127.0.0.1" in source.last_error
        seen.append(InboundEvent.objects.count())
    github.between, github.wrong = None, []
    assert pull(source) is not None
    drain_inbox()
    assert seen == [100, 199] and Run.objects.count() == 250


def _is_old(asked: Any) -> bool:
    """Say whether a question is one for the history, not for one of the last days."""
    begin, _, end = asked.params.get("created", "").partition("..")
    return str(begin)[:10] != str(end)[:10]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_is_waited_for_and_is_no_failure(github: GitHub, source: Source, status: int) -> None:
    reset = int(time.time()) + 1800
    github.go_wrong("/pulls", limited(reset, status=status))
    assert pull(source) is None
    assert (source.failures, source.last_error) == (0, "") and source.waits_for
    assert source.next_pull_at is not None and abs(source.next_pull_at.timestamp() - reset) < 2


def test_a_wrong_token_is_said_in_plain_words_and_without_the_token(github: GitHub, source: Source) -> None:
    source.credential = "ghp_wrong-one"
    source.save()
    assert pull(source) is None
    assert "401" in source.last_error and "ghp_wrong-one" not in source.last_error
    with pytest.raises(PullFailed):
        api_pull.describe_access(source)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_of_ten_thousand_runs_is_resumed_with_none_twice_and_none_missing(
    github: GitHub, child_environment: dict[str, str]
) -> None:
    source = connected(github)
    github.put(NAME, "actions/runs", *(run(number, ago(days=10, minutes=3 * number)) for number in range(MANY)))
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=child_environment)
    try:
        wait_until(lambda: InboundEvent.objects.count() >= MANY // 4, 30, "a quarter is read")
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    stored = InboundEvent.objects.count()
    assert 0 < stored < MANY
    Source.objects.update(leased_until=None)
    asked = github.count()
    while (pulled := pull(source)) is not None and pulled.more:
        pass
    assert pulled is not None, source.last_error
    ids = [json_id(bytes(body)) for body in InboundEvent.objects.values_list("body", flat=True)]
    assert (len(ids), len(set(ids))) == (MANY, MANY)
    assert github.count() - asked < MANY // 100


def json_id(body: bytes) -> int:
    return int(json.loads(body)["id"])
