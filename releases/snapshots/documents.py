"""The document of a snapshot: one fixed form of JSON, and what is different in another one. Pure.

Numbers, texts, lists and objects with sorted names, without spaces, in UTF-8: the same things give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from portal.kernel import clock
from releases.gates.readiness import VERDICTS
from squads.judge.stages import STAGE_NAMES

FORMAT, VERSION = "rodeo-release-snapshot", 1


def plain(value: Any) -> Any:
    """Return a value as JSON has it: moments in UTC, lengths in seconds, sets sorted, dataclasses as objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, datetime):
        return clock.iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def canonical(document: Mapping[str, Any]) -> str:
    """Return a document in its one form."""
    text = json.dumps(plain(document), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # What half a pair of characters stands for can't be kept in UTF-8.
    return text.encode("utf-8", "replace").decode()


def digest(text: str) -> str:
    """Return the SHA-256 of a document's bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was otherwise then: what it is about, what it was and what it is now ("" where it wasn't there)."""

    kind: str
    name: str
    was: str
    now: str


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return what is different between two documents: the verdict, gates, stories, and what is shipped of each service."""
    found = _changed("verdict", {"": _verdict(before)}, {"": _verdict(now)})
    found += _changed("gate", _gates(before), _gates(now))
    found += _changed("story", _stories(before), _stories(now))
    for what, names in SHIPPED.items():
        found += _changed(what, _shipped(before, names), _shipped(now, names))
    return found


# What a release ships of a service, by the words of pages; the first that is known says it.
SHIPPED = {"commit": ("sha",), "artifact": ("digest", "purl"), "tag": ("tag",), "configuration": ("configuration",)}


def _changed(kind: str, before: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    names: Iterable[str] = dict.fromkeys([*before, *now])
    return [
        Difference(kind, name, before.get(name, ""), now.get(name, ""))
        for name in names
        if before.get(name, "") != now.get(name, "")
    ]


def _verdict(document: Mapping[str, Any]) -> str:
    verdict: str = document["readiness"]["verdict"]
    return VERDICTS.get(verdict, verdict)


def _gates(document: Mapping[str, Any]) -> dict[str, str]:
    return {
        each["title"]: f"{each['state']}{', overridden' if each['override'] else ''}"
        for each in document["readiness"]["gates"]
    }


def _stories(document: Mapping[str, Any]) -> dict[str, str]:
    return {each["key"]: STAGE_NAMES.get(each["stage"], each["stage"]) for each in document["facts"]["stories"]}


def _shipped(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {
        each["name"]: next((each[name] for name in names if each[name]), "")
        for each in document["contents"]["services"]
    }
