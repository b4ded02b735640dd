"""A board runs on the scripts and styles that collectstatic makes, and asks for few files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import Page, Route, expect

from portal.accounts.models import User
from portal.settings.base import STORAGES
from squads.models import Squad
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db(transaction=True)
MOST_REQUESTS = 15


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=root, STORAGES=STORAGES):
        call_command("collectstatic", interactive=False, verbosity=0)
    return root


def test_a_cold_board_asks_for_few_files_and_works(
    open_for: Callable[..., Page], ana: User, payments: Squad, collected: Path
) -> None:
    for number in range(6):
        create_story(payments, by=ana, title=f"Saddle {number}")
    page = open_for(ana)
    asked: list[str] = []

    def from_the_bundle(route: Route) -> None:
        name = route.request.url.partition("/static/")[2]
        folder, _, file = name.rpartition("/")
        stem, _, ending = file.rpartition(".")
        made = [*(collected / folder).glob(f"{stem}.{'[0-9a-f]' * 12}.{ending}")]
        kinds: dict[str, Any] = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
        route.fulfill(body=made[0].read_bytes(), content_type=kinds[ending])

    page.route("**/static/**", from_the_bundle)
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/squads/payments/board/")
    expect(page.locator(".card")).to_have_count(6)
    page.keyboard.press("j")
    expect(page.locator(".card:focus")).to_have_count(1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.wait_for_load_state("networkidle")
    assert len(asked) <= MOST_REQUESTS, asked
    page.keyboard.press("c")
    expect(page.get_by_role("textbox", name="Title", exact=True)).to_be_focused()
    page.keyboard.type("Stirrups")
    page.keyboard.press("Enter")
    expect(page.get_by_text("PAY-7 Stirrups")).to_have_count(1)
