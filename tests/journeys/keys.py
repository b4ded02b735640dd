"""The keyboard alone, as somebody without a mouse uses it."""

import pytest
from playwright.sync_api import Locator, expect

# More than any page has to stop at.
MOST_STOPS = 120


def tab_to(wanted: Locator) -> None:
    """Press Tab until the focus is there; fails where no Tab leads."""
    expect(wanted).to_be_visible()
    for _ in range(MOST_STOPS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        wanted.page.keyboard.press("Tab")
    pytest.fail(f"no Tab leads to {wanted}")
