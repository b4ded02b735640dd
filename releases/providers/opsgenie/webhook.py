"""Opsgenie's webhook integration, which sends one message for each action on an alert."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, facts, parse, zones
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import MakesNothing, Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password
from releases.providers.status_tables import Meaning, StatusTable

DELETED = Meaning(facts.FINISHED, facts.SUCCESS, "resolved: it no longer notifies anyone")
ACTION = StatusTable(
    "An action on an alert",
    "action",
    {
        "Create": alerts.FIRING,
        "Acknowledge": alerts.FIRING,
        "UnAcknowledge": alerts.FIRING,
        "Snooze": alerts.FIRING,
        "SnoozeEnd": alerts.FIRING,
        "Escalate": alerts.FIRING,
        "EscalateNext": alerts.FIRING,
        "AssignOwnership": alerts.FIRING,
        "TakeOwnership": alerts.FIRING,
        "Close": alerts.CLEARED,
        "Delete": DELETED,
    },
)
# Actions that add to an alert and do not change its state.
ADDITIONS = {
    "AddNote",
    "AddTags",
    "RemoveTags",
    "AddTeam",
    "AddResponder",
    "AddRecipient",
    "AddDetails",
    "RemoveDetails",
    "UpdatePriority",
    "UpdateMessage",
    "UpdateDescription",
    "CustomAction",
}


def label(message: Message) -> Labelled:
    """Label an action with a digest of its content: Opsgenie sends no delivery id."""
    return Labelled("", parse.cut(parse.text_in(peek(message), "action"), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of an action; None for unknown actions."""
    payload = as_object(read_json(message), "the body")
    action, alert = parse.text_in(payload, "action"), parse.object_in(payload, "alert")
    if not alert:
        raise Unreadable("alert is missing or empty")
    if action not in ADDITIONS and action not in ACTION.meanings:
        raise MakesNothing(f"The action {parse.cut(action, 60) or '(none)'} doesn’t report an alert’s state.")
    id_ = parse.text_in(alert, "alertId", "id")
    if not id_:
        raise Unreadable("alert.alertId is missing or empty")
    opened = _moment(alert, "createdAt", config)
    at = _moment(alert, "updatedAt", config) or opened
    if at is None:
        raise Unreadable("alert.createdAt and alert.updatedAt are missing or aren’t times")
    labels = alerts.labels_in(
        alert.get("details"),
        {"priority": _priority(alert)},
        {each: parse.text_in(alert, each) for each in ("alias", "source", "entity")},
    )
    message_ = parse.text_in(alert, "message")
    return [
        alerts.alert(
            key=parse.key_of("opsgenie", *parse.scoped(id_, message.headers.get("source", ""))),
            at=at,
            state="" if action in ADDITIONS else alerts.state_in(ACTION, action),
            title=message_ or parse.text_in(alert, "alias"),
            labels=labels,
            config=config,
            raw_status=action,
            opened_at=opened,
            resolved_at=at,
            url=alerts.first_link(parse.text_in(parse.object_in(payload, "alert"), "url"), labels.get("url", "")),
        )
    ]


def _priority(alert: Mapping[str, Any]) -> str:
    """Return the priority, P1 to P5, of which some integrations send the number alone."""
    text = parse.text_in(alert, "priority")
    return f"P{text}" if text in ("1", "2", "3", "4", "5") else text


def _moment(alert: Mapping[str, Any], field: str, config: Mapping[str, Any]) -> datetime | None:
    """Parse a time since 1970 in milliseconds or, as in updatedAt of some versions, nanoseconds."""
    value = alert.get(field)
    if isinstance(value, str) and not value.strip().isdigit():
        return zones.moment(value, f"alert.{field}", config)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    for scale in (1e9, 1e6, 1e3):
        if number / scale > 1e8:  # after 1973 in this unit
            return parse.unix_time(number / scale)
    return None


PROVIDER = Provider(
    kind="opsgenie",
    name="Opsgenie",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=TOKEN_OR_PASSWORD_HELP,
    settings=(*alerts.LABELS, zones.ZONE),
    tables=(ACTION,),
)
