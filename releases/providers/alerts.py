"""What the monitoring systems have in common: which labels name things, and how an alert becomes a fact."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from releases.providers import facts, parse
from releases.providers.base import Setting
from releases.providers.facts import AlertSeen
from releases.providers.tables import Meaning, StatusTable

OPEN, RESOLVED = "open", "resolved"
MOST_LABELS = 60
SERVICE_LABELS = ("service", "app", "application")
ENVIRONMENT_LABELS = ("environment", "env")
SEVERITY_LABELS = ("severity", "priority", "level")
STILL_ON = Meaning(facts.RUNNING, "", "open")
OVER = Meaning(facts.FINISHED, facts.SUCCESS, "resolved")

LABELS = (
    Setting(
        "service_labels",
        "Labels that name the service",
        many=True,
        placeholder="\n".join(SERVICE_LABELS),
        help="The first that an alert has is used. Add job or namespace only if yours are named like your services.",
    ),
    Setting(
        "environment_labels",
        "Labels that name the environment",
        many=True,
        placeholder="\n".join(ENVIRONMENT_LABELS),
        help="The first that an alert has is used. Add cluster if each of your environments is a cluster.",
    ),
    Setting(
        "severity_labels",
        "Labels that name the severity",
        many=True,
        placeholder="\n".join(SEVERITY_LABELS),
        help="The first that an alert has is used.",
    ),
)
SITE = Setting(
    "site",
    "Name of this installation",
    help="Needed only where two installations watch hosts of the same name: it keeps their alerts apart.",
)


def labels_in(*holders: object) -> dict[str, str]:
    """Return the labels of several objects together; what an earlier one says counts. Values that are no text are left out."""
    found: dict[str, str] = {}
    for holder in holders:
        if not isinstance(holder, Mapping):
            continue
        for name in holder:
            if name and (text := parse.text_in(holder, name)):
                found.setdefault(parse.cut(name, 200), parse.cut(text, 500))
    return dict(list(found.items())[:MOST_LABELS])


def state_of(meaning: Meaning) -> str:
    """Return the state that a word means; "" for a word that nobody explained, which neither opens nor resolves."""
    if meaning.phase == facts.FINISHED:
        return RESOLVED if meaning.outcome == facts.SUCCESS else ""
    return OPEN


def state_in(table: StatusTable, *found: str) -> str:
    """Return the state that the first of several words means; "" when none is known."""
    return state_of(table.read(next((word for word in found if word), "")))


def chosen(labels: Mapping[str, str], config: Mapping[str, Any], setting: str, otherwise: Iterable[str]) -> str:
    """Return the value of the first label that a setting of the source lists, or of the usual ones."""
    listed = config.get(setting) if isinstance(config, Mapping) else None
    names = [each.strip() for each in parse.texts_in(listed)]
    return next((labels[name] for name in names or otherwise if labels.get(name)), "")


def site_of(config: Mapping[str, Any]) -> str:
    """Return the name that keeps the alerts of one installation apart from those of another."""
    return parse.text_in(config, "site") if isinstance(config, Mapping) else ""


def link(*addresses: str) -> str:
    """Return the first address that people can be led to: to the web and nowhere else."""
    fit = (each for each in addresses if each.startswith(("https://", "http://")) and len(each) <= 1000)
    return next(fit, "")


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
    said: str = "",
    opened_at: datetime | None = None,
    resolved_at: datetime | None = None,
    url: str = "",
) -> AlertSeen:
    """Return the fact of one alert; names that are not given are read from its labels."""
    chose = chosen(labels, config, "service_labels", SERVICE_LABELS)
    return AlertSeen(
        key=key,
        at=at,
        state=state,
        group=parse.key_of(group) if group else "",
        title=parse.cut(title or "alert", 300),
        severity=parse.cut(chosen(labels, config, "severity_labels", SEVERITY_LABELS) or severity, 60),
        service=parse.cut(chose or service, parse.LONGEST_NAME),
        environment=parse.cut(chosen(labels, config, "environment_labels", ENVIRONMENT_LABELS), parse.LONGEST_NAME),
        raw_status=parse.cut(said, 250),
        opened_at=opened_at,
        resolved_at=resolved_at if state == RESOLVED else None,
        labels=tuple(sorted(labels.items())),
        url=url,
    )
