"""The first minute of a newcomer, in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User


@pytest.mark.django_db(transaction=True)
def test_signing_in_leads_to_where_one_was_heading(browser_page: Page, ana: User) -> None:
    browser_page.goto("/squads/")
    browser_page.get_by_label("User name").or_(browser_page.get_by_label("Username")).fill("ana")
    browser_page.get_by_label("Password").fill("ana-password")
    browser_page.get_by_role("button", name="Sign in").click()
    expect(browser_page).to_have_url(re.compile(r"/squads/$"))
    expect(browser_page.get_by_text("Payments").first).to_be_visible()


@pytest.mark.django_db(transaction=True)
def test_who_is_signed_in_sees_the_first_page(browser_as: Callable[[User], Page], ana: User) -> None:
    page = browser_as(ana)
    page.goto("/")
    expect(page.get_by_text("Ana").first).to_be_visible()
