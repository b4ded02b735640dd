"""Planning a release from the backlog of a squad: into it, out of it, and in which order."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.transitions import AlreadyMoved
from releases.models import Release
from releases.planning.actions import create_release, put_story
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


@pytest.mark.parametrize("order", [{}, {"before": "PAY-1"}])
def test_a_story_is_planned_as_it_is_now_and_not_as_it_was_read(
    ana: User, stories: list[Story], release: Release, search: Squad, root: User, order: dict[str, str]
) -> None:
    closed, moved = (Story.objects.select_related("squad").get(pk=each.pk) for each in stories[1:3])
    cancel(stories[1], by=ana, because="Nobody rides.")
    with pytest.raises(ValidationError, match="PAY-2 is closed"):
        put_story(closed, release, by=ana, planned=True, **order)
    move_to_squad(stories[2], search, by=root)
    with pytest.raises(AlreadyMoved if order else PermissionDenied):
        put_story(moved, release, by=ana, planned=True, **order)
    assert Story.objects.get(release=release).key == "PAY-1"


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


# Many at once


def post_many(browser: Client, release: Release, *keys: str, to: str = "in", script: bool = True) -> Any:
    headers = {"Accept": "application/json" if script else "text/html"}
    return browser.post(f"/releases/{release.slug}/plan/", {"keys": keys, "to": to}, headers=headers)


def test_selected_stories_are_planned_with_one_press_and_taken_out_with_another(
    as_ana: Client, release: Release, shown: Callable[..., list[list[str]]]
) -> None:
    answer = post_many(as_ana, release, "PAY-2", "PAY-4", script=False)
    assert answer.status_code == 302
    assert "Added PAY-2 and PAY-4." in as_ana.get(answer["Location"]).content.decode()
    assert shown(as_ana) == [["PAY-1", "PAY-2", "PAY-4"], ["PAY-3"]]
    assert post_many(as_ana, release, "PAY-1", "PAY-4", to="out").json() == {"keys": ["PAY-1", "PAY-4"]}
    assert shown(as_ana) == [["PAY-2"], ["PAY-1", "PAY-3", "PAY-4"]]


def test_if_one_cannot_be_planned_none_is_and_each_is_named_with_its_reason(
    as_ana: Client, ana: User, bo: User, release: Release, search: Squad
) -> None:
    edit_story(Story.objects.get(key="PAY-2"), by=ana, release=create_release(by=ana, version="6"))
    cancel(Story.objects.get(key="PAY-3"), by=ana, because="Nobody rides.")
    create_story(search, by=bo, title="Find")
    reasons = [
        "PAY-2 is planned for 6. Remove it from there first.",
        "PAY-3 is closed, so it can’t be planned. Reopen it first.",
        "Only project managers and members of Search can plan SEA-1.",
        "There’s no story PAY-99.",
    ]
    keys = ("PAY-4", "PAY-2", "PAY-3", "SEA-1", "PAY-99")
    answer = post_many(as_ana, release, *keys)
    assert (answer.status_code, answer.json()["message"]) == (400, " ".join([*reasons, "Nothing was changed."]))
    page = post_many(as_ana, release, *keys, script=False)
    page = as_ana.get(page["Location"]).content.decode()
    assert all(reason in page for reason in reasons)
    body = {"stories": list(keys)}
    answer = as_ana.post(f"/api/v1/releases/{release.slug}/stories/", body, content_type="application/json")
    assert answer.status_code == 400
    assert [(each["attr"], each["detail"]) for each in answer.json()["errors"]] == [
        ("stories", reason) for reason in reasons
    ]
    assert list(Story.objects.filter(release=release).values_list("key", flat=True)) == ["PAY-1"]


def test_the_api_plans_many_and_says_which_changed(as_pam: Client, release: Release) -> None:
    address = f"/api/v1/releases/{release.slug}/stories/"

    def sent(**body: Any) -> Any:
        answer = as_pam.post(address, body, content_type="application/json")
        assert answer.status_code == 200
        return answer.json()

    assert sent(stories=["PAY-1", "pay-2", "PAY-2"]) == {"planned": True, "stories": ["PAY-2"]}
    assert sent(stories=["PAY-1", "PAY-3"], planned=False) == {"planned": False, "stories": ["PAY-1"]}


def test_others_plan_none_of_them(as_bo: Client, as_ria: Client, release: Release) -> None:
    for browser in (as_bo, as_ria):
        assert post_many(browser, release, "PAY-2", "PAY-3").status_code == 403
    assert Story.objects.filter(release=release).count() == 1


def test_nothing_selected_says_what_to_do(as_ana: Client, release: Release) -> None:
    assert post_many(as_ana, release).json()["message"] == "Select at least one story first."
    many = [f"PAY-{number}" for number in range(201)]
    assert "200 is the most at once" in post_many(as_ana, release, *many).json()["message"]


def test_a_story_is_selected_by_the_key_it_had_before(
    as_root: Client, root: User, release: Release, search: Squad
) -> None:
    move_to_squad(Story.objects.get(key="PAY-3"), search, by=root)
    assert post_many(as_root, release, "PAY-3").json() == {"keys": ["SEA-1"]}


# The squads' limit


def test_the_page_says_when_a_squad_has_more_in_the_release_than_it_wants(
    as_lea: Client, lea: User, payments: Squad, release: Release
) -> None:
    limit = "its limit is 1."
    settings, plan = "/squads/payments/board/settings/", f"/releases/{release.slug}/plan/"
    as_lea.post(settings, {"batch_limit": "1"})
    assert limit not in as_lea.get(plan).content.decode()
    post_many(as_lea, release, "PAY-2")
    assert f"Payments has 2 stories in Shop 5.10; {limit}" in as_lea.get(plan).content.decode()
    as_lea.post(settings, {"batch_limit": ""})
    assert limit not in as_lea.get(plan).content.decode()
    page = as_lea.get(settings).content.decode()
    assert "no limit → 1" in page and "1 → no limit" in page
    assert as_lea.post(settings, {"batch_limit": "0"}).status_code == 400
