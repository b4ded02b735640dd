"""Logs of incidents as other tools write them: columns, times, lengths, and rows that can't be read."""

from datetime import UTC, datetime

import pytest

from releases.incident_imports.formats import BadLog, Log, guess, minutes, moment, order_of_days, read_log, read_table


def read(text: str, zone: str = "UTC", order: str = "") -> Log:
    table = read_table(text.encode())
    meanings = guess(table)
    return read_log(table, meanings, zone, order or order_of_days(table, meanings) or "day", by_words=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2020-02-12 11:51", (2020, 2, 12, 11, 51)),
        ("2021-04-14T07:30:00-00:00", (2021, 4, 14, 7, 30)),
        ("2021-06-01T23:00:00", (2021, 6, 1, 23)),
        ("2021-06-01T23:00:00+02:00", (2021, 6, 1, 21)),
        ("2020-02-12", (2020, 2, 12)),
        ("12 Feb 2020 11:51", (2020, 2, 12, 11, 51)),
        ("Feb 12, 2020 11:51 PM", (2020, 2, 12, 23, 51)),
        ("12/02/2020 11:51", (2020, 2, 12, 11, 51)),
        ("12.02.2020 11:51", (2020, 2, 12, 11, 51)),
        ("12/02/2020, 12:05 am", (2020, 2, 12, 0, 5)),
        ("31/31/2020", None),
        ("soon", None),
        ("2020-13-12 11:51", None),
    ],
)
def test_times_are_read_as_logs_write_them(text: str, wanted: tuple[int, ...] | None) -> None:
    found = moment(text, "UTC", "day")
    assert found == (datetime(*wanted, tzinfo=UTC) if wanted else None)


def test_a_time_without_a_zone_is_of_the_chosen_one() -> None:
    assert moment("2020-07-01 12:00", "Europe/Berlin", "day") == datetime(2020, 7, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0h 16m", 16),
        ("7h (during support hours 10:00-17:00)", 420),
        ("33h 15m (during support hours 10:00-17:00 M-F)", 1995),
        ("2 days, 3 hours and 4 minutes", 3064),
        ("1:30", 90),
        ("90 min", 90),
        ("90", None),
        ("about an hour", None),
    ],
)
def test_lengths_are_read_to_the_minute_and_never_guessed(text: str, wanted: int | None) -> None:
    assert minutes(text) == wanted


def test_columns_are_guessed_by_header_and_by_what_stands_in_them() -> None:
    table = read_table(
        b"Incident ID;Summary;Start Time;resolved;resolvedWhen;Sev;Owner\n1;Slow;2020-01-01 10:00;true;2020-01-01 11:00;2;Ana\n"
    )
    assert guess(table) == ["key", "title", "impact_started_at", "is_resolved", "resolved_at", "severity", ""]


def test_days_that_tell_their_order_are_read_and_others_are_asked_about() -> None:
    for days, wanted in (("13/02/2020", "day"), ("02/13/2020", "month"), ("02/03/2020", None), ("2020-02-03", "day")):
        table = read_table(f"title,start\nSlow,{days}\n".encode())
        assert order_of_days(table, guess(table)) == wanted


def test_a_row_that_cannot_be_read_names_its_line_and_the_remedy() -> None:
    found = read(
        'title,start,resolved\nSlow,2020-01-01 10:00,soon\n"Two\nlines",2020-01-01 10:00,2020-01-01 11:00\n'
        ",2020-01-01 10:00,\nLate,,\nMany,2020-01-01 10:00,2020-01-01 11:00,x\nSlow,2020-01-01 10:00,2020-01-01 11:00\n"
        "Slow,2020-01-01 10:00,2020-01-01 12:00\n"
    )
    assert [row.title for row in found.rows] == ["Two\nlines", "Slow"]
    said = dict(found.bad)
    assert said[2] == "resolved: “soon” isn’t a time. Write it as 2020-02-12 11:51."
    assert said[5].startswith("It has no title") and said[6].startswith("It has no time")
    assert said[7].startswith("It has 4 cells") and said[9] == "It is the same incident as line 8. Remove one of them."


@pytest.mark.parametrize("body", [b"", b"title,start\n", b"\xff\xfe\x00", b"title\x00,start\nx,y\n"])
def test_what_is_no_log_is_refused_with_the_remedy(body: bytes) -> None:
    with pytest.raises(BadLog):
        read_table(body)


def test_what_no_field_takes_is_kept() -> None:
    (row,) = read("title,start,Owner\nSlow,2020-01-01 10:00,Ana\n").rows
    assert row.rest == {"Owner": "Ana"}
