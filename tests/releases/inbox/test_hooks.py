"""The door for machines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from releases.inbox.hooks import hook
from releases.inbox.models import InboundEvent, Source
from releases.providers.signatures import sign
from tests.releases.conftest import TOKEN, source

Send = Callable[..., HttpResponse]
EVENT = {
    "context": {
        "version": "0.4.1",
        "id": "1",
        "source": "/deploy",
        "type": "dev.cdevents.service.deployed.0.2.0",
        "timestamp": "2026-03-14T15:09:26Z",
    },
    "subject": {
        "id": "checkout",
        "content": {"environment": {"id": "prod"}, "artifactId": "pkg:oci/checkout@sha256:0f"},
    },
}


def test_an_event_is_stored_and_answered_202_and_a_repeat_200(ci: Source, send: Send) -> None:
    first, again = send("/hooks/ci/", EVENT), send("/hooks/ci/", EVENT)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json() == again.json()
    assert first.json()["state"] == "pending"
    event = InboundEvent.objects.get()
    assert first.json() == {"id": str(event.pk), "state": "pending", "url": f"http://testserver/inbox/{event.pk}/"}
    assert json.loads(bytes(event.body)) == EVENT
    assert event.kind == "dev.cdevents.service.deployed.0.2.0"


def test_a_repeat_after_reading_says_what_became_of_it(ci: Source, send: Send, drained: Callable[[], int]) -> None:
    send("/hooks/ci/", EVENT)
    assert drained() == 1
    assert send("/hooks/ci/", EVENT).json()["state"] == "processed"


def test_the_same_event_in_another_mode_is_a_repeat(ci: Source, send: Send) -> None:
    context: Any = EVENT["context"]
    cloud = {"specversion": "1.0", "id": context["id"], "source": context["source"], "type": context["type"]}
    assert send("/hooks/ci/", EVENT).status_code == 202
    assert send("/hooks/ci/", {**cloud, "data": EVENT}, "application/cloudevents+json").status_code == 200
    headers = {f"ce_{name}": value for name, value in cloud.items()}
    assert send("/hooks/ci/", EVENT, "application/cdevents+json", **headers).status_code == 200


def test_an_unknown_source_is_404_and_says_what_to_do(db: None, send: Send) -> None:
    answer = send("/hooks/nobody/", EVENT)
    assert answer.status_code == 404
    assert "/sources/" in answer.json()["error"]


def test_a_source_that_is_only_pulled_takes_nothing(db: None, send: Send) -> None:
    source("shop", "git")
    assert send("/hooks/shop/", EVENT).status_code == 404


def test_a_source_of_reports_names_the_doors_for_them(scripts: Source, send: Send) -> None:
    answer = send("/hooks/scripts/", {})
    assert answer.status_code == 404
    assert "/api/v1/deployments/" in answer.json()["error"]


def test_a_paused_source_asks_to_try_again_later(ci: Source, send: Send) -> None:
    Source.objects.update(state="paused")
    answer = send("/hooks/ci/", EVENT)
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post_is_taken(ci: Source, client: Client, method: str) -> None:
    answer = getattr(client, method)("/hooks/ci/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_no_cross_site_token_is_needed_and_no_session_is_made(ci: Source) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        "/hooks/ci/", json.dumps(EVENT), content_type="application/json", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 202
    assert not answer.cookies


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"X-Rodeo-Token": "wrong"},
        {"X-Hub-Signature-256": "sha256=00"},
        {"Authorization": f"Bearer {TOKEN}", "X-Hub-Signature-256": "sha256=00"},
    ],
)
def test_a_missing_or_bad_secret_is_401_and_nothing_is_stored(
    ci: Source, client: Client, headers: dict[str, str]
) -> None:
    answer = client.post("/hooks/ci/", json.dumps(EVENT), content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert not InboundEvent.objects.exists()


def test_a_signature_over_the_raw_bytes_opens(ci: Source, client: Client) -> None:
    body = json.dumps(EVENT).encode() + b"\n"
    signed = {"X-Rodeo-Signature-256": sign(body, TOKEN)}
    assert client.post("/hooks/ci/", body, content_type="application/json", headers=signed).status_code == 202
    assert client.post("/hooks/ci/", body[:-1], content_type="application/json", headers=signed).status_code == 401


def test_a_source_without_a_readable_secret_lets_nobody_in(db: None, client: Client, settings: Settings) -> None:
    source("none", "cdevents", secret="", token_digest="")
    for headers in ({"Authorization": "Bearer "}, {"X-Rodeo-Token": ""}, {"X-Hub-Signature-256": sign(b"{}", "")}):
        assert client.post("/hooks/none/", b"{}", content_type="application/json", headers=headers).status_code == 401
    source("lost", "cdevents")
    settings.RODEO_FIELD_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    answer = client.post("/hooks/lost/", b"{}", content_type="application/json", headers={"X-Rodeo-Token": TOKEN})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"nope", b"\xff\xfe", b'{"a": "\x00"}', b"[" * 50_000, b'{"a": NaN}', b'{"a": 1', b"<x/>"]
)
def test_what_is_no_json_is_400_and_nothing_is_stored(ci: Source, send: Send, body: bytes) -> None:
    answer = send("/hooks/ci/", body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The body is not JSON")
    assert not InboundEvent.objects.exists()


def test_a_body_over_the_limit_is_413_before_it_is_read(ci: Source, send: Send, settings: Settings) -> None:
    settings.RODEO_HOOK_MAX_BYTES = 2000
    assert send("/hooks/ci/", b'"' + b"x" * 1998 + b'"').status_code == 202
    answer = send("/hooks/ci/", b'"' + b"x" * 1999 + b'"')
    assert answer.status_code == 413
    assert "RODEO_HOOK_MAX_BYTES" in answer.json()["error"]


class Chunks:
    """A stream as a server gives it for a chunked body: no length is known, and it ends by itself."""

    def __init__(self, body: bytes) -> None:
        self.left, self.taken = body, 0

    def read(self, size: int = -1) -> bytes:
        taken, self.left = (self.left, b"") if size < 0 else (self.left[:size], self.left[size:])
        self.taken += len(taken)
        return taken


def test_a_chunked_body_is_read_and_limited_too(ci: Source, rf: RequestFactory, settings: Settings) -> None:
    def sent(body: bytes) -> tuple[int, Chunks]:
        stream = Chunks(body)
        request = rf.post("/hooks/ci/", content_type="application/json", headers={"X-Rodeo-Token": TOKEN})
        request.META.update(
            {
                "CONTENT_LENGTH": "",
                "HTTP_TRANSFER_ENCODING": "chunked",
                "wsgi.input_terminated": True,
                "wsgi.input": stream,
            }
        )
        return hook(request, "ci").status_code, stream

    assert sent(json.dumps(EVENT).encode())[0] == 202
    settings.RODEO_HOOK_MAX_BYTES = 2000
    status, stream = sent(b'"' + b"x" * 100_000 + b'"')
    assert status == 413
    assert stream.taken <= 2001, "no more is read than needed to know"


@pytest.mark.parametrize("where", ["releases.inbox.hooks._source", "releases.inbox.hooks.store"])
def test_a_database_that_is_away_is_503_with_a_time_to_try_again(ci: Source, send: Send, where: str) -> None:
    with patch(where, side_effect=OperationalError("away")):
        answer = send("/hooks/ci/", EVENT)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Try again" in answer.json()["error"]


def test_secrets_never_reach_the_table(ci: Source, send: Send) -> None:
    send(
        "/hooks/ci/",
        EVENT,
        X_Rodeo_Token=TOKEN,
        Cookie="sessionid=abc",
        X_Api_Key="k",
        X_GitLab_Token="t",
        ce_id="5",
        ce_type="x",
        X_GitHub_Event="push",
    )
    event = InboundEvent.objects.get()
    assert event.headers == {"ce-id": "5", "ce-type": "x", "x-github-event": "push"}


def test_json_that_is_no_event_is_kept_and_fails_visibly(ci: Source, send: Send, drained: Callable[[], int]) -> None:
    assert send("/hooks/ci/", {"hello": "world"}).status_code == 202
    assert send("/hooks/ci/", {"hello": "world"}).status_code == 200, "the same content is one event"
    assert send("/hooks/ci/", [1, 2]).status_code == 202
    drained()
    assert {event.state for event in InboundEvent.objects.all()} == {"failed"}
    assert InboundEvent.objects.filter(error__contains="context").exists()


def test_different_types_may_share_an_id(ci: Source, send: Send) -> None:
    context: Any = EVENT["context"]
    other = {**EVENT, "context": {**context, "type": "dev.cdevents.service.removed.0.2.0"}}
    assert send("/hooks/ci/", EVENT).status_code == 202
    assert send("/hooks/ci/", other).status_code == 202


def test_a_batch_is_one_event_each(ci: Source, send: Send, drained: Callable[[], int]) -> None:
    context: Any = EVENT["context"]
    cloud = [
        {
            "specversion": "1.0",
            "id": str(number),
            "source": "/deploy",
            "type": context["type"],
            "data": {**EVENT, "context": {**context, "id": str(number)}},
        }
        for number in range(3)
    ]
    kind = "application/cloudevents-batch+json; charset=utf-8"
    answer = send("/hooks/ci/", cloud, kind)
    assert answer.status_code == 202
    assert len({each["id"] for each in answer.json()["events"]}) == 3
    assert send("/hooks/ci/", cloud, kind).status_code == 200
    assert send("/hooks/ci/", [], kind).status_code == 400
    assert send("/hooks/ci/", [1], kind).status_code == 400
    assert send("/hooks/ci/", [{}] * 1001, kind).status_code == 413
    assert drained() == 3
    assert {event.state for event in InboundEvent.objects.all()} == {"processed"}


def test_taking_an_event_costs_two_statements(
    ci: Source, send: Send, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # In a test the savepoint and its release are counted too; without a transaction around it, they are its own.
    with django_assert_num_queries(4):
        assert send("/hooks/ci/", EVENT).status_code == 202


def conformance(real_data: Path) -> list[dict[str, Any]]:
    files = sorted((real_data / "cdevents" / "v0.4.1" / "conformance").glob("*.json"))
    return [json.loads(file.read_text()) for file in files]


READ = {
    "change.merged",
    "pipelinerun.queued",
    "pipelinerun.started",
    "pipelinerun.finished",
    "build.queued",
    "build.started",
    "build.finished",
    "taskrun.started",
    "taskrun.finished",
    "artifact.packaged",
    "artifact.published",
    "service.deployed",
    "service.upgraded",
    "service.rolledback",
    "service.removed",
    "environment.created",
    "environment.modified",
    "environment.deleted",
    "testcaserun.finished",
    "testsuiterun.finished",
    "incident.detected",
    "incident.reported",
    "incident.resolved",
}


@pytest.mark.parametrize("mode", ["bare", "structured", "binary"])
def test_every_conformance_event_is_taken_and_read(
    ci: Source, send: Send, drained: Callable[[], int], real_data: Path, mode: str
) -> None:
    events = conformance(real_data)
    assert len(events) >= 45
    for event in events:
        context = event["context"]
        cloud = {
            "specversion": "1.0",
            "id": context["id"],
            "source": context["source"],
            "type": context["type"],
            "subject": event["subject"]["id"],
            "time": context["timestamp"],
        }
        if mode == "bare":
            answer = send("/hooks/ci/", event)
        elif mode == "structured":
            answer = send("/hooks/ci/", {**cloud, "data": event}, "application/cloudevents+json; charset=UTF-8")
        else:
            headers = {f"ce_{name}": value for name, value in cloud.items()}
            answer = send("/hooks/ci/", event, "application/cdevents+json", **headers)
        assert answer.status_code == 202, context["type"]
    assert drained() == len(events)
    states = {event.kind.split(".", 2)[2].rsplit(".", 3)[0]: event.state for event in InboundEvent.objects.all()}
    assert {what for what, state in states.items() if state == "processed"} == READ
    assert {state for what, state in states.items() if what not in READ} == {"ignored"}
