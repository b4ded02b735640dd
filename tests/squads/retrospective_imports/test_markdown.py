"""Postmortems in Markdown, in the forms that people write them: headings, tables, lists, paragraphs."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from squads.retrospective_imports import markdown
from squads.retrospective_imports.calendar import LONG_AFTER
from squads.retrospective_imports.imported import ImportedRetrospective, TimelineEntry, Unreadable
from squads.retrospective_imports.lost_words import lost_words, out_of_order


def read(text: str, *, name: str = "") -> ImportedRetrospective:
    """The retrospective of a text, which must hold every word of it in order."""
    imported = markdown.read(text, name=name)
    assert lost_words(text, imported) == []
    assert out_of_order(text, imported) == []
    return imported


def timeline(lines: str, *, name: str = "") -> tuple[TimelineEntry, ...]:
    return read(f"# Checkout was slow\n\n## Timeline\n\n{lines}\n", name=name).timeline


def moments(entries: tuple[TimelineEntry, ...]) -> list[str]:
    return [entry.at.isoformat(" ", "minutes") if entry.at else f"? {entry.clock}" for entry in entries]


def test_headings_become_the_sections_that_mean_the_same() -> None:
    imported = read(
        "# Checkout was slow\n\n## 1. Executive summary\n\nSlow.\n\n## Customer Impact\n\nMany.\n\n## Root causes\n\nSeveral.\n\n"
        "## Lessons learnt\n\n### What went well\n\nA.\n\n### What went wrong\n\nB.\n\n### Where we got lucky\n\nC.\n\n"
        "## Action items\n\n### Process\n\nD.\n\n## Attendees\n\nall\n"
    )
    assert imported.title == "Checkout was slow"
    assert [(each.heading, each.role, each.markdown) for each in imported.sections] == [
        ("1. Executive summary", "summary", "Slow."),
        ("Customer Impact", "impact", "Many."),
        ("Root causes", "contributing factors", "Several."),
        ("Lessons learnt", "learnings", ""),
        ("What went well", "what went well", "A."),
        ("What went wrong", "", "B."),
        ("Where we got lucky", "where we were lucky", "C."),
        ("Action items", "actions", "### Process\n\nD."),
        ("Attendees", "", "all"),
    ]


def test_a_table_becomes_the_timeline_in_the_zone_that_a_sentence_names() -> None:
    imported = read(
        "# Mail\n\n## Timeline\n\nAll times are CET.\n\n| Time | Event |\n|:--|:--|\n| 2020-01-21 15:36 | Certificate expired |\n"
        "| 2020-01-21 16:02~ | First alert |\n"
    )
    assert moments(imported.timeline) == ["2020-01-21 15:36+01:00", "2020-01-21 16:02+01:00"]
    assert [entry.text for entry in imported.timeline] == ["Certificate expired", "First alert"]
    assert imported.sections[0].markdown == "All times are CET."
    assert imported.table_headings == ("Time | Event",)
    assert imported.zone == "CET" and imported.notes == ()


def test_a_date_column_beside_a_time_column_holds_for_the_rows_below_it() -> None:
    entries = timeline(
        "| Date | Time (UTC) | Who | Event |\n|--|--|--|--|\n| 2021-03-04 | 23:50 | on-call | Looked at the graphs |\n"
        "| | 00:10 | | Rolled back |\n"
    )
    assert moments(entries) == ["2021-03-04 23:50+00:00", "2021-03-05 00:10+00:00"]
    assert entries[0].text == "Who: on-call · Looked at the graphs"


def test_cells_beyond_the_heads_of_a_table_are_kept() -> None:
    entries = markdown.read(
        "## Timeline\n\n| Time | Event |\n|--|--|\n| 2021-03-04 10:00 | Deployed | twice |\n"
    ).timeline
    assert entries[0].text == "Deployed · twice"


def test_headings_that_are_times_follow_the_day_of_the_heading_above() -> None:
    entries = timeline(
        "All times in PST\n\n### 2018-02-22 16:30\n\nA mail came.\n\nSomeone read it.\n\n### 16:33\n\nDeleted the pods.\n\n"
        "```\n2018-02-22 16:34 log\n```\n\n### 00:20 - 00:40\n\nAll is well."
    )
    assert moments(entries) == ["2018-02-22 16:30-08:00", "2018-02-22 16:33-08:00", "2018-02-23 00:20-08:00"]
    assert entries[0].text == "A mail came.\n\nSomeone read it."
    assert entries[1].text.endswith("```\n2018-02-22 16:34 log\n```")
    assert entries[2].until == dt.datetime(2018, 2, 23, 0, 40, tzinfo=dt.timezone(dt.timedelta(hours=-8)))


@pytest.mark.parametrize(
    ("line", "at", "text"),
    [
        ("- 2021-03-04 12:01 deployed", "2021-03-04 12:01+00:00", "deployed"),
        ("- 2021-03-04T12:01:30Z - deployed", "2021-03-04 12:01+00:00", "deployed"),
        ("- 2021-03-04T12:01-07:00 deployed", "2021-03-04 12:01-07:00", "deployed"),
        ("- 14.43 deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- 9.05 – deployed", "2021-03-01 09:05+00:00", "deployed"),
        ("- 5pm: deployed", "2021-03-01 17:00+00:00", "deployed"),
        ("- 5:30 p.m. deployed", "2021-03-01 17:30+00:00", "deployed"),
        ("- 12am: deployed", "2021-03-01 00:00+00:00", "deployed"),
        ("- 1443 UTC: deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- **14:43** | deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- [14:43] deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- ~14:43 deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- At 14:43, deployed", "2021-03-01 14:43+00:00", "deployed"),
        ("- 14:43 CEST deployed", "2021-03-01 14:43+02:00", "deployed"),
        ("- 14:43 (UTC+2) deployed", "2021-03-01 14:43+02:00", "deployed"),
        ("- 14:43 PT deployed", "2021-03-01 14:43-08:00", "deployed"),
        ("- 4 March 2021, 14:43: deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- Mar 4th 2021 14:43 deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- Thu 4th of March 14:43 deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- 14:43 on 4 March 2021: deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- 04.03.2021 14:43 deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- 04/03/21 14:43 deployed", "2021-03-04 14:43+00:00", "deployed"),
        ("- First deployed 2021-03-04 14:43", "2021-03-04 14:43+00:00", "First deployed"),
        ("- **Deployed**: 2021-03-04 14:43", "2021-03-04 14:43+00:00", "Deployed"),
        ("- [x] 14:43 deployed", "2021-03-01 14:43+00:00", "[x] deployed"),
    ],
)
def test_times_are_read_in_the_forms_people_write(line: str, at: str, text: str) -> None:
    entries = timeline(line, name="2021-03-01-checkout.md")
    assert (moments(entries), entries[0].text) == ([at], text)


@pytest.mark.parametrize(
    "line", ["- 1.17 creates two rules", "- 10 nodes were lost", "- 5 pods restarted", "- May be related"]
)
def test_versions_and_amounts_are_no_times(line: str) -> None:
    assert timeline(line) == ()


def test_a_time_without_any_date_keeps_its_clock_and_gets_no_day() -> None:
    imported = read("# Slow\n\n## Timeline\n\n- 14:43 deployed\n- 14:50 rolled back\n")
    assert moments(imported.timeline) == ["? 14:43:00", "? 14:50:00"]
    assert [entry.precision for entry in imported.timeline] == ["clock", "clock"]
    assert imported.date is None
    assert imported.notes == ("Times without a known date: 2. Add it in the timeline.",)


def test_a_date_that_can_be_two_days_is_decided_by_another_date_or_left_open() -> None:
    open_ = timeline("- 04/03/2021 10:00 deployed\n- 10:05 alert")
    assert moments(open_) == ["? 10:00:00", "? 10:05:00"]
    assert open_[0].doubt == "The date can be 4 March 2021 or 3 April 2021."
    assert moments(timeline("- 04/03/2021 10:00 deployed\n- 25/03/2021 10:00 fixed"))[0] == "2021-03-04 10:00+00:00"
    assert moments(timeline("- 04/03/2021 10:00 deployed\n- 03/25/2021 10:00 fixed"))[0] == "2021-04-03 10:00+00:00"
    assert moments(timeline("- 04/03/2021 10:00 deployed", name="2021-03-05.md"))[0] == "2021-03-04 10:00+00:00"


def test_a_date_that_cant_be_read_is_kept_and_gives_no_day_to_the_lines_below() -> None:
    entries = timeline("| Time | Event |\n|--|--|\n| 2021-03-04 10:00 | a |\n| 2021-03-?? HH:mm | b |\n| 10:20 | c |")
    assert moments(entries) == ["2021-03-04 10:00+00:00", "? None", "? 10:20:00"]
    assert entries[1].when == "2021-03-?? HH:mm"
    assert entries[1].doubt == "“2021-03-?? HH:mm” is no date that can be read."


def test_a_time_slightly_earlier_than_the_line_above_is_the_same_day_and_marked() -> None:
    entries = timeline("- 2021-03-04 14:43 deployed\n- 14:40 alert")
    assert moments(entries) == ["2021-03-04 14:43+00:00", "2021-03-04 14:40+00:00"]
    assert entries[1].doubt == "This time is earlier than the line above."


def test_a_time_that_can_be_in_the_afternoon_gets_no_day() -> None:
    entries = timeline("- 2021-03-04 11:50 deployed\n- 1:10 alert")
    assert moments(entries) == ["2021-03-04 11:50+00:00", "? 01:10:00"]
    assert entries[1].doubt == "This time is earlier than the line above. It can be the afternoon or the next day."


def read_lines(*lines: str) -> list[tuple[str, str]]:
    entries = timeline("\n".join(f"- {line} something" for line in lines), name="2021-03-05-checkout.md")
    return list(zip((each[:16] for each in moments(entries)), (entry.doubt for entry in entries), strict=True))


def test_a_line_out_of_order_across_midnight_moves_no_line_below_it() -> None:
    assert read_lines("23:50", "00:10", "23:40", "01:00") == [
        ("2021-03-05 23:50", ""),
        ("2021-03-06 00:10", ""),
        ("2021-03-05 23:40", "This time was read as earlier than the line above, on the day before. Check it."),
        ("2021-03-06 01:00", ""),
    ]


def test_a_jump_of_over_twelve_hours_is_marked_and_so_is_the_day_of_what_follows_while_both_are_possible() -> None:
    far = "This time is over 12 hours after the line above. Check its day."
    unsure = "The day of a line above isn't certain, so this one isn't either."
    assert read_lines("09:00", "22:00", "09:10", "2021-03-07 10:00", "10:05") == [
        ("2021-03-05 09:00", ""),
        ("2021-03-05 22:00", far),
        ("2021-03-06 09:10", unsure),
        ("2021-03-07 10:00", ""),
        ("2021-03-07 10:05", ""),
    ]
    assert read_lines("09:00", "22:00", "22:10") == [
        ("2021-03-05 09:00", ""),
        ("2021-03-05 22:00", far),
        ("2021-03-05 22:10", ""),
    ]
    assert read_lines("20:00", "09:00") == [("2021-03-05 20:00", ""), ("2021-03-06 09:00", far)]
    assert read_lines("20:00", "07:30") == [("2021-03-05 20:00", ""), ("2021-03-06 07:30", "")]
    next_day = "This time is earlier than the line above. It can be the next day."
    assert read_lines("14:00", "10:00", "10:05") == [
        ("2021-03-05 14:00", ""),
        ("2021-03-05 10:00", next_day),
        ("2021-03-05 10:05", unsure),
    ]


def test_a_time_without_am_or_pm_among_times_that_have_it_can_be_in_the_afternoon() -> None:
    assert read_lines("11:30am", "12:15", "1:05", "2 pm") == [
        ("2021-03-05 11:30", ""),
        ("2021-03-05 12:15", ""),
        ("? 01:05:00", "This time is earlier than the line above. It can be the afternoon or the next day."),
        ("2021-03-05 14:00", "The day of a line above isn't certain, so this one isn't either."),
    ]
    assert read_lines("11:30am", "1:05am") == [("2021-03-05 11:30", ""), ("2021-03-06 01:05", LONG_AFTER)]
    assert [doubt for _, doubt in read_lines("14.43", "13.30")] == ["", "This time is earlier than the line above."]


def test_times_of_several_zones_are_compared_as_moments() -> None:
    assert read_lines("11:00 UTC", "10:30 PST", "18:40 UTC") == [
        ("2021-03-05 11:00", ""),
        ("2021-03-05 10:30", ""),
        ("2021-03-05 18:40", ""),
    ]
    assert read_lines("2021-03-06 00:10 UTC", "16:20 PST") == [("2021-03-06 00:10", ""), ("2021-03-05 16:20", "")]
    assert read_lines("13:00 UTC", "13:30 CET")[1] == ("2021-03-05 13:30", "This time is earlier than the line above.")


def test_a_day_after_the_last_one_that_can_be_told_is_kept_as_text() -> None:
    assert read_lines("9999-12-31 23:50", "00:10")[1] == ("? 00:10:00", "This date can't be read.")
    assert read_lines("0001-01-01 00:10 UTC", "16:20 PST")[1] == ("? 16:20:00", "This date can't be read.")
    assert read_lines("9999-12-31 23:50 - 00:10")[0] == ("? 23:50:00", "This date can't be read.")


def test_a_zone_that_means_several_is_read_as_the_portals_and_marked() -> None:
    entries = timeline("- 2021-03-04 14:43 IST deployed")
    assert moments(entries) == ["2021-03-04 14:43+00:00"]
    assert entries[0].doubt == "IST stands for several time zones. This time is read as UTC."


def test_times_without_a_zone_are_in_the_one_that_is_given_and_a_note_says_so() -> None:
    text = "# Slow\n\n## Timeline\n\n- 2021-07-04 14:43 deployed\n"
    imported = markdown.read(text, zone=ZoneInfo("Europe/Amsterdam"))
    assert moments(imported.timeline) == ["2021-07-04 14:43+02:00"]
    assert imported.notes == ("Some times name no time zone. They were read as Europe/Amsterdam.",)


def test_a_winter_zone_on_a_summer_day_is_read_as_written_and_a_note_says_so() -> None:
    imported = read("# Slow\n\n## Timeline (CET)\n\n- 2021-07-04 14:43 deployed\n")
    assert moments(imported.timeline) == ["2021-07-04 14:43+01:00"]
    assert imported.notes == ("The file says CET on 4 July 2021, when CEST is in use. Times were read as CET.",)


def test_lines_of_a_paragraph_are_entries_and_broken_sentences_are_not() -> None:
    entries = timeline(
        "2015-10-21 (all times UTC)\n\n14:51 Graphs show errors until\n14:53 or so.\n14:54 Outage begins\n"
        "15:01 - Incident declared\n\n* by hand"
    )
    assert moments(entries) == ["2015-10-21 14:51+00:00", "2015-10-21 14:54+00:00", "2015-10-21 15:01+00:00"]
    assert entries[0].text == "Graphs show errors until\n14:53 or so."
    assert entries[0].when == "2015-10-21 (all times UTC) 14:51"
    assert entries[2].text == "Incident declared\n\n* by hand"


def test_lists_below_a_date_and_lines_without_a_time_stay_in_order() -> None:
    entries = timeline(
        "- 2021-03-04\n  - 10:00 deployed\n  - nobody noticed\n- 2021-03-05\n  - 09:00 a customer called\n    - twice"
    )
    assert [(entry.when, entry.text) for entry in entries] == [
        ("2021-03-04 10:00", "deployed"),
        ("", "nobody noticed"),
        ("2021-03-05 09:00", "a customer called\n- twice"),
    ]


def test_labels_in_bold_are_headings_where_a_file_has_no_others() -> None:
    imported = read(
        "---\ntitle: Secrets in a log\nweight: 3\n---\n\n# Secrets in a log\n\n"
        "- **Key events**\n  - First detected 2025-07-23 15:35\n"
        "  - Resolved 2025-07-24 12:34\n\n- **Impact**:\n  - Two tokens\n\n- **Context**:\n\n"
        "15:30 – Pushed\n\n16:48 – More:\n\n* two\n\n"
        "24/07/25\n\n12:34 – Removed\n\n- **Review actions**:\n\n1. Rotate\n"
    )
    assert [(each.heading, each.role) for each in imported.sections] == [
        ("Key events", "timeline"),
        ("Impact", "impact"),
        ("Context", ""),
        ("Review actions", "actions"),
    ]
    assert moments(imported.timeline) == [
        "2025-07-23 15:35+00:00",
        "2025-07-24 12:34+00:00",
        "2025-07-23 15:30+00:00",
        "2025-07-23 16:48+00:00",
        "2025-07-24 12:34+00:00",
    ]
    assert imported.timeline[3].text == "More:\n\n* two"


def test_sentences_with_times_in_a_text_stay_in_the_text() -> None:
    imported = read("# Slow\n\nAt 10:25pm on 4 June 2016, power was lost.\n\nBetween 2:00 and 3:00 it came back.\n")
    assert imported.timeline == ()
    assert imported.sections[0].markdown.startswith("At 10:25pm on 4 June 2016")


def test_quoted_lines_with_times_and_quoted_details_are_read() -> None:
    imported = read(
        "# DB\n\n> **Date:** 2021-05-01\n> **Severity:** P1\n\n## Timeline (EST)\n\n> 10:00 Alert\n> 10:05 Call\n"
    )
    assert moments(imported.timeline) == ["2021-05-01 10:00-05:00", "2021-05-01 10:05-05:00"]
    assert imported.severity == "P1" and imported.sections[0].role == "timeline"


def test_details_at_the_top_are_read() -> None:
    imported = read(
        "Mail outage\n===========\n\n**Date**: 2021-03-04\n**Severity:** SEV-2\n**Services affected:** mail, search\n"
        "Status: final\n"
        "Detected: 2021-03-04 10:15 UTC\n\nSummary\n-------\n\nNo mail.\n"
    )
    assert (imported.title, imported.date, imported.severity, imported.affected) == (
        "Mail outage",
        dt.date(2021, 3, 4),
        "SEV-2",
        "mail, search",
    )
    assert [(each.label, each.value) for each in imported.details][3:] == [
        ("Status", "final"),
        ("Detected", "2021-03-04 10:15 UTC"),
    ]
    assert [(entry.text, entry.copied) for entry in imported.timeline] == [("Detected", True)]


def test_a_moment_in_the_summary_stays_there_and_is_in_the_timeline_too() -> None:
    imported = read("# Slow\n\n## Summary\n\n- Detected: 2021-03-04 10:15\n\nSlow.\n")
    assert imported.sections[0].markdown == "- Detected: 2021-03-04 10:15\n\nSlow."
    assert [(entry.text, entry.copied) for entry in imported.timeline] == [("Detected", True)]


def test_links_still_work_where_their_definition_is_elsewhere() -> None:
    imported = read(
        "# Slow\n\n## Summary\n\nSee [the fix][fix].\n\n## Actions\n\nNone.\n\n[fix]: https://example.org/1\n"
    )
    assert imported.sections[0].markdown == "See [the fix][fix].\n\n[fix]: https://example.org/1"


def test_windows_files_are_read_and_other_encodings_named() -> None:
    assert markdown.read("\ufeff# Löschen\r\n\r\n## Summary\r\n\r\nx\r\n".encode()).title == "Löschen"
    imported = markdown.read("# Löschen\n".encode("cp1252"))
    assert imported.title == "Löschen"
    assert imported.notes == ("The file isn't UTF-8. It was read as Windows-1252: check letters with accents.",)
    assert markdown.read("# Löschen\n".encode("utf-16")).notes == ("The file is UTF-16.",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b" \n", "The file is empty. Choose a file with text."),
        (b"PNG\0\0", "The file isn't text. Choose a Markdown file (.md)."),
        (b"a" * 500_001, "The file has 500,001 characters. 500,000 is the most: split it into several files."),
    ],
)
def test_what_is_no_markdown_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as raised:
        markdown.read(content)
    assert str(raised.value) == why
