"""The page of allowed hosts in a real browser: allowed and closed again by keyboard alone, readable in both schemes."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from releases.allowed_hosts import actions
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_administrator_allows_a_host_and_closes_another_by_keyboard(
    browser_as: Callable[[User], Page], root: User, scheme: Any
) -> None:
    actions.allow(host="build-with-quite-a-long-name.machines.example.org", note="The Buildbot of Search", by=root)
    page = browser_as(root)
    page.emulate_media(color_scheme=scheme)
    page.goto("/sources/hosts/")
    page.get_by_label("Host", exact=True).focus()
    page.keyboard.type("Jenkins.Example.org")
    page.keyboard.press("Tab")
    page.keyboard.type("The Jenkins of Payments")
    page.keyboard.press("Enter")
    expect(page.get_by_text("jenkins.example.org is now allowed.")).to_be_visible()
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"it scrolls sideways at {width}"
        if folder := os.environ.get("RODEO_TEST_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/hosts-{scheme}-{width}.png", full_page=True)
    page.get_by_role("button", name="Remove build-with-quite-a-long-name.machines.example.org").press("Enter")
    expect(page.get_by_text("build-with-quite-a-long-name.machines.example.org is no longer allowed.")).to_be_visible()
