"""Whether a release can go out, as people decide it: approvals, overrides, freezes, the forecast and the overview."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import clock
from releases.contents.models import ReleaseContent
from releases.models import Release
from releases.planning.actions import create_release
from squads.models import Service, Squad
from squads.stories.actions import create_story
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def release(ana: User, payments: Squad, checkout: Service) -> Release:
    """One story, and a commit with its artifact that ships."""
    made = create_release(by=ana, version="1.0", line="Shop")
    create_story(payments, by=ana, title="Pay by card", release=made)
    purl = f"pkg:oci/checkout@sha256:{'c' * 64}"
    ReleaseContent.objects.create(release=made, service=checkout, sha="a" * 40, purl=purl, by=ana)
    return made


def is_fine(page: Page) -> bool:
    return [each["id"] for each in Axe().run(page, options=RULES).response["violations"]] == []


def test_approval_is_asked_for_given_by_another_person_and_void_once_a_story_is_added(
    open_for: Callable[..., Page], ana: User, bo: User, payments: Squad, release: Release
) -> None:
    asking = open_for(ana)
    asking.goto("/releases/shop-1.0/")
    asking.get_by_role("link", name="Readiness", exact=True).click()
    asking.get_by_role("link", name="Approvals", exact=True).first.click()
    asking.get_by_label("Person").fill("bo")
    asking.get_by_label("Note").fill("Look at the cards.")
    asking.get_by_role("button", name="Ask", exact=True).click()
    waiting = asking.get_by_role("article", name="Approval by bo")
    expect(waiting).to_contain_text("waiting")
    expect(waiting.get_by_role("button", name="Approve")).to_have_count(0)
    assert is_fine(asking)
    asked = open_for(bo)
    asked.goto("/")
    asked.get_by_role("link", name="Inbox").click()
    expect(asked.get_by_text("Look at the cards.")).to_be_visible()
    asked.get_by_role("link", name="Shop 1.0").click()
    asked.get_by_role("button", name="Approve").click()
    expect(asked.get_by_role("button", name="Approve")).to_have_count(0)
    asking.reload()
    expect(waiting).to_contain_text("approved")
    create_story(payments, by=ana, title="Pay later", release=release)
    asking.reload()
    expect(waiting).to_contain_text("void")
    expect(waiting).to_contain_text("PAY-2")


def test_a_gate_is_overridden_until_something_else_blocks_it(
    open_for: Callable[..., Page], pam: User, ana: User, payments: Squad, release: Release
) -> None:
    page = open_for(pam)
    page.goto("/releases/shop-1.0/readiness/")
    page.locator("#gate-stories").get_by_role("link", name="Stories").click()
    page.get_by_label("Reason").fill("The story is only a text.")
    page.get_by_role("button", name="Override gate").click()
    expect(page.get_by_text("in effect")).to_be_visible()
    assert is_fine(page)
    page.goto("/releases/shop-1.0/readiness/")
    expect(page.locator("#verdict")).to_contain_text("1 gate is overridden: Stories.")
    expect(page.locator("#gate-stories")).to_contain_text("Overridden by Pam until")
    create_story(payments, by=ana, title="Pay later", release=release)
    page.reload()
    expect(page.locator("#verdict")).not_to_contain_text("overridden")
    expect(page.locator("#gate-stories")).to_contain_text("The override by Pam doesn’t count.")
    page.locator("#gate-stories").get_by_role("link", name="Stories", exact=True).click()
    expect(page.locator(".tag", has_text="void")).to_be_visible()


def test_a_freeze_is_previewed_created_and_lifted_for_a_release(
    open_for: Callable[..., Page], pam: User, release: Release
) -> None:
    page, today = open_for(pam), clock.now().date()
    page.goto("/releases/")
    page.get_by_role("link", name="Freezes", exact=True).click()
    page.get_by_role("link", name="Create a freeze").click()
    page.get_by_label("Name").fill("Stocktaking")
    page.get_by_label("First day").fill(f"{today - timedelta(days=1)}")
    page.get_by_label("Last day").fill(f"{today + timedelta(days=2)}")
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Create freeze").click()
    expect(page.get_by_role("heading", name="Stocktaking")).to_be_visible()
    page.goto("/releases/shop-1.0/readiness/")
    expect(page.locator("#gate-freezes")).to_contain_text("Stocktaking")
    page.goto("/freezes/")
    page.get_by_role("link", name="Stocktaking").first.click()
    page.get_by_role("link", name="Lift", exact=True).first.click()
    page.get_by_label("Release").select_option(label="Shop 1.0")
    page.get_by_label("Reason").fill("The shop is open.")
    page.get_by_label("Expires (UTC)").fill(f"{today + timedelta(days=2)}T12:00")
    page.get_by_role("button", name="Lift", exact=True).click()
    expect(page.get_by_role("cell", name="The shop is open.")).to_be_visible()
    assert is_fine(page)
    page.goto("/releases/shop-1.0/readiness/")
    expect(page.locator("#gate-freezes")).to_contain_text("passed")


def test_the_overview_is_filtered_and_leads_to_a_release_and_its_forecast(
    open_for: Callable[..., Page], pam: User, release: Release
) -> None:
    page = open_for(pam)
    page.goto("/releases/")
    page.get_by_role("link", name="Readiness", exact=True).click()
    expect(page.get_by_role("row", name="Shop 1.0")).to_contain_text("not ready")
    page.get_by_label("Verdict").select_option("ready")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No open releases match.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    assert is_fine(page)
    page.get_by_role("link", name="not yet").click()
    expect(page.get_by_role("heading", name="Forecast of Shop 1.0")).to_be_visible()
    expect(page.locator("#forecast")).to_contain_text("No forecast")
    expect(page.get_by_role("heading", name="What if some were left out?")).to_be_visible()
    assert is_fine(page)
