"""Administrators manage people and access, and everybody their own sessions: in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from tests.journeys.test_people import one_step

pytestmark = pytest.mark.django_db(transaction=True)
BrowserAs = Callable[[User], Page]


def test_somebody_sees_their_sessions_and_signs_out_everywhere_else(
    browser_page: Page, browser: Browser, base_url: str, ana: User
) -> None:
    one_step(browser_page, "ana", "ana-password")
    elsewhere = browser.new_context(base_url=base_url).new_page()
    one_step(elsewhere, "ana", "ana-password")
    expect(elsewhere.get_by_role("button", name="Ana", exact=True)).to_be_visible()
    browser_page.goto("/account/")
    browser_page.get_by_role("link", name="Show your sessions").click()
    expect(browser_page.get_by_role("row")).to_have_count(3)
    expect(browser_page.get_by_text("this one")).to_have_count(1)
    browser_page.get_by_role("button", name="Sign out everywhere else").click()
    expect(browser_page.get_by_text("Signed out everywhere else.")).to_be_visible()
    expect(browser_page.get_by_role("row")).to_have_count(2)
    elsewhere.goto("/account/")
    expect(elsewhere.get_by_role("heading", name="Sign in")).to_be_visible()
    elsewhere.context.close()


def test_an_administrator_gives_a_role_and_it_is_in_the_audit_log(browser_as: BrowserAs, root: User, ria: User) -> None:
    page = browser_as(root)
    page.goto("/")
    page.get_by_role("button", name="Root", exact=True).click()
    page.get_by_role("link", name="Administration").click()
    page.get_by_label("Name or e-mail").fill("ria")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Ria").click()
    page.locator("#role").select_option("project manager")
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Ria: project manager.")).to_be_visible()
    page.get_by_role("link", name="Audit log").click()
    expect(page.get_by_text("made Ria a project manager, who was a reader")).to_be_visible()


def test_an_administrator_lets_everybody_create_squads(open_for: Callable[..., Page], root: User, ria: User) -> None:
    theirs = open_for(ria)
    theirs.goto("/squads/")
    expect(theirs.get_by_role("link", name="New squad")).to_have_count(0)
    page = open_for(root)
    page.goto("/administration/access/")
    page.get_by_label("Squads are created by").select_option("everyone with an account")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    theirs.reload()
    expect(theirs.get_by_role("link", name="New squad")).to_be_visible()
