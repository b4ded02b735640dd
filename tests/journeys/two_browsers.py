"""Two people in a session, each in a browser of their own, with the live stream."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from portal.accounts.models import User
from tests.portal.live.conftest import Process, stream, stream_process

__all__ = ["stream", "stream_process"]


@pytest.fixture
def stream_environment(child_environment: dict[str, str], base_url: str) -> dict[str, str]:
    """The stream answers pages of this address."""
    return {**child_environment, "RODEO_EVENTS_CHECK_EVERY": "0.5", "RODEO_BASE_URL": base_url}


@pytest.fixture
def pages(browser: Browser, base_url: str, stream: Process, ana: User, lea: User) -> Iterator[tuple[Page, Page]]:
    """Ana's page and Lea's, each in a browser of its own, with the stream at its own port."""
    csp = settings.CONTENT_SECURITY_POLICY
    before = (settings.RODEO_EVENTS_URL, csp["DIRECTIVES"]["connect-src"])
    host = f"http://{base_url.split('//')[1].split(':')[0]}:{stream.port}"
    settings.RODEO_EVENTS_URL = f"{host}/events/"
    csp["DIRECTIVES"]["connect-src"] = ["'self'", host]
    made, said = [], []
    for person in (ana, lea):
        client = Client()
        client.force_login(person)
        page = browser.new_context(base_url=base_url, reduced_motion="reduce").new_page()
        cookie: Any = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base_url}
        page.context.add_cookies([cookie])
        page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        made.append(page)
    yield made[0], made[1]
    for page in made:
        page.context.close()
    settings.RODEO_EVENTS_URL, csp["DIRECTIVES"]["connect-src"] = before
    # One loses the connection on purpose.
    assert [line for line in said if "ERR_INTERNET_DISCONNECTED" not in line] == []


def is_live(page: Page) -> None:
    expect(page.locator("html[data-live='on']")).to_be_attached()


def write(page: Page, column: str, text: str) -> None:
    page.get_by_label(f"Card for {column}").fill(text)
    page.get_by_label(f"Card for {column}").locator("xpath=..").get_by_role("button", name="Add card").click()
    expect(page.get_by_label("Your card", exact=True).last).to_have_value(text)
