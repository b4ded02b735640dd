"""The forecast of a release: from the stories its squads finished, refused with the reason where that says too little."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from releases.forecasts.history import planned_releases
from releases.forecasts.queries import Forecast, forecast_of, forecasts_of
from releases.forecasts.sentences import headline, said_date
from releases.models import Release
from releases.planning.actions import abandon_release, create_release, edit_release
from squads.endings.actions import cancel
from squads.imports.actions import run_import, upload
from squads.models import ScopeChange, Squad, StageChange, Story
from squads.stories.actions import edit_story, judge
from tests.releases.forecasts.conftest import Finish, days_ago, seen, some_stories

DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2} [A-Z][a-z]{2} \d{4}")
# Twelve in eleven weeks; the first begins the record.
TWELVE = (77, 70, 66, 59, 51, 44, 38, 30, 24, 17, 9, 3)
PAGE, API = "/releases/shop-1.0/forecast/", "/api/v1/releases/shop-1.0/forecast/"
pytestmark = pytest.mark.django_db


def read(browser: Client, query: str = "") -> dict[str, Any]:
    answer = browser.get(API + query)
    assert answer.status_code == 200, answer.content
    said: dict[str, Any] = answer.json()
    return said


def page(browser: Client, query: str = "") -> str:
    answer = browser.get(PAGE + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_how_many_trials_it_took(
    finish: Finish, payments: Squad, release: Release, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 6, release)
    shown = page(as_ria)
    assert "in 2,000 trials" in shown and "2,000 trials, seed" in shown and "2000 trials" not in shown


def test_a_release_has_a_50_and_an_85_percent_date(
    finish: Finish, payments: Squad, release: Release, pam: User, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 6, release)
    edit_release(release, by=pam, planned_for=forecast_of(release).p50)
    said = read(as_ria)
    p50, p85 = date.fromisoformat(said["p50"]), date.fromisoformat(said["p85"])
    today = clock.now().date()
    assert today + timedelta(days=20) < p50 < p85 < today + timedelta(days=120)
    assert said["state"] == "unfinished" and said["left"] == 6 and said["trials"] == 2000
    assert said["squads"] == [
        {"squad": "payments", "left": 6, "finished": 12, "weeks": said["squads"][0]["weeks"], "unknown": 0}
    ]
    assert len(said["squads"][0]["weeks"]) == 11 and sum(said["squads"][0]["weeks"]) == 12
    shares = [each["share"] for each in said["chances"]]
    assert shares == sorted(shares) and shares[-1] >= 0.99
    assert 0.5 <= said["chance"] < 0.85

    shown = page(as_ria)
    assert f"Rodeo done by {said_date(p85)} (85 % by the model; no past release to check it against yet)." in shown
    assert f"50 %: {said_date(p50)}." in shown and shown.count("<svg") >= 1
    assert f"85 %: {said_date(p85)}</title>" in shown and "chart__target" in shown
    assert read(as_ria) == said, "the same inputs give the same dates"


@pytest.mark.parametrize(
    ("ago", "reason"),
    [
        ((42, 38, 30, 24, 17, 9, 3), "Payments finished 7 stories in the last 6 weeks. A forecast needs 8."),
        ((35, 30, 24, 17, 17, 15, 9, 3, 2, 1), "Payments has 5 whole weeks on record. A forecast needs 6."),
    ],
)
def test_no_date_is_said_anywhere_where_too_little_is_known(
    finish: Finish, payments: Squad, release: Release, as_ria: Client, ago: tuple[int, ...], reason: str
) -> None:
    finish(*ago)
    stories = some_stories(payments, 6, release)
    said = read(as_ria, f"?without={stories[0].key}")
    assert said["sentence"] == f"No forecast yet. {reason}"
    assert said["refusals"] == [reason]
    assert not DATE.search(str(said)), said
    assert said["p50"] is said["p85"] is said["later_than"] is said["chance"] is None and said["chances"] == []
    shown = page(as_ria, f"?without={stories[0].key}")
    assert reason in shown and "85 %" not in shown and "50 %" not in shown and "<svg viewBox" not in shown


def test_how_much_a_forecast_needs_is_said_once_for_all_squads(
    finish: Finish, payments: Squad, search: Squad, release: Release, as_ria: Client
) -> None:
    finish(35, 3)
    finish(14, 3, squad=search)
    some_stories(payments, 1, release)
    some_stories(search, 1, release)
    assert read(as_ria)["sentence"] == (
        "No forecast yet. Payments has 5 whole weeks on record. Search has 2 whole weeks on record. "
        "A forecast needs 6 of each."
    )


def test_a_squad_without_any_story_in_production_is_said_by_name(
    finish: Finish, payments: Squad, search: Squad, release: Release, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 2, release)
    [other] = some_stories(search, 1, release)
    assert read(as_ria)["refusals"] == ["Search has no story that was deployed or rodeo done."]
    without = read(as_ria, f"?without={other.key}")["without"]
    assert without["p85"] and without["sentence"].startswith(f"Without {other.key}: ")


def test_a_release_is_done_when_its_last_squad_is(
    finish: Finish, payments: Squad, search: Squad, release: Release
) -> None:
    finish(*TWELVE)
    finish(*(number + 0.2 for number in TWELVE), squad=search)
    some_stories(payments, 2, release)
    alone = forecast_of(release)
    some_stories(search, 9, release)
    both = forecast_of(release)
    assert both.p85 and alone.p85 and both.p85 > alone.p85
    assert [record.squad for record in both.records] == ["Payments", "Search"]
    assert both.weeks == 11, "the weeks that both have on record"


def test_weeks_that_only_one_squad_has_on_record_are_left_out(
    finish: Finish, payments: Squad, search: Squad, release: Release
) -> None:
    finish(*TWELVE)
    finish(49, 40, 30, 20, squad=search)
    some_stories(payments, 1, release)
    some_stories(search, 1, release)
    assert forecast_of(release).refusals == (
        "Payments finished 7 stories in the 7 weeks that all its squads have on record. "
        "Search finished 4 stories in the last 7 weeks. A forecast needs 8 of each.",
    )


def test_a_quarter_counts_and_half_a_year_where_a_quarter_says_too_little(
    finish: Finish, payments: Squad, release: Release
) -> None:
    finish(*range(5, 300, 20))
    some_stories(payments, 1, release)
    assert forecast_of(release).weeks == 26
    finish(*range(1, 80, 20))
    assert forecast_of(release).weeks == 13


def test_a_story_withdrawn_and_accepted_again_counts_once_at_its_last_acceptance(
    finish: Finish, payments: Squad, release: Release, as_ria: Client
) -> None:
    stories = finish(*TWELVE)
    some_stories(payments, 1, release)
    again = stories[1]
    assert counted(release) == 12
    for kind, verdict, ago in (("acceptance", "failure", 40), ("acceptance", "success", 12)):
        seen(again, kind, days_ago(ago), verdict=verdict).save(force_insert=True)
    judge([again.pk])
    assert StageChange.objects.filter(story=again, to_stage="rodeo_done").count() == 2
    record = forecast_of(release).records[0]
    assert sum(record.finished.values()) == 12
    assert days_ago(70).date() not in record.finished and record.finished[days_ago(12).date()] == 1
    rows = as_ria.get(f"{PAGE}finished/?squad=payments").content.decode()
    assert rows.count(f">{again.key}<") == 1 and days_ago(12).date().isoformat() in rows

    seen(again, "acceptance", days_ago(2), verdict="failure").save(force_insert=True)
    judge([again.pk])
    assert counted(release) == 11, "it is withdrawn"


def counted(release: Release) -> int:
    record = forecast_of(release).records[0]
    return record.finished_in(clock.now().date(), forecast_of(release).weeks)


def test_a_cancelled_story_is_no_throughput_and_no_scope(
    finish: Finish, payments: Squad, release: Release, lea: User, as_ria: Client
) -> None:
    stories = finish(*TWELVE)
    left = some_stories(payments, 2, release)
    cancel(stories[0], by=lea, because="Undone.")
    cancel(left[0], by=lea, because="Not needed.")
    said = read(as_ria)
    assert said["left"] == said["total"] == 1 and said["squads"][0]["finished"] == 11
    assert "1 cancelled story is left out" in page(as_ria)


def test_nothing_left_and_nothing_planned_are_said(finish: Finish, release: Release, as_ria: Client) -> None:
    assert read(as_ria)["sentence"] == "No forecast: this release has no stories yet."
    assert "Plan stories for this release to get a forecast." in page(as_ria)
    finish(20, 10, release=release)
    said = read(as_ria)
    assert said["state"] == "done" and said["sentence"] == f"Rodeo done since {said_date(days_ago(10).date())}."
    assert said["p85"] is None
    assert "What if" not in page(as_ria)


def test_a_tail_that_never_ends_is_later_than_the_last_day_looked_at(
    finish: Finish, payments: Squad, release: Release, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 200, release)
    said = read(as_ria)
    last = clock.now().date() + timedelta(days=728)
    assert said["p85"] is None and said["later_than"] == last.isoformat()
    assert said["sentence"].startswith(f"Rodeo done later than {said_date(last)} (85 % by the model; ")


def test_today_is_no_day_of_the_weeks(finish: Finish, payments: Squad, release: Release) -> None:
    finish(*TWELVE)
    some_stories(payments, 1, release)
    before = counted(release)
    finish(0)
    assert counted(release) == before


# What if


def test_leaving_out_stories_says_both_dates_and_changes_nothing(
    finish: Finish, payments: Squad, release: Release, as_ria: Client
) -> None:
    finish(*TWELVE)
    stories = some_stories(payments, 12, release)
    keys = [story.key for story in stories[:6]]
    said = read(as_ria, "?without=" + ",".join(keys).lower())
    less, all_ = (date.fromisoformat(each["p85"]) for each in (said["without"], said))
    assert less < all_
    assert said["without"]["sentence"] == f"Without these 6 stories: {said_date(less)} instead of {said_date(all_)}."
    shown = page(as_ria, "?" + "&".join(f"without={key}" for key in keys))
    assert said["without"]["sentence"] in shown and shown.count(' checked> <span class="key">') == 6
    assert Story.objects.filter(release=release).count() == 12
    everything = read(as_ria, "?without=" + ",".join(story.key for story in stories))["without"]
    assert everything["sentence"] == "Without these 12 stories, nothing is left to do."


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("PAY-999", "PAY-999 isn’t an unfinished story of this release."),
        ("<b>", "“&lt;B&gt;” is no key. A key looks like PAY-12."),
        (",".join(f"PAY-{number}" for number in range(1, 202)), "Leave out 200 stories at most."),
    ],
)
def test_what_cannot_be_left_out_is_named(
    finish: Finish, payments: Squad, release: Release, as_ria: Client, without: str, said: str
) -> None:
    some_stories(payments, 1, release)
    shown = page(as_ria, f"?without={without}")
    assert said in shown
    answer = as_ria.get(API, {"without": without})
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "without"
    assert as_ria.get(API, {"with": "PAY-1"}).status_code == 400


def test_stories_chosen_on_another_page_stay_chosen(payments: Squad, release: Release, as_ria: Client) -> None:
    stories = some_stories(payments, 60, release)
    shown = page(as_ria, f"?without={stories[0].key}&page=2")
    assert f'<input type="hidden" name="without" value="{stories[0].key}">' in shown
    assert 'name="page" value="2"' in shown and shown.count('<input type="checkbox" name="without"') == 10


# Growth


def past_release(finish: Finish, pam: User, number: int, ago: tuple[int, ...], added: int = 0) -> Release:
    """Make a release that is rodeo done; the last `added` stories were planned for it late."""
    release = create_release(by=pam, version=f"0.{number}", line="Shop")
    stories = finish(*ago, release=None if added else release)
    if added:
        for story in stories:
            Story.objects.filter(pk=story.pk).update(created_at=days_ago(ago[0] + 9))
            edit_story(story, by=pam, release=release)
            late = story in stories[-added:]
            story.scope_changes.update(at=days_ago(ago[-1] + 1 if late else ago[0] + 9))
    return release


def test_the_scope_grows_as_past_releases_did(
    finish: Finish, payments: Squad, release: Release, pam: User, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 6, release)
    plain = forecast_of(release)
    assert plain.factors == [] and "No growth is assumed." in page(as_ria)
    for number in range(2):
        past_release(finish, pam, number, (170, 130, 125, 120, 115), added=2)
    assert forecast_of(release).factors == [], "two releases say too little"
    past_release(finish, pam, 2, (170, 130, 125, 120, 115), added=2)
    grown = forecast_of(release)
    assert [(each.left, each.finished) for each in grown.growth] == [(2, 4)] * 3
    assert grown.factors == [2.0] * 3
    assert grown.p85 and plain.p85 and grown.p85 > plain.p85
    shown = page(as_ria)
    assert "/releases/shop-0.2/" in shown and "2.00" in shown


def test_an_abandoned_release_that_got_done_all_the_same_says_how_scope_grows_and_has_a_forecast_while_in_production(
    finish: Finish, payments: Squad, release: Release, pam: User
) -> None:
    finish(*TWELVE)
    past = past_release(finish, pam, 0, (170, 130, 125, 120, 115), added=2)
    Release.objects.filter(pk=past.pk).update(abandoned_at=days_ago(180), abandoned_because="No budget.")
    [story] = some_stories(payments, 1, release)
    abandon_release(release, by=pam, because="Nobody needs it.")
    assert [each.name for each in forecast_of(release).growth] == [str(past)]
    assert headline(forecast_of(release)) == "No forecast: this release is abandoned."
    for minutes, kind in ((-3, "change"), (-2, "run"), (-1, "deployment")):
        seen(story, kind, clock.now() + timedelta(minutes=minutes)).save(force_insert=True)
    judge([story.pk])
    assert forecast_of(release).p85 is not None


def test_an_import_moves_a_story_from_one_release_to_another_as_anybody_does(
    release: Release, pam: User, payments: Squad, lea: User
) -> None:
    past = create_release(by=pam, version="0.1", line="Shop")
    for planned in (past, release):
        table = f"key,title,release\nA-1,Saddle,{planned}\n".encode()
        run_import(upload(payments, by=lea, name="stories.csv", body=table), by=lea)
    ScopeChange.objects.filter(to_release=past).update(at=days_ago(40))
    ScopeChange.objects.filter(to_release=release).update(at=days_ago(15))
    found = {each.name: [(stay.since, stay.until) for stay in each.stays] for each in planned_releases()}
    assert found == {"shop-0.1": [(days_ago(40), days_ago(15))], "shop-1.0": [(days_ago(15), None)]}


def test_a_release_written_down_after_it_was_done_says_nothing_of_growth(
    finish: Finish, release: Release, pam: User
) -> None:
    for number in range(3):
        past = past_release(finish, pam, number, (170, 130, 120))
        Story.objects.filter(release=past).update(created_at=clock.now())
    assert forecast_of(release).growth == ()


# As many queries for many


def test_the_number_of_queries_is_the_same_for_one_release_and_for_many(
    finish: Finish, payments: Squad, search: Squad, pam: User
) -> None:
    finish(*TWELVE)
    releases = [create_release(by=pam, version=f"2.{number}", line="Shop") for number in range(6)]
    for number, release in enumerate(releases):
        some_stories((payments, search)[number % 2], 2, release)

    def asked(some: list[Release]) -> int:
        with CaptureQueriesContext(connection) as queries:
            found: dict[Any, Forecast] = forecasts_of(some)
            assert set(found) == {release.pk for release in some}
        return len(queries)

    assert asked(releases[:1]) == asked(releases) <= 16


def test_an_old_address_leads_to_the_forecast(release: Release, pam: User, as_ria: Client) -> None:
    edit_release(release, by=pam, version="1.1")
    answer = as_ria.get(PAGE)
    assert answer.status_code == 301 and answer["Location"] == "/releases/shop-1.1/forecast/"


def test_a_stay_of_years_is_said_by_its_day() -> None:
    assert said_date(datetime(2026, 12, 5).date()) == "5 Dec 2026"
