"""Freezes as iCalendar files: what was written is read as it was, and what is wrong is named with its line."""

from datetime import UTC, date, datetime, time

import pytest

from releases.freezes import calendar_files
from releases.freezes.calendar_files import BadCalendar, Cancelled, Read, Written, read_calendar, write_calendar
from releases.freezes.occurrences import Times

CHANGED = datetime(2026, 11, 30, 12, tzinfo=UTC)
WEEKEND = Times(
    0,
    "Weekend, every one; quiet",
    "Europe/Amsterdam",
    date(2026, 12, 4),
    date(2026, 12, 7),
    time(22),
    time(6),
    "FREQ=WEEKLY;COUNT=9;BYDAY=FR",
    exceptions=frozenset({date(2026, 12, 25)}),
)
YEAR_END = Times(0, "Year end", "UTC", date(2026, 12, 20), date(2027, 1, 3), rule="FREQ=YEARLY")


def written(times: Times, **more: object) -> Written:
    said = {"uid": "a@rodeo", "sequence": 3, "changed_at": CHANGED, "reason": "Why\nnot", "url": "https://r/1"}
    return Written(times=times, **{**said, **more})  # type: ignore[arg-type]


def event(*lines: str) -> bytes:
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:1", "SUMMARY:Quiet", *lines, "END:VEVENT", "END:VCALENDAR"]
    ).encode()


def events_of(body: bytes, zone: str) -> list[Read]:
    """The events of a file, none of which is cancelled."""
    return [each for each in read_calendar(body, zone) if isinstance(each, Read)]


def test_what_was_written_is_read_as_it_was() -> None:
    body = write_calendar([written(WEEKEND), written(YEAR_END, uid="b@rodeo", reason="")])
    weekend, year_end = events_of(body, "UTC")
    assert (weekend.uid, weekend.name, weekend.reason, weekend.times) == ("a@rodeo", WEEKEND.name, "Why\nnot", WEEKEND)
    assert year_end.times == YEAR_END


def test_days_end_on_the_day_after_the_last_and_the_sequence_counts_changes() -> None:
    text = write_calendar([written(YEAR_END)]).decode()
    assert "DTSTART;VALUE=DATE:20261220" in text and "DTEND;VALUE=DATE:20270104" in text
    assert "SEQUENCE:3" in text and "UID:a@rodeo" in text


def test_the_end_of_a_rule_is_a_moment_in_utc_where_times_are_given() -> None:
    times = Times(
        0,
        "x",
        "Europe/Amsterdam",
        date(2026, 12, 4),
        date(2026, 12, 4),
        time(22),
        time(23),
        "FREQ=DAILY;UNTIL=20261224",
    )
    assert "UNTIL=20261224T225959Z" in write_calendar([written(times)]).decode()


def test_public_holidays_are_one_event_each_with_a_name_that_stays() -> None:
    times = Times(0, "Holidays", "UTC", date(2026, 12, 1), date(2026, 12, 1), holidays="NL")
    text = write_calendar([written(times, days=((date(2026, 12, 25), "Holidays: Christmas Day"),))]).decode()
    assert "UID:a-20261225@rodeo" in text and "SUMMARY:Holidays: Christmas Day" in text and "RRULE" not in text


def test_times_of_other_zones_are_read_by_their_own_clocks() -> None:
    (read,) = events_of(
        event("DTSTART;TZID=W. Europe Standard Time:20261201T220000", "DURATION:PT8H", "EXDATE:20261202T210000Z"), "UTC"
    )
    assert (read.times.zone, read.times.ends_on, read.times.ends_at) == ("Europe/Berlin", date(2026, 12, 2), time(6))
    assert read.times.exceptions == frozenset({date(2026, 12, 2)})
    (read,) = events_of(event("DTSTART:20261201T220000", "DTEND:20261201T230000"), "America/New_York")
    assert read.times.zone == "America/New_York"


def test_a_moment_at_which_nothing_begins_takes_nothing_out_and_that_is_said() -> None:
    times = ("DTSTART:20261201T220000", "DURATION:PT8H", "RRULE:FREQ=DAILY")
    (read,) = read_calendar(event(*times, "EXDATE:20261202T220000,20261203T100000"), "UTC")
    assert isinstance(read, Read) and read.times.exceptions == frozenset({date(2026, 12, 2)})
    assert read.left_out == ("Quiet: EXDATE 2026-12-03 10:00 takes nothing out, because no time of it begins then.",)


def test_what_is_cancelled_is_no_freeze_whatever_else_it_says() -> None:
    (found,) = read_calendar(event("STATUS:CANCELLED", "DTSTART:20261201T220000Z", "RDATE:20261202"), "UTC")
    assert found == Cancelled("1", "Quiet")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"hello", "Line 1: this isn’t an iCalendar file"),
        (b"BEGIN:VCALENDAR\nX:\xff\n", "Line 2: this isn’t UTF-8"),
        (event("DTSTART:2026"), "Line 5: DTSTART can’t be read"),
        (event("DTSTART:20261301T000000Z"), "Line 5: DTSTART can’t be read"),
        (event("DTSTART:20261201T000000Z"), "Line 5: this event has no DTEND"),
        (event("DTSTART;VALUE=DATE:20261201", "RRULE:FREQ=SECONDLY"), "Line 6: FREQ=SECONDLY is too often"),
        (event("DTSTART;VALUE=DATE:20261201", "RDATE:20261202"), "Line 6: RDATE can’t be imported"),
        (event("DTSTART;TZID=Mars:20261201T220000", "DURATION:PT1H"), "Line 5: “Mars” isn’t a time zone"),
        (event("DTSTART;VALUE=DATE:20261202", "DTEND;VALUE=DATE:20261202"), "Line 6: DTEND is the day after"),
        (event(), "this event has no DTSTART"),
        (event("what is this"), "Line 5: “what is this” isn’t a property"),
        (b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n", "Line 2: this event has no END:VEVENT"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(body: bytes, said: str) -> None:
    with pytest.raises(BadCalendar) as raised:
        read_calendar(body, "UTC")
    assert said in raised.value.errors[0]


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar_files, "LARGEST", 1024)
    with pytest.raises(BadCalendar, match="over 1 KB"):
        read_calendar(b"x" * 1025, "UTC")
