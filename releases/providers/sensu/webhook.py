"""Sensu: events of Sensu Go, and of the older Sensu Core, as a pipe handler forwards them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, facts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import MakesNothing, Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password
from releases.providers.status_tables import Meaning, StatusTable

MOST_EVENTS = 1000
STATUS = StatusTable(
    "A check's exit status",
    "check.status",
    {
        "0": alerts.CLEARED,
        "1": alerts.FIRING,
        "2": alerts.FIRING,
        "3": alerts.FIRING,
        "127": Meaning(facts.RUNNING, "", "open: command not found"),
        "255": Meaning(facts.RUNNING, "", "open: the command broke"),
    },
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
    events = [_unwrapped(as_object(each, "the event")) for each in listed]
    source = message.headers.get("source", "")
    found = [_event(each, config, source) for each in events if isinstance(each.get("check"), Mapping)]
    if not found and not any("entity" in each or "metrics" in each for each in events):
        raise Unreadable("check is missing; is this an event of Sensu?")
    if not found:
        raise MakesNothing("It has metrics or an entity, but no check.")
    return found


def _unwrapped(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the event itself of one in the form of sensuctl's wrapped-json: {"type": "Event", "spec": {…}}."""
    inner = parse.object_in(event, "spec") or parse.object_in(event, "event")
    if "check" in event or not ("check" in inner or "entity" in inner):
        return event
    return {"metadata": event.get("metadata"), **inner}


def _meaning_of(status: str) -> Meaning:
    """Return the meaning of an exit status. Any number that is not listed is an error of the check, which is no good news."""
    is_other = status.lstrip("-").isdecimal() and status not in STATUS.meanings
    return alerts.FIRING if is_other else STATUS.meaning_of(status)


def _event(event: Mapping[str, Any], config: Mapping[str, Any], source: str) -> Seen:
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
    state = alerts.state_of(_meaning_of(status)) if status else ""
    labels = alerts.labels_in(
        check_metadata.get("labels"),
        metadata.get("labels"),
        parse.object_in(event, "metadata").get("labels"),
        {"entity": where, "check": name, "sensu_namespace": namespace},
        {each: parse.text_in(entity, each) for each in ("service", "environment", "env")},
        {each: parse.text_in(check, each) for each in ("service", "environment", "env", "severity")},
    )
    output = parse.cut(parse.text_in(check, "output").split("\n")[0], 200)
    shown_status = SEVERITIES.get(status, f"unknown (status {parse.cut(status, 20)})" if status else "no status")
    return alerts.alert(
        key=parse.key_of("sensu", alerts.site_of(config, source), namespace, where, name),
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
    raise Unreadable("timestamp and check.executed are missing or aren’t times")


def _severity(check: Mapping[str, Any], status: str) -> str:
    """Return the severity of a failing check; "" for a resolved one, whose severity earlier events have."""
    return "" if status in ("", "0") else SEVERITIES.get(status, "unknown")


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
