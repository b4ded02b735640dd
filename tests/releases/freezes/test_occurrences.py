"""When freezes hold: by the clock on the wall of their zone, whatever that clock does."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.freezes.occurrences import (
    Times,
    Window,
    frozen_at,
    frozen_until,
    runway,
    union,
    upcoming,
    windows,
    windows_of,
)
from releases.freezes.recurrence import BadRule, days_of, read_rule

AMSTERDAM, NEW_YORK = "Europe/Amsterdam", "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def nightly(zone: str, first: date, rule: str = "FREQ=DAILY") -> Times:
    return Times(1, "Nights", zone, first, first + timedelta(days=1), time(22), time(6), rule)


@pytest.mark.parametrize(
    ("zone", "around", "offsets"),
    [
        (AMSTERDAM, date(2026, 3, 28), (21, 20)),
        (AMSTERDAM, date(2026, 10, 24), (20, 21)),
        (NEW_YORK, date(2026, 3, 7), (3, 2)),
        (NEW_YORK, date(2026, 10, 31), (2, 3)),
    ],
)
def test_ten_in_the_evening_stays_ten_when_clocks_change(zone: str, around: date, offsets: tuple[int, int]) -> None:
    found = windows([nightly(zone, around)], utc("2026-01-01"), utc("2026-12-31"))[:3]
    assert [each.starts.hour for each in found] == [offsets[0], offsets[1], offsets[1]]
    there = ZoneInfo(zone)
    assert {(each.starts.astimezone(there).hour, each.ends.astimezone(there).hour) for each in found} == {(22, 6)}
    # The night in which clocks change is an hour shorter or longer than the next.
    change = timedelta(hours=offsets[1] - offsets[0])
    assert found[0].ends - found[0].starts == timedelta(hours=8) + change
    assert found[1].ends - found[1].starts == timedelta(hours=8)


def test_a_time_that_is_there_twice_begins_at_the_first_and_ends_at_the_second() -> None:
    times = Times(1, "Twice", AMSTERDAM, date(2026, 10, 25), date(2026, 10, 25), time(2, 15), time(2, 45))
    (window,) = windows_of(times, utc("2026-10-01"), utc("2026-11-01"))
    assert (window.starts, window.ends) == (utc("2026-10-25T00:15"), utc("2026-10-25T01:45"))


def test_a_time_that_is_never_there_is_when_clocks_go_forward() -> None:
    times = Times(1, "Gap", AMSTERDAM, date(2026, 3, 29), date(2026, 3, 29), time(2, 30), time(5))
    (window,) = windows_of(times, utc("2026-03-01"), utc("2026-04-01"))
    assert (window.starts, window.ends) == (utc("2026-03-29T01:00"), utc("2026-03-29T03:00"))
    inside = Times(1, "Gap", AMSTERDAM, date(2026, 3, 29), date(2026, 3, 29), time(2, 10), time(2, 50))
    assert not list(windows_of(inside, utc("2026-03-01"), utc("2026-04-01")))


def test_whole_days_end_with_the_last_of_them() -> None:
    times = Times(1, "Year end", AMSTERDAM, date(2026, 12, 20), date(2027, 1, 3))
    (window,) = windows_of(times, utc("2026-12-01"), utc("2027-02-01"))
    assert (window.starts, window.ends) == (utc("2026-12-19T23:00"), utc("2027-01-03T23:00"))
    assert frozen_at([window], window.starts) and not frozen_at([window], window.ends)


def test_exceptions_and_the_end_of_a_rule_leave_days_out() -> None:
    first = date(2026, 12, 4)
    rule = "FREQ=WEEKLY;UNTIL=20261225T210000Z"
    times = Times(
        1, "Weekend", AMSTERDAM, first, first, time(22), time(23), rule, exceptions=frozenset({date(2026, 12, 18)})
    )
    found = windows([times], utc("2026-01-01"), utc("2027-12-31"))
    # 22:00 in Amsterdam on the 25th is 21:00 UTC: the last moment that counts.
    assert [each.day.day for each in found] == [4, 11, 25]


def test_public_holidays_of_a_part_of_a_country_are_named() -> None:
    times = Times(1, "Holidays", "Europe/Berlin", date(2026, 12, 1), date(2026, 12, 1), holidays="DE-BY")
    found = upcoming(times, utc("2026-12-01"), 4)
    assert [(each.day, each.name) for each in found][::3] == [
        (date(2026, 12, 25), "Holidays: Christmas Day"),
        (date(2027, 1, 6), "Holidays: Epiphany"),
    ]


def test_a_deployment_that_takes_longer_than_there_is_time_runs_into_a_freeze() -> None:
    found = windows([nightly(AMSTERDAM, date(2026, 12, 1))], utc("2026-12-01"), utc("2026-12-05"))
    at = utc("2026-12-01T20:30")
    assert runway(found, at, timedelta(minutes=30)) is None
    met = runway(found, at, timedelta(minutes=31))
    assert met is not None and met.starts == utc("2026-12-01T21:00")
    assert frozen_at(found, met.starts) == (met,)


def test_what_follows_on_ends_when_the_last_of_it_does() -> None:
    found = [
        Window(number, "", date(2026, 1, 1), utc(f"2026-01-01T{starts}"), utc(f"2026-01-01T{ends}"))
        for number, starts, ends in (
            (1, "08:00", "12:00"),
            (2, "10:00", "14:00"),
            (3, "14:00", "15:00"),
            (4, "16:00", "17:00"),
        )
    ]
    assert frozen_until(found, utc("2026-01-01T09:00")) == utc("2026-01-01T15:00")
    assert frozen_until(found, utc("2026-01-01T15:30")) is None
    assert [(span.starts.hour, span.ends.hour) for span in union(found)] == [(8, 15), (16, 17)]


MINUTES = st.integers(0, 5000)
WINDOWS = st.lists(st.tuples(MINUTES, st.integers(1, 900)), max_size=12).map(
    lambda pairs: [
        Window(
            number,
            f"n{number}",
            date(2026, 1, 1),
            utc("2026-01-01") + timedelta(minutes=start),
            utc("2026-01-01") + timedelta(minutes=start + length),
        )
        for number, (start, length) in enumerate(pairs)
    ]
)


@settings(max_examples=60)
@given(WINDOWS, st.lists(MINUTES, max_size=10))
def test_a_moment_is_frozen_exactly_when_it_lies_in_the_union(found: list[Window], asked: list[int]) -> None:
    spans = union(found)
    assert all(before.ends < after.starts for before, after in pairwise(spans))
    for minute in asked:
        at = utc("2026-01-01") + timedelta(minutes=minute)
        within = [span for span in spans if span.starts <= at < span.ends]
        on = frozen_at(found, at)
        assert bool(on) == bool(within)
        assert frozen_until(found, at) == (within[0].ends if within else None)
        assert {each.name for each in on} <= set(within[0].names if within else ())


@settings(max_examples=40)
@given(
    st.sampled_from([AMSTERDAM, NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia"]),
    st.integers(0, 3000),
    st.integers(0, 1439),
)
def test_every_night_begins_and_ends_at_its_time_where_that_time_is_there(zone: str, day: int, minute: int) -> None:
    first = date(2020, 1, 1) + timedelta(days=day)
    start = time(minute // 60, minute % 60)
    times = Times(1, "n", zone, first, first + timedelta(days=1), start, start)
    (window,) = windows_of(times, utc("2019-01-01"), utc("2031-01-01"))
    local = window.starts.astimezone(ZoneInfo(zone))
    assert (
        local.time() == start
        or local.utcoffset() != (window.starts - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).utcoffset()
    )
    assert timedelta(hours=22) <= window.ends - window.starts <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=SECONDLY", "too often"),
        ("FREQ=DAILY;COUNT=100000", "COUNT=100000 can’t be used here. Use 1 to 1,000."),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;BYHOUR=3", "“BYHOUR” can’t be used"),
        ("FREQ=WEEKLY;BYDAY=1MO", "FREQ=MONTHLY"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20261231", "not both"),
        ("FREQ=DAILY;FREQ=DAILY", "twice"),
        ("FREQ=MONTHLY;BYMONTHDAY=99", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTH=5L", "isn’t a rule"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "UNTIL isn’t a day"),
        ("every friday", "no FREQ"),
        ("FREQ=WEEKLY;BYDAY=FR" * 40, "300 characters"),
        ("", "no FREQ"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_the_reason(rule: str, said: str) -> None:
    with pytest.raises(BadRule, match=said):
        read_rule(rule)


def test_a_rule_that_names_no_day_comes_to_an_end() -> None:
    for frequency in ("MONTHLY", "YEARLY", "DAILY"):
        rule = f"FREQ={frequency};BYMONTH=2;BYMONTHDAY=30"
        assert days_of(rule, datetime(2026, 11, 2), "UTC", 2040) == ()


@settings(max_examples=60)
@given(st.text(alphabet="FREQ=DAILYWKMOTHUNBCSP;:0123456789,-+TZ", max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        rule = read_rule(text)
    except BadRule as error:
        assert str(error).endswith(".")
    else:
        days_of(text, datetime(2026, 1, 1), "UTC", 2027)
        assert rule.text.startswith("FREQ=")
