"""Reading what outside systems write: outcomes, moments, shas, names. Lenient about form, never about meaning."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from releases.providers import facts
from releases.providers.facts import Unreadable
from releases.providers.tables import Meaning, StatusTable

LONGEST_KEY = 300
LONGEST_NAME = 120
LONGEST_PURL = 500
SHA = re.compile(r"[0-9a-f]{7,64}")
MOMENT = re.compile(r"\d{4}-?\d{2}-?\d{2}[Tt ]\d{2}")
# Others' words for an outcome. A word that is not here means "unknown", never failure.
OUTCOMES = {
    **dict.fromkeys(("success", "succeeded", "successful", "pass", "passed", "ok", "accepted", "green"), facts.SUCCESS),
    **dict.fromkeys(("warning", "unstable", "partial"), facts.WARNING),
    **dict.fromkeys(("failure", "fail", "failed", "rejected", "red"), facts.FAILURE),
    **dict.fromkeys(("error", "errored", "timeout", "timed_out"), facts.ERROR),
    **dict.fromkeys(("cancel", "canceled", "cancelled", "abort", "aborted", "stopped"), facts.CANCELLED),
    **dict.fromkeys(("skip", "skipped", "not_run"), facts.SKIPPED),
    "unknown": facts.UNKNOWN,
}

# As long as GitHub lets an issue be.
LONGEST_ISSUE = 65_536
# What trackers call a ticket, by its type or by a label.
TICKETS = {
    **dict.fromkeys(("bug", "defect", "type::bug", "incident"), "defect"),
    **dict.fromkeys(("feature", "story", "user story", "enhancement", "type::feature"), "user_story"),
    **dict.fromkeys(("chore", "maintenance", "technical debt", "type::maintenance"), "chore"),
}


def ticket_type(*asked: str) -> str:
    """Return our type for the first of a tracker's words (its type, its labels) that means one; "" when none does."""
    return next((TICKETS[each.lower()] for each in asked if each.lower() in TICKETS), "")


def table_of_outcomes(field: str, *, closed: bool = False) -> StatusTable:
    """Return these words as the table of one field."""
    said = {word: Meaning(facts.FINISHED, each) for word, each in OUTCOMES.items()}
    return StatusTable("Outcomes", field, said, closed)


def outcome(word: str) -> str:
    """Return our word for an outcome; "" stays "", and a word nobody explained to us is unknown."""
    return OUTCOMES.get(word.strip().lower().replace(" ", "_").replace("-", "_"), facts.UNKNOWN) if word.strip() else ""


def moment(text: object) -> datetime | None:
    """Read an ISO 8601 date and time; one without a zone is UTC. None for anything else, the year 1 "never" too."""
    if not isinstance(text, str) or not MOMENT.match(text.strip()):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
        read = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return read if 1970 <= read.year <= 9000 else None


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


def cut(text: str, longest: int) -> str:
    """Return the text, at most `longest` characters of it."""
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


def part_of(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object in a field; an empty one when there is none. A bare text is the id of what it names."""
    value = holder.get(name)
    if isinstance(value, str) and value.strip():
        return {"id": value.strip()}
    return value if isinstance(value, Mapping) else {}


def texts_in(value: object) -> list[str]:
    """Return the texts of a field that may hold one text or a list of them."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str) and each.strip()]


def lines_in(value: object) -> list[str]:
    """Return the lines of a setting of many, without spaces around them: it may hold one text or a list."""
    lines = value.splitlines() if isinstance(value, str) else texts_in(value)
    return [line.strip() for line in lines if line.strip()]


def named(text: str, field: str) -> str:
    """Return a service's or environment's name; raise Unreadable naming the field when it is missing or too long."""
    if not text:
        raise Unreadable(f"{field} is missing or empty")
    if len(text) > LONGEST_NAME:
        raise Unreadable(f"{field} is longer than {LONGEST_NAME} characters")
    return text


def sha(text: str) -> str:
    """Return a commit's sha in small letters, or "" for text that is none (7 to 64 hexadecimal digits)."""
    found = text.strip().lower()
    return found if SHA.fullmatch(found) else ""


def key_of(*parts: str) -> str:
    """Return the key that several parts make together; a very long one becomes a digest."""
    key = "|".join(part.replace("|", "%7C") for part in parts)
    return key if len(key) <= LONGEST_KEY else "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def purl(text: str, field: str = "artifactId") -> str:
    """Return one spelling for the spellings of a purl: pkg:oci/app@sha256:… and …@sha256%3A… are one artifact.

    Text that is no purl, as CDEvents 0.1 and 0.2 allowed, stays as it is.
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
    """Return how people call a repository: an address loses scheme, host and .git, so it equals the git source's name.

    https://git.example/shop/checkout.git, git@git.example:shop/checkout and git.example/shop/checkout are
    shop/checkout; a name such as shop/checkout stays.
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
