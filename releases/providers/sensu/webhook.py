"""Sensu: events of Sensu Go, and of the older Sensu Core, as a pipe handler forwards them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password
from releases.providers.status_tables import StatusTable

MOST_EVENTS = 1000
STATUS = StatusTable(
    "A check's exit status",
    "check.status",
    # Any other number is an error of the check itself, which Sensu counts as unknown, and so do we.
    {"0": alerts.CLEARED, "1": alerts.FIRING, "2": alerts.FIRING, "3": alerts.FIRING},
)
SEVERITIES = {"0": "ok", "1": "warning", "2": "critical", "3": "unknown"}


def label(message: Message) -> Labelled:
    """Label an event with a digest of its content: its own id stays the same while a problem lasts."""
    payload = peek(message)
    action = parse.text_in(payload, "action")
    return Labelled("", parse.cut(f"check.{action}" if action else "check", 60))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of each event; None for events without a check (metrics)."""
    payload = read_json(message)
    listed = payload if isinstance(payload, list) else [payload]
    if len(listed) > MOST_EVENTS:
        raise Unreadable(f"more than {MOST_EVENTS:,} events in one body; send one at a time")
    events = [as_object(each, "the event") for each in listed]
    found = [_event(each, config) for each in events if isinstance(each.get("check"), Mapping)]
    if not found and not any("entity" in each or "metrics" in each for each in events):
        raise Unreadable("check is missing; is this an event of Sensu?")
    return found or None


def _event(event: Mapping[str, Any], config: Mapping[str, Any]) -> Seen:
    check, entity = (
        parse.object_in(event, "check"),
        parse.object_in(event, "entity") or parse.object_in(event, "client"),
    )
    check_metadata, metadata = parse.object_in(check, "metadata"), parse.object_in(entity, "metadata")
    name = parse.text_in(check_metadata, "name") or parse.text_in(check, "name")
    where = parse.text_in(metadata, "name") or parse.text_in(entity, "name") or parse.text_in(check, "source")
    if not name or not where:
        raise Unreadable(f"{'check' if not name else 'entity'}.metadata.name is missing or empty")
    at = _time_of(event, check)
    namespace = parse.text_in(metadata, "namespace") or parse.text_in(parse.object_in(event, "metadata"), "namespace")
    # The protocol of Sensu Go leaves out a status of 0.
    status = parse.text_in(check, "status") or ("0" if "status" not in check else "")
    state = alerts.state_in(STATUS, status)
    labels = alerts.labels_in(
        check_metadata.get("labels"),
        metadata.get("labels"),
        parse.object_in(event, "metadata").get("labels"),
        {"entity": where, "check": name, "sensu_namespace": namespace},
        {each: parse.text_in(entity, each) for each in ("service", "environment", "env")},
        {each: parse.text_in(check, each) for each in ("service", "environment", "env", "severity")},
    )
    output = parse.cut(parse.text_in(check, "output").split("\n")[0], 200)
    shown_status = SEVERITIES.get(status, f"status {parse.cut(status, 20)}")
    return alerts.alert(
        key=parse.key_of("sensu", alerts.site_of(config), namespace, where, name),
        at=at,
        state=state,
        title=name,
        labels=labels,
        config=config,
        severity=_severity(check, status),
        raw_status=": ".join(each for each in (shown_status, output) if each),
        opened_at=_began(check, at),
        resolved_at=at,
        url=alerts.first_link(parse.text_in(check_metadata, "url"), labels.get("url", "")),
    )


def _time_of(event: Mapping[str, Any], check: Mapping[str, Any]) -> datetime:
    for value in (check.get("executed"), event.get("timestamp"), check.get("issued")):
        if (moment := parse.unix_time(value)) is not None:
            return moment
    raise Unreadable("timestamp and check.executed are missing or no moments")


def _severity(check: Mapping[str, Any], status: str) -> str:
    """Return the severity of a failing check; "" for a resolved one, whose severity earlier events have."""
    return "" if status == "0" else SEVERITIES.get(status, "")


def _began(check: Mapping[str, Any], at: datetime) -> datetime | None:
    """Return since when the check fails, or failed until now, by the history of Sensu Go; None where it is not known.

    A history that begins with a failure does not reach back to the start.
    """
    history = check.get("history")
    began: datetime | None = None
    for each in reversed(history if isinstance(history, list) else []):
        if not isinstance(each, Mapping):
            return None
        executed = parse.unix_time(each.get("executed"))
        if executed is None:
            return None
        if parse.text_in(each, "status") in ("", "0"):
            if executed < at:
                return began
        else:
            began = executed
    return None


PROVIDER = Provider(
    kind="sensu",
    name="Sensu",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=TOKEN_OR_PASSWORD_HELP,
    settings=(*alerts.LABELS, alerts.SITE),
    tables=(STATUS,),
)
