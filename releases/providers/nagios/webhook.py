"""Nagios and Icinga. They have no webhook: a notification command sends the JSON that docs/providers/nagios.md defines.

The events that Icinga 2 streams (StateChange and Notification of /v1/events) are read too, as they are.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, parse, zones
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import MakesNothing, Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password
from releases.providers.status_tables import StatusTable

SERVICE_STATE = StatusTable(
    "A service's state",
    "state",
    {
        "ok": alerts.CLEARED,
        "warning": alerts.FIRING,
        "critical": alerts.FIRING,
        "unknown": alerts.FIRING,
        # Icinga 2's event stream writes numbers.
        "0": alerts.CLEARED,
        "1": alerts.FIRING,
        "2": alerts.FIRING,
        "3": alerts.FIRING,
    },
)
HOST_STATE = StatusTable(
    "A host's state",
    "state",
    {
        "up": alerts.CLEARED,
        "down": alerts.FIRING,
        "unreachable": alerts.FIRING,
        "0": alerts.CLEARED,
        "1": alerts.FIRING,
        "2": alerts.FIRING,
    },
)
TYPE = StatusTable(
    "A notification's type, if it has no state",
    "type",
    {"problem": alerts.FIRING, "acknowledgement": alerts.FIRING, "recovery": alerts.CLEARED},
)
SEVERITIES = {
    "warning": "warning",
    "critical": "critical",
    "unknown": "unknown",
    "down": "critical",
    "unreachable": "critical",
}
SERVICE_NUMBERS = {"0": "OK", "1": "WARNING", "2": "CRITICAL", "3": "UNKNOWN"}
HOST_NUMBERS = {"0": "UP", "1": "DOWN", "2": "UNREACHABLE"}
UNSET = re.compile(r"\$|\$[A-Za-z_][\w.:-]*\$")
STREAMED = {"StateChange", "Notification"}


def label(message: Message) -> Labelled:
    """Label a notification with a digest of its content."""
    kind = parse.text_in(peek(message), "type", "notification_type")
    return Labelled("", parse.cut(kind, 60) or "notification")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of a notification; None for other events of Icinga's stream."""
    payload = _without_unset(as_object(read_json(message), "the body"))
    host, service = parse.text_in(payload, "host"), parse.text_in(payload, "service")
    if not host:
        raise Unreadable("host is missing or empty")
    if "check_result" in payload and parse.text_in(payload, "type") not in STREAMED:
        return None
    if parse.text_in(payload, "type") == "StateChange" and parse.text_in(payload, "state_type") in ("0", "0.0"):
        raise MakesNothing("A soft state: Icinga checks again before notifying anyone.")
    at = _moment(payload, config)
    if at is None:
        raise Unreadable("timestamp is missing or isn’t a time (seconds since 1970, or ISO 8601)")
    type_ = parse.text_in(payload, "notification_type", "type")
    status = _status(payload, bool(service))
    table = SERVICE_STATE if service else HOST_STATE
    state = alerts.state_in(table, status) if status else alerts.state_in(TYPE, type_)
    labels = alerts.labels_in(payload.get("labels"), payload.get("vars"), {"host": host, "check": service})
    output = parse.text_in(payload, "output") or parse.text_in(parse.object_in(payload, "check_result"), "output")
    return [
        alerts.alert(
            key=parse.key_of("nagios", alerts.site_of(config, message.headers.get("source", "")), host, service),
            at=at,
            state=state,
            title=f"{service} on {host}" if service else host,
            labels=labels,
            config=config,
            severity=SEVERITIES.get(status.lower(), ""),
            raw_status=": ".join(each for each in (f"{type_} {status}".strip(), output.split("\n")[0]) if each),
            resolved_at=at,
            url=alerts.first_link(parse.text_in(payload, "url")),
        )
    ]


def _moment(payload: Mapping[str, Any], config: Mapping[str, Any]) -> datetime | None:
    written = payload.get("timestamp")
    return parse.unix_time(written) or zones.moment(written, "timestamp", config)


def _without_unset(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notification without the macros that Nagios left unset: it sends "$" or the macro's own name for them."""
    return {
        name: _without_unset(value)
        if isinstance(value, Mapping)
        else ""
        if isinstance(value, str) and UNSET.fullmatch(value.strip())
        else value
        for name, value in payload.items()
    }


def _status(payload: Mapping[str, Any], of_service: bool) -> str:
    """Return the system's own name of the state; Icinga's stream has a number, in the event or in its check result."""
    result = parse.object_in(payload, "check_result")
    written = parse.text_in(payload, "state") or parse.text_in(result, "state")
    if written in ("0.0", "1.0", "2.0", "3.0"):
        written = written[0]
    numbers = SERVICE_NUMBERS if of_service else HOST_NUMBERS
    return numbers.get(written, written)


PROVIDER = Provider(
    kind="nagios",
    name="Nagios and Icinga",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=TOKEN_OR_PASSWORD_HELP,
    settings=(*alerts.LABELS, alerts.SITE, zones.ZONE),
    tables=(SERVICE_STATE, HOST_STATE, TYPE),
)
