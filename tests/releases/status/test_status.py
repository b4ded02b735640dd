"""One page says how a release stands: first the sentence, then what it waits for and from whom; a link shows it to anyone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from releases.models import Release, ReleaseLink
from releases.planning.actions import abandon_release, create_release
from releases.readiness.queries import readiness_of
from releases.status import queries
from squads.models import Squad, Story
from squads.stories.actions import create_story, record_by_hand
from squads.stories.editing import edit_story
from squads.stories.ranking import block

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(ana: User, pam: User) -> Release:
    cache.clear()
    soon = (clock.now() + timedelta(days=6)).date()
    return create_release(
        by=pam, version="1.0", line="Shop", planned_for=soon, goal="Pay by card. Ask ana@example.org", owner=ana
    )


def page_of(browser: Client, release: Release) -> str:
    answer = browser.get(f"{release.get_absolute_url()}status/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_sentence_comes_first_with_goal_owner_and_target(
    as_ria: Client, ana: User, payments: Squad, release: Release
) -> None:
    create_story(payments, by=ana, title="Pay by card", release=release)
    page = page_of(as_ria, release)
    sheet = page.split('<div class="sheet">')[1]
    assert sheet.index("Planned. Nobody has started its stories yet.") < sheet.index("Pay by card. Ask")
    assert "<dt>Owner</dt><dd>Ana</dd>" in page and "6 days left" in page and "0 of 1 rodeo done" in page
    assert 'aria-current="true" data-command="Status of Shop 1.0"' in page


def test_without_stories_date_and_owner_the_page_says_so(as_ria: Client, ana: User) -> None:
    page = page_of(as_ria, create_release(by=ana, version="2.0"))
    for words in (
        "It has no stories yet.",
        "nobody yet",
        "no date yet",
        "No stories in this release yet.",
        "No story moved.",
    ):
        assert words in page, words


def test_what_it_waits_for_is_grouped_by_who_can_act_the_oldest_first(
    as_ria: Client, ana: User, bo: User, payments: Squad, search: Squad, release: Release
) -> None:
    at = clock.now()
    for squad, by, count in ((search, bo, 1), (payments, ana, 6)):
        for number in range(count):
            story = create_story(squad, by=by, title=f"Story {number}", release=release)
            story.move_progress("in_progress", by=by, at=at - timedelta(days=9 - number))
            story.move_progress("dev_done", by=by, at=at - timedelta(days=8 - number))
    block(Story.objects.get(key="PAY-2"), by=ana, because="Waits for ana@example.org")
    status = queries.status_of(release)
    assert {group.name: group.count for group in status.groups} == {"Payments": 6, "Search": 1}
    pay = next(group for group in status.groups if group.name == "Payments")
    assert [each.line.story.key for each in pay.waiting] == ["PAY-1", "PAY-2", "PAY-3", "PAY-4"] and pay.more == 2
    page = page_of(as_ria, release)
    assert "and 2 more" in page and "Blocked" in page and "ana@example.org" not in page.split("waiting-title")[1]


def test_what_changed_in_the_last_week_is_there_and_what_is_older_is_not(
    as_ria: Client, ana: User, payments: Squad, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = create_story(payments, by=ana, title="Old", release=release)
    first.move_progress("in_progress", by=ana)
    page = page_of(as_ria, release)
    assert "to do → in progress" in page and "came into the release" in page
    edit_story(first, by=ana, release=None)
    assert "left the release" in page_of(as_ria, release)
    later = clock.now() + timedelta(days=8)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert "No story moved." in page_of(as_ria, release)


def test_lateness_counts_the_companys_days(ana: User, settings: Any) -> None:
    made = create_release(by=ana, version="3.0", planned_for="2026-03-04")
    made.refresh_from_db()
    at = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
    assert queries.status_of(made, at).due == "due today"
    settings.RODEO_TIME_ZONE = "Europe/Amsterdam"
    assert queries.status_of(made, at).due == "overdue by 1 day"


def test_readiness_comes_first_as_its_own_page_judges_it(
    as_ria: Client, ana: User, payments: Squad, release: Release
) -> None:
    create_story(payments, by=ana, title="Pay by card", release=release)
    judged = readiness_of([release])[release.pk]
    sheet = page_of(as_ria, release).split('<div class="sheet">')[1]
    assert judged.words == "not ready" and sheet.index('<strong data-state="bad">Not ready.</strong>') < 100
    told = as_ria.get(f"/api/v1/releases/{release.slug}/status/").json()
    assert (told["verdict"], told["sentence"]) == ("Not ready", judged.sentence)
    abandon_release(release, by=ana, because="No.")
    assert "<strong" not in page_of(as_ria, release).split('<div class="sheet">')[1]


def test_where_nobody_judges_it_nothing_is_said_of_readiness(
    as_ria: Client, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "JUDGES", [])
    assert '<p class="sheet__says">Planned. It has no stories yet.</p>' in page_of(as_ria, release)
    assert as_ria.get(f"/api/v1/releases/{release.slug}/status/").json()["verdict"] is None


def test_the_forecast_is_there_or_why_there_is_none(
    as_ria: Client, ana: User, payments: Squad, release: Release
) -> None:
    assert "Forecast</dt>" not in page_of(as_ria, release), "without stories there is nothing to forecast"
    create_story(payments, by=ana, title="Pay by card", release=release)
    assert "<dt>Forecast</dt><dd>No forecast yet." in page_of(as_ria, release)
    abandon_release(release, by=ana, because="No.")
    assert "Forecast</dt>" not in page_of(as_ria, release)


def test_programs_read_the_status(as_ria: Client, ana: User, payments: Squad, release: Release) -> None:
    create_story(payments, by=ana, title="Pay by card", release=release)
    told = as_ria.get(f"/api/v1/releases/{release.slug}/status/").json()
    assert told["forecast"].startswith("No forecast yet.") and told["owner"] == "ana"
    assert told["stages"][0] == {"stage": "todo", "count": 1}
    assert [(group["name"], group["count"]) for group in told["waiting"]] == [("Payments", 1)]
    assert told["changed"][0]["key"] == "PAY-1"
    assert as_ria.get("/api/v1/releases/nowhere/status/").status_code == 404


# Sharing


def shared(browser: Client, release: Release, shows: str) -> str:
    answer = browser.post(f"{release.get_absolute_url()}links/", {"days": 30, "shows": shows, "name": "Press"})
    assert answer.status_code == 201 and f"this release’s {shows}" in answer.content.decode()
    return "/shared/" + answer.content.decode().split("/shared/")[1].split("<")[0]


def test_a_link_shows_the_status_to_people_without_an_account_and_names_nobody(
    as_ana: Client, client: Client, ana: User, payments: Squad, release: Release
) -> None:
    story = create_story(payments, by=ana, title="Gift cards, ask bo@example.org", release=release, assignees=[ana])
    record_by_hand(story, by=ana, kind="deployment", note="Seen by ana@example.org")
    block(create_story(payments, by=ana, title="Blocked", release=release), by=ana, because="Ana is away")
    page = client.get(shared(as_ana, release, "status"))
    text = page.content.decode()
    assert page.status_code == 200 and "What it waits for" in text and "Gift cards" in text and "PAY-1" in text
    assert "<a " not in text and "<form" not in text and "<script" not in text and "/stories/" not in text
    assert "@" not in text and "Ana" not in text and "Owner" not in text
    assert page["Referrer-Policy"] == "no-referrer" and "no-store" in page["Cache-Control"] and not page.cookies
    assert "board" in client.get(shared(as_ana, release, "board")).content.decode()


def test_an_abandoned_release_does_not_tell_who_abandoned_it(as_ana: Client, client: Client, release: Release) -> None:
    path = shared(as_ana, release, "status")
    abandon_release(release, by=User.objects.get(username="ana"), because="Ana says so")
    text = client.get(path).content.decode()
    assert "Abandoned: it won’t go out." in text and "Ana" not in text


def test_a_revoked_link_to_the_status_shows_nothing(as_ana: Client, client: Client, release: Release) -> None:
    path = shared(as_ana, release, "status")
    place = f"{release.get_absolute_url()}links/"
    assert '<span class="tag">status</span>' in as_ana.get(place).content.decode()
    as_ana.post(f"{place}{ReleaseLink.objects.get().pk}/revoke/")
    assert client.get(path).status_code == 404


def test_the_page_offers_to_share_itself(as_ana: Client, as_ria: Client, release: Release) -> None:
    assert "links/?shows=status" in page_of(as_ana, release) and "links/?shows=status" not in page_of(as_ria, release)
    form = as_ana.get(f"{release.get_absolute_url()}links/?shows=status").content.decode()
    assert '<option value="status" selected>' in form


def test_programs_share_the_status(as_ana: Client, client: Client, release: Release) -> None:
    place = f"/api/v1/releases/{release.slug}/links/"
    answer = as_ana.post(place, {"days": 7, "shows": "status"}, content_type="application/json")
    assert answer.json()["shows"] == "status"
    path = "/shared/" + answer.json()["url"].split("/shared/")[1]
    assert "Stories by stage" in client.get(path).content.decode()
    assert as_ana.post(place, {"days": 7, "shows": "x"}, content_type="application/json").status_code == 400
    assert as_ana.post(place, {"days": 7}, content_type="application/json").json()["shows"] == "board"


def test_the_page_costs_the_same_whatever_is_in_the_release(
    as_ana: Client, client: Client, ana: User, payments: Squad, release: Release
) -> None:
    path, costs = shared(as_ana, release, "status"), []
    page_of(as_ana, release)
    client.get(path)
    for number in range(12):
        create_story(payments, by=ana, title=f"Story {number}", release=release)
        if number in (1, 11):
            with CaptureQueriesContext(connection) as asked:
                page_of(as_ana, release)
                client.get(path)
            costs.append(len(asked))
    assert costs[0] == costs[1]
