"""What calendar programs read: lines of the standard's form, with everything in them that it asks for."""

from datetime import UTC, date, datetime

from releases.release_calendar.icalendar import Event, written

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def event(**more: object) -> Event:
    usual = {"uid": "release-1@rodeo", "sequence": 3, "start": date(2026, 3, 14), "end": date(2026, 3, 14)}
    return Event(**{**usual, "title": "Shop 1.0: planned", "changed_at": AT, **more})  # type: ignore[arg-type]


def lines(text: str) -> list[str]:
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    return text.replace("\r\n ", "").split("\r\n")[:-1]


def test_a_release_lasts_a_whole_day() -> None:
    found = lines(written("Releases", [event()]))
    assert found[0] == "BEGIN:VCALENDAR" and found[-1] == "END:VCALENDAR" and "VERSION:2.0" in found
    for line in ("UID:release-1@rodeo", "SEQUENCE:3", "DTSTART;VALUE=DATE:20260314", "DTEND;VALUE=DATE:20260315"):
        assert line in found
    assert "DTSTAMP:20260301T093000Z" in found and "STATUS:CONFIRMED" in found and "TRANSP:TRANSPARENT" in found


def test_moments_are_in_utc_and_what_is_cancelled_says_so() -> None:
    found = lines(written("Releases", [event(start=AT, end=AT.replace(hour=18), cancelled=True, url="https://x/y")]))
    assert "DTSTART:20260301T093000Z" in found and "DTEND:20260301T183000Z" in found
    assert "STATUS:CANCELLED" in found and "URL:https://x/y" in found


def test_titles_stay_text_whatever_is_in_them() -> None:
    text = written("Releases", [event(title="a,b;c\\d\nEND:VEVENT\r\nX:1\x07")])
    assert "SUMMARY:a\\,b\\;c\\\\d\\nEND:VEVENT\\nX:1" in lines(text)
    assert text.count("END:VEVENT\r\n") == 1


def test_long_lines_are_folded_between_characters() -> None:
    text = written("Releases", [event(title="Größe ✓ " * 40)])
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert f"SUMMARY:{'Größe ✓ ' * 40}" in lines(text)
