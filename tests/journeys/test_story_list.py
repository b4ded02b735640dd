"""The list of all stories in a browser: selecting by mouse and by keys, changing many, undoing it, and without scripts."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from squads.models import Squad, Story
from squads.stories.actions import create_story
from squads.story_lists.actions import LONGEST_NAME, save_view
from tests.journeys.axe import RULES
from tests.journeys.test_boards import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def stories(ana: User, payments: Squad) -> list[Story]:
    """PAY-1 to PAY-5, the last with the longest title there is."""
    titles = ["Ants", "Bees", "Cats", "Dogs", "E" * 200]
    return [create_story(payments, by=ana, title=title) for title in titles]


def selected(page: Page) -> list[str]:
    return page.eval_on_selector_all("[name='key']:checked", "boxes => boxes.map((each) => each.value)")  # type: ignore[no-any-return]


def test_stories_are_selected_by_keys_changed_and_given_back(
    open_for: Callable[..., Page], ana: User, stories: list[Story]
) -> None:
    page = open_for(ana)
    page.goto("/stories/")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+x")
    assert selected(page) == ["PAY-4", "PAY-3", "PAY-2"]
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.locator("summary", has_text="Priority").click()
    page.locator("#act-priority").select_option("high")
    # Enter in a field does nothing by accident; the button does.
    page.get_by_role("button", name="Set priority").press("Enter")
    expect(page.get_by_text("3 stories set to high priority.")).to_be_visible()
    assert set(Story.objects.filter(priority="high").values_list("key", flat=True)) == {"PAY-2", "PAY-3", "PAY-4"}
    assert [each["id"] for each in Axe().run(page, options=RULES).response["violations"]] == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 3 stories.")).to_be_visible()
    assert not Story.objects.filter(priority="high").exists()


def test_shift_selects_a_range_a_box_all_and_escape_none(open_for: Callable[..., Page], ana: User) -> None:
    page = open_for(ana)
    page.goto("/stories/")
    boxes = page.locator("[name='key']")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    assert selected(page) == ["PAY-5", "PAY-4", "PAY-3"]
    page.get_by_label("3 selected").check()
    expect(page.get_by_text("5 selected")).to_be_visible()
    page.keyboard.press("Escape")
    assert selected(page) == []
    expect(page.get_by_text("Select stories to change them together.")).to_be_visible()


def test_enter_in_a_field_changes_nothing(open_for: Callable[..., Page], ana: User) -> None:
    page = open_for(ana)
    page.goto("/stories/")
    page.locator("[name='key']").first.check()
    page.locator("summary", has_text="Cancel").click()
    page.get_by_placeholder("Why").fill("Twice.")
    page.get_by_placeholder("Why").press("Enter")
    page.get_by_role("button", name="Cancel stories").click()
    expect(page.get_by_text("1 story cancelled.")).to_be_visible()


def test_many_are_changed_without_scripts(browser: Browser, base_url: str, ana: User) -> None:
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    sign_in(context, ana, base_url)
    page = context.new_page()
    page.goto("/stories/")
    page.locator("[name='key']").nth(1).check()
    page.locator("[name='key']").nth(2).check()
    page.locator("summary", has_text="Move").click()
    page.locator("#act-to").select_option("dev_done")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("2 stories moved to dev done.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 2 stories.")).to_be_visible()
    context.close()


def test_nothing_is_cut_off_on_the_narrowest_screen(open_for: Callable[..., Page], ana: User) -> None:
    save_view(by=ana, name="W" * LONGEST_NAME, query="stage=dev_done")
    page = open_for(ana, viewport={"width": 320, "height": 700})
    page.goto("/stories/?stage=todo")
    page.get_by_text("More filters").click()
    page.get_by_text("Save this view", exact=True).click()
    page.locator("[name='key']").first.check()
    page.locator("summary", has_text="Assign").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
