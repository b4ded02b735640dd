"""Sensu: events of Sensu Go, and of the older Sensu Core, as a pipe handler sends them on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen, Unreadable
from releases.providers.signatures import PASSWORD_TOO, verified_or_password
from releases.providers.tables import StatusTable

MOST_EVENTS = 1000
STATUS = StatusTable(
    "A check's exit status",
    "check.status",
    # Any other number is an error of the check itself, which Sensu counts as unknown; we do not guess either.
    {"0": alerts.OVER, "1": alerts.STILL_ON, "2": alerts.STILL_ON, "3": alerts.STILL_ON},
)
SEVERITIES = {"0": "ok", "1": "warning", "2": "critical", "3": "unknown"}


def label(message: Message) -> Labelled:
    """File an event under a digest of its content: its own id stays while a problem lasts."""
    whole = peek(message)
    action = parse.text_in(whole, "action")
    return Labelled("", parse.cut(f"check.{action}" if action else "check", 60))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the alert of each event; None for what is about no check (metrics)."""
    whole = read(message)
    listed = whole if isinstance(whole, list) else [whole]
    if len(listed) > MOST_EVENTS:
        raise Unreadable(f"more than {MOST_EVENTS:,} events in one body; send one at a time")
    events = [as_object(each, "the event") for each in listed]
    found = [_event(each, config) for each in events if isinstance(each.get("check"), Mapping)]
    if not found and not any("entity" in each or "metrics" in each for each in events):
        raise Unreadable("check is missing; is this an event of Sensu?")
    return found or None


def _event(event: Mapping[str, Any], config: Mapping[str, Any]) -> Seen:
    check, entity = parse.part_of(event, "check"), parse.part_of(event, "entity") or parse.part_of(event, "client")
    check_about, about = parse.part_of(check, "metadata"), parse.part_of(entity, "metadata")
    name = parse.text_in(check_about, "name") or parse.text_in(check, "name")
    where = parse.text_in(about, "name") or parse.text_in(entity, "name") or parse.text_in(check, "source")
    if not name or not where:
        raise Unreadable(f"{'check' if not name else 'entity'}.metadata.name is missing or empty")
    at = next(
        (
            moment
            for value in (check.get("executed"), event.get("timestamp"), check.get("issued"))
            if (moment := parse.seconds(value)) is not None
        ),
        None,
    )
    if at is None:
        raise Unreadable("timestamp and check.executed are missing or no moments")
    namespace = parse.text_in(about, "namespace") or parse.text_in(parse.part_of(event, "metadata"), "namespace")
    # The protocol of Sensu Go leaves out a status of 0.
    status = parse.text_in(check, "status") or ("0" if "status" not in check else "")
    state = alerts.state_in(STATUS, status)
    labels = alerts.labels_in(
        check_about.get("labels"),
        about.get("labels"),
        parse.part_of(event, "metadata").get("labels"),
        {"entity": where, "check": name, "sensu_namespace": namespace},
        {each: parse.text_in(entity, each) for each in ("service", "environment", "env")},
        {each: parse.text_in(check, each) for each in ("service", "environment", "env", "severity")},
    )
    output = parse.cut(parse.text_in(check, "output").split("\n")[0], 200)
    return alerts.alert(
        key=parse.key_of("sensu", alerts.site_of(config), namespace, where, name),
        at=at,
        state=state,
        title=name,
        labels=labels,
        config=config,
        severity=_severity(check, status),
        said=": ".join(each for each in (SEVERITIES.get(status, f"status {parse.cut(status, 20)}"), output) if each),
        opened_at=_began(check, at),
        resolved_at=at,
        url=alerts.link(parse.text_in(check_about, "url"), labels.get("url", "")),
    )


def _severity(check: Mapping[str, Any], status: str) -> str:
    """A resolved event is as severe as its check last was, which only the events before it know."""
    return "" if status == "0" else SEVERITIES.get(status, "")


def _began(check: Mapping[str, Any], at: datetime) -> datetime | None:
    """Return since when the check fails, or failed until now, as the history of Sensu Go tells it; None if it does not.

    A history that begins with a failure does not reach back to the start.
    """
    history = check.get("history")
    began: datetime | None = None
    for each in reversed(history if isinstance(history, list) else []):
        if not isinstance(each, Mapping):
            return None
        executed = parse.seconds(each.get("executed"))
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
    how_to_sign=PASSWORD_TOO,
    settings=(*alerts.LABELS, alerts.SITE),
    tables=(STATUS,),
)
