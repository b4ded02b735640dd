"""Prometheus Alertmanager's webhook, version 4. A payload holds all alerts of a group, and is sent repeatedly."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.facts import Seen, Unreadable
from releases.providers.payloads import as_object, peek, read_json
from releases.providers.signatures import TOKEN_OR_PASSWORD_HELP, verified_or_password
from releases.providers.status_tables import StatusTable

MOST_ALERTS = 10_000
STATUS = StatusTable("An alert's status", "alerts[].status", {"firing": alerts.FIRING, "resolved": alerts.CLEARED})


def label(message: Message) -> Labelled:
    """Label a notification with a digest of its content: Alertmanager sends no delivery id, and its repeats are identical."""
    status = parse.text_in(peek(message), "status")
    return Labelled("", parse.cut(f"alerts.{status}" if status else "alerts", 60))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return a fact for each alert of a notification."""
    payload = as_object(read_json(message), "the body")
    listed = payload.get("alerts")
    if not isinstance(listed, list):
        raise Unreadable("alerts is missing or isn’t a list; is this a webhook of Alertmanager 0.5 or newer?")
    if len(listed) > MOST_ALERTS:
        raise Unreadable(f"alerts has more than {MOST_ALERTS:,}; set max_alerts in Alertmanager's receiver")
    source = message.headers.get("source", "")
    return [_alert(as_object(each, f"alerts[{at}]"), at, payload, config, source) for at, each in enumerate(listed)]


def _alert(
    alert: Mapping[str, Any], number: int, payload: Mapping[str, Any], config: Mapping[str, Any], source: str
) -> Seen:
    own = alerts.labels_in(alert.get("labels"))
    started = parse.moment(alert.get("startsAt"), field="startsAt")
    if started is None:
        raise Unreadable(f"alerts[{number}].startsAt is missing or isn’t a time")
    status = parse.text_in(alert, "status") or parse.text_in(payload, "status")
    state = alerts.state_in(STATUS, status)
    # An end in the year 1 means that none is set; `parse.moment` returns None for it.
    ended = parse.moment(alert.get("endsAt"), field="endsAt") if state == alerts.RESOLVED else None
    # The fingerprint covers the labels only, so the start is needed to tell one occurrence of an alert from the next.
    fingerprint = parse.text_in(alert, "fingerprint") or _digest(own)
    return alerts.alert(
        key=parse.key_of("alertmanager", *parse.scoped(fingerprint, source), started.isoformat()),
        at=max(started, ended or started),
        state=state,
        title=own.get("alertname", ""),
        group=parse.text_in(payload, "groupKey"),
        labels=alerts.labels_in(alert.get("labels"), payload.get("commonLabels")),
        config=config,
        raw_status=": ".join(each for each in (status, _summary(alert, payload)) if each) + _cut_off(payload),
        opened_at=started,
        resolved_at=ended,
        url=alerts.first_link(parse.text_in(alert, "generatorURL"), parse.text_in(payload, "externalURL")),
    )


def _digest(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def _summary(alert: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    named = ("summary", "description", "message")
    own, common = parse.object_in(alert, "annotations"), parse.object_in(payload, "commonAnnotations")
    return parse.cut(parse.text_in(own, *named) or parse.text_in(common, *named), 180)


def _cut_off(payload: Mapping[str, Any]) -> str:
    """Return a note when Alertmanager left out alerts of the group, which does not mean that those are resolved."""
    number = payload.get("truncatedAlerts")
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        return ""
    return f" (max_alerts left out {min(number, 10**9)} more of this group)"


PROVIDER = Provider(
    kind="alertmanager",
    name="Prometheus Alertmanager",
    pushes=True,
    pulls=False,
    label=label,
    translate=translate,
    authentic=verified_or_password,
    how_to_sign=TOKEN_OR_PASSWORD_HELP,
    settings=alerts.LABELS,
    tables=(STATUS,),
)
