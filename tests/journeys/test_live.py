"""Two people look at the same board: what one changes the other sees at once, and is not disturbed by it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from portal.accounts.models import User
from portal.kernel.live import touch
from releases.models import Release
from releases.planning.actions import create_release
from squads.models import Squad, Story
from squads.stories.actions import create_story, edit_story
from squads.stories.cards import row_from, version_of
from tests.portal.live.conftest import Process, stream, stream_process

__all__ = ["stream", "stream_process"]
pytestmark = pytest.mark.django_db(transaction=True)
BOARD = "/releases/shop-1.0/"


@pytest.fixture
def shop(root: User, ana: User, bo: User, payments: Squad, search: Squad) -> Release:
    """A board of eight stories of Payments and one of Search."""
    release = create_release(by=root, version="1.0", line="Shop")
    for number in range(1, 9):
        create_story(payments, by=ana, title=f"Saddle {number}", release=release)
    create_story(search, by=bo, title="Find a saddle", release=release)
    return release


@pytest.fixture
def stream_environment(child_environment: dict[str, str], base_url: str) -> dict[str, str]:
    """The stream answers pages of this address."""
    return {**child_environment, "RODEO_EVENTS_CHECK_EVERY": "0.5", "RODEO_BASE_URL": base_url}


@pytest.fixture
def pages(
    context: BrowserContext, browser_page: Page, base_url: str, stream: Process, ana: User, bo: User
) -> Iterator[tuple[Page, Page]]:
    """Ana's page and Bo's, each in a browser of its own, with the stream at its own port."""
    csp = settings.CONTENT_SECURITY_POLICY
    before = (settings.RODEO_EVENTS_URL, csp["DIRECTIVES"]["connect-src"])
    host = f"http://{base_url.split('//')[1].split(':')[0]}:{stream.port}"
    settings.RODEO_EVENTS_URL = f"{host}/events/"
    csp["DIRECTIVES"]["connect-src"] = ["'self'", host]
    other = context.browser.new_context(base_url=base_url)  # type: ignore[union-attr]
    made = []
    for person, page in ((ana, browser_page), (bo, other.new_page())):
        browser = Client()
        browser.force_login(person)
        cookie: Any = {"name": "sessionid", "value": browser.cookies["sessionid"].value, "url": base_url}
        page.context.add_cookies([cookie])
        made.append(page)
    yield made[0], made[1]
    other.close()
    settings.RODEO_EVENTS_URL, csp["DIRECTIVES"]["connect-src"] = before


def card(page: Page, key: str) -> Any:
    return page.locator(f"#card-{key}")


def cell(page: Page, stage: str, squad: str = "payments") -> Any:
    return page.locator(f"td[data-stage='{stage}'][data-squad='{squad}']")


def is_live(page: Page) -> None:
    expect(page.locator("html[data-live='on']")).to_be_attached()
    expect(page.locator(".live")).to_have_text("")
    # The look that follows the opening of the stream is over.
    page.wait_for_timeout(700)


def test_what_one_person_changes_the_other_sees_without_losing_anything(
    pages: tuple[Page, Page], shop: Release, ana: User
) -> None:
    ours, theirs = pages
    theirs.set_viewport_size({"width": 900, "height": 500})
    theirs.goto(BOARD)
    ours.goto("/stories/PAY-3/")
    is_live(theirs)
    theirs.get_by_label("Search", exact=True).fill("half a wo")
    link = card(theirs, "PAY-5").get_by_role("link")
    link.focus()
    theirs.evaluate("document.querySelector('.board__scroll').scrollLeft = 120; scrollTo(0, 260)")
    theirs.evaluate("window.same = document.querySelector('#card-PAY-5'); window.loaded = true")

    ours.get_by_role("button", name="In progress").click()
    expect(cell(theirs, "in_progress").locator("#card-PAY-3")).to_be_visible()

    assert theirs.evaluate("window.loaded && window.same === document.querySelector('#card-PAY-5')")
    expect(link).to_be_focused()
    assert theirs.get_by_label("Search", exact=True).input_value() == "half a wo"
    assert theirs.evaluate("[document.querySelector('.board__scroll').scrollLeft, scrollY]") == [120, 260]
    expect(theirs.locator("[data-count='in_progress']")).to_have_text("1")
    expect(theirs.locator("th [data-count='todo']")).to_have_text("8")
    expect(theirs.get_by_text("PAY-3 is in progress")).to_be_attached()


def test_the_card_with_the_focus_moves_and_keeps_it_in_the_order_of_the_column(
    pages: tuple[Page, Page], shop: Release, ana: User
) -> None:
    _, theirs = pages
    theirs.goto(BOARD)
    is_live(theirs)
    card(theirs, "PAY-5").get_by_role("link").focus()
    for key in ("PAY-7", "PAY-2", "PAY-5"):
        Story.objects.get(key=key).move_progress("dev_done", by=ana)
    expect(cell(theirs, "dev_done").locator(".card")).to_have_count(3)
    shown = cell(theirs, "dev_done").locator(".card").evaluate_all("cards => cards.map(card => card.dataset.key)")
    assert shown == ["PAY-2", "PAY-5", "PAY-7"]
    expect(card(theirs, "PAY-5").get_by_role("link")).to_be_focused()


def test_nothing_moves_while_somebody_drags_and_everything_has_afterwards(
    pages: tuple[Page, Page], shop: Release, ana: User
) -> None:
    _, theirs = pages
    theirs.goto(BOARD)
    is_live(theirs)
    theirs.evaluate("document.querySelector('#board').dataset.dragging = ''")
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    theirs.wait_for_timeout(900)
    expect(cell(theirs, "todo").locator("#card-PAY-1")).to_be_visible()
    theirs.evaluate("delete document.querySelector('#board').dataset.dragging")
    expect(cell(theirs, "dev_done").locator("#card-PAY-1")).to_be_visible()


def test_a_story_that_comes_or_goes_and_a_squad_that_is_new_appear(
    pages: tuple[Page, Page], shop: Release, ana: User, root: User
) -> None:
    _, theirs = pages
    theirs.goto(BOARD)
    is_live(theirs)
    edit_story(Story.objects.get(key="PAY-4"), by=ana, release=None)
    expect(card(theirs, "PAY-4")).to_have_count(0)
    third = Squad.objects.create(name="Third", slug="third", key_prefix="TRD")
    create_story(third, by=root, title="Of a squad that was not here", release=shop)
    expect(card(theirs, "TRD-1")).to_be_visible()
    expect(theirs.locator("dd [data-count='all']")).to_have_text("9")


def test_a_filtered_board_looks_for_itself(pages: tuple[Page, Page], shop: Release, ana: User) -> None:
    _, theirs = pages
    theirs.goto(f"{BOARD}?stage=todo&squad=payments")
    is_live(theirs)
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    expect(card(theirs, "PAY-1")).to_have_count(0)
    expect(card(theirs, "PAY-2")).to_be_visible()
    assert "stage=todo" in theirs.url


def test_the_stream_dies_and_comes_back_and_the_board_is_right_without_a_reload(
    pages: tuple[Page, Page], shop: Release, ana: User, stream: Process
) -> None:
    _, theirs = pages
    theirs.goto(BOARD)
    is_live(theirs)
    theirs.evaluate("window.loaded = true")
    stream.kill()
    expect(theirs.locator(".live")).to_have_text("Connection lost. Reconnecting…")
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    expect(cell(theirs, "dev_done").locator("#card-PAY-1")).to_be_visible()
    Story.objects.get(key="PAY-2").move_progress("dev_done", by=ana)
    stream.start()
    expect(theirs.locator(".live")).to_have_text("")
    expect(cell(theirs, "dev_done").locator("#card-PAY-2")).to_be_visible()
    Story.objects.get(key="PAY-3").move_progress("dev_done", by=ana)
    expect(cell(theirs, "dev_done").locator("#card-PAY-3")).to_be_visible()
    assert theirs.evaluate("window.loaded")


def test_all_tabs_of_a_browser_share_one_stream_which_outlives_the_first_of_them(
    pages: tuple[Page, Page], shop: Release, ana: User, stream: Process
) -> None:
    _, first = pages
    first.goto(BOARD)
    is_live(first)
    tabs = [first.context.new_page() for _ in range(3)]
    for tab, address in zip(tabs, (BOARD, BOARD, f"{BOARD}?type=user_story"), strict=True):
        tab.goto(address)
        is_live(tab)
    assert stream.health()["streams"] == 1
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    expect(cell(tabs[1], "dev_done").locator("#card-PAY-1")).to_be_visible()
    first.close()
    tabs[0].wait_for_timeout(1_500)
    is_live(tabs[1])
    assert stream.health()["streams"] == 1
    Story.objects.get(key="PAY-2").move_progress("dev_done", by=ana)
    expect(cell(tabs[1], "dev_done").locator("#card-PAY-2")).to_be_visible()


def test_without_a_stream_the_board_asks_by_itself(
    browser_as: Callable[[User], Page], shop: Release, ana: User
) -> None:
    page = browser_as(ana)
    page.goto(BOARD)
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    expect(cell(page, "dev_done").locator("#card-PAY-1")).to_be_visible()


def test_the_wall_shows_the_board_and_nothing_to_press(pages: tuple[Page, Page], shop: Release, ana: User) -> None:
    page, _ = pages
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{BOARD}?wall=1")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    size = card(page, "PAY-1").locator(".card__title").evaluate("each => parseFloat(getComputedStyle(each).fontSize)")
    assert size >= 20
    is_live(page)
    touch([Story.objects.get(key="PAY-1").pk])
    expect(page).to_have_title(re.compile("Shop 1.0"))


def lane(page: Page, stage: str) -> Any:
    return page.locator(f".lane__cards[data-stage='{stage}']")


def test_a_squads_board_follows_what_others_do_to_its_stories(
    pages: tuple[Page, Page], shop: Release, payments: Squad, ana: User
) -> None:
    ours, theirs = pages
    for page in (ours, theirs):
        page.goto("/squads/payments/board/")
        is_live(page)
    theirs.evaluate("window.loaded = true")
    # By the menu, as somebody without a mouse would.
    card(ours, "PAY-3").locator("summary").click()
    card(ours, "PAY-3").get_by_role("button", name="In progress").click()
    expect(lane(theirs, "in_progress").locator("#card-PAY-3")).to_be_visible()
    expect(theirs.locator("[data-count='in_progress']")).to_have_text("1")
    expect(theirs.locator("[data-count='todo']")).to_have_text("7")
    create_story(payments, by=ana, title="A ninth saddle")
    expect(lane(theirs, "todo").locator("#card-PAY-9")).to_be_visible()
    expect(theirs.locator("[data-count='todo']")).to_have_text("8")
    assert theirs.evaluate("window.loaded")


def test_a_story_page_follows_what_others_say_and_keeps_what_is_half_typed(
    pages: tuple[Page, Page], shop: Release, ana: User
) -> None:
    ours, theirs = pages
    for page in (ours, theirs):
        page.goto("/stories/PAY-2/")
        is_live(page)
    theirs.evaluate("window.loaded = true")
    theirs.get_by_label("Your comment").fill("I was about to say")
    ours.get_by_label("Your comment").fill("It fits every horse.")
    ours.get_by_role("button", name="Comment", exact=True).click()
    expect(theirs.get_by_text("It fits every horse.").first).to_be_visible()
    ours.get_by_role("button", name="Dev done").click()
    expect(theirs.locator(".answer")).to_contain_text("Dev done")
    expect(theirs.get_by_label("Your comment")).to_have_value("I was about to say")
    assert theirs.evaluate("window.loaded")


@pytest.mark.parametrize("by", ["mouse", "finger", "keys"])
def test_a_card_is_moved_while_the_stream_brings_it_and_stays_in_its_place(
    pages: tuple[Page, Page], shop: Release, by: str
) -> None:
    ours = pages[0]
    for page in pages:
        page.set_viewport_size({"width": 1500, "height": 900})
        page.goto("/squads/payments/board/")
        is_live(page)
    for key in ("PAY-5", "PAY-2"):
        start, end = card(ours, key).bounding_box(), lane(ours, "in_progress").bounding_box()
        assert start
        assert end
        at = (start["x"] + 40, start["y"] + 12)
        to = (end["x"] + end["width"] / 2, end["y"] + 6)
        with ours.expect_response(f"**/stories/{key}/place/") as answered:
            if by == "mouse":
                ours.mouse.move(*at)
                ours.mouse.down()
                ours.mouse.move(*to, steps=12)
                ours.mouse.up()
            elif by == "finger":
                a_finger_drags(ours, at, to)
            else:
                card(ours, key).focus()
                for press in ("m", "ArrowRight", *["ArrowUp"] * 8, "Enter"):
                    ours.keyboard.press(press)
        assert "x-card" not in answered.value.request.headers
        assert "html" not in answered.value.json(), "the stream brings the card"
        # The version that the stream brought is there: it was not only moved by the hand.
        version = version_of(row_from(Story.objects.select_related("squad").get(key=key)))
        for page in pages:
            expect(card(page, key)).to_have_attribute("data-version", version)
    for page in pages:
        expect(lane(page, "in_progress").locator(".card__title")).to_have_text(["Saddle 2", "Saddle 5"])
        expect(page.locator("[data-count='todo']")).to_have_text("6")
    ours.reload()
    expect(lane(ours, "in_progress").locator(".card__title")).to_have_text(["Saddle 2", "Saddle 5"])
    assert list(Story.objects.filter(progress="in_progress").order_by("rank").values_list("key", flat=True)) == [
        "PAY-2",
        "PAY-5",
    ]


def a_finger_drags(page: Page, at: tuple[float, float], to: tuple[float, float]) -> None:
    """Rest a finger on a card until it is lifted, and move it."""
    touches = page.context.new_cdp_session(page)

    def finger(what: str, *points: tuple[float, float]) -> None:
        touches.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    finger("touchStart", at)
    expect(page.locator(".card--ghost")).to_be_visible()
    for step in range(1, 9):
        finger("touchMove", (at[0] + (to[0] - at[0]) * step / 8, at[1] + (to[1] - at[1]) * step / 8))
    finger("touchEnd")
