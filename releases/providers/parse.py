"""Parsing fields of payloads: outcomes, times, shas, names. Lenient about spelling, never about meaning."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from releases.providers import facts
from releases.providers.facts import NoZone, Unreadable
from releases.providers.status_tables import Meaning, StatusTable

LONGEST_KEY = 300
LONGEST_NAME = 120
LONGEST_PURL = 500
SHA = re.compile(r"[0-9a-f]{7,64}")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Hosts that are another machine for everybody who says them.
EVERYWHERE = re.compile(r"(?:localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])(?::\d+)?")
NAMED_ZONE, SPACED_ZONE = re.compile(r"\s*(?:UTC|GMT)$"), re.compile(r"\s+([+-]\d{2}:?\d{2})$")
MOMENT = re.compile(r"\d{4}-?\d{2}-?\d{2}[Tt ]\d{2}")
# Outcomes as other systems spell them. A spelling that is not here means "unknown", never failure.
OUTCOMES = {
    **dict.fromkeys(("success", "succeeded", "successful", "pass", "passed", "ok", "accepted", "green"), facts.SUCCESS),
    **dict.fromkeys(("warning", "unstable", "partial"), facts.WARNING),
    **dict.fromkeys(("failure", "fail", "failed", "rejected", "red"), facts.FAILURE),
    **dict.fromkeys(("error", "errored", "timeout", "timed_out"), facts.ERROR),
    **dict.fromkeys(("cancel", "canceled", "cancelled", "abort", "aborted", "stopped"), facts.CANCELLED),
    **dict.fromkeys(("skip", "skipped", "not_run"), facts.SKIPPED),
    "unknown": facts.UNKNOWN,
}

# GitHub's own limit.
LONGEST_ISSUE = 65_536
# Types and labels of trackers, and the type of story that each becomes.
TICKET_TYPES = {
    **dict.fromkeys(("bug", "defect", "type::bug", "incident"), "defect"),
    **dict.fromkeys(("feature", "story", "user story", "enhancement", "type::feature"), "user_story"),
    **dict.fromkeys(("chore", "maintenance", "technical debt", "type::maintenance"), "chore"),
}


def ticket_type(*names: str) -> str:
    """Return our type for the first of these names (an issue's type, its labels) that is known; "" when none is."""
    return next((TICKET_TYPES[each.lower()] for each in names if each.lower() in TICKET_TYPES), "")


def outcome_table(field: str, *, closed: bool = False) -> StatusTable:
    """Return OUTCOMES as the status table of one field."""
    meanings = {word: Meaning(facts.FINISHED, each) for word, each in OUTCOMES.items()}
    return StatusTable("Outcomes", field, meanings, closed)


def outcome(text: str) -> str:
    """Return our outcome for another system's spelling of one; UNKNOWN for one that is not in OUTCOMES, "" for ""."""
    return OUTCOMES.get(text.strip().lower().replace(" ", "_").replace("-", "_"), facts.UNKNOWN) if text.strip() else ""


def moment(text: object, zone: tzinfo | None = None, field: str = "") -> datetime | None:
    """Parse an ISO 8601 date and time. None for anything else, also for the year 1 ("never").

    A time without a zone is in `zone`; where that is None as well, NoZone names the field. Where a zone repeats an hour in
    autumn, its first is meant.
    """
    if not isinstance(text, str) or not MOMENT.match(text.strip()):
        return None
    try:
        # "2026-01-31 12:00:00 UTC" and "… +0100", as many languages print it.
        read = datetime.fromisoformat(SPACED_ZONE.sub(r"\1", NAMED_ZONE.sub("+00:00", text.strip())))
        if not 1970 <= read.year <= 9000:
            return None
        if read.tzinfo is None and zone is None:
            where = f"{field}: " if field else ""
            raise NoZone(f"{where}“{cut(text, 60)}” has no time zone; send it with one, such as 2026-01-31T12:00:00Z")
        read = (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except NoZone:
        raise
    except (ValueError, OverflowError):
        return None
    return read if read.year >= 1970 else None


def unix_time(value: object) -> datetime | None:
    """Parse seconds since 1970, given as a number or as digits; None for 0 ("never") and for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        read = datetime.fromtimestamp(number, UTC) if number > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
    return read if read is not None and 1970 <= read.year <= 9000 else None


def cut(text: str, longest: int) -> str:
    """Return the text cut to `longest` characters, ending in … where it was longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def text_in(holder: Mapping[str, Any], *names: str) -> str:
    """Return the first of the named fields that holds text (or a number, as text); "" when none does."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return ""


def object_in(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the JSON object in a field; {} when there is none. A string is taken for the object's id: {"id": string}."""
    value = holder.get(name)
    if isinstance(value, str) and value.strip():
        return {"id": value.strip()}
    return value if isinstance(value, Mapping) else {}


def texts_in(value: object) -> list[str]:
    """Return the texts in a value that may be one text or a list of them."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each.strip()]


def lines_in(value: object) -> list[str]:
    """Return the stripped, non-empty lines of a setting with `many`, whose value may be one text or a list."""
    lines = value.splitlines() if isinstance(value, str) else texts_in(value)
    return [line.strip() for line in lines if line.strip()]


def required_name(text: str, field: str) -> str:
    """Return the name of a service or environment; raise Unreadable naming the field when it is empty or too long."""
    if not text:
        raise Unreadable(f"{field} is missing or empty")
    if len(text) > LONGEST_NAME:
        raise Unreadable(f"{field} is longer than {LONGEST_NAME} characters")
    return text


def sha(text: str) -> str:
    """Return a commit's sha in lower case, or "" for text that is no sha (7 to 64 hexadecimal digits)."""
    found = text.strip().lower()
    return found if SHA.fullmatch(found) else ""


def key_of(*parts: str) -> str:
    """Return the parts joined into one key; a key longer than LONGEST_KEY becomes a digest."""
    key = "|".join(part.replace("|", "%7C") for part in parts)
    return key if len(key) <= LONGEST_KEY else "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def scoped(id_: str, source: str) -> tuple[str, ...]:
    """Return an id as parts of a key: a UUID is one wherever it is told, any other id is its source's own."""
    return (id_,) if not source or UUID.match(id_.lower()) else (source, id_)


def installation(host: str, source: str, otherwise: str) -> str:
    """Return what tells an installation from others: its host; without one, or with one that every machine has, its source."""
    if host and not EVERYWHERE.fullmatch(host.lower()):
        return host
    return "@".join(each for each in (host or otherwise, source) if each)


def purl(text: str, field: str = "artifactId") -> str:
    """Return a purl in its normal form: pkg:oci/app@sha256:… and …@sha256%3A… are one artifact.

    Text that is no purl, as CDEvents 0.1 and 0.2 allowed, is returned as it is.
    """
    text = text.strip()
    if len(text) > LONGEST_PURL:
        raise Unreadable(f"{field} is longer than {LONGEST_PURL} characters")
    if not text.lower().startswith("pkg:"):
        return text
    text = "pkg:" + text[4:].lstrip("/")
    name, at, rest = text.rpartition("@") if "@" in text else (text, "", "")
    if not at or "/" in rest.split("?")[0].split("#")[0]:
        return text
    end = min((rest.find(sign) for sign in "?#" if sign in rest), default=len(rest))
    version = rest[:end].replace("%3a", "%3A").replace(":", "%3A")
    return f"{name}@{version}{rest[end:]}"


def repository(text: str) -> str:
    """Return a repository's path without scheme, host and .git, which is also how a git source names it.

    https://git.example/shop/checkout.git, git@git.example:shop/checkout and git.example/shop/checkout become
    shop/checkout; a name such as shop/checkout is returned as it is.
    """
    text = text.strip().rstrip("/")
    _, colon, rest = text.partition("://")
    if colon:
        path = rest.partition("/")[2] or rest
    elif match := re.fullmatch(r"[^@/:\s]+@[^@/:\s]+:(.+)", text):
        path = match[1]
    else:
        first, _, rest = text.partition("/")
        path = rest if "." in first and "/" in rest else text
    return "/".join(each for each in path.split("/") if each).removesuffix(".git")[:250]
