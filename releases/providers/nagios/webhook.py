"""Nagios and Icinga. They have no webhook: a notification command sends the JSON that docs/providers/nagios.md defines.

The events that Icinga 2 streams (StateChange and Notification of /v1/events) are read too, as they are.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen, Unreadable
from releases.providers.signatures import PASSWORD_TOO, verified_or_password
from releases.providers.tables import StatusTable

SERVICE_STATE = StatusTable(
    "A service's state",
    "state",
    {
        "ok": alerts.OVER,
        "warning": alerts.STILL_ON,
        "critical": alerts.STILL_ON,
        "unknown": alerts.STILL_ON,
        # Icinga 2's event stream writes numbers.
        "0": alerts.OVER,
        "1": alerts.STILL_ON,
        "2": alerts.STILL_ON,
        "3": alerts.STILL_ON,
    },
)
HOST_STATE = StatusTable(
    "A host's state",
    "state",
    {
        "up": alerts.OVER,
        "down": alerts.STILL_ON,
        "unreachable": alerts.STILL_ON,
        "0": alerts.OVER,
        "1": alerts.STILL_ON,
        "2": alerts.STILL_ON,
    },
)
TYPE = StatusTable(
    "A notification's type, where no state is sent with it",
    "type",
    {"problem": alerts.STILL_ON, "acknowledgement": alerts.STILL_ON, "recovery": alerts.OVER},
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
STREAMED = {"StateChange", "Notification"}


def label(message: Message) -> Labelled:
    """File a notification under a digest of its content."""
    kind = parse.text_in(peek(message), "type", "notification_type")
    return Labelled("", parse.cut(kind, 60) or "notification")


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of a notification; None for the other events that Icinga streams."""
    said = as_object(read(message), "the body")
    host, service = parse.text_in(said, "host"), parse.text_in(said, "service")
    if not host:
        raise Unreadable("host is missing or empty")
    if "check_result" in said and parse.text_in(said, "type") not in STREAMED:
        return None
    if parse.text_in(said, "type") == "StateChange" and parse.text_in(said, "state_type") in ("0", "0.0"):
        return None  # a soft state: Icinga itself checks again before it tells anybody
    at = _moment(said)
    if at is None:
        raise Unreadable("timestamp is missing or no moment (seconds since 1970, or ISO 8601)")
    type_ = parse.text_in(said, "notification_type", "type")
    word = _state_word(said, bool(service))
    table = SERVICE_STATE if service else HOST_STATE
    state = alerts.state_in(table, word) if word else alerts.state_in(TYPE, type_)
    labels = alerts.labels_in(said.get("labels"), said.get("vars"), {"host": host, "check": service})
    output = parse.text_in(said, "output") or parse.text_in(parse.part_of(said, "check_result"), "output")
    return [
        alerts.alert(
            key=parse.key_of("nagios", alerts.site_of(config), host, service),
            at=at,
            state=state,
            title=f"{service} on {host}" if service else host,
            labels=labels,
            config=config,
            severity=SEVERITIES.get(word.lower(), ""),
            said=": ".join(each for each in (f"{type_} {word}".strip(), output.split("\n")[0]) if each),
            resolved_at=at,
            url=alerts.link(parse.text_in(said, "url")),
        )
    ]


def _moment(said: Mapping[str, Any]) -> datetime | None:
    written = said.get("timestamp")
    return parse.seconds(written) or parse.moment(written)


def _state_word(said: Mapping[str, Any], of_service: bool) -> str:
    """Return the state in the words of the system; Icinga's stream has a number, in the event or in its check result."""
    result = parse.part_of(said, "check_result")
    written = parse.text_in(said, "state") or parse.text_in(result, "state")
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
    how_to_sign=PASSWORD_TOO,
    settings=(*alerts.LABELS, alerts.SITE),
    tables=(SERVICE_STATE, HOST_STATE, TYPE),
)
