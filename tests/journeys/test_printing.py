"""Boards, releases and stories on paper: what is to be read, black on white, with its address and date at the foot."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from releases.planning.actions import create_release
from squads.models import Squad
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_sheet_shows_what_is_to_be_read_and_where_it_was(
    browser_as: Callable[[User], Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="1.0")
    for number in range(30):
        create_story(
            payments, by=ana, title=f"Story {number} " + "word" * 45, release=release, acceptance_criteria="It works"
        )
    page = browser_as(ana)
    for address in ("/stories/PAY-1/", "/squads/payments/board/", "/releases/1.0/"):
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("data-foot", "")
        page.emulate_media(media="print", color_scheme="dark")
        for hidden in (".top", ".button", ".inplace__edit", ".card__menu", "dialog", "textarea", ".crumbs"):
            assert page.locator(hidden).and_(page.locator(":visible")).count() == 0, (address, hidden)
        expect(page.get_by_text("Story 0 word").first).to_be_visible()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        foot = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--foot')")
        assert address in foot and foot.rstrip('"').endswith("UTC")
        for card in page.locator(".card").all()[:1]:
            assert card.evaluate("each => getComputedStyle(each).breakInside") == "avoid"
        assert page.pdf(prefer_css_page_size=True).count(b"/MediaBox [0 0 841") == 0 or address != "/stories/PAY-1/"
        # A4 lying on its side is 1,123 px wide, and standing 794: nothing is wider than the sheet.
        page.set_viewport_size({"width": 1030 if "stories" not in address else 703, "height": 700})
        wide = (
            "[...document.querySelectorAll('main *')].filter((each) => each.getBoundingClientRect().right > innerWidth)"
        )
        assert page.evaluate(f"{wide}.map((each) => each.outerHTML.slice(0, 120))") == [], address
        page.emulate_media(media="screen", color_scheme="light")
        page.set_viewport_size({"width": 1280, "height": 900})
    expect(page.locator(".paper")).to_be_hidden()
