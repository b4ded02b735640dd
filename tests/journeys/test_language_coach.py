"""The language coach under a field: marks, questions, its switch; by keys alone, and without getting in the way of saving."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from portal.accounts.models import User
from squads.models import Retrospective, Squad
from squads.retrospectives import actions
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "We should have tested this."


@pytest.fixture
def row(payments: Squad, ana: User) -> Retrospective:
    return actions.create(payments, by=ana, kind="incident", title="Checkout was down")


@pytest.fixture
def page(open_for: Callable[..., Page], row: Retrospective, ana: User) -> Page:
    return open_for(ana)


def summary(page: Page, row: Retrospective) -> tuple[Locator, Locator]:
    """The first field of the text, used, and the coach that it then has."""
    page.goto(f"/retrospectives/{row.slug}/edit/")
    page.wait_for_load_state("networkidle")
    field = page.locator("textarea[data-coach]").first
    expect(field).to_have_attribute("data-coached", "yes")
    field.focus()
    return field, page.get_by_role("region", name="Language coach")


def test_phrases_are_marked_with_a_reason_and_a_question_and_can_be_reached_by_keys(
    page: Page, row: Retrospective
) -> None:
    field, coach = summary(page, row)
    expect(coach.get_by_role("status")).to_have_text("Only you see what the language coach marks.")
    field.fill("🔥 It rained. We should have tested this.")
    expect(coach.get_by_role("status")).to_have_text("1 phrase to look at. Only you see this.")
    expect(page.locator(".coach__mirror mark")).to_have_text("should have tested")
    expect(coach.get_by_role("listitem")).to_contain_text("What should have happened didn't")
    expect(coach.get_by_role("listitem")).to_contain_text("Try: What happened instead")
    found = Axe().run(page, options=RULES).response["violations"]
    assert [each["id"] for each in found] == []
    coach.get_by_role("button", name="should have tested").focus()
    page.keyboard.press("Enter")
    selected = field.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert selected == "should have tested"


def test_the_switch_is_for_all_fields_and_remembered_in_the_browser(page: Page, row: Retrospective) -> None:
    _, coach = summary(page, row)
    coach.get_by_role("button", name="Turn off language coach").click()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "coach/" in request.url else None)
    field, coach = summary(page, row)
    expect(coach.get_by_role("button", name="Turn on language coach")).to_be_visible()
    field.fill(TEXT)
    expect(coach.get_by_role("listitem")).to_have_count(0)
    coach.get_by_role("button", name="Turn on language coach").click()
    expect(coach.get_by_role("listitem")).to_have_count(1)
    assert len(asked) == 1


def test_a_text_is_saved_although_the_coach_cannot_be_reached(page: Page, row: Retrospective) -> None:
    page.route("**/retrospectives/coach/", lambda route: route.fulfill(body="<p>Bad gateway"))
    field, coach = summary(page, row)
    field.fill(TEXT)
    expect(coach.get_by_role("status")).to_have_text(
        "The language coach can’t be reached. You can write and save as usual."
    )
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text(TEXT).first).to_be_visible()
