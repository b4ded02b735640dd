"""Rules by which something repeats, as iCalendar writes them (RFC 5545, RRULE), and the days they name. No Django."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar.prop import vRecur

LONGEST_RULE = 300
MOST_TIMES = 1000
PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "WKST")
FREQUENCIES = {"DAILY": 3660, "WEEKLY": 520, "MONTHLY": 120, "YEARLY": 10}
LIKE = "One looks like FREQ=WEEKLY;BYDAY=FR."
TOO_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
LIMITS = {"BYMONTH": (1, 12), "BYMONTHDAY": (-31, 31), "BYSETPOS": (-366, 366)}
FIRST_YEAR, LAST_YEAR = 2000, 2099
# The calendar repeats after 400 years, weekdays included. Rules are followed near the end of what dates can be, so that one
# that names no day any more comes to an end there soon, not after thousands of years.
SHIFT = 400 * 19


class BadRule(ValueError):
    """A rule that can't be used; the text says why, and what to write."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that was read: its text without its end, and the end. `count` is part of the text as well."""

    text: str
    until: date | datetime | None
    count: int | None


@lru_cache(maxsize=512)
def read_rule(text: str) -> Rule:
    """Read a rule such as FREQ=WEEKLY;BYDAY=FR. Raises BadRule with a sentence that says what is wrong with it."""
    parts = _parts(text)
    frequency = str(parts["FREQ"][0])
    if frequency in TOO_OFTEN:
        raise BadRule(f"FREQ={frequency} is too often. A freeze repeats once a day at most: use FREQ=DAILY.")
    _number(parts, "INTERVAL", 1, FREQUENCIES[frequency])
    count = _number(parts, "COUNT", 1, MOST_TIMES)
    if count and "UNTIL" in parts:
        raise BadRule("Use COUNT or UNTIL, not both.")
    for name, (low, high) in LIMITS.items():
        if any(not low <= int(each) <= high or int(each) == 0 for each in parts.get(name, ())):
            raise BadRule(f"{name} has a number that doesn’t exist. Use {low} to {high}, and not 0.")
    if frequency == "WEEKLY" and "BYMONTHDAY" in parts:
        raise BadRule("BYMONTHDAY doesn’t go with FREQ=WEEKLY. Use FREQ=MONTHLY.")
    if frequency in ("DAILY", "WEEKLY") and any(len(str(each)) > 2 for each in parts.get("BYDAY", ())):
        raise BadRule("A number before a weekday, such as 1MO, needs FREQ=MONTHLY or FREQ=YEARLY.")
    until = parts["UNTIL"][0] if "UNTIL" in parts else None
    if until is not None and not (isinstance(until, date) and FIRST_YEAR <= until.year <= LAST_YEAR):
        raise BadRule(f"UNTIL isn’t a day. Write one up to {LAST_YEAR}, such as UNTIL=20270131.")
    kept = ";".join(
        f"{name}={','.join(str(each) for each in parts[name])}" for name in PARTS if name in parts and name != "UNTIL"
    )
    try:
        rrulestr(kept, dtstart=datetime(FIRST_YEAR, 1, 1))
    except (ValueError, TypeError) as error:
        raise BadRule(f"This isn’t a rule: {str(error)[:120]}. {LIKE}") from None
    return Rule(kept, until, count)


def _parts(text: str) -> vRecur:
    text = text.strip().upper().removeprefix("RRULE:").rstrip(";")
    if len(text) > LONGEST_RULE:
        raise BadRule(f"This rule has over {LONGEST_RULE} characters. Shorten it.")
    try:
        parts: vRecur = vRecur.from_ical(text)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRule(f"This isn’t a rule: {str(error)[:120]}. {LIKE}") from None
    if "FREQ" not in parts:
        raise BadRule(f"This isn’t a rule: it has no FREQ. {LIKE}")
    for name, values in parts.items():
        if name not in PARTS:
            raise BadRule(f"“{name[:30]}” can’t be used in the rule of a freeze. There are: {', '.join(PARTS)}.")
        if len(values) != 1 and name in ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"):
            raise BadRule(f"{name} has several values. Write one.")
    if text.count("=") != len(parts):
        raise BadRule("A part of the rule is there twice. Write each once.")
    return parts


def _number(parts: vRecur, name: str, low: int, high: int) -> int | None:
    if name not in parts:
        return None
    number = int(parts[name][0])
    if not low <= number <= high:
        raise BadRule(f"{name}={number} can’t be used here. Use {low} to {high:,}.")
    return number


def until_of(rule: Rule, zone: str) -> datetime | None:
    """Return the last local time at which the rule may begin something in this zone; None if it has no such end."""
    until = rule.until
    if until is None:
        return None
    if not isinstance(until, datetime):
        return datetime(until.year, until.month, until.day, 23, 59, 59)
    return until.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if until.tzinfo else until


@lru_cache(maxsize=1024)
def days_of(text: str, first: datetime, zone: str, through: int) -> tuple[date, ...]:
    """Return the days that a rule names from `first` (a local time of the zone) to the end of the year `through`."""
    rule = read_rule(text)
    until, found = until_of(rule, zone), []
    for moment in _moments(rule.text, first):
        if moment.year > through or (until is not None and moment > until):
            break
        found.append(moment.date())
    return tuple(found)


def _moments(text: str, first: datetime) -> Iterator[datetime]:
    for moment in rrulestr(text, dtstart=first.replace(year=first.year + SHIFT)):
        yield moment.replace(year=moment.year - SHIFT)


def with_end(text: str, last: date) -> str:
    """Return the rule with its last day."""
    return f"{text};UNTIL={last:%Y%m%d}"


def written(until: date | datetime | None) -> str:
    """Write the end of a rule as it stands behind UNTIL=."""
    if until is None:
        return ""
    if not isinstance(until, datetime):
        return f"{until:%Y%m%d}"
    return f"{until.astimezone(UTC):%Y%m%dT%H%M%SZ}" if until.tzinfo else f"{until:%Y%m%dT%H%M%S}"
