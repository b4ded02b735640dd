"""Which day and hour a written time means, from what the rest of the file says. What isn't certain is said, never guessed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from squads.retrospective_imports import moments, zones
from squads.retrospective_imports.imported import Precision
from squads.retrospective_imports.moments import Written

# A clock that goes back by less than this is out of order; by more, it's the next day.
NEXT_DAY = dt.timedelta(hours=6)
# A date that can be read in two ways is the one near a date that can't.
NEAR = dt.timedelta(days=7)


@dataclass(frozen=True)
class Placed:
    """A written time with the moment it means."""

    at: dt.datetime | None
    precision: Precision
    clock: dt.time | None
    zone: str
    until: dt.datetime | None = None
    doubt: str = ""


def long_date(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def certain_dates(text: str) -> tuple[dt.date, ...]:
    """The dates in a text that can be read in one way only, each once."""
    found = (moments.readings(each) for each in moments.DATE.finditer(text))
    return tuple(dict.fromkeys(days[0] for days in found if len(days) == 1))


def order_of(text: str) -> str:
    """ "dmy" or "mdy" if the file has a date that can only be read so, and none that can only be read the other way."""
    orders = set()
    for found in moments.DATE.finditer(text):
        if found["n1"] and len(found["n3"]) == 4:
            first, second = int(found["n1"]), int(found["n2"])
            if first > 12 >= second:
                orders.add("dmy")
            elif second > 12 >= first:
                orders.add("mdy")
    return orders.pop() if len(orders) == 1 else ""


class Calendar:
    """The days of a file, read from its beginning: each time without a date is on the day of the line above it."""

    def __init__(self, text: str, *, name: str, zone: dt.tzinfo) -> None:
        self.order = order_of(text)
        self.known = certain_dates(f"{name}\n{text}")
        self.default = zone
        self.first_day: dt.date | None = None
        self.day: dt.date | None = None
        self.clock: dt.time | None = None
        self.inherited = False
        self.without_zone = False
        # Times written like 4:19 may be in the afternoon if no hour of the file is above 12.
        self.half_days = not any(
            found["ap"] or found["s"] or found["h"].startswith("0") or int(found["h"]) > 12
            for found in moments.CLOCK.finditer(text)
            if found["sep"] == ":"
        )

    def begin(self, day: dt.date | None) -> None:
        """Set the day of the first times of a section that have none: the date of the file."""
        self.first_day = self.day = day

    def begin_section(self) -> None:
        """The times of a section don't follow those of the one above: they begin on the day of the file, or of its first time."""
        self.day, self.clock = self.first_day, None

    def pick(self, days: Sequence[dt.date], numbers: tuple[int, int] | None = None) -> tuple[dt.date | None, str]:
        """The date that several readings of one text mean, or None and why it isn't known."""
        if len(days) == 1:
            return days[0], ""
        if not days:
            return None, "This date can't be read."
        if numbers and self.order:
            return days[0] if self.order == "dmy" else days[1], ""
        near = [day for day in days if any(abs(day - known) <= NEAR for known in self.known)]
        if len(near) == 1:
            return near[0], ""
        return None, f"The date can be {' or '.join(long_date(day) for day in days)}."

    def _day_of(self, written: Written) -> tuple[dt.date | None, str]:
        if written.yearless:
            month, day = written.yearless
            years = sorted({known.year + step for known in self.known for step in (-1, 0, 1)})
            possible = [day for day in (moments.day_of(year, month, day) for year in years) if day]
            if not possible:
                return None, "The file names no year for this date."
            best = min(possible, key=lambda each: min(abs(each - known) for known in self.known))
            return best, ""
        return self.pick(written.days, written.numbers)

    def _follow(self, clock: dt.time) -> str:
        """Move to the day of a time that has no date. Return what is doubtful about it."""
        if self.day is None or self.clock is None:
            return ""
        back = dt.datetime.combine(self.day, self.clock) - dt.datetime.combine(self.day, clock)
        if back <= dt.timedelta(0):
            return ""
        if self.half_days and back < dt.timedelta(hours=12) and clock.hour <= 12:
            self.day = None
            return "This time is earlier than the line above. It can be the afternoon or the next day."
        if back < NEXT_DAY:
            return "This time is earlier than the line above."
        self.day += dt.timedelta(days=1)
        return ""

    def place(self, written: Written, zone: str) -> Placed:
        """The moment that a written time means. `zone` is the one that holds if the time names none."""
        zone = written.zone or zone
        doubt = ""
        if written.has_day:
            self.day, doubt = self._day_of(written)
            self.first_day = self.first_day or self.day
            self.clock = None
        elif written.clock is not None:
            doubt = self._follow(written.clock)
            self.inherited = self.inherited or self.day is not None
        if written.clock is not None:
            self.clock = written.clock
        return self._placed(written, zone, doubt)

    def _placed(self, written: Written, zone: str, doubt: str) -> Placed:
        clock, day = written.clock, self.day
        if day is None:
            return Placed(None, "clock" if clock is not None else "none", clock, zone, None, doubt)
        tz = zones.zone_of(zone) if zone else self.default
        self.without_zone = self.without_zone or not zone
        if tz is None:
            doubt = doubt or f"{zone} stands for several time zones. This time is read as {self.name_of_default()}."
            tz = self.default
        at = dt.datetime.combine(day, clock or dt.time(0), tz)
        precision: Precision = "day" if clock is None else "second" if written.seconds else "minute"
        return Placed(at, precision, clock, zone, self._until(written, day, tz), doubt)

    def _until(self, written: Written, day: dt.date, tz: dt.tzinfo) -> dt.datetime | None:
        if written.until is None:
            return None
        last = self.pick(written.until_days)[0] if written.until_days else day
        if last is None:
            return None
        if not written.until_days and written.clock is not None and written.until < written.clock:
            last += dt.timedelta(days=1)
        self.day, self.clock = last, written.until
        return dt.datetime.combine(last, written.until, tz)

    def lose_day(self, clock: dt.time | None) -> None:
        """A line has a date that can't be read: the next times without one aren't on an earlier day."""
        self.day, self.clock = None, clock

    def name_of_default(self) -> str:
        return str(self.default)
