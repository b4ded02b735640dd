"""Which day and hour a written time means, from what the rest of the file says. What isn't certain is said, never guessed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

from squads.retrospective_imports import moments, zones
from squads.retrospective_imports.imported import Precision
from squads.retrospective_imports.moments import Written

# A time that is earlier than the one above by less than this is out of order; by more, it's the next day.
NEXT_DAY = dt.timedelta(hours=6)
# By less than this it is surely out of order, also across midnight.
SLIP = dt.timedelta(hours=2)
# A time that is later by more than this may be an earlier one that is out of order.
FAR = dt.timedelta(hours=12)
DAY = dt.timedelta(days=1)
EARLIER = "This time is earlier than the line above."
OR_NEXT_DAY = f"{EARLIER} It can be the next day."
OR_LATER = "This time was read as earlier than the line above, on the day before. Check it."
LONG_AFTER = "This time is over 12 hours after the line above. Check its day."
HALF_DAY = f"{EARLIER} It can be the afternoon or the next day."
NO_DAY_ABOVE = "The day of a line above isn't certain, so this one isn't either."
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


@dataclass(frozen=True)
class Above:
    """What the line above leaves: its day, its moment if it has one, and another that the next line may follow."""

    day: dt.date | None = None
    last: dt.datetime | None = None
    other: dt.datetime | None = None


@dataclass(frozen=True)
class Followed:
    """The moment of a time below another, with what is doubtful about it.

    `other` is another moment that the next line may follow. `known` is whether `at` is sure enough to be shown.
    """

    at: dt.datetime
    other: dt.datetime | None = None
    doubt: str = ""
    known: bool = True


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
        self.above = Above()
        self.inherited = False
        self.without_zone = False
        # Times written like 4:19 may be in the afternoon if no hour of the file is above 12.
        bare = [found for found in moments.CLOCK.finditer(text) if found["sep"] and not found["ap"]]
        self.half_days = not any(
            found["s"] or found["h"].startswith("0") or int(found["h"]) > 12
            # 5.10 may be a version: points say something only where no time has a colon.
            for found in [each for each in bare if each["sep"] == ":"] or bare
        )

    def begin(self, day: dt.date | None) -> None:
        """Set the day of the first times of a section that have none: the date of the file."""
        self.first_day = day
        self.above = Above(day)

    def begin_section(self) -> None:
        """The times of a section don't follow those of the one above: they begin on the day of the file, or of its first time."""
        self.above = Above(self.first_day)

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

    def _follow(self, written: Written, clock: dt.time, tz: dt.tzinfo) -> Followed | None:
        """The moment of a time that has no date; None where no day is known."""
        above = self.above
        if above.last is None:
            return Followed(dt.datetime.combine(above.day, clock, tz)) if above.day is not None else None
        halves = self.half_days and not written.half_known and clock.hour <= 12
        found = followed(above.last, clock, tz, halves=halves)
        if above.other is None:
            return found
        also = followed(above.other, clock, tz, halves=halves).at
        return found if also == found.at else replace(found, other=also, doubt=found.doubt or NO_DAY_ABOVE)

    def place(self, written: Written, zone: str) -> Placed:
        """The moment that a written time means. `zone` is the one that holds if the time names none."""
        try:
            return self._place(written, written.zone or zone)
        except OverflowError:
            self.lose_day()
            precision: Precision = "clock" if written.clock is not None else "none"
            return Placed(None, precision, written.clock, written.zone or zone, None, "This date can't be read.")

    def _place(self, written: Written, zone: str) -> Placed:
        clock, tz = written.clock, zones.zone_of(zone) if zone else self.default
        at, doubt = None, ""
        if written.has_day:
            day, doubt = self._day_of(written)
            self.first_day = self.first_day or day
            at = dt.datetime.combine(day, clock or dt.time(0), tz or self.default) if day is not None else None
            self.above = Above(day, at if clock is not None else None)
        elif clock is not None:
            found = self._follow(written, clock, tz or self.default)
            self.inherited = self.inherited or found is not None
            if found is not None:
                self.above = Above(found.at.date(), found.at, found.other)
                at, doubt = found.at if found.known else None, found.doubt
        if at is None:
            return Placed(None, "clock" if clock is not None else "none", clock, zone, None, doubt)
        self.without_zone = self.without_zone or not zone
        if tz is None:
            doubt = doubt or f"{zone} stands for several time zones. This time is read as {self.name_of_default()}."
        precision: Precision = "day" if clock is None else "second" if written.seconds else "minute"
        return Placed(at, precision, clock, zone, self._until(written, at), doubt)

    def _until(self, written: Written, at: dt.datetime) -> dt.datetime | None:
        if written.until is None:
            return None
        last = self.pick(written.until_days)[0] if written.until_days else at.date()
        if last is None:
            return None
        if not written.until_days and written.clock is not None and written.until < written.clock:
            last += DAY
        until = dt.datetime.combine(last, written.until, at.tzinfo)
        self.above = Above(last, until, self.above.other)
        return until

    def lose_day(self) -> None:
        """A line has a date that can't be read: the next times without one aren't on an earlier day."""
        self.above = Above()

    def name_of_default(self) -> str:
        return str(self.default)


def followed(last: dt.datetime, clock: dt.time, tz: dt.tzinfo, *, halves: bool) -> Followed:
    """The moment of a time whose line is below that of `last`. With `halves`, 1:05 can be in the afternoon too.

    Lines are in order, if not by much. They are compared in UTC, whatever zones they name.
    """
    day = last.astimezone(tz).date()

    def on(step: int) -> dt.datetime:
        return dt.datetime.combine(day + step * DAY, clock, tz)

    later = on(0).astimezone(dt.UTC) - last.astimezone(dt.UTC)
    if halves and -FAR < later < dt.timedelta(0):
        return Followed(on(0) + FAR, on(1), HALF_DAY, known=False)
    if later <= -NEXT_DAY:
        return Followed(on(1), last, LONG_AFTER) if DAY + later > FAR else Followed(on(1))
    if later < dt.timedelta(0):
        return Followed(on(0), doubt=EARLIER) if -later < SLIP else Followed(on(0), on(1), OR_NEXT_DAY)
    if later > DAY - SLIP:
        return Followed(on(-1), doubt=OR_LATER)
    return Followed(on(0), last, LONG_AFTER) if later > FAR else Followed(on(0))
