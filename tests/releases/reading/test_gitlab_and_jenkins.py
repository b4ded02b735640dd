"""GitLab and Jenkins at the door, and what becomes of what they send."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.deployments.models import Deployment
from releases.inbox.actions import replay, store
from releases.inbox.models import Fact, InboundEvent, Source
from releases.pipelines.models import Change, Run
from releases.providers.signatures import token_digest
from releases.reading.actions import drain_inbox
from squads.teams.models import Service

PAYLOADS = Path(__file__).parents[1] / "providers"
KEY = bytes(range(32))
TOKEN = base64.urlsafe_b64encode(KEY).decode().rstrip("=")
# Of a pipeline, of the pipelines of two jobs, and of a Jenkins job.
RUNS = 4
SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"


@pytest.fixture
def gitlab(db: None) -> Source:
    """A source of GitLab's webhooks."""
    return Source.objects.create(
        key="gitlab", name="GitLab", kind="gitlab", secret=TOKEN, token_digest=token_digest(TOKEN)
    )


@pytest.fixture
def jenkins(db: None) -> Source:
    """A source of Jenkins' notifications."""
    return Source.objects.create(
        key="jenkins", name="Jenkins", kind="jenkins", secret=TOKEN, token_digest=token_digest(TOKEN)
    )


def post(client: Client, path: str, body: bytes, **headers: str) -> HttpResponse:
    return client.post(path, body, content_type="application/json", headers=headers)  # type: ignore[return-value]


def body_of(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def signed(body: bytes, id_: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    said = f"{id_}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(KEY, said, hashlib.sha256).digest()).decode()
    return {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def test_gitlabs_webhooks_become_a_run_a_deployment_and_a_change_of_the_service(
    client: Client, gitlab: Source, checkout: Service
) -> None:
    for number, name in enumerate(("pipeline__success", "deployment__success", "merge_request__merged")):
        headers = {"X-Gitlab-Token": TOKEN, "Idempotency-Key": str(number)}
        answer = post(client, "/hooks/gitlab/", body_of(f"gitlab/{name}"), **headers)
        assert answer.status_code == 202
    drain_inbox()
    run, deployment, change = Run.objects.get(), Deployment.objects.get(), Change.objects.get()
    assert (run.outcome, run.sha, run.repository and run.repository.key) == ("success", SHA, "shop/checkout")
    assert (deployment.outcome, deployment.sha, deployment.service, deployment.environment.key) == (
        "success",
        SHA,
        checkout,
        "production",
    )
    assert change.sha == SHA


def test_a_delivery_sent_again_is_one_and_a_changed_byte_is_refused(client: Client, gitlab: Source) -> None:
    body = body_of("gitlab/pipeline__success")
    headers = signed(body, "w-1")
    assert post(client, "/hooks/gitlab/", body, **headers).status_code == 202
    assert post(client, "/hooks/gitlab/", body, **headers).status_code == 200
    # What no signature covers does not make a second delivery of it, nor another kind.
    extra = {"Idempotency-Key": "other", "X-Gitlab-Event": "Deployment Hook"}
    assert post(client, "/hooks/gitlab/", body, **headers, **extra).status_code == 200
    assert post(client, "/hooks/gitlab/", body.replace(b"success", b"SUCCESS"), **headers).status_code == 401
    assert post(client, "/hooks/gitlab/", body, **{**headers, "webhook-id": "w-2"}).status_code == 401
    event = InboundEvent.objects.get()
    assert (event.delivery, event.kind) == ("w-1", "pipeline")
    assert TOKEN not in json.dumps(event.headers) and "signature" not in json.dumps(event.headers)


def test_a_signature_that_is_old_is_refused_in_plain_words(client: Client, gitlab: Source) -> None:
    body = b'{"object_kind": "push"}'
    said = b"w.1700000000." + body
    signature = "v1," + base64.b64encode(hmac.new(KEY, said, hashlib.sha256).digest()).decode()
    old = {"webhook-id": "w", "webhook-timestamp": "1700000000", "webhook-signature": signature}
    answer = post(client, "/hooks/gitlab/", body, **old)
    assert answer.status_code == 401 and "clocks" in answer.json()["error"]
    assert not InboundEvent.objects.exists()


def test_a_wrong_token_is_told_how_to_sign(client: Client, gitlab: Source) -> None:
    answer = post(client, "/hooks/gitlab/", b"{}", **{"X-Gitlab-Token": "wrong"})
    assert answer.status_code == 401 and "Secret token" in answer.json()["error"]


def test_a_poll_heals_a_webhook_that_was_lost_and_doubles_nothing(client: Client, jenkins: Source) -> None:
    basic = "Basic " + base64.b64encode(f"rodeo:{TOKEN}".encode()).decode()
    told: dict[str, Any] = json.loads(body_of("jenkins/notification__completed"))
    told["build"] |= {"phase": "STARTED", "status": None, "timestamp": 1_700_000_000_000}
    assert post(client, "/hooks/jenkins/", json.dumps(told).encode(), Authorization=basic).status_code == 202
    drain_inbox()
    assert Run.objects.get().phase == "running"
    store(jenkins, delivery="", kind="pull.build", body=body_of("jenkins/build__success"))
    drain_inbox()
    run = Run.objects.get()
    assert (run.phase, run.outcome, run.sha, run.pipeline) == (
        "finished",
        "success",
        SHA,
        "shop/checkout",
    )
    assert run.started_at is not None and run.finished_at is not None
    assert (run.finished_at - run.started_at).total_seconds() == 30


def test_a_notification_without_a_time_stays_the_same_however_often_it_is_read(client: Client, jenkins: Source) -> None:
    told: dict[str, Any] = json.loads(body_of("jenkins/notification__completed"))
    del told["build"]["timestamp"]
    post(client, "/hooks/jenkins/", json.dumps(told).encode(), Authorization=f"Bearer {TOKEN}")
    drain_inbox()
    event, before = InboundEvent.objects.get(), Run.objects.get().finished_at
    assert before == event.received_at
    replay([event.pk])
    drain_inbox()
    assert Run.objects.get().finished_at == before


def test_every_real_webhook_is_taken_and_replaying_all_changes_nothing(
    client: Client, gitlab: Source, jenkins: Source, real_data: Path
) -> None:
    for source in ("gitlab", "jenkins"):
        for path in sorted((real_data / "webhooks" / source).glob("*.json")):
            answer = post(client, f"/hooks/{source}/", path.read_bytes(), Authorization=f"Bearer {TOKEN}")
            assert answer.status_code == 202, path
    drain_inbox()
    assert not InboundEvent.objects.filter(state=InboundEvent.State.FAILED).exists()
    assert Run.objects.count() == RUNS and Deployment.objects.count() == 1
    before = sorted(map(repr, Fact.objects.values_list("id", "kind", "key", "at", "data")))
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drain_inbox()
    assert before == sorted(map(repr, Fact.objects.values_list("id", "kind", "key", "at", "data")))
    assert Run.objects.count() == RUNS and Deployment.objects.count() == 1
