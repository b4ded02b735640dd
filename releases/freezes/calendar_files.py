"""Freezes as iCalendar files (RFC 5545): reading what others wrote, and writing ours. Pure: no Django, no database."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from icalendar import Calendar, Event
from icalendar.prop import vRecur
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from releases.freezes.occurrences import Times
from releases.freezes.recurrence import BadRule, read_rule, until_of, written

LARGEST, MOST_EVENTS, MOST_ERRORS = 512 * 1024, 200, 20
LINE = re.compile(r"([A-Za-z0-9-]+)((?:;[^:\"]*(?:\"[^\"]*\"[^:\"]*)*)?):(.*)", re.DOTALL)
DAY = timedelta(days=1)


class BadCalendar(ValueError):
    """A file that can't be imported: what is wrong with it, each with its line."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = list(errors)
        super().__init__(" ".join(errors))


class BadLine(ValueError):
    """What is wrong with one property of an event."""

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Read:
    """One event of a file: when it is, as a freeze keeps it, and on which line it begins."""

    line: int
    uid: str
    name: str
    reason: str
    times: Times
    # What of it has no effect, as sentences.
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """One event of a file that says of itself that it is cancelled."""

    uid: str
    name: str


@dataclass(slots=True)
class _Raw:
    """The lines of one event, unfolded, and where each property is for the first time."""

    line: int
    text: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


def read_calendar(body: bytes, zone: str) -> list[Read | Cancelled]:
    """Read the events of a file. Days, and times without a zone, are those of `zone`.

    Raises BadCalendar with a sentence for each event that can't be read, naming the line.
    """
    if len(body) > LARGEST:
        raise BadCalendar([f"This file is over {LARGEST // 1024} KB. Export a shorter time."])
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise BadCalendar([f"Line {line}: this isn’t UTF-8. Save the file as UTF-8."]) from None
    raws = _events(text)
    if len(raws) > MOST_EVENTS:
        raise BadCalendar([f"This file has {len(raws)} events. Import {MOST_EVENTS} at most."])
    found, errors = list[Read | Cancelled](), []
    for raw in raws:
        try:
            found.append(_read(raw, zone))
        except BadLine as error:
            errors.append(f"Line {raw.places.get(error.name, raw.line)}: {error.why}")
    if errors:
        more = [f"{len(errors) - MOST_ERRORS} more."] if len(errors) > MOST_ERRORS else []
        raise BadCalendar(errors[:MOST_ERRORS] + more)
    return found


def _events(text: str) -> list[_Raw]:
    """Cut a file into its events. Everything else in it (time zones, tasks) is left aside."""
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise BadCalendar(["Line 1: this isn’t an iCalendar file. One begins with BEGIN:VCALENDAR."])
    found: list[_Raw] = []
    current: _Raw | None = None
    depth = 0
    for number, line in _unfolded(text):
        word = line.strip().upper()
        if current is None:
            if word == "BEGIN:VEVENT":
                current, depth = _Raw(number, [line]), 0
            continue
        match = LINE.fullmatch(line)
        if match is None:
            raise BadCalendar([f"Line {number}: “{line[:40]}” isn’t a property. It needs a name, a colon and a value."])
        depth += word.startswith("BEGIN:") - word.startswith("END:")
        if word == "END:VEVENT":
            found.append(_Raw(current.line, [*current.text, line], current.places))
            current = None
        elif depth == 0 and not word.startswith("END:"):
            # An event's alarms are nobody's business here.
            current.text.append(line)
            current.places.setdefault(match[1].upper(), number)
    if current is not None:
        raise BadCalendar([f"Line {current.line}: this event has no END:VEVENT. The file may be cut off."])
    return found


def _unfolded(text: str) -> list[tuple[int, str]]:
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + line[1:])
        elif line.strip():
            lines.append((number, line))
    return lines


def _read(raw: _Raw, zone: str) -> Read | Cancelled:
    event = _parsed(raw)
    name = str(event.get("SUMMARY", "")).strip()[:120]
    uid = str(event.get("UID", "")).strip()
    if str(event.get("STATUS", "")).strip().upper() == "CANCELLED":
        return Cancelled(uid, name or uid[:120])
    for property_, why in UNREAD.items():
        if property_ in raw.places:
            raise BadLine(property_, why)
    if not name:
        raise BadLine("SUMMARY", "this event has no SUMMARY, so there’s no name for it.")
    if not uid or len(uid) > 255:
        raise BadLine("UID", "this event needs a UID of 255 characters at most.")
    starts, zone = _moment(event, "DTSTART", zone)
    ends = _end(event, starts, zone)
    whole = not isinstance(starts, datetime)
    exceptions, others = _exceptions(event, starts, zone)
    times = Times(
        key=0,
        name=name,
        zone=zone,
        starts_on=starts.date() if isinstance(starts, datetime) else starts,
        ends_on=ends.date() if isinstance(ends, datetime) else ends - DAY,
        starts_at=starts.time() if isinstance(starts, datetime) else None,
        ends_at=ends.time() if isinstance(ends, datetime) else None,
        rule=_rule(event),
        exceptions=exceptions,
    )
    if times.length <= timedelta(0):
        raise BadLine(
            "DTEND", "it has to end after it starts." if not whole else "DTEND is the day after the last one."
        )
    left_out = tuple(f"{name}: EXDATE {each} takes nothing out, because no time of it begins then." for each in others)
    return Read(raw.line, uid, name, str(event.get("DESCRIPTION", "")).strip()[:2000], times, left_out)


UNREAD = {
    "RDATE": "RDATE can’t be imported. Make an event of each day, or use RRULE.",
    "RECURRENCE-ID": "one changed time of a repeated event can’t be imported. Use EXDATE and an event of its own.",
    "EXRULE": "EXRULE can’t be imported. Use EXDATE.",
}


def _parsed(raw: _Raw) -> Event:
    try:
        event = Event.from_ical("\r\n".join(raw.text) + "\r\n")
    except (ValueError, KeyError, IndexError) as error:
        raise BadLine("", f"this event can’t be read: {str(error)[:120]}") from None
    for name, why in event.errors:
        raise BadLine(str(name or ""), f"{name} can’t be read: {str(why)[:120]}.")
    if not isinstance(event, Event) or "DTSTART" not in event:
        raise BadLine("DTSTART", "this event has no DTSTART.")
    return event


def _moment(event: Event, name: str, zone: str) -> tuple[date | datetime, str]:
    """Return a property as a day, or as a local time of its zone, and that zone."""
    value: Any = event[name]
    if isinstance(value, list):
        raise BadLine(name, f"{name} is there twice.")
    moment = value.dt
    if not isinstance(moment, date):
        raise BadLine(name, f"{name} isn’t a day or a time.")
    if not isinstance(moment, datetime):
        return moment, zone
    named = str(value.params.get("TZID", "")).strip()
    if named:
        known = WINDOWS_TO_OLSON.get(named, named)
        if known not in available_timezones():
            raise BadLine(name, f"“{named[:60]}” isn’t a time zone. Use one such as Europe/Berlin.")
        return moment.replace(tzinfo=None), known
    if moment.tzinfo is not None:
        return moment.astimezone(UTC).replace(tzinfo=None), "UTC"
    return moment, zone


def _end(event: Event, starts: date | datetime, zone: str) -> date | datetime:
    """Return when an event ends: exclusive for days, in the zone that it starts in."""
    if "DTEND" in event:
        ends, other = _moment(event, "DTEND", zone)
        if isinstance(ends, datetime) != isinstance(starts, datetime):
            raise BadLine("DTEND", "DTSTART and DTEND have to be two days, or two times.")
        if isinstance(ends, datetime) and other != zone:
            return ends.replace(tzinfo=ZoneInfo(other)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        return ends
    if "DURATION" in event:
        length = getattr(event["DURATION"], "dt", None)
        if not isinstance(length, timedelta) or abs(length) > timedelta(days=1000):
            raise BadLine("DURATION", "DURATION isn’t a length of time. One looks like PT8H.")
        return starts + length
    if isinstance(starts, datetime):
        raise BadLine("DTSTART", "this event has no DTEND, so nobody knows how long it is.")
    return starts + DAY


def _rule(event: Event) -> str:
    value = event.get("RRULE")
    if value is None:
        return ""
    if isinstance(value, list):
        raise BadLine("RRULE", "RRULE is there twice. Make two events.")
    text = value.to_ical().decode()
    try:
        rule = read_rule(text)
    except BadRule as error:
        raise BadLine("RRULE", str(error)) from None
    return f"{rule.text};UNTIL={written(rule.until)}" if rule.until else rule.text


def _exceptions(event: Event, starts: date | datetime, zone: str) -> tuple[frozenset[date], list[str]]:
    """Return the days that an event leaves out, and what leaves out none: a moment at which no time of it begins."""
    values: Any = event.get("EXDATE", [])
    found, others = set(), []
    for value in values if isinstance(values, list) else [values]:
        for each in value.dts:
            moment = each.dt
            if isinstance(moment, datetime) and moment.tzinfo is not None:
                moment = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            if not isinstance(moment, datetime):
                found.add(moment)
            elif isinstance(starts, datetime) and moment.time() == starts.time():
                found.add(moment.date())
            else:
                others.append(f"{moment:%Y-%m-%d %H:%M}")
    if len(found) + len(others) > 100:
        raise BadLine("EXDATE", "over 100 days are left out. Use a shorter rule.")
    return frozenset(found), others


@dataclass(frozen=True, slots=True)
class Written:
    """A freeze for a file: its identity there, how often it was changed, and when."""

    uid: str
    sequence: int
    changed_at: datetime
    reason: str
    url: str
    times: Times
    # Of a freeze on public holidays, the days of the next years with their names; a file can't say it otherwise.
    days: tuple[tuple[date, str], ...] = ()


def write_calendar(freezes: Iterable[Written]) -> bytes:
    """Write freezes as a calendar that others can subscribe to."""
    calendar = Calendar()
    calendar.add("prodid", "-//Rodeo//Freezes//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Freezes")
    for each in freezes:
        if each.times.holidays:
            for day, name in each.days:
                start, _, host = each.uid.partition("@")
                uid = f"{start}-{day:%Y%m%d}@{host or 'rodeo'}"
                calendar.add_component(_event(each, uid, name, day))
        else:
            calendar.add_component(_event(each, each.uid, each.times.name, each.times.starts_on))
    calendar.add_missing_timezones(first_date=date(2020, 1, 1), last_date=date(2040, 1, 1))
    text: bytes = calendar.to_ical()
    return text


def _event(freeze: Written, uid: str, name: str, day: date) -> Event:
    times, event = freeze.times, Event()
    event.add("uid", uid)
    event.add("sequence", freeze.sequence)
    event.add("dtstamp", freeze.changed_at)
    event.add("last-modified", freeze.changed_at)
    event.add("summary", name)
    if freeze.reason:
        event.add("description", freeze.reason)
    event.add("url", freeze.url)
    event.add("transp", "TRANSPARENT")
    event.add("dtstart", _local(times, day))
    event.add("dtend", _local(times, day, times.length))
    if times.rule and not times.holidays:
        event.add("rrule", _repeated(times))
        left_out = [_local(times, each) for each in sorted(times.exceptions)]
        if left_out:
            event.add("exdate", left_out, parameters={} if times.starts_at else {"VALUE": "DATE"})
    return event


def _local(times: Times, day: date, later: timedelta = timedelta(0)) -> date | datetime:
    if times.starts_at is None:
        return day + later
    return (datetime.combine(day, times.starts_at or time.min) + later).replace(tzinfo=ZoneInfo(times.zone))


def _repeated(times: Times) -> Any:
    """Return the rule as calendars want it: of something that has times, its end is a moment in UTC."""
    rule = read_rule(times.rule)
    until = until_of(rule, times.zone)
    end: date | datetime | None = until.date() if until is not None else None
    if until is not None and times.starts_at is not None:
        end = until.replace(tzinfo=ZoneInfo(times.zone)).astimezone(UTC)
    return vRecur.from_ical(f"{rule.text};UNTIL={written(end)}" if end else rule.text)
