"""What was forecast on each day is kept, so that people see whether it held."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.forecasts import queries
from releases.forecasts.models import DailyForecast
from releases.forecasts.queries import Held, forecast_of, held_by
from releases.forecasts.tasks import keep_daily
from releases.models import Change, InboundEvent, Release, Repository, Source, StoryLink
from releases.planning.actions import abandon_release, create_release, edit_release
from squads.models import Squad, StageChange, Story
from squads.stories.actions import judge
from tests.releases.forecasts.conftest import Finish, days_ago, seen, some_stories
from tests.releases.forecasts.test_forecast import TWELVE

pytestmark = pytest.mark.django_db


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Go some days ahead."""
    now = clock.now()
    return lambda days: monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=days))


def accept(story: Story, at: datetime) -> None:
    for minutes, kind in ((-3, "change"), (-2, "run"), (-1, "deployment"), (0, "acceptance")):
        seen(story, kind, at + timedelta(minutes=minutes)).save(force_insert=True)
    judge([story.pk])


def test_each_day_is_kept_once_whoever_runs_it_how_often(
    finish: Finish, payments: Squad, release: Release, later: Any, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 3, release)
    keep_daily()
    keep_daily()
    row = DailyForecast.objects.get()
    live = forecast_of(release)
    assert (row.p50, row.p85, row.seed, row.trials) == (live.p50, live.p85, live.seed, 2000)
    later(1)
    keep_daily()
    assert DailyForecast.objects.count() == 2
    shown = as_ria.get("/releases/shop-1.0/forecast/").content.decode()
    assert "Forecasts of the last days" in shown and shown.count("0 of 3") == 2


def test_a_refusal_is_kept_with_its_reason_and_without_a_date(payments: Squad, release: Release) -> None:
    some_stories(payments, 3, release)
    keep_daily()
    row = DailyForecast.objects.get()
    assert row.refused.startswith("No forecast yet. Payments has no story")
    assert row.p50 is row.p85 is row.later_than is None


def test_releases_without_unfinished_stories_are_left_alone(finish: Finish, release: Release, pam: User) -> None:
    finish(20, 10, release=release)
    create_release(by=pam, version="2.0", line="Shop")
    keep_daily()
    assert not DailyForecast.objects.exists()


def test_a_release_whose_stories_only_its_changes_name_has_a_forecast_each_day(
    payments: Squad, release: Release, as_ria: Client
) -> None:
    [story] = some_stories(payments, 1)
    source = Source.objects.create(key="ci", name="CI", kind="report")
    event = InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=clock.now())
    change = Change.objects.create(
        id=stable_id("change", 1),
        repository=Repository.objects.create(key="shop/checkout"),
        sha="a" * 40,
        release=release,
        event=event,
    )
    StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")
    keep_daily()
    row = DailyForecast.objects.get()
    assert (row.release, row.total) == (release, 1)


def test_a_release_that_cannot_be_forecast_stops_no_other_and_says_so(
    finish: Finish, payments: Squad, release: Release, pam: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(*TWELVE)
    some_stories(payments, 1, release)
    other = create_release(by=pam, version="1.1", line="Shop")
    some_stories(payments, 1, other)
    sound = queries.forecasts_of

    def broken(releases: Any, *args: Any) -> Any:
        if release in releases:
            raise ZeroDivisionError
        return sound(releases, *args)

    monkeypatch.setattr(queries, "forecasts_of", broken)
    keep_daily()
    keep_daily()
    rows = {row.release: row for row in DailyForecast.objects.all()}
    assert rows[other].p85 and not rows[other].refused
    assert rows[release].refused == "No forecast: counting it failed (ZeroDivisionError; see the worker’s log)."


@pytest.mark.parametrize(
    ("zone", "hour", "counted"),
    [("UTC", 23, 1), ("America/New_York", 23, 0), ("UTC", 9, 0), ("Pacific/Kiritimati", 9, 1)],
)
def test_the_weeks_of_forecasts_end_with_the_companys_midnight(
    finish: Finish,
    payments: Squad,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    zone: str,
    hour: int,
    counted: int,
) -> None:
    finish(*TWELVE)
    [story] = finish(1)
    some_stories(payments, 1, release)
    late = days_ago(1).replace(hour=hour, minute=30)
    StageChange.objects.filter(story=story, to_stage="rodeo_done").update(at=late)
    monkeypatch.setattr(clock, "now", lambda: late + timedelta(hours=1))
    settings.RODEO_TIME_ZONE = zone
    found = forecast_of(release)
    assert found.records[0].weeks(found.today, 1)[0][-1] == counted
    keep_daily()
    assert DailyForecast.objects.get().day == found.today


def test_what_was_forecast_first_is_held_against_what_came(
    finish: Finish, payments: Squad, release: Release, later: Any, pam: User, as_ria: Client
) -> None:
    finish(*TWELVE)
    [quick] = some_stories(payments, 1, release)
    slow = create_release(by=pam, version="1.1", line="Shop")
    never = create_release(by=pam, version="1.2", line="Shop")
    [late], _ = some_stories(payments, 1, slow), some_stories(payments, 1, never)
    keep_daily()
    today = clock.now().date()
    first = DailyForecast.objects.get(release=slow).p85
    assert first is not None and held_by(today) == Held(0, 0), "nothing is over yet"

    accept(quick, days_ago(-1))
    later((first - today).days + 30)
    keep_daily()
    accept(late, datetime.combine(first, clock.now().timetz()) + timedelta(days=2))
    after = clock.now().date()
    assert held_by(after) == Held(1, 3), "one held, one came late, one never came"
    open_ = create_release(by=pam, version="1.3", line="Shop")
    finish(*(day - (after - today).days for day in TWELVE))
    some_stories(payments, 1, open_)
    assert "held in 1 of 3 past releases" in as_ria.get("/api/v1/releases/shop-1.3/forecast/").json()["sentence"]


def test_an_abandoned_release_has_no_forecast_and_counts_as_a_miss(
    finish: Finish, payments: Squad, release: Release, pam: User, as_ria: Client
) -> None:
    finish(*TWELVE)
    some_stories(payments, 3, release)
    keep_daily()
    abandon_release(release, by=pam, because="Nobody needs it.")
    DailyForecast.objects.update(day=clock.now().date() - timedelta(days=1))
    keep_daily()
    assert DailyForecast.objects.count() == 1 and held_by(clock.now().date()) == Held(0, 1)
    said = as_ria.get("/api/v1/releases/shop-1.0/forecast/").json()
    assert said["sentence"] == "No forecast: this release is abandoned." and said["p85"] is None
    assert "What if" not in as_ria.get("/releases/shop-1.0/forecast/").content.decode()


def test_an_abandoned_release_in_production_is_forecast_and_no_miss_before_its_date_is_over(
    finish: Finish, payments: Squad, release: Release, pam: User
) -> None:
    finish(*TWELVE)
    [story] = some_stories(payments, 1, release)
    keep_daily()
    abandon_release(release, by=pam, because="Nobody needs it.")
    assert held_by(clock.now().date()) == Held(0, 1)
    for minutes, kind in ((-3, "change"), (-2, "run"), (-1, "deployment")):
        seen(story, kind, clock.now() + timedelta(minutes=minutes)).save(force_insert=True)
    judge([story.pk])
    assert held_by(clock.now().date()) == Held(0, 0)
    DailyForecast.objects.update(day=clock.now().date() - timedelta(days=1))
    keep_daily()
    assert DailyForecast.objects.count() == 2


# manage.py backtest_forecast


def test_the_command_checks_the_companys_own_releases(
    finish: Finish, payments: Squad, release: Release, pam: User, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("backtest_forecast", trials=100)
    assert "so there is nothing to check" in capsys.readouterr().out
    finish(*range(10, 300, 6))
    done = finish(55, 50, 45, release=release)
    Story.objects.filter(pk__in=[story.pk for story in done]).update(created_at=days_ago(60))
    never = create_release(by=pam, version="1.1", line="Shop")
    some_stories(payments, 1, never, days_ago(150))
    for number, each in enumerate((never, release)):
        Release.objects.filter(pk=each.pk).update(created_at=days_ago(300 + number))
    call_command("backtest_forecast", trials=100)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("shop-1.0: 85 % date held in 3 of 3 (1.00)")
    held, checked = said[1].split(" held in ")[1].split(" (")[0].split(" of ")
    assert said[1].startswith("shop-1.1:") and held == "0" and int(checked) > 10, "never finished is a miss"
    assert "not over yet" in said[1]


def test_the_command_checks_a_series(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "days.csv"
    start = datetime(2026, 1, 1)
    rows = [f"{start + timedelta(days=day):%Y-%m-%d},{day % 2}" for day in range(200)]
    path.write_text("\n".join(["date,finished", *rows]))
    call_command("backtest_forecast", csv=str(path), trials=100)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "200 days, 100 finished." and len(said) == 10
    assert said[1].startswith("28 days of history, 10 items: 85 % date held in 22 of 22 (1.00)")
    assert said[-1].startswith("All: 85 % date held in ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,n\n", "needs the columns date and finished"),
        ("date,finished\n2026-01-01,x\n", "line 2: write a date such as 2026-03-14, and a whole number"),
        ("date,finished\n2026-01-01,-1\n", "line 2: finished can’t be negative"),
        ("date,finished\n", "has no days"),
        ("date,finished\n1900-01-01,1\n2026-01-01,1\n", "is too long"),
    ],
)
def test_a_series_that_cannot_be_read_is_said_by_its_line(tmp_path: Any, text: str, said: str) -> None:
    path = tmp_path / "days.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=said):
        call_command("backtest_forecast", csv=str(path))
    with pytest.raises(CommandError, match="--trials takes a number"):
        call_command("backtest_forecast", csv=str(path), trials=1)


def test_a_target_is_kept_as_it_was_that_day(payments: Squad, release: Release, pam: User) -> None:
    some_stories(payments, 1, release)
    target = clock.now().date() + timedelta(days=9)
    edit_release(release, by=pam, planned_for=target)
    keep_daily()
    edit_release(release, by=pam, planned_for=None)
    assert DailyForecast.objects.get().target == target
