"""The door for machines: POST /hooks/<source key>/. Checked on the raw bytes, stored, answered; read later."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import get_script_prefix, reverse
from django.views.decorators.csrf import csrf_exempt

from portal.kernel import clock
from portal.kernel.policy import public
from portal.kernel.request_body import TooLarge, body_of
from portal.kernel.secrets import SecretField
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.providers.base import Message, MessageRefused, Provider
from releases.providers.cdevents.event import split_batch
from releases.providers.payloads import BATCH, FORM, NotJson, headers_to_store, parse_json, payload_of

MOST_IN_BATCH = 1000
NOBODY = UUID(int=0)
RETRY_AFTER = "5"
_NEEDED = ["id", "key", "kind", "state", "secret"]
_FIND = f"SELECT {', '.join(_NEEDED)} FROM {Source._meta.db_table} WHERE key = %s"  # noqa: S608 (names of columns)
_SECRET = SecretField()


class _Refusal(Exception):
    """An answer other than "stored": status, and what the sender can do."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        self.status, self.text, self.headers = status, text, headers
        super().__init__(text)


@csrf_exempt
@public
def hook(request: HttpRequest, key: str) -> HttpResponse:
    """Take one message (or a batch of CloudEvents) for a push source: 202 stored, 200 seen before."""
    try:
        if request.method != "POST":
            raise _Refusal(405, "Send events with POST.", Allow="POST")
        source, provider = _source(key)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = _body(request)
        if not _knows_secret(source, provider, headers, body):
            raise _Refusal(401, _how_to_sign(source, provider), **{"WWW-Authenticate": 'Bearer realm="hooks"'})
        stored = [_store(source, message, provider) for message in _messages(headers, body, provider)]
    except _Refusal as refusal:
        return JsonResponse({"error": refusal.text}, status=refusal.status, headers=refusal.headers)
    except MessageRefused as refused:
        return JsonResponse({"error": str(refused)}, status=refused.status)
    except (OperationalError, InterfaceError):
        return JsonResponse(
            {"error": "The database is unavailable or busy. Nothing was saved. Try again."},
            status=503,
            headers={"Retry-After": RETRY_AFTER},
        )
    return _answer(request, stored)


def _knows_secret(source: Source, provider: Provider, headers: dict[str, str], body: bytes) -> bool:
    """Say whether the sender knows the source's secret, or the one before while that is good as well."""
    if provider.authentic(headers, body, source.secret):
        return True
    before = Source.objects.filter(pk=source.pk, previous_until__gt=clock.now()).values_list(
        "previous_secret", flat=True
    )
    return any(provider.authentic(headers, body, secret) for secret in before if secret)


def _source(key: str) -> tuple[Source, Provider]:
    source = _found(key)
    provider = PROVIDERS.get(source.kind) if source else None
    if source is None or provider is None or not provider.pushes or provider.label is None:
        raise _Refusal(404, "No source at this address. See the source’s page under /sources/ for the right one.")
    if source.state == Source.State.PAUSED:
        raise _Refusal(
            503,
            f"Source {source.key} is paused. Try again after an administrator resumes it.",
            **{"Retry-After": "300"},
        )
    return source, provider


def _found(key: str) -> Source | None:
    """Find a source without the query compiler, which costs more here than the query itself (tests/bench, intake)."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [key])
        row = cursor.fetchone()
    if row is None:
        return None
    *values, secret = row
    return Source.from_db(connection.alias, _NEEDED, [*values, _SECRET.from_db_value(secret, None, connection)])


def _body(request: HttpRequest) -> bytes:
    most = settings.RODEO_HOOK_MAX_BYTES
    try:
        return body_of(request, most)
    except TooLarge:
        raise _Refusal(
            413, f"The body is over {most:,} bytes. Send less at a time, or raise RODEO_HOOK_MAX_BYTES."
        ) from None


def _how_to_sign(source: Source, provider: Provider) -> str:
    if not source.secret:
        return "This source has no readable secret, so nothing is accepted. Create a new one on its page."
    return provider.how_to_sign or (
        "Send the source's token as Authorization: Bearer <token>, "
        "or X-Rodeo-Signature-256: sha256=<HMAC of the body with the token as key, in hexadecimal>."
    )


def _messages(headers: dict[str, str], body: bytes, provider: Provider) -> Iterable[Message]:
    content_type = headers.get("content-type", "")
    left = headers_to_store(headers, provider.secret_headers)
    try:
        if provider.forms and content_type.lower().startswith(FORM):
            message = Message(headers=left, body=body, content_type=content_type)
            payload_of(message)
            return [message]
        if not content_type.lower().startswith(BATCH):
            parse_json(body)
            return [Message(headers=left, body=body, content_type=content_type)]
        events = split_batch(body)
    except NotJson as error:
        raise _Refusal(400, f"The body is not JSON: {error}.") from None
    if len(events) > MOST_IN_BATCH:
        raise _Refusal(413, f"A batch can have up to {MOST_IN_BATCH} events. Send it in parts.")
    return [Message(headers=left, body=each, content_type="application/cloudevents+json") for each in events]


def _store(source: Source, message: Message, provider: Provider) -> tuple[InboundEvent, bool]:
    assert provider.label is not None
    filed = provider.label(message)
    return store(
        source,
        delivery=filed.delivery,
        kind=filed.kind,
        body=message.body,
        headers=message.headers,
        content_type=message.content_type,
    )


def receipt(request: HttpRequest, event: InboundEvent) -> dict[str, Any]:
    """Return what a sender is told about a stored event."""
    return {
        "id": str(event.pk),
        "state": event.state,
        "url": f"{request.scheme}://{request.get_host()}{address(event)}",
    }


@lru_cache(maxsize=4)
def _pattern(prefix: str) -> str:
    return reverse("releases:reading:event", args=[NOBODY])


def address(event: InboundEvent) -> str:
    """Return the path of an event's page; found once, because finding it takes longer than all else in an answer."""
    return _pattern(get_script_prefix()).replace(str(NOBODY), str(event.pk))


def _answer(request: HttpRequest, stored: list[tuple[InboundEvent, bool]]) -> HttpResponse:
    status = 202 if any(new for _, new in stored) else 200
    if len(stored) == 1:
        return JsonResponse(receipt(request, stored[0][0]), status=status)
    return JsonResponse({"events": [receipt(request, event) for event, _ in stored]}, status=status)
