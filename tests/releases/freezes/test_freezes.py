"""Freezes on their pages and over the API: planners change them, everybody reads them."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry, StateChange
from releases.freezes.actions import create_freeze, edit_freeze, lift_freeze
from releases.freezes.models import Freeze, FreezeLift
from releases.freezes.queries import ReleaseFreezes, freezes_for
from releases.mappings.merging import merge_twins
from releases.models import Environment, Release, ReleaseContent
from releases.planning.actions import create_release
from squads.models import Service, Squad

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SAID = {
    "name": "Weekend",
    "reason": "Nobody is there.",
    "zone": "Europe/Amsterdam",
    "starts_on": "2026-12-04",
    "starts_at": "22:00",
    "ends_on": "2026-12-07",
    "ends_at": "06:00",
    "repeats": "FREQ=WEEKLY",
}
DAY = {"starts_on": NOW.date(), "ends_on": NOW.date()}


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.clear()
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def release(pam: User) -> Release:
    return create_release(by=pam, version="1.0", line="Shop")


def of(release: Release) -> ReleaseFreezes:
    return freezes_for([release])[release.pk]


def test_a_freeze_is_previewed_and_then_created(as_pam: Client) -> None:
    page = as_pam.post("/freezes/new/", {**SAID, "preview": "1"}).content.decode()
    assert "Not saved yet" in page and "2026-12-04 21:00" in page and "2027-01-01 21:00" in page
    assert not Freeze.objects.exists()
    page = as_pam.post("/freezes/new/", SAID, follow=True).content.decode()
    assert "Created Weekend." in page and "Europe/Amsterdam" in page and "every week" in page
    entry = AuditEntry.objects.get(kind="freeze")
    assert "created the freeze Weekend: 2026-12-04 22:00 to 2026-12-07 06:00 Europe/Amsterdam" in entry.did
    assert "2026-12-04 21:00" in as_pam.get("/freezes/").content.decode()


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("zone", "Mars", "isn’t a time zone"),
        ("ends_on", "2026-12-04", None),
        ("ends_on", "2026-12-01", "end after it starts"),
        ("ends_at", "", "Set both times"),
        ("starts_on", "1999-01-01", "Choose a first day from 2016"),
        ("exceptions", "christmas", "isn’t a day"),
        ("repeats", "rule", "Write the rule"),
        ("repeats", "holidays", "Write a country"),
        ("name", "", "Give it a name"),
    ],
)
def test_what_could_not_hold_is_refused_at_its_field(as_pam: Client, field: str, value: str, said: str | None) -> None:
    sent = {**SAID, field: value, **({"ends_at": "21:00"} if said is None else {})}
    answer = as_pam.post("/freezes/new/", sent)
    assert answer.status_code == 400 and (said or "end after it starts") in answer.content.decode()
    assert not Freeze.objects.exists()


def test_a_rule_that_is_too_often_or_never_is_refused(as_pam: Client) -> None:
    for rule, said in (("FREQ=SECONDLY", "too often"), ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "names no day")):
        answer = as_pam.post("/freezes/new/", {**SAID, "repeats": "rule", "rule": rule})
        assert answer.status_code == 400 and said in answer.content.decode()


def test_public_holidays_are_off_until_a_country_is_named(as_pam: Client) -> None:
    said = {**SAID, "starts_at": "", "ends_at": "", "starts_on": "2026-12-01", "ends_on": "2026-12-01"}
    as_pam.post("/freezes/new/", {**said, "repeats": "", "holidays": "NL"})
    assert Freeze.objects.get().holidays == ""
    answer = as_pam.post("/freezes/new/", {**said, "repeats": "holidays", "holidays": "DE-XX"})
    assert "DE has no part “XX”" in answer.content.decode()
    page = as_pam.post("/freezes/new/", {**said, "repeats": "holidays", "holidays": "nl"}, follow=True).content.decode()
    assert "public holidays of NL" in page and "Christmas Day" in page


def test_nobody_overwrites_what_somebody_else_saved(as_pam: Client, pam: User) -> None:
    freeze = create_freeze(by=pam, name="Weekend", **DAY)
    edit_freeze(freeze, by=pam, version=1, name="Holidays")
    answer = as_pam.post(f"/freezes/{freeze.pk}/edit/", {**SAID, "name": "Mine", "version": 1})
    page = answer.content.decode()
    assert answer.status_code == 409 and "Their version: Holidays" in page and 'value="Mine"' in page
    assert as_pam.post(f"/freezes/{freeze.pk}/edit/", {**SAID, "name": "Mine", "version": 2}).status_code == 302
    assert "meanwhile" in as_pam.post(f"/freezes/{freeze.pk}/delete/", {"version": 2}, follow=True).content.decode()
    as_pam.post(f"/freezes/{freeze.pk}/delete/", {"version": 3})
    assert not Freeze.objects.exists()
    assert [each.to_state for each in StateChange.objects.filter(kind="freeze")] == [
        "created",
        "changed",
        "changed",
        "deleted",
    ]


def test_everybody_reads_and_planners_change(as_ria: Client, pam: User) -> None:
    freeze = create_freeze(by=pam, name="Weekend", **DAY)
    assert as_ria.get("/freezes/").status_code == as_ria.get(f"/freezes/{freeze.pk}/").status_code == 200
    assert as_ria.get("/freezes/new/").status_code == as_ria.post("/freezes/new/", SAID).status_code == 403
    assert as_ria.post(f"/freezes/{freeze.pk}/delete/").status_code == 403
    assert as_ria.post("/api/v1/freeze-lifts/", {}, content_type="application/json").status_code == 403
    assert Freeze.objects.count() == 1


def test_a_freeze_holds_for_the_releases_that_it_covers(pam: User, release: Release, checkout: Service) -> None:
    other = create_release(by=pam, version="1.0", line="Bank")
    create_freeze(by=pam, name="All", **DAY)
    create_freeze(by=pam, name="Shop", lines=["Shop"], **DAY)
    create_freeze(by=pam, name="Checkout", services=[checkout], **DAY)
    qa = Environment.objects.create(key="qa", slug="qa", name="QA", tier="testing")
    create_freeze(by=pam, name="QA", environments=[qa], **DAY)
    later = NOW.date() + timedelta(days=31)
    create_freeze(by=pam, name="Later", starts_on=later, ends_on=later)
    ReleaseContent.objects.create(release=release, service=checkout, by=pam, sha="abcdef1")
    found = freezes_for([release, other])
    assert [(each.name, each.services) for each in found[release.pk].holding] == [
        ("All", ()),
        ("Shop", ()),
        ("Checkout", ("checkout",)),
    ]
    assert [each.name for each in found[other.pk].holding] == ["All"]


def test_a_freeze_of_an_environment_holds_until_somebody_says_that_it_is_no_production(
    pam: User, release: Release
) -> None:
    live = Environment.objects.create(key="live2", slug="live2", name="live2", tier="other", tier_confirmed=False)
    create_freeze(by=pam, name="Live", environments=[live], **DAY)
    assert [each.name for each in of(release).holding] == ["Live"]
    Environment.objects.update(tier_confirmed=True)
    assert not of(release).holding


def test_a_freeze_follows_a_service_that_is_merged_into_another(pam: User, root: User, release: Release) -> None:
    rows = [
        Service.objects.create(name=name, slug=slug, discovered=True)
        for name, slug in (("Pay", "pay"), ("PAY", "pay-2"))
    ]
    create_freeze(by=pam, name="Pay", services=[rows[0]], **DAY)
    merge_twins("service", "Pay", "PAY", by=root)
    ReleaseContent.objects.create(release=release, service=rows[1], by=pam, sha="abcdef1")
    assert of(release).holding[0].services == ("PAY",)


def test_lifting_says_who_why_and_until_when_and_ends_by_itself(
    as_pam: Client, pam: User, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze = create_freeze(by=pam, name="Daily", rule="FREQ=DAILY", **DAY)
    place = f"/freezes/{freeze.pk}/lift/"
    assert "2026-12-02" in as_pam.get(f"{place}?day=2026-12-01").content.decode()
    said = {"day": "2026-12-01", "release": str(release.pk), "reason": "A hotfix.", "expires_at": "2026-12-01T18:00"}
    assert "Lifted Daily." in as_pam.post(place, said, follow=True).content.decode()
    found = of(release)
    assert len(found.holding) == 30 and found.holding[0].day.day == 2
    (lifted,) = found.lifted
    assert (lifted.by, lifted.reason, lifted.expires_at.hour) == ("Pam", "A hotfix.", 18)
    assert not of(create_release(by=pam, version="2.0")).lifted
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(hours=6))
    assert not of(release).lifted and of(release).holding[0].day.day == 1
    assert "expired" in as_pam.get(f"/freezes/{freeze.pk}/").content.decode()


def test_a_lift_is_void_once_the_freeze_is_another_and_can_be_withdrawn(
    as_pam: Client, pam: User, release: Release
) -> None:
    freeze = create_freeze(by=pam, name="Daily", rule="FREQ=DAILY", **DAY)
    soon = NOW + timedelta(days=2)
    lift_freeze(freeze, by=pam, release=release, reason="Agreed.", expires_at=soon)
    edit_freeze(freeze, by=pam, version=None, name="Every day")
    assert len(of(release).lifted) == 31 and not of(release).holding
    edit_freeze(freeze, by=pam, version=None, zone="Asia/Tokyo")
    assert not of(release).lifted
    assert "the freeze was changed since" in as_pam.get(f"/freezes/{freeze.pk}/").content.decode()
    for exceptions in ([str(NOW.date())], [str(NOW.date() + timedelta(days=1))]):
        lift_freeze(Freeze.objects.get(), by=pam, release=release, reason="Again.", expires_at=soon)
        assert of(release).lifted
        edit_freeze(Freeze.objects.get(), by=pam, version=None, exceptions=exceptions)
        assert not of(release).lifted, "nobody lifted it on the days on which it holds now"
    lift = lift_freeze(Freeze.objects.get(), by=pam, release=release, reason="Again.", expires_at=soon)
    assert of(release).lifted
    as_pam.post(f"/freezes/lifts/{lift.pk}/withdraw/")
    assert not of(release).lifted and FreezeLift.objects.get(pk=lift.pk).withdrawn_by == pam


def test_a_lift_needs_a_reason_a_day_on_which_it_holds_and_an_end(as_pam: Client, pam: User) -> None:
    freeze = create_freeze(by=pam, name="Once", **DAY)
    place = "/api/v1/freeze-lifts/"
    good: dict[str, Any] = {
        "freeze": freeze.pk,
        "day": "2026-12-01",
        "reason": "Why.",
        "expires_at": "2026-12-01T18:00:00Z",
    }
    for wrong, field in (
        ({"reason": " "}, "reason"),
        ({"day": "2026-12-02"}, "day"),
        ({"day": None}, "day"),
        ({"expires_at": "2026-11-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2027-11-01T00:00:00Z"}, "expires_at"),
    ):
        answer = as_pam.post(place, {**good, **wrong}, content_type="application/json")
        assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == field, answer.content
    assert as_pam.post(place, good, content_type="application/json").status_code == 201


def test_over_the_api_freezes_are_created_changed_asked_about_and_deleted(as_pam: Client, checkout: Service) -> None:
    said = {
        "name": "Weekend",
        "starts_on": "2026-12-04",
        "ends_on": "2026-12-05",
        "rule": "FREQ=WEEKLY",
        "services": ["checkout"],
    }
    made = as_pam.post("/api/v1/freezes/", said, content_type="application/json")
    assert made.status_code == 201 and made.json()["services"] == ["checkout"], made.content
    place = f"/api/v1/freezes/{made.json()['id']}/"
    times = as_pam.get(f"{place}times/").json()
    assert len(times) == 10 and times[0]["day"] == "2026-12-04" and times[0]["ends"] == "2026-12-06T00:00:00Z"
    assert len(as_pam.get("/api/v1/freezes/soon/").json()) == 4
    changed = as_pam.patch(place, {"name": "W", "version": 1}, content_type="application/json")
    assert changed.json()["version"] == 2
    assert as_pam.patch(place, {"name": "X", "version": 1}, content_type="application/json").status_code == 409
    lift = as_pam.post(
        "/api/v1/freeze-lifts/",
        {"freeze": made.json()["id"], "day": "2026-12-04", "reason": "x", "expires_at": "2026-12-06T00:00:00Z"},
        content_type="application/json",
    )
    assert as_pam.delete(f"/api/v1/freeze-lifts/{lift.json()['id']}/").status_code == 204
    assert as_pam.get(f"/api/v1/freeze-lifts/?freeze={made.json()['id']}").json()["results"][0]["withdrawn_by"] == "pam"
    assert as_pam.delete(place).status_code == 204


CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:quiet@bank
SUMMARY:Quarter end
DTSTART;VALUE=DATE:20261228
DTEND;VALUE=DATE:20270102
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_is_imported_once_and_then_changed(as_pam: Client) -> None:
    def send(text: str) -> str:
        file = SimpleUploadedFile("quiet.ics", text.encode())
        return as_pam.post("/freezes/import/", {"file": file, "zone": "UTC"}, follow=True).content.decode()

    assert "Created 1, changed 0, unchanged 0." in send(CALENDAR)
    assert "Created 0, changed 0, unchanged 1." in send(CALENDAR)
    assert "Created 0, changed 1, unchanged 0." in send(CALENDAR.replace("20270102", "20270103"))
    assert str(Freeze.objects.get().ends_on) == "2027-01-02"
    two = CALENDAR.replace(
        "END:VCALENDAR\n", "BEGIN:VEVENT\nUID:2\nSUMMARY:Old\nDTSTART:20261201\nRRULE:FREQ=HOURLY\nEND:VEVENT\n"
    )
    assert "Line 12: FREQ=HOURLY is too often" in send(two.replace("quiet@bank", "new@bank"))
    assert Freeze.objects.count() == 1
    answer = as_pam.post("/api/v1/freezes/import/", {"calendar": CALENDAR}, content_type="application/json")
    assert answer.json() == {"created": 0, "changed": 1, "unchanged": 0, "left_out": []}


def test_a_cancelled_event_makes_no_freeze_and_a_freeze_of_it_is_named(as_pam: Client, as_ana: Client) -> None:
    cancelled = CALENDAR.replace("UID:quiet@bank", "UID:quiet@bank\nSTATUS:CANCELLED")

    def left_out() -> Any:
        answer = as_pam.post("/api/v1/freezes/import/", {"calendar": cancelled}, content_type="application/json")
        return answer.json()["left_out"]

    assert left_out() == ["Quarter end is cancelled in this file. It made no freeze."]
    assert not Freeze.objects.exists()
    as_ana.post("/api/v1/freezes/import/", {"calendar": CALENDAR}, content_type="application/json")
    said = "Quarter end is cancelled in this file. It’s still a freeze here, Quarter end: delete it if it’s off."
    assert left_out() == [said]
    file = SimpleUploadedFile("quiet.ics", cancelled.encode())
    page = as_pam.post("/freezes/import/", {"file": file, "zone": "UTC"}, follow=True).content.decode()
    assert said in page and "Created 0, changed 0, unchanged 0." in page


def test_a_member_creates_freezes_by_a_calendar_and_changes_none(as_ana: Client) -> None:
    def send(text: str) -> int:
        answer = as_ana.post("/api/v1/freezes/import/", {"calendar": text}, content_type="application/json")
        code: int = answer.status_code
        return code

    assert (send(CALENDAR), send(CALENDAR), send(CALENDAR.replace("20270102", "20261230"))) == (200, 200, 403)
    assert str(Freeze.objects.get().ends_on) == "2027-01-01"


def test_a_calendar_program_reads_the_freezes_at_an_address_that_can_be_revoked(
    as_pam: Client, client: Client, pam: User
) -> None:
    freeze = create_freeze(by=pam, name="Daily", rule="FREQ=DAILY", **DAY)
    shown = as_pam.post("/freezes/calendar/")
    assert shown.status_code == 201 and "no-store" in shown["Cache-Control"]
    path = "/freezes/calendar/" + shown.content.decode().split("/freezes/calendar/")[1].split("<")[0]
    answer = client.get(path)
    assert answer["Content-Type"].startswith("text/calendar") and f"UID:{freeze.uid}" in answer.content.decode()
    assert "SEQUENCE:0" in answer.content.decode()
    lift_freeze(freeze, by=pam, day=NOW.date(), reason="x", expires_at=NOW + timedelta(days=1))
    lifted = client.get(path).content.decode()
    assert "EXDATE;VALUE=DATE:20261201" in lifted and "SEQUENCE:1" in lifted
    assert "BEGIN:VEVENT" in as_pam.get("/freezes/calendar.ics").content.decode()
    as_pam.post("/freezes/calendar/remove/")
    assert client.get(path).status_code == client.get("/freezes/calendar/guessed/freezes.ics").status_code == 404


def test_the_month_shows_each_day_on_which_something_holds(as_pam: Client, pam: User) -> None:
    create_freeze(by=pam, name="Days", starts_on=NOW.date(), ends_on=NOW.date() + timedelta(days=2))
    page = as_pam.get("/freezes/?month=2026-12").content.decode()
    assert page.count("data-frozen") == 3 and "December 2026" in page
    assert "data-frozen" not in as_pam.get("/freezes/?month=2027-02").content.decode()
    for strange in ("x", "0001-01", "9999-12"):
        assert "December 2026" in as_pam.get(f"/freezes/?month={strange}").content.decode()


def test_the_month_names_a_freeze_once_a_day_however_often_it_begins(as_ana: Client, ana: User) -> None:
    times: dict[str, Any] = {"starts_at": time(20), "ends_at": time(6), "rule": "FREQ=DAILY"}
    create_freeze(by=ana, name="Nights", starts_on=NOW.date(), ends_on=NOW.date() + timedelta(days=1), **times)
    page = as_ana.get("/freezes/?month=2027-01").content.decode()
    assert page.count('<a class="freeze-month__freeze"') == page.count("data-frozen") == 35


def test_the_pages_and_the_question_cost_the_same_whatever_there_is(
    as_pam: Client, pam: User, payments: Squad, checkout: Service
) -> None:
    costs = []
    for number in range(12):
        release = create_release(by=pam, version=f"1.{number}")
        freeze = create_freeze(by=pam, name=f"F{number}", rule="FREQ=DAILY", services=[checkout], **DAY)
        lift_freeze(freeze, by=pam, release=release, reason="x", expires_at=NOW + timedelta(days=1))
        if number in (1, 11):
            with CaptureQueriesContext(connection) as asked:
                freezes_for(list(Release.objects.all()))
            question = len(asked)
            with CaptureQueriesContext(connection) as asked:
                as_pam.get("/freezes/")
                as_pam.get(f"/freezes/{freeze.pk}/")
                as_pam.get("/freezes/calendar.ics")
            costs.append((question, len(asked)))
    assert costs[0] == costs[1] and costs[0][0] <= 14


def test_whoever_creates_a_freeze_and_cannot_change_it_afterwards_reads_so_before(
    as_ana: Client, as_pam: Client
) -> None:
    said = "Only project managers and administrators can change or delete a freeze."
    for place in ("/freezes/new/", "/freezes/import/"):
        assert said in as_ana.get(place).content.decode(), place
        assert said not in as_pam.get(place).content.decode(), place
    assert said in as_ana.post("/freezes/new/", {**SAID, "preview": "1"}).content.decode()
    assert as_ana.post("/freezes/new/", {**SAID, "covers": ""}, follow=True).status_code == 200
    assert as_ana.get(f"{Freeze.objects.get().get_absolute_url()}edit/").status_code == 403


def test_more_history_than_the_page_of_a_freeze_lists_is_counted(
    as_ria: Client, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("releases.freezes.queries.HISTORY_SHOWN", 2)
    freeze = create_freeze(by=pam, name="Audit", **DAY)
    for number, said in enumerate((False, True)):
        edit_freeze(freeze, by=pam, version=None, name=f"Audit {number}")
        assert ("The newest 2 of 3." in as_ria.get(freeze.get_absolute_url()).content.decode()) is said
