"""What the monitoring systems have in common: who may send, which labels name things, and how an alert becomes a fact."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from releases.pipelines import facts
from releases.pipelines.facts import SignalSeen, Unreadable
from releases.pipelines.providers import words
from releases.pipelines.providers.base import Message, Setting
from releases.pipelines.providers.envelope import NotJson, document
from releases.pipelines.providers.signatures import SIGNATURE_HEADERS, same, verified
from releases.pipelines.providers.tables import Meaning, StatusTable

OPEN, RESOLVED = "open", "resolved"
BASIC = "basic "
MOST_LABELS = 60
SERVICE_LABELS = ("service", "app", "application")
ENVIRONMENT_LABELS = ("environment", "env")
SEVERITY_LABELS = ("severity", "priority", "level")
STILL_ON = Meaning(facts.RUNNING, "", "open")
OVER = Meaning(facts.FINISHED, facts.SUCCESS, "resolved")

LABELS = (
    Setting(
        "service_labels", "Labels that name the service", many=True, placeholder="\n".join(SERVICE_LABELS),
        help="The first that an alert has is used. Add job or namespace only if yours are named like your services.",
    ),
    Setting(
        "environment_labels", "Labels that name the environment", many=True, placeholder="\n".join(ENVIRONMENT_LABELS),
        help="The first that an alert has is used. Add cluster if each of your environments is a cluster.",
    ),
    Setting(
        "severity_labels", "Labels that name the severity", many=True, placeholder="\n".join(SEVERITY_LABELS),
        help="The first that an alert has is used.",
    ),
)  # fmt: skip
SITE = Setting(
    "site", "Name of this installation",
    help="Needed only where two installations watch hosts of the same name: it keeps their alerts apart.",
)  # fmt: skip
HOW_TO_SIGN = (
    "Send the source's secret as Authorization: Bearer <secret>, or as the password of HTTP basic authentication "
    "with any user name."
)


def authentic(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Say whether the sender knows the secret: as a token, a signature, or the password of basic authentication.

    Some of these systems can send a password and no other header. Beside a signature a password counts for nothing.
    """
    if verified(headers, body, secret):
        return True
    signed = any(name in headers for name in SIGNATURE_HEADERS)
    return not signed and same(password_in(headers), secret)


def password_in(headers: Mapping[str, str]) -> str:
    """Return the password of HTTP basic authentication that a request carries, or ""."""
    given = headers.get("authorization", "")
    if given[: len(BASIC)].lower() != BASIC:
        return ""
    try:
        decoded = base64.b64decode(given[len(BASIC) :].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]


def read(message: Message) -> Any:
    """Return the JSON document of a message; raise Unreadable when it is none."""
    try:
        return document(message.body)
    except NotJson as error:
        raise Unreadable(f"the body is not JSON: {error}") from None


def peek(message: Message) -> Mapping[str, Any]:
    """Return the JSON object of a message, for its label; an empty one for anything else, which fails later, visibly."""
    try:
        found = document(message.body)
    except NotJson:
        return {}
    return found if isinstance(found, Mapping) else {}


def as_object(value: object, field: str) -> Mapping[str, Any]:
    """Return a JSON object; raise Unreadable that names the field for anything else."""
    if not isinstance(value, Mapping):
        raise Unreadable(f"{field} is not a JSON object")
    return value


def seconds(value: object) -> datetime | None:
    """Read a moment in seconds since 1970, as a number or as digits; None for 0, which means never, and for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        read = datetime.fromtimestamp(number, UTC) if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
    return read if read is not None and 1970 <= read.year <= 9000 else None


def labels_in(*holders: object) -> dict[str, str]:
    """Return the labels of several objects together; what an earlier one says counts. Values that are no text are left out."""
    found: dict[str, str] = {}
    for holder in holders:
        if not isinstance(holder, Mapping):
            continue
        for name in holder:
            if name and (text := words.text_in(holder, name)):
                found.setdefault(words.cut(name, 200), words.cut(text, 500))
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
    names = [each.strip() for each in words.texts_in(listed)]
    return next((labels[name] for name in names or otherwise if labels.get(name)), "")


def site_of(config: Mapping[str, Any]) -> str:
    """Return the name that keeps the alerts of one installation apart from those of another."""
    return words.text_in(config, "site") if isinstance(config, Mapping) else ""


def link(*addresses: str) -> str:
    """Return the first address that people can be led to: to the web and nowhere else."""
    fit = (each for each in addresses if each.startswith(("https://", "http://")) and len(each) <= 1000)
    return next(fit, "")


def signal(
    *, key: str, at: datetime, state: str, title: str, labels: Mapping[str, str], config: Mapping[str, Any],
    group: str = "", severity: str = "", service: str = "", said: str = "",
    opened_at: datetime | None = None, resolved_at: datetime | None = None, url: str = "",
) -> SignalSeen:  # fmt: skip
    """Return the fact of one alert; names that are not given are read from its labels."""
    chose = chosen(labels, config, "service_labels", SERVICE_LABELS)
    return SignalSeen(
        key=key, at=at, state=state, group=words.key_of(group) if group else "", title=words.cut(title or "alert", 300),
        severity=words.cut(chosen(labels, config, "severity_labels", SEVERITY_LABELS) or severity, 60),
        service=words.cut(chose or service, words.LONGEST_NAME),
        environment=words.cut(chosen(labels, config, "environment_labels", ENVIRONMENT_LABELS), words.LONGEST_NAME),
        words=words.cut(said, 250), opened_at=opened_at, resolved_at=resolved_at if state == RESOLVED else None,
        labels=tuple(sorted(labels.items())), url=url,
    )  # fmt: skip
