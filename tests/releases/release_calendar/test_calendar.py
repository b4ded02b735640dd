"""The calendar shows when releases are planned and when they went out, and calendar programs follow it by a secret address."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock, outbox
from portal.kernel.models import StateChange
from portal.kernel.privacy import OPENING
from releases.freezes.actions import create_freeze
from releases.models import CalendarAddress, CalendarEntry, Release
from releases.planning.actions import abandon_release, create_release, edit_release
from releases.release_calendar import actions, queries
from squads.models import Squad, Story
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def march(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noon (UTC) on 10 March 2026."""
    cache.clear()
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 3, 10, 12, tzinfo=UTC))


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="1.0", line="Shop", planned_for=date(2026, 3, 14))


def month(browser: Client, asked: str = "2026-03", **more: str) -> str:
    answer = browser.get("/calendar/", {"month": asked, **more})
    assert answer.status_code == 200
    return answer.content.decode()


def cell(page: str, day: str) -> str:
    """What the table says of a day."""
    return page.split("<tbody>")[1].split(f'datetime="{day}"')[1].split("</td>")[0]


def test_a_release_is_on_its_target_date_and_then_on_the_day_it_went_out(
    as_ria: Client, pam: User, release: Release
) -> None:
    page = month(as_ria)
    assert "<h1>March 2026</h1>" in page and "Shop 1.0: planned" in cell(page, "2026-03-14")
    assert page.count("Shop 1.0: planned") == 2, "in the table and in the list for narrow screens"
    edit_release(release, by=pam, released_at=datetime(2026, 3, 9, 9, tzinfo=UTC))
    page = month(as_ria)
    assert "Shop 1.0: out" in cell(page, "2026-03-09") and "planned" not in cell(page, "2026-03-14")


def test_what_is_late_and_what_is_abandoned_says_so(as_ria: Client, ana: User, release: Release, pam: User) -> None:
    edit_release(release, by=ana, planned_for=date(2026, 3, 9))
    assert "not out yet" in cell(month(as_ria), "2026-03-09")
    abandon_release(release, by=pam, because="Nobody needs it.")
    assert "Shop 1.0: abandoned" in cell(month(as_ria), "2026-03-09") and "not out yet" not in month(as_ria)


def test_one_that_is_only_tagged_is_not_out(as_ria: Client, release: Release) -> None:
    Release.objects.update(released_at=datetime(2026, 3, 9, 9, tzinfo=UTC))
    assert "Shop 1.0: planned" in cell(month(as_ria), "2026-03-14")
    Release.objects.update(planned_for=None)
    assert "Shop 1.0: tagged" in cell(month(as_ria), "2026-03-09")


def test_days_are_those_of_the_company(as_ria: Client, pam: User, settings: Any) -> None:
    create_release(by=pam, version="2.0", released_at=datetime(2026, 3, 4, 23, 30, tzinfo=UTC))
    assert "2.0: out" in cell(month(as_ria), "2026-03-04")
    settings.RODEO_TIME_ZONE = "Europe/Amsterdam"
    page = month(as_ria)
    assert "2.0: out" in cell(page, "2026-03-05") and "days in Europe/Amsterdam" in page
    settings.RODEO_TIME_ZONE = "Pacific/Auckland"
    assert 'aria-current="date"' in month(as_ria).split("2026-03-11")[0].rsplit("<td", 1)[1]


def test_months_lead_on_and_nonsense_shows_this_one(as_ria: Client, release: Release) -> None:
    page = month(as_ria)
    assert 'href="?month=2026-02"' in page and 'href="?month=2026-04"' in page
    for asked in ("2026-13", "x", "0001-01", "20260314", "9999-12"):
        assert month(as_ria, asked)
    assert "<h1>March 2026</h1>" in month(as_ria, "x")


def test_one_line_is_shown_alone(as_ria: Client, ana: User, release: Release) -> None:
    create_release(by=ana, version="7", line="Web", planned_for=date(2026, 3, 14))
    assert "Web 7" in month(as_ria) and "Web 7" not in month(as_ria, line="Shop")
    assert "Shop 1.0" in month(as_ria, line="Shop")


def test_freezes_are_on_every_day_on_which_they_hold(as_ria: Client, ana: User, release: Release) -> None:
    freeze = create_freeze(by=ana, name="Audit", starts_on=date(2026, 3, 13), ends_on=date(2026, 3, 15))
    page = month(as_ria)
    assert all("Freeze: Audit" in cell(page, f"2026-03-{day}") for day in (13, 14, 15))
    assert "Freeze: Audit" not in cell(page, "2026-03-16") and f'href="{freeze.get_absolute_url()}"' in page
    assert "Audit" not in actions.feed()
    kinds = [row["kind"] for row in as_ria.get("/api/v1/calendar/").json()["results"]]
    assert kinds == ["freeze", "planned"]


def test_releases_come_before_freezes_which_are_named_once_a_day(as_ria: Client, ana: User, release: Release) -> None:
    days: dict[str, Any] = {"starts_on": date(2026, 3, 10), "ends_on": date(2026, 3, 11)}
    create_freeze(by=ana, name="Nights", **days, starts_at=time(20), ends_at=time(6), rule="FREQ=DAILY")
    shown = cell(month(as_ria), "2026-03-14")
    assert shown.count("Freeze: Nights") == 1
    assert shown.index("Shop 1.0: planned") < shown.index("Freeze: Nights")


# The feed


def made(browser: Client, name: str = "phone") -> str:
    answer = browser.post("/calendar/addresses/", {"name": name})
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    return "/calendar/feeds/" + answer.content.decode().split("/calendar/feeds/")[1].split("<")[0]


def events(client: Client, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200 and answer["Content-Type"] == "text/calendar; charset=utf-8"
    text = answer.content.decode().replace("\r\n ", "")
    parts = [part.split("END:VEVENT")[0] for part in text.split("BEGIN:VEVENT\r\n")[1:]]
    return [dict(line.split(":", 1) for line in part.split("\r\n") if line) for part in parts]


def test_a_calendar_program_reads_releases_without_signing_in(as_ria: Client, client: Client, release: Release) -> None:
    path = made(as_ria)
    (found,) = events(client, path)
    assert found["SUMMARY"] == "Shop 1.0: planned" and found["DTSTART;VALUE=DATE"] == "20260314"
    assert found["URL"].endswith("/releases/shop-1.0/") and found["UID"].startswith(f"release-{release.pk}@")
    answer = client.get(path)
    assert "private" in answer["Cache-Control"] and answer["X-Robots-Tag"].startswith("noindex") and not answer.cookies
    assert client.get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304


def test_an_entry_keeps_its_identity_and_counts_its_changes(
    as_ria: Client, client: Client, ana: User, release: Release, pam: User
) -> None:
    path = made(as_ria)
    outbox.deliver()
    (before,) = events(client, path)
    edit_release(release, by=ana, notes="Nothing that the calendar shows.")
    outbox.deliver()
    assert events(client, path) == [before]
    edit_release(release, by=ana, planned_for=date(2026, 3, 20))
    outbox.deliver()
    (moved,) = events(client, path)
    assert moved["UID"] == before["UID"] and int(moved["SEQUENCE"]) == int(before["SEQUENCE"]) + 1
    assert moved["DTSTART;VALUE=DATE"] == "20260320"
    edit_release(release, by=ana, version="1.1")
    abandon_release(release, by=pam, because="No.")
    outbox.deliver()
    (ended,) = events(client, path)
    assert (
        ended["STATUS"] == "CANCELLED" and ended["UID"] == before["UID"] and ended["SUMMARY"] == "Shop 1.1: abandoned"
    )
    assert int(ended["SEQUENCE"]) > int(moved["SEQUENCE"])


def test_a_release_from_before_there_was_a_feed_counts_from_nothing(
    as_ria: Client, client: Client, ana: User, release: Release
) -> None:
    outbox.deliver()
    CalendarEntry.objects.all().delete()
    path = made(as_ria)
    (before,) = events(client, path)
    edit_release(release, by=ana, planned_for=date(2026, 3, 20))
    outbox.deliver()
    assert (before["SEQUENCE"], events(client, path)[0]["SEQUENCE"]) == ("0", "1")


def test_an_address_that_is_guessed_revoked_or_of_a_closed_account_has_one_answer(
    as_ria: Client, client: Client, ria: User
) -> None:
    path, other = made(as_ria), made(as_ria, "laptop")
    address = CalendarAddress.objects.get(name="phone")
    page = as_ria.post(f"/calendar/addresses/{address.pk}/revoke/", follow=True).content.decode()
    assert "revoked." in page and "laptop" in page
    assert events(client, other) == []
    User.objects.filter(pk=ria.pk).update(is_active=False)
    answers = [client.get(each) for each in (path, other, "/calendar/feeds/calendar_guessed/releases.ics")]
    assert {answer.status_code for answer in answers} == {404} and len({answer.content for answer in answers}) == 1
    moves = StateChange.objects.filter(kind="calendar address").order_by("pk").values_list("to_state", flat=True)
    assert list(moves) == ["open", "open", "revoked"]


def test_only_the_digest_is_kept_and_addresses_are_ones_own(as_ria: Client, as_ana: Client) -> None:
    path = made(as_ria)
    secret = path.split("/")[3]
    row = CalendarAddress.objects.get()
    assert secret not in str(CalendarAddress.objects.values().get()) and len(row.digest) == 64
    assert secret not in as_ria.get("/calendar/addresses/").content.decode()
    assert row.start not in as_ana.get("/calendar/addresses/").content.decode()
    assert as_ana.post(f"/calendar/addresses/{row.pk}/revoke/").status_code == 404
    assert OPENING.sub(r"\1…", f"Not Found: {path}") == "Not Found: /calendar/feeds/…/releases.ics"


def test_the_list_says_when_an_address_was_used_and_guessing_is_slowed(as_ria: Client, client: Client) -> None:
    path = made(as_ria)
    assert "never" in as_ria.get("/calendar/addresses/").content.decode()
    client.get(path)
    assert "never" not in as_ria.get("/calendar/addresses/").content.decode()
    codes = [client.get(f"/calendar/feeds/calendar_{number}/releases.ics").status_code for number in range(62)]
    assert codes[:60] == [404] * 60 and codes[60:] == [429] * 2
    cache.clear()


def test_a_person_has_only_so_many_addresses(as_ria: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_ADDRESSES", 1)
    made(as_ria)
    answer = as_ria.post("/calendar/addresses/", {"name": "x"})
    assert answer.status_code == 400 and "Revoke one first." in answer.content.decode()


# The API


def test_programs_ask_for_days(as_ria: Client, ana: User, release: Release) -> None:
    rows = as_ria.get("/api/v1/calendar/").json()["results"]
    assert [(row["kind"], row["first"], row["title"], row["line"]) for row in rows] == [
        ("planned", "2026-03-14", "Shop 1.0: planned", "Shop")
    ]
    assert as_ria.get("/api/v1/calendar/", {"from": "2026-03-15"}).json()["results"] == []
    assert as_ria.get("/api/v1/calendar/", {"line": "Web"}).json()["results"] == []
    for wrong in ({"from": "x"}, {"to": "2020-01-01"}, {"from": "2026-01-01", "to": "2028-01-01"}, {"until": "x"}):
        answer = as_ria.get("/api/v1/calendar/", wrong)
        assert answer.status_code == 400, wrong


def test_programs_make_and_revoke_addresses_of_their_person(as_ria: Client, client: Client, release: Release) -> None:
    place = "/api/v1/calendar-addresses/"
    answer = as_ria.post(place, {"name": "phone"}, content_type="application/json")
    assert answer.status_code == 201 and "no-store" in answer["Cache-Control"]
    path = "/calendar/feeds/" + answer.json()["url"].split("/calendar/feeds/")[1]
    assert len(events(client, path)) == 1
    (row,) = as_ria.get(place).json()["results"]
    assert row["name"] == "phone" and row["last_used_at"] and "url" not in row
    assert as_ria.delete(f"{place}{row['id']}/").status_code == 204
    assert client.get(path).status_code == 404


def test_page_and_feed_cost_the_same_whatever_there_is(as_ria: Client, client: Client, ana: User) -> None:
    path, costs = made(as_ria), []
    month(as_ria)
    client.get(path)
    for number in range(12):
        create_release(
            by=ana, version=f"1.{number}", line="Shop", planned_for=date(2026, 3, 1) + timedelta(days=number)
        )
        if number in (1, 11):
            with CaptureQueriesContext(connection) as asked:
                month(as_ria)
                client.get(path)
                as_ria.get("/api/v1/calendar/")
            costs.append(len(asked))
    assert costs[0] == costs[1]


def test_more_than_a_month_can_show_is_said(as_ria: Client, ana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        create_release(by=ana, version=f"1.{number}", planned_for=date(2026, 3, 1))
    original = queries.entries
    monkeypatch.setattr(queries, "entries", lambda first, last, line=None: original(first, last, line, 2))
    assert "This month has more releases than are shown." in month(as_ria)


def test_a_feed_that_has_not_everything_says_so(
    as_ria: Client, ana: User, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "DESCRIPTION" not in actions.feed()
    monkeypatch.setattr(queries, "MOST_EVENTS", 1)
    create_release(by=ana, version="9", line="Shop", planned_for=date(2026, 3, 20))
    text = actions.feed().replace("\r\n ", "")
    assert "X-WR-CALDESC:Only 1 releases fit. Follow the calendar of a release line to see the others." in text
    assert text.count("BEGIN:VEVENT") == 1


def test_one_that_was_abandoned_and_goes_out_all_the_same_is_no_longer_cancelled(
    as_ria: Client, client: Client, ana: User, pam: User, payments: Squad, release: Release
) -> None:
    story = create_story(payments, by=ana, title="Refunds", release=release)
    path = made(as_ria)
    abandon_release(release, by=pam, because="No.")
    outbox.deliver()
    (before,) = events(client, path)
    assert before["STATUS"] == "CANCELLED"
    Story.objects.filter(pk=story.pk).update(stage="deployed")
    for _ in range(2):
        (deployed,) = events(client, path)
        assert "STATUS" not in deployed or deployed["STATUS"] != "CANCELLED"
        assert deployed["SUMMARY"] == "Shop 1.0: planned"
        assert int(deployed["SEQUENCE"]) == int(before["SEQUENCE"]) + 1
    edit_release(release, by=pam, released_at=datetime(2026, 3, 9, 9, tzinfo=UTC))
    outbox.deliver()
    (out,) = events(client, path)
    assert out["SUMMARY"] == "Shop 1.0: out" and int(out["SEQUENCE"]) == int(deployed["SEQUENCE"]) + 1
    assert "Shop 1.0: out" in cell(month(as_ria), "2026-03-09")


def test_what_the_feed_says_otherwise_since_an_update_of_rodeo_is_counted(
    as_ria: Client, client: Client, release: Release
) -> None:
    path = made(as_ria)
    outbox.deliver()
    (before,) = events(client, path)
    CalendarEntry.objects.update(said="2026-03-09 Shop 1.0: out")
    for _ in range(2):
        (after,) = events(client, path)
        assert int(after["SEQUENCE"]) == int(before["SEQUENCE"]) + 1
