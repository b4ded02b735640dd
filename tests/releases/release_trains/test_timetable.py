"""When trains go and what their releases are called: dates and numbers in, dates and texts out."""

from datetime import date, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.release_trains import timetable

TUESDAY = 1


def first(count: int, after: date, *, weeks: int = 2) -> list[str]:
    going = timetable.days(date(2026, 3, 4), TUESDAY, weeks, after=after)
    return [f"{day:%m-%d}" for day in islice(going, count)]


def test_a_train_goes_every_so_many_weeks_on_its_weekday() -> None:
    assert first(3, date(2026, 1, 1)) == ["03-10", "03-24", "04-07"]
    assert first(2, date(2026, 3, 10)) == ["03-24", "04-07"]
    assert first(2, date(2026, 3, 23)) == ["03-24", "04-07"]
    assert first(2, date(2026, 12, 24), weeks=1) == ["12-29", "01-05"]


def test_it_ends_where_the_calendar_does() -> None:
    assert list(timetable.days(date(9999, 12, 1), TUESDAY, 2, after=date(9999, 12, 20))) == [date(9999, 12, 21)]


DAYS = st.dates(date(1990, 1, 1), date(2150, 1, 1))


@given(DAYS, st.integers(0, 6), st.integers(1, 26), DAYS)
def test_each_departure_is_on_its_weekday_after_the_day_asked_about_and_in_step(
    starts: date, weekday: int, weeks: int, after: date
) -> None:
    one, two = islice(timetable.days(starts, weekday, weeks, after=after), 2)
    assert one > after and one >= starts and one.weekday() == weekday and two - one == timedelta(weeks=weeks)
    assert one - timedelta(weeks=weeks) <= after or one - timedelta(weeks=weeks) < starts


def test_versions_say_number_year_week_and_day() -> None:
    day = date(2026, 2, 25)
    assert timetable.version("2026.{n}", day, 7) == "2026.7"
    assert timetable.version("{yyyy}.{ww}", day, 1) == "2026.09"
    assert timetable.version("R{yy}{mm}{dd}", day, 1) == "R260225"
    # The last days of a year may belong to the first week of the next one.
    assert timetable.version("{yyyy}.{ww}", date(2024, 12, 31), 1) == "2025.01"
    assert timetable.version("{yyyy}.{mm}", date(2024, 12, 31), 1) == "2024.12"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("2026", "would both be called 2026"),
        ("{yyyy}.{mm}", "would both be called"),
        ("{x}.{n}", "Unknown placeholder"),
        ("{n", "Unknown placeholder"),
        ("{n!r}", "Unknown placeholder"),
        ("{0.__class__}", "Unknown placeholder"),
    ],
)
def test_a_pattern_that_names_nothing_or_two_alike_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(timetable.WrongPattern, match=why):
        timetable.check(pattern, date(2026, 3, 4), TUESDAY, 2, 1)
    timetable.check("{yyyy}.{ww}", date(2026, 3, 4), TUESDAY, 1, 1)
