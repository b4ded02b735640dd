"""Every page there is: readable for everybody in both schemes, and no wider than a phone. A new page is looked at unasked."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from portal.accounts.models import User
from portal.ops.permissions import Row, rows
from releases.pipelines.providers import PROVIDERS
from tests.portal.permissions import CASES, ROLES, World, world

pytestmark = pytest.mark.django_db(transaction=True)
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ALL: dict[str, Any] = {"preload": False, "resultTypes": ["violations"], "runOnly": {"type": "tag", "values": LEVELS}}
# In the other scheme only the colours are other ones.
COLOURS: dict[str, Any] = {
    "preload": False,
    "resultTypes": ["violations"],
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
}
# Django's own administration, and the API's documentation by its own tool.
NOT_OURS = ("/admin/", "/api/")
LOOKED_AT = [row for row in rows() if "GET" in row.methods and not row.route.startswith(NOT_OURS)]
LOTS = 4


def opened_by(row: Row, address: str, made: World) -> str:
    """Return who sees this page: the administrator, or else whoever it lets in, or "" where it is no page."""
    for role in (*reversed(ROLES[1:]), "anonymous"):
        browser = Client()
        if (person := made.people[role]) is not None:
            browser.force_login(person)
        answer = browser.get(address, headers={"Accept": "text/html"})
        # Parts of pages are looked at in the page they are put into.
        if answer.status_code == 200 and b"<html" in answer.getvalue()[:200]:
            return role
    return ""


def faults(page: Page, address: str) -> list[str]:
    """What is wrong with a page for somebody."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    page.goto(address)
    found = [("light", each) for each in Axe().run(page, options=ALL).response["violations"]]
    page.emulate_media(color_scheme="dark")
    found += [("dark", each) for each in Axe().run(page, options=COLOURS).response["violations"]]
    said = [f"{scheme} {each['id']}: {each['nodes'][0]['html'][:200]}" for scheme, each in found]
    page.set_viewport_size({"width": 390, "height": 844})
    if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
        said.append("it scrolls sideways on a phone")
    return said


@pytest.mark.parametrize("lot", range(LOTS))
def test_everybody_can_read_every_page(open_for: Callable[..., Page], lot: int) -> None:
    made, pages, wrong, seen = world(), {}, {}, 0
    for row in LOOKED_AT[lot::LOTS]:
        case = CASES[row.name]
        address = reverse(row.name, args=case.args(made)) + case.query
        role = opened_by(row, address, made)
        if not role:
            continue
        if role not in pages:
            pages[role] = open_for(made.people[role], reduced_motion="reduce")
        seen += 1
        if said := faults(pages[role], address):
            wrong[address] = said
    assert wrong == {}
    assert seen > 15


def test_everybody_can_read_the_steps_for_every_system(open_for: Callable[..., Page], root: User) -> None:
    page = open_for(root, reduced_motion="reduce")
    found = {kind: faults(page, f"/sources/help/{kind}/") for kind in PROVIDERS}
    assert {kind: said for kind, said in found.items() if said} == {}
