"""Planning a release in a browser: stories are dragged, and moved by their buttons with keys."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from portal.accounts.models import User
from releases.planning.actions import create_release
from squads.models import Squad, Story
from squads.stories.actions import create_story, edit_story
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)


def planned() -> list[str]:
    return list(Story.objects.exclude(release=None).order_by("rank").values_list("key", flat=True))


def test_stories_are_dragged_into_the_release_and_moved_by_keys(
    open_for: Callable[..., Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="5.10", line="Shop")
    create_story(payments, by=ana, title="Ants", release=release)
    for title in ("Bees", "Cats"):
        create_story(payments, by=ana, title=title)
    page = open_for(ana)
    page.goto(f"/releases/{release.slug}/plan/")
    there, backlog = page.locator("[data-to='in'] > li"), page.locator("[data-to='out'] > li")
    # Above the first.
    backlog.nth(1).drag_to(there.first, target_position={"x": 120, "y": 4})
    expect(there).to_have_count(2)
    expect(page.locator("#plan-says")).to_have_text("PAY-3 moved.")
    assert planned() == ["PAY-3", "PAY-1"]
    page.get_by_role("button", name="Move PAY-3 down").press("Enter")
    expect(page.get_by_role("button", name="Move PAY-1 down")).to_be_visible()
    assert planned() == ["PAY-1", "PAY-3"]
    page.get_by_role("button", name="Remove PAY-1").press("Enter")
    expect(backlog).to_have_count(2)
    expect(page.get_by_role("button", name="Add PAY-1")).to_be_visible()
    assert planned() == ["PAY-3"]
    assert [each["id"] for each in Axe().run(page, options=RULES).response["violations"]] == []


def test_whoever_types_elsewhere_while_a_story_is_planned_stays_there(
    open_for: Callable[..., Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="5.10", line="Shop")
    create_story(payments, by=ana, title="Ants")
    page = open_for(ana)
    page.goto(f"/releases/{release.slug}/plan/")
    waiting: list[Route] = []
    page.route("**/plan/", lambda route: waiting.append(route) if route.request.method == "GET" else route.continue_())
    page.get_by_role("button", name="Add PAY-1").press("Enter")
    while not waiting:
        page.wait_for_timeout(50)
    page.locator("#q").focus()
    page.keyboard.type("wa")
    waiting.pop().continue_()
    expect(page.get_by_role("button", name="Remove PAY-1")).to_be_visible()
    page.keyboard.type("gon")
    expect(page.locator("#q")).to_have_value("wagon")


def test_several_stories_are_planned_by_keys_alone_and_their_scope_history_tells(
    open_for: Callable[..., Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="5.10", line="Shop")
    for title in ("Ants", "Bees", "Cats", "Dogs"):
        create_story(payments, by=ana, title=title)
    page = open_for(ana)
    page.goto(f"/releases/{release.slug}/plan/")
    page.get_by_role("checkbox", name="Select PAY-1").focus()
    page.keyboard.press("Space")
    page.get_by_role("checkbox", name="Select PAY-3").focus()
    page.keyboard.press("Shift+X")
    expect(page.get_by_role("checkbox", name="Select PAY-2")).to_be_checked()
    page.get_by_role("button", name="Add selected (3)").press("Enter")
    expect(page.locator("[data-to='in'] > li")).to_have_count(3)
    expect(page.locator("#plan-says")).to_have_text("PAY-1, PAY-2, PAY-3 moved.")
    assert planned() == ["PAY-1", "PAY-2", "PAY-3"]
    # By mouse: a range with Shift, all with one box.
    page.get_by_role("checkbox", name="Select PAY-1").click()
    page.get_by_role("checkbox", name="Select PAY-2").click(modifiers=["Shift"])
    page.get_by_role("button", name="Remove selected (2)").click()
    expect(page.locator("[data-to='out'] > li")).to_have_count(3)
    assert planned() == ["PAY-3"]
    page.locator("[data-all='out']").check()
    expect(page.get_by_role("button", name="Add selected (3)")).to_be_visible()
    assert [each["id"] for each in Axe().run(page, options=RULES).response["violations"]] == []
    page.get_by_role("link", name="Scope").click()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(6)
    expect(rows.nth(1)).to_contain_text("removed")
    expect(rows.nth(5)).to_contain_text("added")
    page.get_by_role("link", name="Progress", exact=True).click()
    expect(page.get_by_role("heading", name="Who can act next")).to_be_visible()
    assert [each["id"] for each in Axe().run(page, options=RULES).response["violations"]] == []


def test_a_selection_that_is_refused_stays_selected_and_says_why(
    open_for: Callable[..., Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="5.10", line="Shop")
    stories = [create_story(payments, by=ana, title=title) for title in ("Ants", "Bees")]
    page = open_for(ana)
    page.goto(f"/releases/{release.slug}/plan/")
    for story in stories:
        page.get_by_role("checkbox", name=f"Select {story.key}").check()
    edit_story(stories[1], by=ana, release=create_release(by=ana, version="6"))
    page.get_by_role("button", name="Add selected (2)").click()
    expect(page.get_by_role("alert")).to_have_text("PAY-2 is planned for 6. Remove it from there first.")
    expect(page.get_by_role("checkbox", name="Select PAY-1")).to_be_checked()
    assert planned() == ["PAY-2"]
