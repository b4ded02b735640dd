"""Shared by the monitoring systems: which labels name service, environment and severity, and making an AlertSeen."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import Setting
from releases.providers.facts import AlertSeen
from releases.providers.status_tables import Meaning, StatusTable
from releases.providers.web_urls import link

OPEN, RESOLVED = "open", "resolved"
MOST_LABELS = 60
SERVICE_LABELS = ("service", "app", "application")
ENVIRONMENT_LABELS = ("environment", "env")
SEVERITY_LABELS = ("severity", "priority", "level")
FIRING = Meaning(facts.RUNNING, "", "open")
CLEARED = Meaning(facts.FINISHED, facts.SUCCESS, "resolved")

LABELS = (
    Setting(
        "service_labels",
        "Labels that name the service",
        many=True,
        placeholder="\n".join(SERVICE_LABELS),
        help="The first one an alert has is used. Add job or namespace only if they’re named like your services.",
    ),
    Setting(
        "environment_labels",
        "Labels that name the environment",
        many=True,
        placeholder="\n".join(ENVIRONMENT_LABELS),
        help="The first one an alert has is used. Add cluster if each environment is a cluster.",
    ),
    Setting(
        "severity_labels",
        "Labels that name the severity",
        many=True,
        placeholder="\n".join(SEVERITY_LABELS),
        help="The first one an alert has is used.",
    ),
)
SITE = Setting(
    "site",
    "Name of this installation",
    help="Use the same name for sources that are one installation.",
)


def labels_in(*holders: object) -> dict[str, str]:
    """Merge the labels of several objects; the first object that has a label wins. Values that are no text are left out."""
    found: dict[str, str] = {}
    for holder in holders:
        if not isinstance(holder, Mapping):
            continue
        for name in holder:
            if name and (text := parse.text_in(holder, name)):
                found.setdefault(parse.cut(name, 200), parse.cut(text, 500))
    return dict(list(found.items())[:MOST_LABELS])


def state_of(meaning: Meaning) -> str:
    """Return OPEN, RESOLVED, or "" for an unknown status, which neither opens nor resolves an alert."""
    if meaning.phase == facts.FINISHED:
        return RESOLVED if meaning.outcome == facts.SUCCESS else ""
    return OPEN


def state_in(table: StatusTable, *raw_statuses: str) -> str:
    """Return the state of the first raw status that is not empty; "" when it is unknown."""
    return state_of(table.meaning_of(next((each for each in raw_statuses if each), "")))


def label_value(labels: Mapping[str, str], config: Mapping[str, Any], setting: str, defaults: Iterable[str]) -> str:
    """Return the value of the first label that is there, of those that a setting of the source lists or else of `defaults`."""
    listed = config.get(setting) if isinstance(config, Mapping) else None
    names = [each.strip() for each in parse.texts_in(listed)]
    return next((labels[name] for name in names or defaults if labels.get(name)), "")


def site_of(config: Mapping[str, Any], source: str) -> str:
    """Return what is part of every key so that two installations do not share alerts: the setting "site", else the source."""
    return (parse.text_in(config, "site") if isinstance(config, Mapping) else "") or source


def first_link(*urls: str) -> str:
    """Return the first of these URLs that may be shown as a link, or ""."""
    return next((each for each in urls if link(each)), "")


def alert(
    *,
    key: str,
    at: datetime,
    state: str,
    title: str,
    labels: Mapping[str, str],
    config: Mapping[str, Any],
    group: str = "",
    severity: str = "",
    service: str = "",
    raw_status: str = "",
    opened_at: datetime | None = None,
    resolved_at: datetime | None = None,
    url: str = "",
) -> AlertSeen:
    """Return the fact of one alert. Labels win over the `severity` and `service` given."""
    labelled_service = label_value(labels, config, "service_labels", SERVICE_LABELS)
    return AlertSeen(
        key=key,
        at=at,
        state=state,
        group=parse.key_of(group) if group else "",
        title=parse.cut(title or "alert", 300),
        severity=parse.cut(label_value(labels, config, "severity_labels", SEVERITY_LABELS) or severity, 60),
        service=parse.cut(labelled_service or service, parse.LONGEST_NAME),
        environment=parse.cut(
            label_value(labels, config, "environment_labels", ENVIRONMENT_LABELS), parse.LONGEST_NAME
        ),
        raw_status=parse.cut(raw_status, 250),
        opened_at=opened_at,
        resolved_at=resolved_at if state == RESOLVED else None,
        labels=tuple(sorted(labels.items())),
        url=url,
    )
