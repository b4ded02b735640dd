"""When the releases of a train go, and what they are called. Pure: dates and numbers in, dates and texts out."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, islice

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PLACE = re.compile(r"\{([^{}]*)\}")
# What a pattern may hold, with what stands there for the third departure, on Wednesday 2026-02-25.
PLACES = {
    "n": "its number, counting up: 3",
    "yyyy": "the year: 2026",
    "yy": "the year: 26",
    "ww": "the week of the year (ISO): 09",
    "mm": "the month: 02",
    "dd": "the day: 25",
}


class WrongPattern(ValueError):
    """A pattern that can't name releases. The text says why, and what to do."""


def days(starts_on: date, weekday: int, weeks: int, *, after: date) -> Iterator[date]:
    """Yield the days on which a train goes, later than a day: every so many weeks from its first weekday on, for ever.

    It ends only where the calendar does.
    """
    first = starts_on + timedelta(days=(weekday - starts_on.weekday()) % 7)
    step = timedelta(weeks=weeks)
    passed = max(0, (after - first) // step + 1) if after >= first else 0
    for number in count(passed):
        try:
            yield first + number * step
        except OverflowError:
            return


def version(pattern: str, day: date, number: int) -> str:
    """Return what the release of a day is called. With {ww}, {yyyy} is the year that the week belongs to."""
    iso = day.isocalendar()
    year = iso.year if "{ww}" in pattern else day.year
    values = {
        "n": str(number),
        "yyyy": f"{year:04}",
        "yy": f"{year % 100:02}",
        "ww": f"{iso.week:02}",
        "mm": f"{day.month:02}",
        "dd": f"{day.day:02}",
    }
    return PLACE.sub(lambda match: values[match[1]], pattern)


def check(pattern: str, starts_on: date, weekday: int, weeks: int, number: int) -> None:
    """Raise WrongPattern for one that holds what nobody knows, or that calls two of the next 60 departures the same."""
    unknown = [each for each in PLACE.findall(pattern) if each not in PLACES]
    rest = PLACE.sub("", pattern)
    known = ", ".join(f"{{{each}}}" for each in PLACES)
    if unknown or "{" in rest or "}" in rest:
        raise WrongPattern(f"Unknown placeholder in “{pattern}”. Use {known}.")
    going = islice(days(starts_on, weekday, weeks, after=starts_on - timedelta(days=1)), 60)
    seen: dict[str, date] = {}
    for place, day in enumerate(going):
        name = version(pattern, day, number + place)
        if name in seen:
            raise WrongPattern(
                f"The releases of {seen[name]} and {day} would both be called {name}. Add a placeholder, such as {{n}}."
            )
        seen[name] = day
