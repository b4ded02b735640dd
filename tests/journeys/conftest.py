"""What every journey through the browser shares."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from portal.accounts.models import User

# A test waits as long as a busy machine needs. How quick the portal is, `make bench` measures.
expect.set_options(timeout=20_000)
# An objection, or that somebody is signed out, is a status that the browser notes; it is no mistake.
OBJECTED = re.compile(
    r"Failed to load resource: the server responded with a status of (400|401|409|412)|Response Status Error Code"
)


def is_bad(line: ConsoleMessage) -> bool:
    """Say whether the browser complains."""
    return line.type in ("error", "warning")


@pytest.fixture
def open_for(browser: Browser, base_url: str, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Open a browser of their own for a person, or for nobody: `open_for(ana).goto("/")`.

    Fails on anything it complains about.
    """
    contexts, said = [], []

    def signed_in(person: User | None, **options: Any) -> Page:
        context = browser.new_context(base_url=base_url, **options)
        contexts.append(context)
        if person is not None:
            client = Client()
            client.force_login(person)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base_url}])
        page = context.new_page()
        page.on("console", lambda line: said.append(f"{line.text} ({line.location['url']})") if is_bad(line) else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    yield signed_in
    for context in contexts:
        context.close()
    assert [line for line in said if not OBJECTED.search(line)] == []
