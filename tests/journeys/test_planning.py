"""Planning a release in a browser: stories are dragged, and moved by their buttons with keys."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from portal.accounts.models import User
from releases.planning.actions import create_release
from squads.models import Squad, Story
from squads.stories.actions import create_story
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
