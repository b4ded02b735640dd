"""Days as the company counts them: in its own time zone (RODEO_TIME_ZONE)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.kernel import clock


def zone() -> ZoneInfo:
    """Return the company's time zone."""
    return ZoneInfo(settings.RODEO_TIME_ZONE)


def day_of(moment: datetime) -> date:
    """Return the day that it was in the company at a moment."""
    return moment.astimezone(zone()).date()


def today() -> date:
    """Return the day that it is in the company now."""
    return day_of(clock.now())


def start_of(day: date) -> datetime:
    """Return the moment in UTC at which a day begins in the company."""
    return datetime.combine(day, time(), zone()).astimezone(UTC)


def end_of(day: date) -> datetime:
    """Return the moment in UTC at which the next day begins in the company."""
    return start_of(day + timedelta(days=1))
