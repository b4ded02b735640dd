"""PagerDuty's webhooks, version 3. An incident of PagerDuty is an alert here."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import MakesNothing, Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import SIGNATURE_HEADERS, same_secret, token_in, verified
from releases.providers.status_tables import StatusTable

SIGNATURE = "x-pagerduty-signature"
VERSION = "v1="
MOST_SIGNATURES = 10
STATUS = StatusTable(
    "An incident's status",
    "event.data.status",
    {"triggered": alerts.FIRING, "acknowledged": alerts.FIRING, "resolved": alerts.CLEARED},
)
OLD_VERSION = (
    "A version 2 webhook, which PagerDuty no longer supports. In PagerDuty, create a Generic Webhook (v3) instead."
)
HOW_TO_SIGN = (
    "Save the signing secret that PagerDuty shows once as this source's secret, or have the webhook send the source's "
    "secret in a custom header: Authorization: Bearer <secret>."
)


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: one of PagerDuty's signatures is right, or a custom header has it.

    One right signature is enough: while a signing secret is replaced, PagerDuty signs with the old and the new one. Where
    the secret is in a custom header, the signature is made with a signing secret that we do not know.
    """
    if not secret:
        return False
    if any(name in headers for name in SIGNATURE_HEADERS):
        return verified(headers, body, secret)
    wanted = VERSION + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = headers.get(SIGNATURE, "").split(",")[:MOST_SIGNATURES]
    matches = [same_secret(each.strip(), wanted) for each in given]
    return any(matches) or same_secret(token_in(headers), secret)


def label(message: Message) -> Labelled:
    """Label an event with its id and type."""
    payload = peek(message)
    if isinstance(payload.get("messages"), list) and "event" not in payload:
        return Labelled("", "version 2")
    event = parse.object_in(payload, "event")
    kind = parse.cut(parse.text_in(event, "event_type"), 150)
    id_ = parse.text_in(event, "id") if kind else ""
    return Labelled(parse.key_of("pagerduty", id_) if id_ else "", kind)


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of an event about an incident's status; None for notes, responders, services and pings."""
    payload = as_object(read_json(message), "the body")
    if isinstance(payload.get("messages"), list) and "event" not in payload:
        raise MakesNothing(OLD_VERSION)
    event = as_object(payload.get("event"), "event")
    type_ = parse.text_in(event, "event_type")
    incident = parse.object_in(event, "data")
    if not type_.startswith("incident.") or parse.text_in(incident, "type") not in ("incident", ""):
        raise MakesNothing(f"{parse.cut(type_, 60) or 'It'} doesn’t report an incident’s status.")
    id_ = parse.text_in(incident, "id")
    if not id_:
        raise Unreadable("event.data.id is missing or empty")
    at = parse.moment(event.get("occurred_at"), field="occurred_at")
    if at is None:
        raise Unreadable("event.occurred_at is missing or isn’t a time")
    status = parse.text_in(incident, "status")
    address = parse.text_in(incident, "html_url")
    service = parse.text_in(parse.object_in(incident, "service"), "summary", "name")
    urgency = parse.text_in(incident, "urgency")
    # Other events about a resolved incident have its status, but not when it was resolved.
    ended = parse.moment(incident.get("resolved_at"), field="resolved_at") or (
        at if type_ == "incident.resolved" else None
    )
    return [
        alerts.alert(
            key=parse.key_of("pagerduty", _host(address) or message.headers.get("source", ""), id_),
            at=at,
            state=alerts.state_in(STATUS, status),
            title=parse.text_in(incident, "title", "summary"),
            config=config,
            service=service,
            labels=_labels(incident, service, urgency),
            severity=urgency,
            raw_status=f"{type_.removeprefix('incident.')}: {status}" if status else type_,
            opened_at=parse.moment(incident.get("created_at"), field="created_at"),
            resolved_at=ended,
            url=alerts.first_link(address),
        )
    ]


def _labels(incident: Mapping[str, Any], service: str, urgency: str) -> dict[str, str]:
    return alerts.labels_in(
        {
            "service": service,
            "urgency": urgency,
            "priority": parse.text_in(parse.object_in(incident, "priority"), "summary", "name"),
            "number": parse.text_in(incident, "number"),
            "incident_key": parse.text_in(incident, "incident_key"),
        }
    )


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


PROVIDER = Provider(
    kind="pagerduty",
    name="PagerDuty",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=authentic,
    how_to_sign=HOW_TO_SIGN,
    secret_headers=(SIGNATURE,),
    settings=alerts.LABELS,
    tables=(STATUS,),
)
