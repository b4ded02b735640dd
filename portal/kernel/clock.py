"""Time as people say it. Everything is stored in UTC; nothing derived ever depends on the present moment.

Knows no Django, so that the judge and other pure code may use it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

STEPS = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))
# What datetime.fromisoformat does not read: numbers of one digit, nanoseconds, a space before the zone.
LOOSE = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,6})\d{0,6})?)?"
    r"\s*(Z|[+-]\d{2}(?::?\d{2})?)?"
)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def parse(text: object) -> datetime | None:
    """Read an ISO 8601 moment that Rodeo itself wrote, in UTC where it says no zone; None for anything else, also for year 1.

    What others write is read by `releases.providers.parse.moment`, which takes no zone for granted.
    """
    try:
        moment = text if isinstance(text, datetime) else _read(str(text).strip()) if text else None
    except ValueError:
        return None
    if moment is None or moment.year < 1970:
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        match = LOOSE.fullmatch(text)
        if match is None:
            return None
    *numbers, fraction, zone = match.groups(default="0")
    moment = datetime(*map(int, numbers), int(fraction.ljust(6, "0")))  # type: ignore[arg-type,misc]
    return moment if zone == "0" else moment.replace(tzinfo=_zone(zone))


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


def iso(moment: datetime | None) -> str | None:
    """Write a moment in UTC with a fixed number of digits, so that text order is time order."""
    if moment is None:
        return None
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"


def duration(length: timedelta | float | None) -> str:
    """Say a length of time (a timedelta or seconds) in its one largest unit: "3 days"; "" for None."""
    if length is None:
        return ""
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    sign = "−" if seconds <= -60 else ""
    seconds = abs(seconds)
    for size, name in STEPS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{sign}{count} {name}{'' if count == 1 else 's'}"
    return "under a minute"


def exact_duration(value: timedelta | None) -> str:
    """Say a length to the minute: “2 d 3 h”, “1 h 5 min”, “−3 d”; "" for None."""
    if value is None:
        return ""
    minutes, sign = int(abs(value).total_seconds() // 60), "−" if value < timedelta(0) else ""
    if not minutes:
        return "0 min" if not value else f"{sign}under a minute"
    days, rest = divmod(minutes, 1440)
    hours, minutes = divmod(rest, 60)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return sign + " ".join(parts)


def ago(moment: datetime | None, at: datetime | None = None) -> str:
    """Say how long before `at` (the present unless given) a moment was: "3 days ago", "just now", "in 2 hours"."""
    if moment is None:
        return ""
    gap = ((at or now()) - moment).total_seconds()
    if gap <= -60:
        return f"in {duration(-gap)}"
    if gap < 60:
        return "just now"
    return f"{duration(gap)} ago"
