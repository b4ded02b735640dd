"""The command palette: find, go and do, by keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import outbox
from squads.models import Squad, Story
from squads.stories.actions import create_story
from tests.journeys.test_pages import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(browser_as: Callable[[User], Page], ana: User, payments: Squad) -> Page:
    """Ana on the page of PAY-1."""
    for title in ("Gift cards", "Refund a gift card", "<b>Bold</b> & brave"):
        create_story(payments, by=ana, title=title)
    outbox.deliver()
    shown = browser_as(ana)
    shown.goto("/stories/PAY-1/")
    return shown


def open_palette(page: Page) -> Any:
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog", name="Commands")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("combobox")).to_be_focused()
    return dialog


def chosen(page: Page) -> Any:
    return page.locator("#palette [role='option'][aria-selected='true']")


def test_anything_is_found_as_one_types_and_opened_by_key(page: Page) -> None:
    dialog = open_palette(page)
    page.keyboard.type("refnud")
    expect(dialog.get_by_role("option", name="PAY-2 Refund a gift card")).to_be_visible()
    expect(chosen(page)).to_contain_text("PAY-2")
    described = dialog.get_by_role("combobox").get_attribute("aria-activedescendant")
    assert described == chosen(page).get_attribute("id")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/stories/PAY-2/$"))


def test_what_the_page_can_do_is_done_by_name(page: Page) -> None:
    open_palette(page)
    page.keyboard.type("in progress")
    expect(chosen(page)).to_have_text("Move PAY-1 to in progress")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("No. In progress")
    assert Story.objects.get(key="PAY-1").progress == "in_progress"


def test_pages_and_ones_own_squads_are_a_few_keys_away(page: Page) -> None:
    dialog = open_palette(page)
    expect(dialog.get_by_role("option", name="Payments")).to_be_visible()
    page.keyboard.type("environ")
    expect(dialog.get_by_role("option", name="Environments", exact=True)).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(chosen(page)).to_contain_text("Search everything for “environ”")
    page.keyboard.press("ArrowUp")
    expect(chosen(page)).to_have_text("Environments")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/environments/$"))


def test_escape_and_the_same_keys_close_it_and_the_focus_is_where_it_was(page: Page) -> None:
    link = page.get_by_role("link", name="Edit all fields")
    for close in ("Escape", "Control+k"):
        link.focus()
        dialog = open_palette(page)
        page.keyboard.type("x")
        page.keyboard.press(close)
        expect(dialog).to_be_hidden()
        expect(link).to_be_focused()
    page.locator("button[popovertarget='person']").click()
    page.get_by_role("button", name="Commands").click()
    expect(page.get_by_role("dialog", name="Commands")).to_be_visible()


def test_titles_are_text_in_it(page: Page) -> None:
    dialog = open_palette(page)
    page.keyboard.type("bold")
    option = dialog.get_by_role("option", name="PAY-3 <b>Bold</b> & brave")
    expect(option).to_be_visible()
    expect(option.locator("b")).to_have_count(0)
    expect(option.locator("mark")).to_have_text("Bold")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(page: Page, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    dialog = open_palette(page)
    page.keyboard.type("gift")
    expect(dialog.get_by_role("option", name="PAY-1 Gift cards")).to_be_visible()
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:100] for node in each["nodes"]]) for each in found] == []


def test_it_is_named_in_the_list_of_keys_and_fits_a_phone(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_contain_text("open the command menu")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 390, "height": 800})
    dialog = open_palette(page)
    box = dialog.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
