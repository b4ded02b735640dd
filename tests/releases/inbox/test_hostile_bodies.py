"""Whatever is sent to a door, to a source of any kind: it is refused with the right 4xx, or kept once and read or failed."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from releases.inbox.actions import replay
from releases.inbox.models import Fact, InboundEvent, Source
from releases.incidents.models import Alert, IncidentReport
from releases.providers import PROVIDERS
from releases.providers.base import Provider
from releases.providers.signatures import sign
from releases.reading.actions import drain_inbox
from tests.releases.conftest import source

SECRET = "a-secret-that-no-log-may-hold"
Headers = dict[str, str]
Signer = Callable[[bytes, str], Headers]
# Kinds that only other doors feed (scripts report at /api/v1/) answer 404 at /hooks/.
ELSEWHERE = {"report"}


def bearer(body: bytes, secret: str) -> Headers:
    return {"Authorization": f"Bearer {secret}"}


def basic(body: bytes, secret: str) -> Headers:
    return {"Authorization": "Basic " + base64.b64encode(f"rodeo:{secret}".encode()).decode()}


def rodeo(body: bytes, secret: str) -> Headers:
    return {"X-Rodeo-Signature-256": sign(body, secret)}


def hub(body: bytes, secret: str) -> Headers:
    return {"X-Hub-Signature-256": sign(body, secret)}


def gitlab(body: bytes, secret: str) -> Headers:
    return {"X-Gitlab-Token": secret}


def pagerduty(body: bytes, secret: str) -> Headers:
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={right}"}


# How each kind of source is signed in to, and whether that covers the body. A provider without an entry fails below.
SIGNERS: dict[str, tuple[tuple[Signer, bool], ...]] = {
    "cdevents": ((bearer, False), (rodeo, True), (hub, True)),
    "report": ((bearer, False),),
    "alertmanager": ((bearer, False), (basic, False), (rodeo, True)),
    "sensu": ((bearer, False), (basic, False), (rodeo, True)),
    "nagios": ((bearer, False), (basic, False), (rodeo, True)),
    "pagerduty": ((pagerduty, True), (bearer, False)),
    "opsgenie": ((bearer, False), (basic, False), (rodeo, True)),
    "github": ((hub, True),),
    "gitlab": ((gitlab, False),),
    "jenkins": ((bearer, False), (rodeo, True)),
    "buildbot": ((bearer, False), (rodeo, True)),
    "argocd": ((bearer, False), (rodeo, True)),
    "chef": ((bearer, False), (rodeo, True)),
    "generic": ((bearer, False), (rodeo, True)),
    "json": ((bearer, False), (rodeo, True)),
}
PUSHING = sorted(kind for kind, provider in PROVIDERS.items() if provider.pushes)
DOORS = [kind for kind in PUSHING if kind not in ELSEWHERE]
WAYS = [(kind, signer, covers) for kind in DOORS for signer, covers in SIGNERS.get(kind, ())]
way = pytest.mark.parametrize(
    ("kind", "signer", "covers"), WAYS, ids=[f"{kind}-{signer.__name__}" for kind, signer, _ in WAYS]
)
each_kind = pytest.mark.parametrize("kind", DOORS)

DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
NOT_JSON = [
    b"",
    b"nope",
    b"\xff\xfe\x00",
    b'{"a": "\xc3\x28"}',
    b'{"a": "\x00"}',
    b"\x00",
    DEEP,
    b"[" * 100_000,
    b'{"a": NaN}',
    b'{"a": 1',
    b"<x/>",
    b'{"n": ' + b"9" * 5000 + b"}",
]
ODD_JSON = [
    b"{}",
    b"[]",
    b"[[]]",
    b"[{}]",
    b"0",
    b"1e999",
    b"true",
    b"null",
    b'"text"',
    b'{"a": "\\u0000\\ud800"}',
    b'{"event": null, "alerts": null, "check": null, "alert": null, "host": null}',
    b'{"alerts": [null], "event": [], "check": [], "alert": [], "host": [], "object_kind": [], "build": []}',
    b'{"alerts": {"0": {}}, "event": "x", "check": "x", "alert": "x", "host": {}, "object_kind": {}}',
    b'{"action": {}, "status": [], "type": 7, "notification_type": null, "event": {"event_type": {}, "id": []}}',
    b'{"a":' * 400 + b"1" + b"}" * 400,
]


def answer(key: str, body: bytes, headers: Headers) -> HttpResponse:
    client = Client(raise_request_exception=True)
    found: HttpResponse = client.post(f"/hooks/{key}/", body, content_type="application/json", headers=headers)  # type: ignore[assignment]
    return found


def door(kind: str, **fields: Any) -> Source:
    return source("door", kind, secret=SECRET, **fields)


def signed(kind: str, body: bytes) -> Headers:
    return SIGNERS[kind][0][0](body, SECRET)


@pytest.fixture(autouse=True)
def nothing_is_logged_with_the_secret(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No test here leaves the secret in a log, nor in a stored event."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert SECRET not in caplog.text


def nothing_leaked() -> None:
    for event in InboundEvent.objects.all():
        assert SECRET not in json.dumps([event.headers, event.error, event.kind, event.delivery, event.content_type])


def test_every_provider_that_pushes_says_here_how_it_is_signed() -> None:
    missing = set(PUSHING) - set(SIGNERS)
    assert not missing, f"add to SIGNERS how a message to {', '.join(sorted(missing))} is signed"


@way
def test_the_right_secret_opens_and_a_wrong_one_does_not(
    kind: str, signer: Signer, covers: bool, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    door(kind)
    body = b'{"some": "thing"}'
    for headers in (signer(body, "wrong"), signer(body, ""), signer(body, SECRET[:-1]), signer(body, SECRET + "x"), {}):
        found = answer("door", body, headers)
        assert found.status_code == 401, headers
        assert SECRET not in found.content.decode()
    assert not InboundEvent.objects.exists()
    assert answer("door", body, signer(body, SECRET)).status_code in {200, 202, 204, 400}


@way
def test_a_changed_byte_under_the_same_signature_is_refused(kind: str, signer: Signer, covers: bool, db: None) -> None:
    if not covers:
        # A token says who sends, not what: there is nothing to compare the body with.
        assert signer(b"one", SECRET) == signer(b"two", SECRET)
        return
    door(kind)
    body = b'{"some": "thing"}'
    for other in (body.replace(b"thing", b"thinG"), body + b" ", body[:-1], b"", b"[" + body + b"]"):
        assert answer("door", other, signer(body, SECRET)).status_code == 401
    assert not InboundEvent.objects.exists()


@way
def test_a_source_without_a_secret_lets_nobody_in(kind: str, signer: Signer, covers: bool, db: None) -> None:
    door(kind)
    Source.objects.update(secret="")
    for secret in ("", SECRET, "None"):
        assert answer("door", b"{}", signer(b"{}", secret)).status_code == 401
    assert not InboundEvent.objects.exists()


@each_kind
def test_a_body_over_the_limit_is_413(kind: str, db: None, settings: Settings) -> None:
    settings.RODEO_HOOK_MAX_BYTES = 2000
    door(kind)
    for body in (b'"' + b"x" * 2000 + b'"', b"[" * 5000):
        assert answer("door", body, signed(kind, body)).status_code == 413
    assert not InboundEvent.objects.exists()


@each_kind
def test_what_is_no_json_is_refused_and_not_kept(kind: str, db: None) -> None:
    door(kind)
    for body in NOT_JSON:
        found = answer("door", body, signed(kind, body))
        assert found.status_code == 400, body[:40]
        assert found.json()["error"]
    assert not InboundEvent.objects.exists()


@each_kind
def test_json_of_an_odd_shape_is_kept_once_and_read_or_failed(kind: str, db: None) -> None:
    door(kind)
    for body in ODD_JSON:
        kept_once(kind, body)
    drain_inbox()
    read_as_it_should()
    nothing_leaked()


def kept_once(kind: str, body: bytes) -> None:
    """Send a body twice: the second time stores nothing. A provider may refuse it, with a reason, and then keeps nothing."""
    before = InboundEvent.objects.count()
    first, again = (answer("door", body, signed(kind, body)) for _ in range(2))
    assert 200 <= first.status_code < 500, body[:200]
    if first.status_code >= 400:
        assert first.json()["error"]
        assert (again.status_code, InboundEvent.objects.count()) == (first.status_code, before)
        return
    assert again.status_code < 300
    assert InboundEvent.objects.count() <= before + 1


def read_as_it_should() -> None:
    """Every event is through, a failed one says why as a person would, and reading all again changes nothing."""
    assert not InboundEvent.objects.filter(state="pending").exists()
    for event in InboundEvent.objects.filter(state="failed"):
        assert event.error
        told = event.error.split(":")[0]
        assert not told.endswith(("Error", "Exception")) or " " in told, f"{bytes(event.body)!r}: {event.error}"
    tables = (Fact, Alert, IncidentReport)
    before = [sorted(model.objects.values_list("pk", flat=True)) for model in tables]
    replay(InboundEvent.objects.values_list("pk", flat=True))
    drain_inbox()
    assert [sorted(model.objects.values_list("pk", flat=True)) for model in tables] == before


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "resolved", "firing", "success", "open", "https://x.example/1"]
    )
)
# Fields that the systems use, so that what is generated reaches beyond the first check.
FIELDS = [
    "alerts",
    "labels",
    "status",
    "startsAt",
    "endsAt",
    "fingerprint",
    "groupKey",
    "annotations",
    "check",
    "entity",
    "metadata",
    "name",
    "namespace",
    "executed",
    "timestamp",
    "history",
    "output",
    "host",
    "service",
    "state",
    "type",
    "event",
    "event_type",
    "occurred_at",
    "data",
    "id",
    "action",
    "alert",
    "alertId",
    "createdAt",
    "updatedAt",
    "message",
    "details",
    "context",
    "subject",
    "content",
    "repository",
    "full_name",
    "object_kind",
    "object_attributes",
    "project",
    "sha",
    "build",
    "number",
    "url",
    "workflow_run",
    "deployment",
    "environment",
    "pull_request",
    "commit",
    "node_name",
    "resources",
    "app",
]
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=15,
)
DOCUMENTS = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8) | JSON


@each_kind
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_any_json_is_kept_once_and_read_or_failed(kind: str, db: None, documents: list[Any]) -> None:
    with transaction.atomic():
        door(kind)
        for each in documents:
            kept_once(kind, json.dumps(each).encode())
        drain_inbox()
        read_as_it_should()
        nothing_leaked()
        transaction.set_rollback(True)


def test_what_is_stored_elsewhere_is_sent_there(db: None) -> None:
    for kind in ELSEWHERE & set(PUSHING):
        provider: Provider = PROVIDERS[kind]
        assert provider.label is not None
        Source.objects.all().delete()
        door(kind)
        found = answer("door", b"{}", signed(kind, b"{}"))
        assert found.status_code == 404
        assert "/api/v1/" in found.json()["error"]
