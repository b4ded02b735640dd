"""Writing iCalendar files (RFC 5545). Pure: entries in, text out."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# A line has at most 75 bytes.
LONGEST_LINE = 75


@dataclass(frozen=True, slots=True)
class Event:
    """One event. With days it is a whole-day event from the first to the last; with moments it lasts from one to the other.

    `uid` never changes; `sequence` grows whenever the event does.
    """

    uid: str
    sequence: int
    start: date | datetime
    end: date | datetime
    title: str
    changed_at: datetime
    url: str = ""
    cancelled: bool = False


def written(name: str, events: Iterable[Event], said: str = "") -> str:
    """Return a calendar with these events, ready to be sent; `said` is what calendar programs show about it."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Rodeo//Releases//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH"]
    lines += [f"NAME:{_text(name)}", f"X-WR-CALNAME:{_text(name)}"]
    lines += ["REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]
    lines += [f"DESCRIPTION:{_text(said)}", f"X-WR-CALDESC:{_text(said)}"] if said else []
    for event in events:
        lines += _event(event)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _event(event: Event) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_text(event.uid)}"
    yield f"SEQUENCE:{event.sequence}"
    yield f"DTSTAMP:{_moment(event.changed_at)}"
    yield f"LAST-MODIFIED:{_moment(event.changed_at)}"
    yield f"DTSTART{_place(event.start)}"
    yield f"DTEND{_place(event.end if isinstance(event.end, datetime) else event.end + timedelta(days=1))}"
    yield f"SUMMARY:{_text(event.title)}"
    if event.url:
        yield f"URL:{CONTROLS.sub('', event.url)}"
    yield f"STATUS:{'CANCELLED' if event.cancelled else 'CONFIRMED'}"
    # A release takes nobody's time.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _place(when: date | datetime) -> str:
    return f":{_moment(when)}" if isinstance(when, datetime) else f";VALUE=DATE:{when:%Y%m%d}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return CONTROLS.sub("", plain.replace("\n", "\\n"))


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 bytes; each but the first begins with a space. No character is cut in two."""
    part, room = "", LONGEST_LINE
    for sign in line:
        size = len(sign.encode("utf-8", "replace"))
        if size > room:
            yield part
            part, room = " ", LONGEST_LINE - 1
        part, room = part + sign, room - size
    yield part
