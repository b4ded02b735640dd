"""Time as people say it. Everything is stored in UTC; nothing derived ever depends on the present moment."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_datetime

STEPS = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def now() -> datetime:
    """Return the present moment in UTC."""
    return timezone.now()


def parse(text: object) -> datetime | None:
    """Read an ISO 8601 moment; one without a zone is UTC. Return None for anything else, the year-1 "never" included."""
    if isinstance(text, datetime):
        moment: datetime | None = text
    else:
        try:
            moment = parse_datetime(str(text).strip()) if text else None
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


def iso(moment: datetime | None) -> str | None:
    """Write a moment in UTC with a fixed number of digits, so that text order is time order."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


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
