"""How a release goes: its burn-up, who can act next, and the history of its scope, on pages and over the API."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel import days
from releases.forecasts.history import planned_releases
from releases.models import Change, InboundEvent, Release, Repository, Source, StoryLink
from releases.planning.actions import create_release, plan_stories
from releases.progress import queries
from releases.progress.queries import progress
from squads.acceptance.actions import ask
from squads.boards.actions import set_rules
from squads.endings.actions import cancel
from squads.models import ScopeChange, Service, Squad, StageChange, Story
from squads.scope_history import queries as scope_history
from squads.stories.actions import create_story, edit_story, record_by_hand

NOW = datetime.now(UTC)
API = "/api/v1/releases/shop-5.10/"


def ago(number: float) -> datetime:
    return NOW - timedelta(days=number)


@pytest.fixture
def release(ana: User) -> Release:
    made = create_release(by=ana, version="5.10", line="Shop")
    Release.objects.filter(pk=made.pk).update(created_at=ago(9))
    return Release.objects.get(pk=made.pk)


@pytest.fixture
def planned(ana: User, payments: Squad, release: Release) -> Callable[..., Story]:
    """A story that came into the release so many days ago."""

    def made(title: str, since: float = 8, squad: Squad = payments) -> Story:
        story = create_story(squad, by=ana, title=title, release=release)
        ScopeChange.objects.filter(story=story).update(at=ago(since))
        return story

    return made


def lift(story: Story, ana: User, since: float, *kinds: str, by: User | None = None) -> None:
    story.refresh_from_db()
    if story.progress == "todo":
        story.move_progress("dev_done", by=ana, at=ago(since))
    for number, kind in enumerate(kinds, 1):
        record_by_hand(story, by=by or ana, kind=kind, at=ago(since - number / 24), note="Seen.")


def named_by_a_change(story: Story, release: Release) -> None:
    source, _ = Source.objects.get_or_create(key="git", defaults={"name": "git", "kind": "git"})
    event = InboundEvent.objects.create(source=source, delivery=story.key, body=b"", received_at=NOW)
    repository, _ = Repository.objects.get_or_create(key="shop/checkout")
    change = Change.objects.create(
        id=uuid4(), repository=repository, sha=f"{story.pk:040x}", release=release, event=event, subject="Work"
    )
    StoryLink.objects.create(change=change, key=story.key, story=story, rule="message")


def test_the_burn_up_follows_scope_and_stages_day_by_day(
    as_ana: Client, ana: User, planned: Callable[..., Story]
) -> None:
    one, _, gone = planned("Saddle"), planned("Bridle", 4), planned("Reins")
    lift(one, ana, 5)
    cancel(gone, by=ana, because="Nobody rides.")
    ScopeChange.objects.filter(story=gone, to_release=None).update(at=ago(2))
    found = {each["day"]: each for each in as_ana.get(f"{API}progress/").json()["days"]}
    shown = [found[str(days.day_of(ago(number)))] for number in (8, 5, 4, 2, 0)]
    assert [each["scope"] for each in shown] == [2, 2, 3, 2, 2]
    assert [each["stages"]["dev_done"] for each in shown] == [0, 1, 1, 1, 1]


def test_the_last_day_has_the_counts_of_the_board(
    as_ana: Client, ana: User, payments: Squad, release: Release, planned: Callable[..., Story]
) -> None:
    lift(planned("Saddle"), ana, 5, "run", "test")
    planned("Bridle")
    named_by_a_change(create_story(payments, by=ana, title="Found"), release)
    last = as_ana.get(f"{API}progress/").json()["days"][-1]["stages"]
    board = {each["stage"]: each["count"] for each in as_ana.get(f"{API}board/").json()["stages"]}
    assert last == board and sum(last.values()) == 3


def test_evidence_that_comes_late_changes_the_day_it_was_seen_on(
    ana: User, release: Release, planned: Callable[..., Story]
) -> None:
    story = planned("Saddle")
    lift(story, ana, 7)

    def tested() -> list[int]:
        return [dict(point.by_stage)["tested"] for point in progress(release).points]

    assert not any(tested())
    lift(story, ana, 6, "run", "test")
    found = tested()
    assert found[-1] == 1 and sum(found) in (6, 7)


def test_days_are_the_companys_own(
    ana: User, release: Release, planned: Callable[..., Story], settings: Settings
) -> None:
    story = planned("Saddle")
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    ScopeChange.objects.filter(story=story).update(at=late)
    Release.objects.filter(pk=release.pk).update(created_at=late)
    settings.RODEO_TIME_ZONE = "Europe/Amsterdam"
    assert days.day_of(late).isoformat() == "2026-03-03"
    assert days.end_of(days.day_of(late)) == datetime(2026, 3, 3, 23, tzinfo=UTC)
    # The day on which the clocks go forward is an hour shorter.
    first, second = (datetime(2026, 3, number, 12, tzinfo=UTC) for number in (28, 29))
    assert days.end_of(days.day_of(second)) - days.end_of(days.day_of(first)) == timedelta(hours=23)


def test_what_is_missing_is_grouped_by_who_can_act_the_oldest_first(
    as_ana: Client, ana: User, bo: User, search: Squad, planned: Callable[..., Story]
) -> None:
    Service.objects.create(name="web", slug="web", squad=search)
    for title, since in (("Young", 1), ("Old", 6)):
        lift(planned(title), ana, since)
    planned("Other", squad=search)
    done = planned("Done")
    lift(done, ana, 6, "run", "test", "deployment")
    found = as_ana.get(f"{API}progress/").json()["waits_for"]
    by_name = {each["name"]: [story["title"] for story in each["stories"]] for each in found}
    assert set(by_name) == {"Payments", "Search"}
    own = [title for title in by_name["Payments"] if title in ("Old", "Young")]
    assert own == ["Old", "Young"]
    page = as_ana.get("/releases/shop-5.10/progress/").content.decode()
    assert "Who can act next" in page and "No. Dev done." in page


def test_a_service_that_nobody_owns_is_said_so(
    as_ana: Client, ana: User, payments: Squad, planned: Callable[..., Story]
) -> None:
    story = planned("Saddle")
    standing = {**story.standing, "answer": ["No. Merged (", {"owner": "ledger"}, ")."]}
    Story.objects.filter(pk=story.pk).update(standing=standing)
    [waits] = as_ana.get(f"{API}progress/").json()["waits_for"]
    assert (waits["kind"], waits["name"]) == ("service", "ledger")
    Service.objects.create(name="ledger", slug="ledger", squad=payments)
    [waits] = as_ana.get(f"{API}progress/").json()["waits_for"]
    assert (waits["kind"], waits["name"]) == ("squad", "Payments")


def test_whoever_was_asked_to_accept_can_act(
    as_ana: Client, ana: User, lea: User, payments: Squad, planned: Callable[..., Story]
) -> None:
    set_rules(payments, by=lea, limits={}, accepts_own=False, accepters=["lea"])
    story = planned("Saddle")
    lift(story, ana, 6, "run", "test", "deployment")
    story.refresh_from_db()
    ask(story, by=ana, accepter=lea)
    [waits] = as_ana.get(f"{API}progress/").json()["waits_for"]
    assert (waits["kind"], waits["name"], waits["stories"][0]["key"]) == ("person", "Lea", "PAY-1")


def test_the_target_date_is_counted_down(as_ana: Client, release: Release, planned: Callable[..., Story]) -> None:
    planned("Saddle")
    address = "/releases/shop-5.10/progress/"
    assert "no target date yet" in as_ana.get(address).content.decode()
    for number, said in ((3, "3 days left"), (0, "due today"), (-2, "overdue by 2 days")):
        Release.objects.filter(pk=release.pk).update(planned_for=days.today() + timedelta(days=number))
        assert said in as_ana.get(address).content.decode()
        assert as_ana.get(f"{API}progress/").json()["days_left"] == number


def test_an_empty_release_says_how_to_begin(as_ana: Client, client: Client, release: Release) -> None:
    page = as_ana.get("/releases/shop-5.10/progress/").content.decode()
    assert (
        "No stories in this release yet." in page
        and "<svg viewBox" not in page.split("Who can act")[0].split("tabs")[1]
    )
    page = as_ana.get("/releases/shop-5.10/scope/").content.decode()
    assert "Nothing was added or removed yet." in page


def test_the_scope_history_says_who_added_and_removed_what_and_marks_what_came_late(
    as_ana: Client, ana: User, pam: User, release: Release, planned: Callable[..., Story], payments: Squad
) -> None:
    lift(planned("Saddle"), ana, 5)
    late = create_story(payments, by=ana, title="Bridle")
    other = create_release(by=ana, version="6")
    plan_stories(release, [late.key], by=pam, planned=True)
    edit_story(late, by=ana, release=other)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", as_ana.get("/releases/shop-5.10/scope/").content.decode()))
    rows = page.split("PAY-")[1:]
    assert "removed, to 6 removed after the start" in rows[0] and "Ana" in rows[0]
    assert "added added after the start" in rows[1] and "Pam" in rows[1]
    assert "after the start" not in rows[2]
    api = as_ana.get(f"{API}scope/").json()["results"]
    assert [(each["story"], each["from_release"], each["to_release"], each["by"]) for each in api] == [
        ("PAY-2", "shop-5.10", "6", "ana"),
        ("PAY-2", None, "shop-5.10", "pam"),
        ("PAY-1", None, "shop-5.10", "ana"),
    ]


def test_what_only_a_change_names_is_listed_with_since_when(
    as_ana: Client, ana: User, payments: Squad, release: Release, planned: Callable[..., Story]
) -> None:
    lift(planned("Saddle"), ana, 5)
    named_by_a_change(create_story(payments, by=ana, title="Found"), release)
    Release.objects.filter(pk=release.pk).update(tagged_at=ago(1))
    page = as_ana.get("/releases/shop-5.10/scope/").content.decode()
    assert "Not planned, found in changes" in page and page.count("added after the start") == 1


def test_more_found_stories_than_are_listed_are_counted(
    as_ana: Client, ana: User, payments: Squad, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("Saddle", "Bridle", "Reins"):
        named_by_a_change(create_story(payments, by=ana, title=title), release)
    assert "not listed" not in as_ana.get("/releases/shop-5.10/scope/").content.decode()
    monkeypatch.setattr(queries, "MOST_FOUND", 1)
    page = as_ana.get("/releases/shop-5.10/scope/").content.decode()
    assert "2 more are not listed; these are the newest." in page and '<span class="muted">3</span>' in page


@pytest.mark.parametrize("part", ["progress/", "scope/"])
def test_pages_and_api_take_the_same_queries_for_many_stories(
    as_ana: Client, ana: User, payments: Squad, release: Release, planned: Callable[..., Story], part: str
) -> None:
    def count(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get(address).status_code == 200
        return len(queries)

    def fill(number: int) -> None:
        for _ in range(number):
            lift(planned("x"), ana, 5, "run")
            named_by_a_change(create_story(payments, by=ana, title="y"), release)

    fill(2)
    addresses = (f"/releases/shop-5.10/{part}", f"{API}{part}")
    few = [count(address) for address in addresses]
    fill(8)
    assert [count(address) for address in addresses] == few
    assert max(few) <= 18


def test_history_is_never_read_by_the_present(ana: User, release: Release, planned: Callable[..., Story]) -> None:
    story = planned("Saddle")
    lift(story, ana, 5)
    before = [point.counts for point in progress(release).points[:-1]]
    assert StageChange.objects.filter(story=story).count() == 1
    # Recorded now: an hour ago was yesterday, shortly after midnight.
    lift(story, ana, 1 / 24, "run")
    assert [point.counts for point in progress(release).points[:-1]] == before


# One history of its scope


def test_a_story_that_went_from_one_release_to_another_counts_once_in_each_however_many_are_asked_at_once(
    ana: User, release: Release, planned: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_release(by=ana, version="5.11", line="Shop")
    story = planned("Pay")
    for to in (other, release, None):
        edit_story(story, by=ana, release=to)
    whole = planned_releases()
    monkeypatch.setattr(scope_history, "AT_ONCE", 1)
    assert planned_releases() == whole
    assert [len(past.stays) for past in whole] == [2, 1]


@pytest.mark.parametrize(("story_since", "release_since"), [(20, 9), (5, 9)])
def test_a_planned_story_whose_coming_in_nobody_wrote_down_has_been_there_since_both_were(
    release: Release, planned: Callable[..., Story], story_since: float, release_since: float
) -> None:
    story = planned("Pay")
    ScopeChange.objects.all().delete()
    Story.objects.filter(pk=story.pk).update(created_at=ago(story_since))
    later = ago(min(story_since, release_since))
    [past] = planned_releases()
    assert [each.since for each in past.stays] == [later]
    assert progress(release).points[0].day == days.day_of(later)
