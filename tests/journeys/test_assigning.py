"""Choosing people and labels with the keyboard alone, and naming somebody in a comment."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from squads.models import Membership, Squad, Story
from squads.stories.actions import create_story
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cem(payments: Squad) -> User:
    person = User.objects.create_user("cem", "cem@example.org", "x", first_name="Cem", last_name="Demir")
    Membership.objects.create(squad=payments, user=person)
    return person


@pytest.fixture
def story(payments: Squad, ana: User, cem: User) -> Story:
    return create_story(payments, by=ana, title="Refunds", labels=["mobile"])


def problems(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


def test_people_and_new_labels_are_chosen_on_a_story_by_keys_alone(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.keyboard.press("a")
    field = page.get_by_role("combobox", name="Assignees")
    expect(field).to_be_focused()
    page.keyboard.type("demir")
    expect(page.get_by_role("option", name="Cem Demir")).to_be_visible()
    assert problems(page) == []
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_role("listitem").filter(has_text="Cem Demir")).to_be_visible()
    page.keyboard.type("ana")
    page.keyboard.press("Enter")
    expect(page.locator("#field-assignees")).to_contain_text("Cem Demir")
    expect(page.locator("#field-assignees")).to_contain_text("Ana")
    # The parts of the page that show it are replaced by now.
    expect(page.locator("#story-history")).to_contain_text("assigned Ana, Cem Demir")
    page.get_by_role("link", name="Edit labels").press("Enter")
    expect(page.get_by_role("combobox", name="Labels")).to_be_focused()
    page.keyboard.type("customer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Labels")).to_have_count(0)
    expect(page.locator("#field-labels")).to_contain_text("customer")
    assert sorted(label.name for label in story.labels.all()) == ["customer", "mobile"]


def test_names_that_are_typed_and_not_chosen_are_kept_or_asked_for_but_never_dropped(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/edit/")
    people, labels = page.get_by_role("combobox", name="Assignees"), page.get_by_role("combobox", name="Labels")
    people.fill("Nobody Here")
    labels.fill("customer")
    page.get_by_role("button", name="Save").click()
    expect(people).to_be_focused()
    assert people.evaluate("field => field.validationMessage").startswith("“Nobody Here” isn’t in the list.")
    people.fill("cem demir")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/stories/PAY-1/")
    assert [person.username for person in story.assignees.all()] == ["cem"]
    assert sorted(label.name for label in story.labels.all()) == ["customer", "mobile"]


def test_a_card_is_assigned_on_the_board_by_keys_alone(open_for: Callable[..., Page], ana: User, story: Story) -> None:
    page = open_for(ana)
    page.goto("/squads/payments/board/")
    page.locator("#card-PAY-1").focus()
    page.keyboard.press("a")
    expect(page.get_by_role("combobox", name="Assignees")).to_be_focused()
    page.keyboard.type("cem")
    page.keyboard.press("Enter")
    expect(page.locator("#card-PAY-1")).to_contain_text("CD")
    assert [person.username for person in story.assignees.all()] == ["cem"]


def test_somebody_is_named_in_a_comment_by_the_beginning_of_the_name(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    comment = page.get_by_role("textbox", name="Your comment")
    comment.focus()
    page.keyboard.type("Ask @dem")
    expect(page.get_by_role("option", name="Cem Demir @cem")).to_be_visible()
    assert problems(page) == []
    page.keyboard.press("Enter")
    expect(comment).to_have_value("Ask @cem ")
    comment.fill("")
