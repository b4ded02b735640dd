"""Planning a release from the backlog of a squad: into it, out of it, and in which order."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release
from squads.endings.actions import cancel
from squads.handovers.actions import move_to_squad
from squads.models import Squad, Story
from squads.stories.actions import create_story, edit_story


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="5.10", line="Shop")


@pytest.fixture(autouse=True)
def stories(ana: User, payments: Squad, release: Release) -> list[Story]:
    """PAY-1 to PAY-4, the first in the release."""
    made = [create_story(payments, by=ana, title=title) for title in ("Saddle", "Bridle", "Reins", "Stirrup")]
    edit_story(made[0], by=ana, release=release)
    return made


@pytest.fixture
def shown(release: Release) -> Callable[..., list[list[str]]]:
    """What the two lists show."""

    def keys(browser: Client, **query: str) -> list[list[str]]:
        page = browser.get(f"/releases/{release.slug}/plan/", query).content.decode()
        return [re.findall(r'data-key="([A-Z0-9-]+)"', part) for part in page.split('data-to="')[1:]]

    return keys


def test_the_lists_show_what_is_in_the_release_and_what_is_planned_for_none(
    as_ana: Client, ana: User, stories: list[Story], shown: Callable[..., list[list[str]]]
) -> None:
    edit_story(stories[1], by=ana, release=create_release(by=ana, version="6"))
    cancel(stories[2], by=ana, because="Nobody rides.")
    assert shown(as_ana) == [["PAY-1"], ["PAY-4"]]
    assert shown(as_ana, q="nothing") == [["PAY-1"], []]


def test_a_story_is_put_into_the_release_and_taken_out(
    as_ana: Client, release: Release, shown: Callable[..., list[list[str]]]
) -> None:
    answer = as_ana.post(f"/releases/{release.slug}/plan/", {"key": "PAY-3", "to": "in", "back": "squad=payments"})
    assert answer["Location"] == f"/releases/{release.slug}/plan/?squad=payments#story-PAY-3"
    assert shown(as_ana) == [["PAY-1", "PAY-3"], ["PAY-2", "PAY-4"]]
    as_ana.post(f"/releases/{release.slug}/plan/", {"key": "PAY-1", "to": "out"})
    assert shown(as_ana) == [["PAY-3"], ["PAY-1", "PAY-2", "PAY-4"]]


def test_a_story_that_moved_to_another_squad_meanwhile_is_planned_by_its_former_key(
    as_root: Client, root: User, release: Release, search: Squad
) -> None:
    move_to_squad(Story.objects.get(key="PAY-3"), search, by=root)
    address = f"/releases/{release.slug}/plan/"
    answer = as_root.post(address, {"key": "PAY-3", "to": "in"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"key": "SEA-1"})
    assert Story.objects.get(key="SEA-1").release == release
    assert as_root.post(address, {"key": "PAY-99", "to": "in"}).status_code == 404


def test_a_cancelled_story_is_not_planned_where_no_list_would_show_it(
    as_ana: Client, ana: User, release: Release
) -> None:
    story = Story.objects.get(key="PAY-3")
    cancel(story, by=ana, because="Nobody rides.")
    address = f"/releases/{release.slug}/plan/"
    answer = as_ana.post(address, {"key": "PAY-3", "to": "in"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "PAY-3 is closed, so it can’t be planned. Reopen it first.",
    )
    story.refresh_from_db()
    assert story.release is None


@pytest.mark.parametrize("said", [{"to": "nowhere"}, {}])
def test_what_says_no_place_is_refused_and_not_called_done(
    as_ana: Client, release: Release, said: dict[str, str]
) -> None:
    address = f"/releases/{release.slug}/plan/"
    answer = as_ana.post(address, {"key": "PAY-1", **said}, headers={"Accept": "application/json"})
    assert (answer.status_code, "Choose where the story goes" in answer.json()["message"]) == (400, True)


def test_stories_stand_in_the_order_of_the_squad_which_is_changed_here_too(
    as_ana: Client, release: Release, shown: Callable[..., list[list[str]]]
) -> None:
    as_ana.post(f"/releases/{release.slug}/plan/", {"key": "PAY-4", "before": "PAY-2"})
    assert shown(as_ana) == [["PAY-1"], ["PAY-4", "PAY-2", "PAY-3"]]
    as_ana.post(f"/releases/{release.slug}/plan/", {"key": "PAY-3", "to": "in", "before": "PAY-1"})
    assert shown(as_ana) == [["PAY-3", "PAY-1"], ["PAY-4", "PAY-2"]]
    assert list(Story.objects.order_by("rank").values_list("key", flat=True)) == ["PAY-3", "PAY-1", "PAY-4", "PAY-2"]


def test_a_project_manager_plans_and_leaves_the_order_to_the_squad(
    as_pam: Client, release: Release, shown: Callable[..., list[list[str]]]
) -> None:
    address = f"/releases/{release.slug}/plan/"
    as_pam.post(address, {"key": "PAY-2", "to": "in"})
    assert shown(as_pam, squad="payments") == [["PAY-1", "PAY-2"], ["PAY-3", "PAY-4"]]
    answer = as_pam.post(address, {"key": "PAY-3", "to": "in", "before": "PAY-1"})
    assert answer.status_code == 403
    assert shown(as_pam, squad="payments") == [["PAY-1", "PAY-2"], ["PAY-3", "PAY-4"]]


def test_nobody_else_plans_a_squads_stories(as_bo: Client, as_ria: Client, release: Release) -> None:
    for browser in (as_bo, as_ria):
        answer = browser.post(f"/releases/{release.slug}/plan/", {"key": "PAY-2", "to": "in"})
        assert answer.status_code == 403
    assert Story.objects.filter(release=release).count() == 1


def test_what_went_to_another_release_meanwhile_stays_there(as_ana: Client, ana: User, release: Release) -> None:
    other = create_release(by=ana, version="6")
    edit_story(Story.objects.get(key="PAY-2"), by=ana, release=other)
    address, said = f"/releases/{release.slug}/plan/", {"key": "PAY-2", "to": "in", "before": "PAY-1"}
    answer = as_ana.post(address, said, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"message": "PAY-2 is now planned for 6. Reload the page."})
    assert "PAY-2 is now planned for 6. Reload the page." in as_ana.post(address, said, follow=True).content.decode()
    story = Story.objects.get(key="PAY-2")
    assert story.release == other and story.rank > Story.objects.get(key="PAY-1").rank


def test_the_page_takes_the_same_number_of_queries_whatever_it_shows(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get(f"/releases/{release.slug}/plan/").status_code == 200
        return len(queries)

    few = count()
    for number in range(20):
        create_story(payments, by=ana, title=f"More {number}", release=release if number % 2 else None)
    assert count() == few
