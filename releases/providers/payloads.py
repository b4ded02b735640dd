"""Payloads of webhooks: parsing JSON safely, and which request headers are stored with one."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from releases.providers.facts import Unreadable

if TYPE_CHECKING:
    from releases.providers.base import Message

JsonObject = Mapping[str, Any]
FORM = "application/x-www-form-urlencoded"
BATCH = "application/cloudevents-batch+json"
# Headers worth storing; others are dropped, and so is any of these whose name suggests a secret.
STORED_HEADERS = re.compile(
    r"user-agent|content-encoding|x-request-id|x-correlation-id|traceparent"
    r"|ce-[a-z0-9]+|x-(?:github|gitlab|gitea|forgejo|gogs|jenkins|buildbot|event|webhook)-[a-z0-9-]+|x-event"
)
SECRET = re.compile(r"secret|token|key|auth|passw|signature|cookie|credential|session")
# Delivery ids of Standard Webhooks and others. Stored although "key" is in a name: none of them is a secret.
DELIVERY_HEADERS = frozenset({"idempotency-key", "webhook-id", "webhook-timestamp"})
LONGEST_HEADER = 1000
MOST_HEADERS = 60


class NotJson(ValueError):
    """The body is not JSON; the text says why."""


def headers_to_store(headers: Mapping[str, str], secret_headers: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the headers to store with a message: those of an allow-list, without any that may hold a secret."""
    chosen: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        is_allowed = name in DELIVERY_HEADERS or (STORED_HEADERS.fullmatch(name) and not SECRET.search(name))
        if is_allowed and name not in secret_headers:
            chosen[name] = clean(value)[:LONGEST_HEADER]
        if len(chosen) == MOST_HEADERS:
            break
    return chosen


def clean(text: str) -> str:
    """Replace characters that JSON may escape but databases cannot store: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def parse_json(body: bytes) -> Any:
    """Parse a JSON document in UTF-8; raise NotJson for anything else.

    Nesting deeper than the interpreter's stack, numbers of thousands of digits and NaN are refused too.
    """
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, parse_constant=_refuse)
        # Searching for one character first is many times faster than searching for two.
        if "\\" in text and "\\u" in text:
            document = _cleaned(document)
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    except ValueError as error:
        raise NotJson(str(error)[:200] or "it cannot be read") from None
    return document


def payload_of(message: "Message") -> Any:
    """Parse the JSON document of a message: its body, or the field `payload` when the body is a form; or raise NotJson."""
    if not message.content_type.lower().startswith(FORM):
        return parse_json(message.body)
    try:
        fields = parse_qs(message.body.decode("utf-8-sig"), strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise NotJson("the form can’t be read") from None
    given = fields.get("payload", [])
    if len(given) != 1:
        raise NotJson("the form has no field payload with the JSON in it")
    return parse_json(given[0].encode())


def read_json(message: "Message", *, forms: bool = False) -> Any:
    """Parse the JSON body of a message, or with `forms` of its form; raise Unreadable for any other body."""
    try:
        return payload_of(message) if forms else parse_json(message.body)
    except NotJson as error:
        raise Unreadable(f"the body is not JSON: {error}") from None


def peek(message: "Message") -> JsonObject:
    """Return the JSON object of a message, for its label; {} for any other body, whose translation then fails visibly."""
    try:
        document = parse_json(message.body)
    except NotJson:
        return {}
    return document if isinstance(document, Mapping) else {}


def as_object(value: object, field: str) -> JsonObject:
    """Return the value if it is a JSON object; else raise Unreadable naming the field."""
    if not isinstance(value, Mapping):
        raise Unreadable(f"{field} is not a JSON object")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if isinstance(value, dict):
        return {clean(name): _cleaned(each) for name, each in value.items()}
    return value
