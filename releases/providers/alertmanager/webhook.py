"""Prometheus Alertmanager's webhook, version 4. One body holds all alerts of a group, and is sent again and again."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from releases.providers import alerts, parse
from releases.providers.base import Labelled, Message, Provider
from releases.providers.envelope import as_object, peek, read
from releases.providers.facts import Seen, Unreadable
from releases.providers.signatures import PASSWORD_TOO, verified_or_password
from releases.providers.tables import StatusTable

MOST_ALERTS = 10_000
STATUS = StatusTable("An alert's status", "alerts[].status", {"firing": alerts.STILL_ON, "resolved": alerts.OVER})


def label(message: Message) -> Labelled:
    """File a notification under a digest of its content: Alertmanager numbers nothing, and repeats itself literally."""
    status = parse.text_in(peek(message), "status")
    return Labelled("", parse.cut(f"alerts.{status}" if status else "alerts", 60))


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return an alert for each alert of a notification."""
    whole = as_object(read(message), "the body")
    listed = whole.get("alerts")
    if not isinstance(listed, list):
        raise Unreadable("alerts is missing or no list; is this a webhook of Alertmanager 0.5 or newer?")
    if len(listed) > MOST_ALERTS:
        raise Unreadable(f"alerts holds more than {MOST_ALERTS:,}; set max_alerts in Alertmanager's receiver")
    return [_alert(as_object(each, f"alerts[{at}]"), at, whole, config) for at, each in enumerate(listed)]


def _alert(alert: Mapping[str, Any], number: int, whole: Mapping[str, Any], config: Mapping[str, Any]) -> Seen:
    own = alerts.labels_in(alert.get("labels"))
    started = parse.moment(alert.get("startsAt"))
    if started is None:
        raise Unreadable(f"alerts[{number}].startsAt is missing or no moment")
    status = parse.text_in(alert, "status") or parse.text_in(whole, "status")
    state = alerts.state_in(STATUS, status)
    # An end in the year 1 means that none is set.
    ended = parse.moment(alert.get("endsAt")) if state == alerts.RESOLVED else None
    # The fingerprint is of the labels alone: the next time the alert fires, only its start is another.
    fingerprint = parse.text_in(alert, "fingerprint") or _digest(own)
    return alerts.alert(
        key=parse.key_of("alertmanager", fingerprint, started.isoformat()),
        at=max(started, ended or started),
        state=state,
        title=own.get("alertname", ""),
        group=parse.text_in(whole, "groupKey"),
        labels=alerts.labels_in(alert.get("labels"), whole.get("commonLabels")),
        config=config,
        said=": ".join(each for each in (status, _summary(alert, whole)) if each) + _cut_off(whole),
        opened_at=started,
        resolved_at=ended,
        url=alerts.link(parse.text_in(alert, "generatorURL"), parse.text_in(whole, "externalURL")),
    )


def _digest(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()[:16]


def _summary(alert: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    named = ("summary", "description", "message")
    own, common = parse.part_of(alert, "annotations"), parse.part_of(whole, "commonAnnotations")
    return parse.cut(parse.text_in(own, *named) or parse.text_in(common, *named), 180)


def _cut_off(whole: Mapping[str, Any]) -> str:
    """Say so when Alertmanager left out alerts of the group: their absence means nothing."""
    number = whole.get("truncatedAlerts")
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
    how_to_sign=PASSWORD_TOO,
    settings=alerts.LABELS,
    tables=(STATUS,),
)
