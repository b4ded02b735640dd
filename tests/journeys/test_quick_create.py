"""Creating and doing from anywhere: `c`, and what the palette does, by keyboard alone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import outbox
from releases.planning.actions import create_release
from squads.models import Squad, Story
from squads.stories.actions import create_story, edit_story
from tests.journeys.test_pages import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(open_for: Callable[[User], Page], ana: User, payments: Squad) -> Page:
    """Ana on the list of environments, with PAY-1 and a release somewhere else."""
    create_story(payments, by=ana, title="Gift cards")
    create_release(by=ana, version="5.10", line="Shop")
    outbox.deliver()
    shown = open_for(ana)
    shown.goto("/environments/")
    return shown


def command(page: Page, words: str) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search or run a command")).to_be_focused()
    page.keyboard.type(words)


def chosen(page: Page) -> Any:
    return page.locator("#palette [role='option'][aria-selected='true']")


def test_c_creates_a_story_on_any_page_and_leads_to_it(page: Page) -> None:
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="New story")
    expect(dialog.get_by_label("Title")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:100] for node in each["nodes"]]) for each in found] == []
    page.keyboard.type("Bookmarks")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    said = page.get_by_role("status").filter(has_text="Created")
    said.get_by_role("link", name="PAY-2 Bookmarks").click()
    expect(page).to_have_url(re.compile(r"/stories/PAY-2/$"))


def test_a_page_that_counts_stories_is_read_again_when_one_is_created_there(page: Page) -> None:
    page.goto("/squads/payments/")
    page.keyboard.press("c")
    page.get_by_role("dialog", name="New story").get_by_label("Title").fill("Bookmarks")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Created PAY-2 Bookmarks")).to_be_visible()
    expect(page.get_by_role("link", name="All 2 stories of Payments")).to_be_visible()
    page.reload()
    expect(page.locator("#announced")).to_have_count(0)


def test_a_title_stays_in_the_dialog_of_whoever_was_signed_out_meanwhile(page: Page) -> None:
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="New story")
    dialog.get_by_label("Title").fill("Bookmarks")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text(
        "You’re signed out, so nothing was saved. Sign in, then try again."
    )
    expect(dialog.get_by_label("Title")).to_have_value("Bookmarks")


def test_c_is_a_letter_where_somebody_types_and_escape_closes(page: Page) -> None:
    page.get_by_role("searchbox").first.focus()
    page.keyboard.type("c")
    expect(page.get_by_role("dialog", name="New story")).to_be_hidden()
    page.locator("h1").click()
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="New story")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="New story")).to_be_hidden()
    assert Story.objects.count() == 1


def test_the_palette_moves_a_story_and_takes_it_back(page: Page) -> None:
    command(page, "move gift cards to in progress")
    expect(chosen(page)).to_have_text("Move PAY-1 Gift cards to in progress")
    page.keyboard.press("Enter")
    said = page.get_by_role("status").filter(has_text="PAY-1 is in progress.")
    expect(said).to_be_visible()
    assert Story.objects.get().progress == "in_progress"
    said.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("status").filter(has_text="PAY-1 is to do again.")).to_be_visible()
    assert Story.objects.get().progress == "todo"


def test_taking_a_plan_back_leaves_what_somebody_else_made_of_it_since(page: Page, ana: User, root: User) -> None:
    command(page, "plan PAY-1 for 5.10")
    expect(chosen(page)).to_have_text("Plan PAY-1 Gift cards for Shop 5.10")
    page.keyboard.press("Enter")
    said = page.get_by_role("status").filter(has_text="PAY-1 is planned for Shop 5.10.")
    expect(said).to_be_visible()
    edit_story(Story.objects.get(), by=root, release=create_release(by=ana, version="5.11", line="Shop"))
    said.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("alert")).to_have_text(f"{root.name} has changed the release since. Nothing was saved.")
    assert str(Story.objects.get().release) == "Shop 5.11"


def test_enter_pressed_before_the_palette_answers_waits_for_what_was_typed(page: Page) -> None:
    command(page, "is gift cards done?")
    expect(chosen(page)).to_contain_text("No. To do")
    page.get_by_role("combobox", name="Search or run a command").fill("move gift cards to dev done")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="PAY-1 is dev done.")).to_be_visible()


def test_the_palette_plans_assigns_and_creates(page: Page, ana: User) -> None:
    for words, option, said in (
        ("plan PAY-1 for 5.10", "Plan PAY-1 Gift cards for Shop 5.10", "PAY-1 is planned for Shop 5.10."),
        ("assign PAY-1 to me", "Assign PAY-1 Gift cards to Ana", "PAY-1 is assigned to Ana."),
        ("create Vouchers", "Create “Vouchers” in Payments", "Created PAY-2 Vouchers"),
    ):
        command(page, words)
        expect(chosen(page)).to_have_text(option)
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    story = Story.objects.get(key="PAY-1")
    assert str(story.release) == "Shop 5.10" and list(story.assignees.all()) == [ana]


def test_the_palette_answers_whether_a_story_is_done_and_helps_narrowing(page: Page) -> None:
    command(page, "is gift cards done?")
    expect(chosen(page)).to_contain_text("No. To do")
    page.keyboard.press("Escape")
    command(page, "squad:pay")
    expect(chosen(page)).to_contain_text("squad:payments")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name="PAY-1 Gift cards")).to_be_visible()
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], [node["html"][:100] for node in each["nodes"]]) for each in found] == []
