"""Parses a CDEvent: bare, or in a CloudEvent in structured or binary mode."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.providers import parse, zones
from releases.providers.base import Message
from releases.providers.facts import Unreadable
from releases.providers.payloads import NotJson, parse_json, read_json
from releases.providers.web_urls import host_of

# dev.cdevents.<subject>.<predicate>.<version of the event>; the first drafts wrote no version.
TYPE = re.compile(r"dev\.cdevents\.([a-z0-9]+)\.([a-z0-9]+)(?:\.(\d+\.\d+\.\d+(?:-[a-z0-9.]+)?))?", re.IGNORECASE)
ATTRIBUTES = ("id", "source", "type", "time", "specversion", "subject", "datacontenttype")


@dataclass(frozen=True, slots=True)
class Event:
    """One CDEvent. `source` is its context's, `custom` its customData ({} without), `short_type` such as change.merged.

    `config` is the configuration of the Rodeo source it came by; `owner` is that source where the context's is no web address.
    """

    id: str
    source: str
    type: str
    short_type: str
    at: datetime
    subject: str
    subject_source: str
    content: Mapping[str, Any]
    custom: Mapping[str, Any]
    config: Mapping[str, Any]
    owner: str = ""

    def moment(self, *names: str) -> datetime | None:
        """Return the moment in the first of these fields that customData has; None where it has none."""
        name = next((each for each in names if parse.text_in(self.custom, each)), "")
        return zones.moment(parse.text_in(self.custom, name), f"customData.{name}", self.config) if name else None

    def scoped(self, *parts: str) -> str:
        """Return a key of these parts. A context whose source is no web address, such as /ci, means one of its sender's."""
        return parse.key_of(*([self.owner] if self.owner else []), *parts)

    def text(self, *names: str) -> str:
        """Return the first of these fields that the content has, else that customData has; "" when neither does."""
        return parse.text_in(self.content, *names) or parse.text_in(self.custom, *names)

    def key(self, *more: str) -> str:
        """Return a key of this event, the same when it is sent again, also in another CloudEvent."""
        return self.scoped(self.source, self.id, self.short_type, *more)


def short_type_of(type_: str) -> str:
    """Return "change.merged" for dev.cdevents.change.merged.0.2.0, in lower case; "" for other types."""
    match = TYPE.fullmatch(type_.strip())
    return f"{match[1]}.{match[2]}".lower() if match else ""


def attributes_of(message: Message, document: Any) -> dict[str, str]:
    """Return the CloudEvents attributes, from headers in binary mode, else from the document; {} for no CloudEvent."""
    if "ce-type" in message.headers or "ce-id" in message.headers:
        return {name: value for name in ATTRIBUTES if (value := message.headers.get(f"ce-{name}", "").strip())}
    if isinstance(document, Mapping) and "specversion" in document and "context" not in document:
        return {name: value for name in ATTRIBUTES if (value := parse.text_in(document, name))}
    return {}


def data_of(message: Message, document: Any) -> Any:
    """Return the CDEvent itself: the whole document, or the `data` of a structured CloudEvent."""
    if (
        "ce-type" in message.headers
        or "ce-id" in message.headers
        or not isinstance(document, Mapping)
        or "context" in document
    ):
        return document
    if "data_base64" in document:
        try:
            return parse_json(base64.b64decode(str(document["data_base64"]), validate=True))
        except (binascii.Error, NotJson, ValueError) as error:
            raise Unreadable(f"data_base64 isn’t JSON: {error}") from None
    data = document.get("data", document if "specversion" not in document else None)
    if isinstance(data, str):
        try:
            return parse_json(data.encode("utf-8", "replace"))
        except NotJson as error:
            raise Unreadable(f"data is text that is no JSON: {error}") from None
    return data


def read_event(message: Message, config: Mapping[str, Any]) -> Event:
    """Return the CDEvent in a message; raise Unreadable naming the field that is missing or wrong."""
    document = read_json(message)
    attributes = attributes_of(message, document)
    data = data_of(message, document)
    if not isinstance(data, Mapping):
        raise Unreadable("the event is not a JSON object with context and subject")
    context = _object(data, "context", needed=not attributes)
    subject = _object(data, "subject", needed=True)
    type_ = parse.text_in(context, "type") or attributes.get("type", "")
    if not type_:
        raise Unreadable("context.type is missing or empty")
    id_ = parse.text_in(context, "id") or attributes.get("id", "")
    if not id_:
        raise Unreadable("context.id is missing or empty")
    source = parse.text_in(context, "source") or attributes.get("source", "")
    timestamp = parse.text_in(context, "timestamp") or attributes.get("time", "")
    at = zones.moment(timestamp, "context.timestamp", config)
    if at is None:
        raise Unreadable(
            f"context.timestamp isn’t a time such as 2026-01-31T12:00:00Z: {parse.cut(timestamp, 60)}"
            if timestamp
            else "context.timestamp is missing or empty"
        )
    subject_id = parse.text_in(subject, "id") or attributes.get("subject", "")
    if not subject_id:
        raise Unreadable("subject.id is missing or empty")
    return Event(
        id=id_,
        source=source,
        type=type_,
        short_type=short_type_of(type_),
        at=at,
        subject=subject_id,
        subject_source=parse.text_in(subject, "source") or source,
        content=_object(subject, "content", needed=False, within="subject."),
        custom=_custom(data),
        config=config,
        owner="" if host_of(source) else message.headers.get("source", ""),
    )


def _object(holder: Mapping[str, Any], name: str, *, needed: bool, within: str = "") -> Mapping[str, Any]:
    value = holder.get(name)
    if isinstance(value, Mapping):
        return value
    if value is None and not needed:
        return {}
    raise Unreadable(f"{within}{name} is {'missing' if value is None else 'not an object'}")


def _custom(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return customData, which may be an object, JSON text or base64; {} for anything but a JSON object."""
    custom = data.get("customData")
    if isinstance(custom, str):
        for text in (custom.encode("utf-8", "replace"), _decoded(custom)):
            try:
                custom = parse_json(text)
                break
            except NotJson:
                continue
    return custom if isinstance(custom, Mapping) else {}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def split_batch(body: bytes) -> list[bytes]:
    """Split a JSON batch of CloudEvents into its events; raise NotJson when it is no list of objects."""
    document = parse_json(body)
    if not isinstance(document, list) or not document or not all(isinstance(each, dict) for each in document):
        raise NotJson("a batch is a list of CloudEvents, at least one")
    return [json.dumps(each, ensure_ascii=False, separators=(",", ":")).encode() for each in document]
