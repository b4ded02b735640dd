"""Logs of incidents as other tools write them: columns, times, lengths, and rows that can't be read."""

from datetime import UTC, datetime

import pytest

from releases.incident_imports.formats import (
    BadLog,
    Log,
    Reading,
    guess,
    minutes,
    moment,
    order_of_days,
    read_log,
    read_table,
)

TODAY = datetime(2026, 3, 2, tzinfo=UTC)


def read(text: str) -> Log:
    table = read_table(text.encode())
    meanings = guess(table)
    return read_log(
        table, Reading(table.headers, meanings, "UTC", order_of_days(table, meanings) or "day", True, TODAY)
    )


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
        ("1970-01-01T00:00+14:00", None),
        ("0001-01-01T00:00+14:00", None),
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
        ("9" * 400 + "h", None),
        ("9" * 400, None),
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


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("Slow,2099-01-01 10:00,,", "start: “2099-01-01 10:00” is in the future. Check the day and the time zone."),
        ("Slow,1960-01-01 10:00,,", "start: “1960-01-01 10:00” is before 1970. Check the year."),
        ("Slow,2020-01-01 10:00,true,", "resolved: It says that it’s resolved, and not when. Write when, or keep"),
        ("Planned work,2099-01-01 10:00,,yes", ""),
    ],
)
def test_what_an_incident_cannot_be_is_told_before_anything_is_imported(row: str, said: str) -> None:
    found = read(f"title,start,resolved,maintenance\n{row}\nOther,2020-01-01 10:00,false,\n")
    assert [text[: len(said)] for _, text in found.bad] == ([said] if said else [])
    assert len(found.rows) == (1 if said else 2)


@pytest.mark.parametrize(
    ("title", "column", "wanted"),
    [
        ("Scheduled job failed", "no", False),
        ("Scheduled job failed", "", False),
        ("Planned migration broke checkout", "", False),
        ("Errors after scheduled maintenance", "", False),
        ("Scheduled maintenance", "", True),
        ("Scheduled maintenance", "no", False),
        ("Unplanned downtime", "", False),
        ("Moving to the new rack", "yes", True),
    ],
)
def test_a_column_beats_words_and_what_went_wrong_is_no_maintenance(title: str, column: str, wanted: bool) -> None:
    (row,) = read(f"title,start,maintenance\n{title},2020-01-01 10:00,{column}\n").rows
    assert row.is_maintenance is wanted


def test_columns_of_one_header_are_both_kept() -> None:
    (row,) = read("title,start,notes,notes\nSlow,2020-01-01 10:00,First,Second\n").rows
    assert row.rest == {"notes": "First", "notes (2)": "Second"}


@pytest.mark.parametrize(
    ("text", "is_day"),
    [
        ("2020-01-01", True),
        ("1 Jan 2020", True),
        ("13/01/2020", True),
        ("20200101", True),
        ("2020-01-01 00:00", False),
        ("2020-01-01T10", False),
        ("Jan 1, 2020 5:00 PM", False),
    ],
)
def test_a_day_without_a_time_of_day_is_known_as_one(text: str, is_day: bool) -> None:
    (row,) = read(f'title,start\nSlow,"{text}"\n').rows
    assert row.days == (["impact_started_at"] if is_day else [])
