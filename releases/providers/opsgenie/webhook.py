"""Opsgenie's webhook integration: each action on an alert is one message."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, facts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen, Unreadable
from releases.providers.signatures import PASSWORD_TOO, verified_or_password
from releases.providers.tables import Meaning, StatusTable

GONE = Meaning(facts.FINISHED, facts.SUCCESS, "resolved: nobody is told of it any more")
ACTION = StatusTable(
    "An action on an alert",
    "action",
    {
        "Create": alerts.STILL_ON,
        "Acknowledge": alerts.STILL_ON,
        "UnAcknowledge": alerts.STILL_ON,
        "Snooze": alerts.STILL_ON,
        "SnoozeEnd": alerts.STILL_ON,
        "Escalate": alerts.STILL_ON,
        "EscalateNext": alerts.STILL_ON,
        "AssignOwnership": alerts.STILL_ON,
        "TakeOwnership": alerts.STILL_ON,
        "Close": alerts.OVER,
        "Delete": GONE,
    },
)
# They tell more about an alert, open or closed.
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
    """File an action under a digest of its content: Opsgenie numbers nothing."""
    return Labelled("", parse.cut(parse.text_in(peek(message), "action"), 150))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of an action; None for actions nobody explained to us."""
    whole = as_object(read(message), "the body")
    action, alert = parse.text_in(whole, "action"), parse.part_of(whole, "alert")
    if not alert:
        raise Unreadable("alert is missing or empty")
    if action not in ADDITIONS and action not in ACTION.words:
        return None
    id_ = parse.text_in(alert, "alertId", "id")
    if not id_:
        raise Unreadable("alert.alertId is missing or empty")
    opened = _moment(alert.get("createdAt"))
    at = _moment(alert.get("updatedAt")) or opened
    if at is None:
        raise Unreadable("alert.createdAt and alert.updatedAt are missing or no moments")
    labels = alerts.labels_in(
        alert.get("details"), {each: parse.text_in(alert, each) for each in ("alias", "source", "entity", "priority")}
    )
    message_ = parse.text_in(alert, "message")
    return [
        alerts.alert(
            key=parse.key_of("opsgenie", id_),
            at=at,
            state="" if action in ADDITIONS else alerts.state_in(ACTION, action),
            title=message_ or parse.text_in(alert, "alias"),
            labels=labels,
            config=config,
            said=action,
            opened_at=opened,
            resolved_at=at,
            url=alerts.link(parse.text_in(parse.part_of(whole, "alert"), "url"), labels.get("url", "")),
        )
    ]


def _moment(value: object) -> datetime | None:
    """Opsgenie writes milliseconds, and in updatedAt of some versions nanoseconds, since 1970."""
    if isinstance(value, str) and not value.strip().isdigit():
        return parse.moment(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    for scale in (1e9, 1e6, 1e3):
        if number / scale > 1e8:  # after 1973 in this unit
            return parse.seconds(number / scale)
    return None


PROVIDER = Provider(
    kind="opsgenie",
    name="Opsgenie",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=PASSWORD_TOO,
    settings=alerts.LABELS,
    tables=(ACTION,),
)
