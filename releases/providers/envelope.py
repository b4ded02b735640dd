"""What a request may leave behind, and reading JSON that nobody can break the portal with."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from releases.providers.facts import Unreadable

if TYPE_CHECKING:
    from releases.providers.base import Message

FORM = "application/x-www-form-urlencoded"
BATCH = "application/cloudevents-batch+json"
# Everything else is dropped. A name that smells of a secret is dropped even from these.
KEPT = re.compile(
    r"user-agent|content-encoding|x-request-id|x-correlation-id|traceparent"
    r"|ce-[a-z0-9]+|x-(?:github|gitlab|gitea|forgejo|gogs|jenkins|buildbot|event|webhook)-[a-z0-9-]+|x-event"
)
SECRET = re.compile(r"secret|token|key|auth|passw|signature|cookie|credential|session")
# What Standard Webhooks and others call a delivery; none of them is a secret.
DELIVERIES = frozenset({"idempotency-key", "webhook-id", "webhook-timestamp"})
LONGEST_HEADER = 1000
MOST_HEADERS = 60


class NotJson(ValueError):
    """The body is not JSON; the text says why."""


def kept(headers: Mapping[str, str], secret_headers: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the headers worth storing with a message: an allow-list, minus whatever may be a secret."""
    chosen: dict[str, str] = {}
    for name, value in headers.items():
        name = name.lower()
        plain = name in DELIVERIES or (KEPT.fullmatch(name) and not SECRET.search(name))
        if plain and name not in secret_headers:
            chosen[name] = clean(value)[:LONGEST_HEADER]
        if len(chosen) == MOST_HEADERS:
            break
    return chosen


def clean(text: str) -> str:
    """Replace what JSON may escape but databases cannot hold: NUL and half a surrogate pair."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def document(body: bytes) -> Any:
    """Read a JSON document in UTF-8; raise NotJson for anything that is none.

    Nesting deeper than the interpreter's stack, numbers without end and NaN are refused too.
    """
    try:
        text = body.decode("utf-8-sig")
        read = json.loads(text, parse_constant=_refuse)
        # One sign is found many times faster than two.
        if "\\" in text and "\\u" in text:
            read = _cleaned(read)
    except UnicodeDecodeError as error:
        raise NotJson(f"it is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    except ValueError as error:
        raise NotJson(str(error)[:200] or "it cannot be read") from None
    return read


def payload_of(message: "Message") -> Any:
    """Read the JSON document of a message: its body, or the field `payload` of the form that its body is."""
    if not message.content_type.lower().startswith(FORM):
        return document(message.body)
    try:
        fields = parse_qs(message.body.decode("utf-8-sig"), strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise NotJson("it is no form that can be read") from None
    given = fields.get("payload", [])
    if len(given) != 1:
        raise NotJson("the form has no field payload with the JSON in it")
    return document(given[0].encode())


def read(message: "Message", *, forms: bool = False) -> Any:
    """Return the JSON document of a message, or with `forms` of its form; raise Unreadable when it is none."""
    try:
        return payload_of(message) if forms else document(message.body)
    except NotJson as error:
        raise Unreadable(f"the body is not JSON: {error}") from None


def peek(message: "Message") -> Mapping[str, Any]:
    """Return the JSON object of a message, for its label; an empty one for anything else, which fails later, visibly."""
    try:
        found = document(message.body)
    except NotJson:
        return {}
    return found if isinstance(found, Mapping) else {}


def as_object(value: object, field: str) -> Mapping[str, Any]:
    """Return a JSON object; raise Unreadable that names the field for anything else."""
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
