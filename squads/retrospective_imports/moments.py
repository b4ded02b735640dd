"""Dates and times as people write them at the beginning of a line, found without deciding what they mean."""

import datetime as dt
import re
from dataclasses import dataclass, field

from squads.retrospective_imports import zones

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|"
    r"Dec(?:ember)?)\b\.?"
)
_WEEKDAY = r"(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b\.?,?\s+)?"
DATE = re.compile(
    rf"(?P<weekday>{_WEEKDAY})(?:"
    r"(?P<y>\d{4})(?P<s1>[-/.])(?P<m>\d{1,2})(?P=s1)(?P<d>\d{1,2})(?!\d)"
    r"|(?P<n1>\d{1,2})(?P<s2>[-/.])(?P<n2>\d{1,2})(?P=s2)(?P<n3>\d{4}|\d{2})(?![\d.])"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?[\s-]+(?P<mon1>{_MONTH}),?(?:[\s-]+(?P<y1>\d{{4}})(?!\d|:\d))?"
    rf"|(?P<mon2>{_MONTH})\s+(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?(?!\d|:\d)(?:,?\s+(?P<y2>\d{{4}})(?!\d|:\d))?"
    r")(?!(?!T\d)[A-Za-z0-9])",
    re.IGNORECASE,
)
_AP = r"\s?(?P<ap>[ap]\.?m\b\.?)"
CLOCK = re.compile(
    rf"(?P<h>[01]?\d|2[0-3])(?P<sep>[:.h])(?P<m>[0-5]\d)(?:[:.](?P<s>[0-5]\d)(?:[.,]\d{{1,9}})?)?(?:{_AP})?(?![\d%]|[:.]\d|(?!h\b|Z|UTC)[A-Za-z])"
    rf"|(?P<h12>1[0-2]|0?[1-9])\s?(?P<ap12>[ap]\.?m\b\.?)"
    rf"|(?P<hh>[01]\d|2[0-3])(?P<mm>[0-5]\d)(?=\s?(?:h\b|hrs?\b|hours\b|{zones.NAME}))"
    r"|(?P<word>(?:12\s)?noon\b|midday\b|midnight\b)"
    r"|(?P<blank>HH[:.]?MM\b)",
    re.IGNORECASE,
)
ZONE = re.compile(rf"\s?[(\[]?\s?(?P<zone>{zones.NAME}|[+-][01]\d:?[0-5]\d(?!\d)|Z(?![A-Za-z0-9]))\s?[)\]]?")
LEAD = re.compile(
    r"(?:\s*\[[ xX]\]\s+)?[\s*_`\[(~<≈]*"
    r"(?:(?:at|on|from|since|around|about|approx(?:imately|\.)?|circa|ca?\.|by|between|before|after|until|@)\s+)*[*_`\[(~<≈]*",
    re.IGNORECASE,
)
JOIN = re.compile(
    r"(?:\s*[,;@T|]\s*|\s+(?:at|@|-|–|—|around|about|approx\.?|ca?\.|from|between)\s+[~≈]?|[\s*_`(\[~≈]+)",
    re.IGNORECASE,
)
TO = re.compile(r"\s*(?:-|–|—|→|->|\bto\b|\buntil\b|\btill\b|\bthrough\b|\band\b)\s*~?", re.IGNORECASE)
# What may stand between a time and what happened.
SEPARATOR = re.compile(
    r"[\s*_`~?+]*(?:[)\]>*_`]*\s*(?:h\b|hrs?\b|hours\b|o'clock\b)?\s*)(?:[-–—:|,;→»]+|->|=>)?[)\]]?\s*[*_`]*\s*"
)


@dataclass(frozen=True)
class Written:
    """A date, a time, or both, as written.

    `days` are the dates that it can mean: several for 03/04/2021, none if it can't be read. `half_known` is whether the time
    says am, pm, noon or midnight. `yearless` is a month and a day without the year. `end` is where it ends in the text.
    """

    end: int
    days: tuple[dt.date, ...] = ()
    has_day: bool = False
    yearless: tuple[int, int] | None = None
    clock: dt.time | None = None
    seconds: bool = False
    dotted: bool = False
    half_known: bool = False
    until: dt.time | None = None
    until_days: tuple[dt.date, ...] = ()
    zone: str = ""
    numbers: tuple[int, int] | None = field(default=None, compare=False)


def day_of(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def readings(found: re.Match[str]) -> tuple[dt.date, ...]:
    """The dates that a match of DATE can mean."""
    if found["y"]:
        possible = [(int(found["y"]), int(found["m"]), int(found["d"]))]
    elif found["n1"]:
        first, second, third = int(found["n1"]), int(found["n2"]), int(found["n3"])
        year = third if len(found["n3"]) == 4 else 2000 + third
        possible = [(year, second, first)]
        # A date with points is written with the day first.
        if found["s2"] != ".":
            possible.append((year, first, second))
        if len(found["n3"]) == 2:
            possible.append((2000 + first, second, third))
    else:
        name, day, year_text = (
            (found["mon1"], found["d1"], found["y1"]) if found["mon1"] else (found["mon2"], found["d2"], found["y2"])
        )
        possible = [(int(year_text), MONTHS.index(name[:3].lower()) + 1, int(day))] if year_text else []
    days = (day_of(*each) for each in possible)
    return tuple(dict.fromkeys(day for day in days if day))


def yearless(found: re.Match[str]) -> tuple[int, int] | None:
    name, day = found["mon1"] or found["mon2"], found["d1"] or found["d2"]
    if not name or found["y1"] or found["y2"]:
        return None
    month = MONTHS.index(name[:3].lower()) + 1
    return (month, int(day)) if day_of(2024, month, int(day)) else None


def time_of(found: re.Match[str]) -> dt.time | None:
    """The time of day that a match of CLOCK means; None for a placeholder, or 13pm."""
    if found["blank"]:
        return None
    if found["word"]:
        return dt.time(0) if found["word"].lower() == "midnight" else dt.time(12)
    hour = int(found["h"] or found["h12"] or found["hh"])
    minute = int(found["m"] or found["mm"] or 0)
    half = (found["ap"] or found["ap12"] or "").lower()
    if half and hour > 12:
        return dt.time(hour, minute, int(found["s"] or 0)) if half[0] == "p" else None
    if half:
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    return dt.time(hour, minute, int(found["s"] or 0))


def _zone(text: str, at: int) -> tuple[str, int]:
    found = ZONE.match(text, at)
    return (found["zone"], found.end()) if found else ("", at)


def _until(text: str, at: int) -> tuple[dt.time, tuple[dt.date, ...], int] | None:
    """The end of a range: “- 10:40”, “to 2021-03-05 10:40”."""
    to = TO.match(text, at)
    if not to:
        return None
    place, days = to.end(), ()
    date = DATE.match(text, place)
    if date:
        join = JOIN.match(text, date.end())
        place, days = (join.end() if join else date.end()), readings(date)  # type: ignore[assignment]
    clock = CLOCK.match(text, place)
    time = time_of(clock) if clock else None
    return (time, days, clock.end()) if clock and time is not None else None


def at_start(text: str) -> Written | None:
    """The date or time at the beginning of a text, None if it begins with neither."""
    lead = LEAD.match(text)
    return moment(text, lead.end() if lead else 0)


def moment(text: str, start: int) -> Written | None:
    """The date or time that stands at a place in a text."""
    date = DATE.match(text, start)
    place = start
    if date:
        join = JOIN.match(text, date.end())
        place = join.end() if join else date.end()
        if text[place : place + 1] == "T":
            place += 1
    clock = CLOCK.match(text, place)
    if not date and not clock:
        return None
    end = clock.end() if clock else date.end() if date else start
    ranged = bool(clock and not clock["blank"])
    # “10:15-07:00” is a range, unless the date is joined by a T: then -07:00 is the zone.
    zone, end = _zone(text, end) if text[place - 1 : place] == "T" else ("", end)
    until = _until(text, end) if ranged else None
    zone, end = (zone, end) if until or zone else _zone(text, end)
    until = until or (_until(text, end) if ranged else None)
    if until:
        end = until[2]
        late, end = _zone(text, end)
        zone = zone or late
    elif clock and not date:
        day = _day_after(text, end)
        if day:
            date, end = day, day.end()
    if text[end : end + 1].isalnum() and text[end - 1].isalnum():
        # “12:01alert” is no time: a word isn't cut in two.
        return None
    return Written(
        end=end,
        days=readings(date) if date else (),
        has_day=bool(date),
        yearless=yearless(date) if date else None,
        clock=time_of(clock) if clock else None,
        seconds=bool(clock and clock["s"]),
        half_known=bool(clock and (clock["ap"] or clock["ap12"] or clock["word"])),
        dotted=bool(clock and clock["sep"] == "." and not clock["ap"]),
        until=until[0] if until else None,
        until_days=until[1] if until else (),
        zone=zone,
        numbers=(int(date["n1"]), int(date["n2"])) if date and date["n1"] and len(date["n3"]) == 4 else None,
    )


def _day_after(text: str, at: int) -> re.Match[str] | None:
    """A date after its time: “16:30 on 4 March 2021”, “10:00 2021-03-04”."""
    join = re.compile(r",?\s+(?:on\s+)?\(?").match(text, at)
    date = DATE.match(text, join.end()) if join else None
    return date if date and (date["y"] or date["n1"] or date["y1"] or date["y2"]) else None


def after(text: str, written: Written) -> int:
    """Where what happened begins, after a time and what separates them."""
    found = SEPARATOR.match(text, written.end)
    return found.end() if found else written.end


def separated(text: str, written: Written) -> bool:
    """Whether something other than a space stands after the time."""
    return bool(re.match(r"[\s*_`)\]]*(?:[-–—:|,;→»]|->|=>|$)", text[written.end :]))
