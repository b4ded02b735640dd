"""Time zones as people name them, and what a file says of all its times."""

import datetime as dt
import re
from zoneinfo import ZoneInfo, available_timezones

# Hours from UTC. An abbreviation stands for what it means as written, in summer too: CET is UTC+1 on any date.
HOURS: dict[str, float] = {
    "Z": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "WEST": 1,
    "BST": 1,
    "CET": 1,
    "MEZ": 1,
    "CEST": 2,
    "MESZ": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "EST": -5,
    "EDT": -4,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
    "BRT": -3,
    "SGT": 8,
    "HKT": 8,
    "JST": 9,
    "KST": 9,
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
    "SAST": 2,
}
PLACES = {
    "PT": "America/Los_Angeles",
    "MT": "America/Denver",
    "CT": "America/Chicago",
    "ET": "America/New_York",
    "pacific": "America/Los_Angeles",
    "mountain": "America/Denver",
    "central": "America/Chicago",
    "eastern": "America/New_York",
    "UK": "Europe/London",
    "british": "Europe/London",
}
# Each is the abbreviation of several zones that are in use.
SEVERAL = ("AST", "CST", "IST")
SPOKEN = {
    "coordinated universal time": "UTC",
    "universal time": "UTC",
    "greenwich mean time": "GMT",
    "central european summer time": "CEST",
    "central european time": "CET",
    "pacific standard time": "PST",
    "pacific daylight time": "PDT",
    "eastern standard time": "EST",
    "eastern daylight time": "EDT",
}
WINTER_NAMES = {"CET": "CEST", "WET": "WEST", "EET": "EEST", "PST": "PDT", "EST": "EDT", "MST": "MDT", "MEZ": "MESZ"}

_SHORT = "|".join(sorted((*HOURS, *(p for p in PLACES if p.isupper()), *SEVERAL), key=lambda name: -len(name)))
_SPOKEN = "|".join(SPOKEN).replace(" ", r"\s+")
# A zone where one is expected: after a time, or after “all times are”.
NAME = (
    rf"(?:(?:UTC|GMT)\s?[+-]\s?\d{{1,2}}(?::?[0-5]\d)?|(?:{_SHORT})|(?i:{_SPOKEN})"
    r"|(?i:pacific|mountain|central|eastern|british)(?:\s+(?i:summer\s+)?(?i:time))"
    r"|(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)?)(?![A-Za-z0-9/])"
)
OFFSET = re.compile(r"(?:(?:UTC|GMT)\s?)?(?P<sign>[+-])\s?(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?")
_FILLERS = (
    r"of day|below|here|listed|shown|given|quoted|reported|noted|stated|used|expressed|recorded|"
    r"in this (?:document|report|timeline|section|post|file)|are|is|were|as|all"
)
STATED = re.compile(
    rf"(?i:\btimes?(?:\s?stamps?)?\b(?:\s+(?:{_FILLERS}))*)"
    rf"\s*[,:(]?\s*(?:(?i:in|zone|at)\s*:?\s*)?(?:the\s+)?[*_`]*(?P<a>{NAME})"
    rf"|(?i:\btime\s?zones?\b\s*(?:used|is|are|:|=|\*)*\s*)[*_`:]*\s*(?P<b>{NAME})"
    rf"|\b(?P<c>{NAME})\s+(?i:times?(?:\s?stamps?)?\b)"
    r"|(?i:\b(?:times?|timeline|date|when|start(?:ed)?|dates and times)\b)"
    rf"\s*[(\[]\s*(?:(?i:all\s+times?|all)\s+)?(?:(?i:are|in)\s+)*(?P<d>{NAME})"
    rf"|(?i:\ball\s+(?:are\s+)?in\s+)(?P<e>{NAME})"
)


def stated(text: str) -> str:
    """The zone that a text says its times are in, as written; "" if it says none."""
    found = STATED.search(text)
    return next((group for group in found.groups() if group), "") if found else ""


def zone_of(name: str) -> dt.tzinfo | None:
    """The zone that a name means, None if it's unknown or means several."""
    name = re.sub(r"\s+", " ", name.strip())
    spoken = SPOKEN.get(name.lower(), name)
    if spoken in HOURS:
        return dt.timezone(dt.timedelta(hours=HOURS[spoken]))
    place = PLACES.get(spoken) or PLACES.get(spoken.lower().split(" ")[0])
    if place or (spoken in available_timezones() and "/" in spoken):
        return ZoneInfo(place or spoken)
    offset = OFFSET.fullmatch(spoken)
    if offset is None:
        return None
    minutes = int(offset["hours"]) * 60 + int(offset["minutes"] or 0)
    if minutes > 14 * 60:
        return None
    return dt.timezone(dt.timedelta(minutes=-minutes if offset["sign"] == "-" else minutes))


def winter_name_in_summer(name: str, day: dt.date) -> str:
    """What the zone is called on that day, if its name is the one for winter and the day is surely in summer."""
    return WINTER_NAMES.get(name, "") if 4 <= day.month <= 9 else ""
