"""The overview of open releases: what is ready, when it lands, who can act, and what changed since yesterday."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.forecasts.models import DailyForecast
from releases.forecasts.sentences import said_date
from releases.inbox.models import InboundEvent, Source
from releases.models import Change, Release, Repository, StoryLink
from releases.overview import actions, queries
from releases.overview.models import DailyReadiness, ReadinessDigest, ReadinessView
from releases.overview.tasks import keep_daily, send_digests
from releases.planning.actions import abandon_release, create_release, edit_release
from squads.models import Squad, Story
from squads.stories.actions import create_story
from tests.conftest import posted

PAGE, API = "/readiness/", "/api/v1/readiness/"
pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 12, 7, 6, 0, tzinfo=UTC)


@pytest.fixture
def release(pam: User, payments: Squad) -> Release:
    """Release Shop 1.0 with one story, planned for the end of next week."""
    target = clock.now().date() + timedelta(days=10)
    made = create_release(by=pam, version="1.0", line="Shop", planned_for=target)
    create_story(payments, by=pam, title="Pay", release=made)
    return made


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Go to a moment."""
    return lambda at: monkeypatch.setattr(clock, "now", lambda: at)


def rows(browser: Client, query: str = "") -> list[dict[str, Any]]:
    answer = browser.get(API + query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_each_open_release_has_a_row(release: Release, pam: User, as_ria: Client) -> None:
    abandoned = create_release(by=pam, version="0.9", line="Shop")
    abandon_release(abandoned, by=pam, because="Nobody needs it.")
    empty = create_release(by=pam, version="2.0", line="Shop")
    today = clock.now().date()
    DailyForecast.objects.create(
        release=release, day=today, total=1, rodeo_done=0, p85=today + timedelta(days=14), seed=1, trials=2000
    )
    first, second = rows(as_ria)
    assert (first["release"], second["release"]) == (release.slug, empty.slug)
    assert first["verdict"] != "ready" and (first["rodeo_done"], first["total"]) == (0, 1)
    assert first["late_days"] == 4 and first["p85"] == (today + timedelta(days=14)).isoformat()
    assert sum(each["count"] for each in first["blockers"]) > 0
    shown = as_ria.get(PAGE).content.decode()
    assert "Shop 1.0" in shown and "4 days late" in shown and "0 of 1" in shown and "Shop 0.9" not in shown
    assert first["sentence"][:20] in shown and "/releases/shop-1.0/readiness/" in shown


def test_an_abandoned_release_that_is_in_production_has_a_row_that_says_so(
    release: Release, pam: User, as_ria: Client
) -> None:
    abandon_release(release, by=pam, because="Nobody needs it.")
    assert rows(as_ria) == []
    Story.objects.filter(release=release).update(stage="deployed")
    assert [each["release"] for each in rows(as_ria)] == [release.slug]
    assert "(abandoned)" in as_ria.get(PAGE).content.decode()


def test_a_forecast_of_another_day_is_shown_with_that_day(
    release: Release, as_ria: Client, go: Any, mailing: None, pam: User
) -> None:
    today = clock.now().date()
    DailyForecast.objects.create(
        release=release, day=today, total=1, rodeo_done=0, p85=today + timedelta(days=14), seed=1, trials=2000
    )
    assert rows(as_ria)[0]["forecast_of"] is None and "as of" not in as_ria.get(PAGE).content.decode()
    go(clock.now() + timedelta(days=3))
    assert rows(as_ria)[0]["forecast_of"] == today.isoformat()
    assert f'as of <time datetime="{today.isoformat()}"' in as_ria.get(PAGE).content.decode()
    assert f"(forecast of {said_date(today)})" in actions.digest_text()


def test_a_verdict_is_looked_for_in_every_open_release(
    release: Release, pam: User, as_ria: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_release(by=pam, version="2.0", line="Shop")
    every = {row["release"]: row["verdict"] for row in rows(as_ria)}
    monkeypatch.setattr(queries, "JUDGED_AT_ONCE", 1)
    found = [row["release"] for verdict in set(every.values()) for row in rows(as_ria, f"?verdict={verdict}")]
    assert sorted(found) == sorted(every)


def test_a_release_that_cannot_be_judged_stops_no_other(
    release: Release, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_release(by=pam, version="2.0", line="Shop")
    sound = queries.rows_of

    def broken(releases: Any, *args: Any, **more: Any) -> Any:
        if release in releases:
            raise ZeroDivisionError
        return sound(releases, *args, **more)

    monkeypatch.setattr(queries, "rows_of", broken)
    keep_daily()
    assert [row.release for row in DailyReadiness.objects.all()] == [other]
    text = actions.digest_text()
    assert "Shop 2.0: " in text and "Shop 1.0: can’t be judged (ZeroDivisionError; see the worker’s log)" in text


def test_a_release_that_went_out_long_ago_is_history(release: Release, pam: User, as_ria: Client) -> None:
    edit_release(release, by=pam, released_at=clock.now() - timedelta(days=29))
    assert [row["release"] for row in rows(as_ria)] == [release.slug]
    edit_release(release, by=pam, released_at=clock.now() - timedelta(days=31))
    assert rows(as_ria) == []


def test_a_release_whose_stories_are_only_named_by_its_changes_is_open(
    payments: Squad, pam: User, as_ria: Client
) -> None:
    release = create_release(by=pam, version="3.0", line="Shop")
    story = create_story(payments, by=pam, title="Pay")
    source = Source.objects.create(key="ci", name="CI", kind="report")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=clock.now())
    repository = Repository.objects.create(key="shop/checkout")
    change = Change.objects.create(
        id=stable_id("change", 1), repository=repository, sha="a" * 40, release=release, event=event
    )
    StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")
    Release.objects.filter(pk=release.pk).update(commits=1)
    assert [row["release"] for row in rows(as_ria, "?squad=payments")] == [release.slug]


def test_what_changed_since_yesterday_is_said(
    release: Release, payments: Squad, pam: User, go: Any, as_ria: Client
) -> None:
    assert rows(as_ria)[0]["since"] is None and "not known yet" in as_ria.get(PAGE).content.decode()
    keep_daily()
    keep_daily()
    yesterday = DailyReadiness.objects.get()
    go(clock.now() + timedelta(days=1))
    assert rows(as_ria)[0]["changes"] == []
    create_story(payments, by=pam, title="Pay later", release=release)
    DailyReadiness.objects.update(verdict="ready", blockers=0)
    said = rows(as_ria)[0]
    assert said["since"] == yesterday.day.isoformat()
    assert "was ready" in said["changes"] and "1 more story" in said["changes"]
    assert any(each.endswith(("more blocker", "more blockers")) for each in said["changes"])
    assert "was ready" in as_ria.get(PAGE).content.decode()


def test_a_day_ends_with_what_was_said_last(release: Release, payments: Squad, pam: User) -> None:
    keep_daily()
    create_story(payments, by=pam, title="Pay later", release=release)
    keep_daily()
    assert DailyReadiness.objects.get().total == 2


def test_it_is_filtered_by_squad_line_verdict_and_owner(
    release: Release, search: Squad, pam: User, as_pam: Client
) -> None:
    other = create_release(by=pam, version="7", line="Index")
    create_story(search, by=pam, title="Find", release=other)
    edit_release(other, by=pam, owner=pam)

    def found(query: str) -> list[str]:
        return [row["release"] for row in rows(as_pam, query)]

    assert found("?squad=search") == found("?line=Index") == found("?owner=me") == found("?owner=pam") == [other.slug]
    assert found("?squad=payments") == [release.slug]
    assert found("?verdict=ready") == [] and set(found(f"?verdict={rows(as_pam)[0]['verdict']}")) >= {release.slug}
    assert "No open releases match." in as_pam.get(f"{PAGE}?verdict=ready").content.decode()
    assert (
        as_pam.get(f"{API}?verdict=green").status_code == 400 and as_pam.get(f"{API}?colour=green").status_code == 400
    )


def test_whoever_is_not_signed_in_owns_no_release(client: Client, release: Release, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    assert release.owner is None and client.get(f"{API}?owner=").json()["results"]
    assert client.get(f"{API}?owner=me").json()["results"] == []
    assert "No open releases match." in client.get(f"{PAGE}?owner=me").content.decode()


def test_without_releases_it_says_what_will_be_here(as_ria: Client) -> None:
    assert "No open releases" in as_ria.get(PAGE).content.decode()


def test_fifty_releases_take_as_few_queries_as_one(
    release: Release, payments: Squad, pam: User, as_pam: Client
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as found:
            assert as_pam.get(PAGE).status_code == 200
        return len(found)

    keep_daily()
    one = asked()
    for number in range(49):
        create_story(payments, by=pam, title="Pay", release=create_release(by=pam, version=f"3.{number}", line="Shop"))
    assert asked() == one <= 25


# Saved views


def test_a_view_is_kept_under_a_name_and_is_ones_own(
    release: Release, pam: User, as_pam: Client, as_ria: Client
) -> None:
    as_pam.post("/readiness/views/", {"name": "Late", "query": "verdict=not_ready&strange=1"})
    view = ReadinessView.objects.get()
    assert (view.owner, view.query) == (pam, "verdict=not_ready")
    assert "Late" in as_pam.get(f"{PAGE}?verdict=not_ready").content.decode()
    assert "Late" not in as_ria.get(PAGE).content.decode()
    assert as_ria.post(f"/readiness/views/{view.pk}/remove/").status_code == 404
    assert as_ria.delete(f"/api/v1/readiness-views/{view.pk}/").status_code == 404
    answer = as_pam.post("/api/v1/readiness-views/", {"name": "All", "query": ""}, content_type="application/json")
    assert answer.status_code == 400
    as_pam.post(f"/readiness/views/{view.pk}/remove/")
    assert not ReadinessView.objects.exists()


# The weekly mail


@pytest.fixture
def mailing(settings: Settings) -> None:
    settings.RODEO_MAIL = True


def test_who_wants_it_gets_one_mail_a_week(
    release: Release, mailing: None, go: Any, as_pam: Client, as_ria: Client
) -> None:
    go(MONDAY - timedelta(days=3))
    as_pam.post("/readiness/digest/", {"wanted": "1"})
    assert as_pam.get("/api/v1/readiness-digest/").json() == {"wanted": True}
    assert as_ria.get("/api/v1/readiness-digest/").json() == {"wanted": False}
    send_digests()
    assert posted() == [], "the first one comes on Monday"
    go(MONDAY - timedelta(seconds=1))
    send_digests()
    assert posted() == []
    go(MONDAY)
    send_digests()
    send_digests()
    [mail] = posted()
    assert mail.to == ["pam@example.org"]
    assert "Shop 1.0: " in mail.body and "0 of 1 story rodeo done" in mail.body and "/readiness/" in mail.body
    go(MONDAY + timedelta(days=6))
    send_digests()
    assert len(posted()) == 1
    go(MONDAY + timedelta(days=8))
    send_digests()
    assert len(posted()) == 2, "what was missed on Monday is sent later in the week"
    as_pam.post("/readiness/digest/", {"wanted": "0"})
    go(MONDAY + timedelta(days=15))
    send_digests()
    assert len(posted()) == 2


def test_asked_for_again_on_a_monday_the_mail_of_that_day_still_comes_once(
    release: Release, mailing: None, go: Any, as_pam: Client
) -> None:
    go(MONDAY - timedelta(days=3))
    as_pam.post("/readiness/digest/", {"wanted": "1"})
    go(MONDAY + timedelta(hours=1))
    for wanted in ("1", "0", "1"):
        as_pam.post("/readiness/digest/", {"wanted": wanted})
    send_digests()
    assert len(posted()) == 1
    for wanted in ("0", "1"):
        as_pam.post("/readiness/digest/", {"wanted": wanted})
    send_digests()
    assert len(posted()) == 1, "who had it gets no second one"
    as_pam.post("/readiness/digest/", {"wanted": "0"})
    go(MONDAY + timedelta(days=9))
    as_pam.post("/readiness/digest/", {"wanted": "1"})
    send_digests()
    assert len(posted()) == 1, "asked for on a Wednesday, it comes on the next Monday"


def test_asked_for_in_the_night_to_a_tuesday_it_comes_on_the_next_monday(
    release: Release, mailing: None, go: Any, as_pam: Client
) -> None:
    go(MONDAY + timedelta(hours=21))
    as_pam.post("/readiness/digest/", {"wanted": "1"})
    send_digests()
    assert posted() == []
    go(MONDAY + timedelta(days=7))
    send_digests()
    assert len(posted()) == 1


def test_asked_for_before_six_on_a_monday_it_comes_that_day(
    release: Release, mailing: None, go: Any, as_pam: Client
) -> None:
    go(MONDAY - timedelta(hours=3))
    as_pam.post("/readiness/digest/", {"wanted": "1"})
    send_digests()
    assert posted() == []
    go(MONDAY)
    send_digests()
    assert len(posted()) == 1


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (None, "  85 % by the model: not yet\n"),
        ({}, "  85 % by the model: no forecast\n"),
        ({"later_than": MONDAY.date() + timedelta(days=700)}, "  85 % by the model: later than 6 Nov 2028\n"),
        ({"p85": MONDAY.date() + timedelta(days=14)}, "  85 % by the model: 21 Dec 2026\n"),
    ],
)
def test_the_mail_says_of_a_forecast_what_the_page_says(
    release: Release, mailing: None, go: Any, ria: User, forecast: dict[str, Any] | None, said: str
) -> None:
    if forecast is not None:
        more = {"total": 1, "rodeo_done": 0, "seed": 1, "trials": 2000}
        DailyForecast.objects.create(release=release, day=MONDAY.date(), **more, **forecast)
    ReadinessDigest.objects.create(person=ria, last_week="2026-W01")
    go(MONDAY)
    send_digests()
    assert said in posted()[0].body


def test_mondays_begin_where_the_company_is(
    release: Release, mailing: None, go: Any, pam: User, settings: Settings
) -> None:
    ReadinessDigest.objects.create(person=pam, last_week="2026-W49")
    settings.RODEO_TIME_ZONE = "America/New_York"
    go(MONDAY + timedelta(hours=4))
    assert actions.send_digests() == 0
    go(MONDAY + timedelta(hours=5))
    assert actions.send_digests() == 1


def test_killed_while_it_writes_a_mail_it_is_neither_lost_nor_sent_twice(
    release: Release, mailing: None, go: Any, pam: User, ria: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (pam, ria):
        ReadinessDigest.objects.create(person=person, last_week="2026-W01")
    go(MONDAY)
    sound, left = actions.send_soon, [1]

    def killed(message: Any) -> Any:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return sound(message)

    monkeypatch.setattr(actions, "send_soon", killed)
    with pytest.raises(KeyboardInterrupt):
        actions.send_digests()
    monkeypatch.setattr(actions, "send_soon", sound)
    actions.send_digests()
    assert sorted(mail.to[0] for mail in posted()) == ["pam@example.org", "ria@example.org"]


def test_people_who_left_get_none(release: Release, mailing: None, go: Any, ria: User) -> None:
    ReadinessDigest.objects.create(person=ria, last_week="2026-W01")
    User.objects.filter(pk=ria.pk).update(is_active=False)
    go(MONDAY)
    assert actions.send_digests() == 0
