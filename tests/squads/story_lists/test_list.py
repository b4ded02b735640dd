"""The list of all stories: its filters and order, and the views that people keep of it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release, edit_release
from squads.endings.actions import cancel
from squads.models import Squad, Story, StoryView
from squads.stories.actions import create_story, edit_story
from squads.stories.ranking import block


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="5.10", line="Shop")


def keys(browser: Client, **query: str) -> list[str]:
    page = browser.get("/stories/", {"all": "1", **query}).content.decode()
    return re.findall(r'rows__title" href="/stories/([A-Z]+-[0-9]+)/"', page)


def test_a_release_that_was_renamed_is_found_by_the_name_it_had(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    create_story(payments, by=ana, title="Planned", release=release)
    create_story(payments, by=ana, title="Plain")
    former = release.slug
    edit_release(release, by=ana, version="6.0", line="Shop")
    answer = as_ana.get(f"/stories/?release={former}&sort=key")
    assert answer["Location"] == f"/stories/?release={release.slug}&sort=key"
    assert keys(as_ana, release=release.slug) == ["PAY-1"]
    shown = as_ana.get(f"/api/v1/stories/?release={former}").json()["results"]
    assert [each["key"] for each in shown] == ["PAY-1"]
    board = as_ana.get(f"/squads/payments/board/?release={former}").content.decode()
    assert ('id="card-PAY-1"' in board, 'id="card-PAY-2"' in board) == (True, False)
    unplanned = as_ana.get("/api/v1/stories/?release=none").json()["results"]
    assert [each["key"] for each in unplanned] == ["PAY-2"] == keys(as_ana, release="none")


def test_each_filter_takes_its_part(as_ana: Client, ana: User, payments: Squad, release: Release) -> None:
    today = timezone.now().date()
    create_story(payments, by=ana, title="Plain")
    create_story(payments, by=ana, title="Planned", release=release)
    block(create_story(payments, by=ana, title="Blocked"), by=ana, because="the bank")
    create_story(payments, by=ana, title="Late", due=today - timedelta(days=1))
    create_story(payments, by=ana, title="Soon", due=today + timedelta(days=3), priority="high")
    create_story(payments, by=ana, title="Far", due=today + timedelta(days=30), labels=["mobile"])
    create_story(payments, by=ana, title="Mine", assignees=[ana])
    cancel(create_story(payments, by=ana, title="Gone"), by=ana, because="Nobody needs it.")
    assert keys(as_ana, release=release.slug) == ["PAY-2"]
    assert keys(as_ana, release="none", q="pl") == ["PAY-1"]
    assert keys(as_ana, blocked="1") == ["PAY-3"]
    assert [keys(as_ana, due=each) for each in ("late", "week", "some")] == [
        ["PAY-4"],
        ["PAY-5"],
        ["PAY-6", "PAY-5", "PAY-4"],
    ]
    assert "PAY-4" not in keys(as_ana, due="none")
    assert keys(as_ana, priority="high") == ["PAY-5"] and keys(as_ana, label="Mobile") == ["PAY-6"]
    assert keys(as_ana, assignee="me") == ["PAY-7"] and keys(as_ana, ended="only") == ["PAY-8"]
    assert len(keys(as_ana, due="someday", sort="loudness")) == 7


def test_the_list_is_sorted_as_the_address_says(as_ana: Client, ana: User, payments: Squad, search: Squad) -> None:
    today = timezone.now().date()
    create_story(search, by=ana, title="First", priority="low", due=today)
    second = create_story(payments, by=ana, title="Second", priority="urgent")
    create_story(payments, by=ana, title="Third", due=today - timedelta(days=1)).move_progress("dev_done", by=ana)
    edit_story(second, by=ana, title="Second thoughts")
    assert keys(as_ana) == ["PAY-2", "PAY-1", "SEA-1"]
    assert keys(as_ana, sort="updated") == ["PAY-1", "PAY-2", "SEA-1"]
    assert keys(as_ana, sort="priority") == ["PAY-1", "PAY-2", "SEA-1"]
    assert keys(as_ana, sort="due") == ["PAY-2", "SEA-1", "PAY-1"]
    assert keys(as_ana, sort="key") == ["PAY-1", "PAY-2", "SEA-1"]
    assert keys(as_ana, sort="stage") == ["PAY-1", "SEA-1", "PAY-2"]


def test_an_export_has_the_stories_of_the_list(as_ana: Client, ana: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="Free")
    block(create_story(payments, by=ana, title="Waiting"), by=ana, because="the bank")
    lines = b"".join(as_ana.get("/stories/export.csv", {"blocked": "1", "sort": "key"}).streaming_content).decode()
    assert "PAY-2" in lines and "PAY-1" not in lines


def test_the_list_takes_the_same_number_of_queries_whatever_it_shows(
    as_ana: Client, ana: User, payments: Squad
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get("/stories/", {"sort": "updated", "squad": "payments"}).status_code == 200
        return len(queries)

    create_story(payments, by=ana, title="One", assignees=[ana], labels=["a"])
    few = count()
    for number in range(30):
        create_story(payments, by=ana, title=f"More {number}", assignees=[ana], labels=[f"label {number}"])
    assert count() == few <= 21


def test_a_view_is_kept_shown_first_renamed_and_deleted(as_ana: Client, ana: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="One", assignees=[ana])
    create_story(payments, by=ana, title="Two")
    query = {"query": "assignee=me&sort=due&nonsense=1", "name": "Mine", "default": "1"}
    assert as_ana.post("/stories/views/", query)["Location"] == "/stories/?assignee=me&sort=due"
    assert as_ana.get("/stories/")["Location"] == "/stories/?assignee=me&sort=due"
    assert keys(as_ana) == ["PAY-2", "PAY-1"]
    page = as_ana.get("/stories/?sort=due&assignee=me").content.decode()
    assert 'aria-current="page"><bdi>Mine</bdi>' in page and "Change this view" in page
    view = StoryView.objects.get()
    as_ana.post(f"/stories/views/{view.pk}/", {"name": "For me"})
    as_ana.post(f"/stories/views/{view.pk}/", {"default": "0"})
    view.refresh_from_db()
    assert (view.name, view.is_default) == ("For me", False)
    assert as_ana.get("/stories/").status_code == 200
    as_ana.post(f"/stories/views/{view.pk}/remove/")
    assert not StoryView.objects.exists()


def test_only_one_view_is_shown_first_and_two_have_never_one_name(as_ana: Client, ana: User) -> None:
    as_ana.post("/stories/views/", {"query": "stage=todo", "name": "To do", "default": "1"})
    as_ana.post("/stories/views/", {"query": "blocked=1", "name": "Stuck", "default": "1"})
    assert [each.name for each in StoryView.objects.filter(is_default=True)] == ["Stuck"]
    stuck = StoryView.objects.get(name="Stuck")
    page = as_ana.post(f"/stories/views/{stuck.pk}/", {"name": "To do"}, follow=True).content.decode()
    assert "You already have a view called “To do”. Choose another name." in page
    as_ana.post("/stories/views/", {"query": "stage=dev_done", "name": "To do"})
    assert StoryView.objects.get(name="To do").query == "stage=dev_done"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"query": "stage=todo", "name": " "}, "Give the view a name of 1 to 60 characters."),
        ({"query": "stage=nowhere", "name": "Nowhere"}, "Set a filter or an order first, then save the view."),
    ],
)
def test_a_view_without_a_name_or_a_filter_is_refused(as_ana: Client, said: dict[str, str], words: str) -> None:
    assert words in as_ana.post("/stories/views/", said, follow=True).content.decode()
    assert not StoryView.objects.exists()


def test_views_are_ones_own(as_ana: Client, as_bo: Client) -> None:
    as_ana.post("/stories/views/", {"query": "stage=todo", "name": "Secret plans", "default": "1"})
    view = StoryView.objects.get()
    page = as_bo.get("/stories/")
    assert page.status_code == 200 and "Secret plans" not in page.content.decode()
    for address in (f"/stories/views/{view.pk}/", f"/stories/views/{view.pk}/remove/"):
        assert as_bo.post(address, {"name": "Mine now"}).status_code == 404
    assert StoryView.objects.get().name == "Secret plans"


def test_who_may_change_nothing_selects_nothing(as_ria: Client, as_ana: Client, ana: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="One")
    assert 'name="key"' in as_ana.get("/stories/").content.decode()
    assert 'name="key"' not in as_ria.get("/stories/").content.decode()


def test_a_story_that_is_late_and_done_is_not_overdue(as_ana: Client, ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Done", due=timezone.now().date() - timedelta(days=2))
    Story.objects.filter(pk=story.pk).update(stage="rodeo_done")
    assert keys(as_ana, due="late") == []
