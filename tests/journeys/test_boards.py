"""The squad board in a real browser: by mouse, by finger, by keys, by the menu without scripts, and readable for everybody."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Response, Route, expect

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.planning.actions import create_release
from squads.labels.models import Label
from squads.models import Assignment, Evidence, Membership, Squad, Story
from squads.stories import ranking
from squads.stories.actions import create_story, record_by_hand
from tests.journeys.axe import RULES
from tests.journeys.keys import tab_to

pytestmark = pytest.mark.django_db(transaction=True)
BOARD = "/squads/payments/board/"


@pytest.fixture
def stories(ana: User, payments: Squad) -> list[Story]:
    """Three stories to do, one in progress and blocked, one dev done, and one deployed by hand; Ana leads the squad."""
    caches["local"].clear()
    Membership.objects.filter(user=ana).update(role="lead")
    Squad.objects.filter(pk=payments.pk).update(wip_limits={"todo": 2, "dev_done": 4})
    made = [create_story(payments, by=ana, title=title) for title in ("Ants", "Bees", "Cats", "Dogs", "Elks", "Foxes")]
    made[3].move_progress("in_progress", by=ana)
    ranking.block(made[3], by=ana, because="Waits for the vet, who is on holiday until Monday")
    made[4].move_progress("dev_done", by=ana)
    made[5].move_progress("dev_done", by=ana)
    record_by_hand(made[5], by=ana, kind="deployment", note="Saw it run.")
    return made


def sign_in(context: BrowserContext, person: User, url: str) -> None:
    browser = Client()
    browser.force_login(person)
    value = browser.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": url}])


@pytest.fixture
def board(page: Page, base_url: str, ana: User, stories: list[Story]) -> Iterator[Page]:
    """Ana's browser at the board. It may say that the server refused something, and must complain of nothing else."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if line.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    sign_in(page.context, ana, base_url)
    page.set_viewport_size({"width": 1500, "height": 900})
    page.goto(BOARD)
    yield page
    assert [line for line in said if not line.startswith("Failed to load resource")] == []


def lane(page: Page, stage: str) -> Locator:
    return page.locator(f".lane__cards[data-stage='{stage}']")


def card(page: Page, key: str) -> Locator:
    return page.locator(f"#card-{key}")


def titles(page: Page, stage: str) -> list[str]:
    return lane(page, stage).locator(".card__title").all_text_contents()


def stands(page: Page, stage: str, *wanted: str) -> None:
    expect(lane(page, stage).locator(".card__title")).to_have_text(list(wanted))


def drag(page: Page, key: str, to: Locator, y: float = 0.9, *, let_go: bool = True) -> None:
    """Drag a card with the mouse, in small steps, to a part of something."""
    start, end = card(page, key).bounding_box(), to.bounding_box()
    assert start and end
    page.mouse.move(start["x"] + 40, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] * y, steps=12)
    if let_go:
        page.mouse.up()


def press(button: Locator, by: str) -> None:
    """Press a button with the mouse, or with Enter once Tab has led to it."""
    if by == "mouse":
        button.click()
    else:
        tab_to(button)
        button.page.keyboard.press("Enter")


def test_a_card_is_dragged_with_the_mouse_and_stays_where_it_was_dropped(board: Page, ana: User) -> None:
    with board.expect_request("**/stories/PAY-1/place/"):
        drag(board, "PAY-1", lane(board, "in_progress"))
    stands(board, "in_progress", "Dogs", "Ants")
    expect(board.locator("[data-count='in_progress']")).to_have_text("2")
    expect(board.locator("[data-count='todo']")).to_have_text("2")
    expect(board.locator("#board-says")).to_contain_text("PAY-1 Ants: in progress, place 2 of 2.")
    board.reload()
    stands(board, "in_progress", "Dogs", "Ants")
    change = StateChange.objects.get(key="PAY-1")
    assert (change.to_state, change.by) == ("in_progress", ana)


def test_cards_are_put_in_order_within_a_column(board: Page) -> None:
    with board.expect_response("**/stories/PAY-3/place/"):
        drag(board, "PAY-3", card(board, "PAY-1"), y=0.2)
    stands(board, "todo", "Cats", "Ants", "Bees")
    board.reload()
    stands(board, "todo", "Cats", "Ants", "Bees")
    assert not StateChange.objects.filter(key="PAY-3").exists()


def test_escape_takes_a_dragged_card_back(board: Page) -> None:
    drag(board, "PAY-1", lane(board, "in_progress"), let_go=False)
    stands(board, "in_progress", "Dogs", "Ants")
    board.keyboard.press("Escape")
    stands(board, "todo", "Ants", "Bees", "Cats")
    board.mouse.up()
    stands(board, "todo", "Ants", "Bees", "Cats")
    assert Story.objects.get(key="PAY-1").progress == "todo"


def test_a_finger_that_rests_on_a_card_drags_it(
    browser: Browser, live_server: Any, ana: User, stories: list[Story]
) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 1500, "height": 900})
    sign_in(context, ana, live_server.url)
    page = context.new_page()
    page.goto(f"{live_server.url}{BOARD}")
    start, end = card(page, "PAY-2").bounding_box(), lane(page, "dev_done").bounding_box()
    assert start and end
    touch = context.new_cdp_session(page)

    def finger(what: str, *points: tuple[float, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    at, to = (start["x"] + 30, start["y"] + 12), (end["x"] + 60, end["y"] + end["height"] - 10)
    finger("touchStart", at)
    expect(page.locator(".card--ghost")).to_be_visible()
    for step in range(1, 9):
        finger("touchMove", (at[0] + (to[0] - at[0]) * step / 8, at[1] + (to[1] - at[1]) * step / 8))
    with page.expect_response("**/stories/PAY-2/place/"):
        finger("touchEnd")
    stands(page, "dev_done", "Elks", "Bees")
    context.close()
    assert Story.objects.get(key="PAY-2").progress == "dev_done"


def test_a_letter_goes_to_the_cards_from_anywhere_unless_keys_are_switched_off(board: Page) -> None:
    board.keyboard.press("j")
    expect(card(board, "PAY-1")).to_be_focused()
    board.keyboard.press("j")
    expect(card(board, "PAY-2")).to_be_focused()
    board.locator("button[popovertarget='person']").click()
    board.get_by_role("button", name="Keyboard shortcuts").click()
    board.get_by_label("Use shortcuts in this browser").uncheck()
    board.keyboard.press("Escape")
    board.evaluate("document.activeElement.blur()")
    board.keyboard.press("j")
    assert board.evaluate("document.activeElement === document.body")


@pytest.mark.parametrize("keys", ["jklh", ["ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"]])
def test_letters_and_arrows_walk_and_carry_in_all_directions(board: Page, keys: Any) -> None:
    down, up, right, left = keys
    card(board, "PAY-1").focus()
    for key, there in ((down, "PAY-2"), (up, "PAY-1"), (right, "PAY-4"), (right, "PAY-5"), (left, "PAY-4")):
        board.keyboard.press(key)
        expect(card(board, there)).to_be_focused()
    board.keyboard.press("m")
    for key, stage in ((right, "dev_done"), (left, "in_progress"), (left, "todo"), (down, "todo"), (up, "todo")):
        board.keyboard.press(key)
        expect(lane(board, stage).locator("#card-PAY-4")).to_be_focused()
    stands(board, "todo", "Dogs", "Ants", "Bees", "Cats")
    with board.expect_response("**/stories/PAY-4/place/"):
        board.keyboard.press("m")
    expect(board.locator("#board-says")).to_contain_text("PAY-4 Dogs: to do, place 1 of 4.")
    assert Story.objects.get(key="PAY-4").progress == "todo"


def test_a_card_is_moved_by_keys_alone(board: Page) -> None:
    card(board, "PAY-1").focus()
    board.keyboard.press("j")
    expect(card(board, "PAY-2")).to_be_focused()
    board.keyboard.press("ArrowDown")
    board.keyboard.press("k")
    expect(card(board, "PAY-2")).to_be_focused()
    board.keyboard.press("m")
    expect(board.locator("#board-says")).to_contain_text("PAY-2 Bees picked up from to do.")
    board.keyboard.press("ArrowRight")
    board.keyboard.press("ArrowUp")
    with board.expect_response("**/stories/PAY-2/place/"):
        board.keyboard.press("Enter")
    stands(board, "in_progress", "Bees", "Dogs")
    expect(card(board, "PAY-2")).to_be_focused()
    board.keyboard.press("Space")
    board.keyboard.press("l")
    board.keyboard.press("Escape")
    stands(board, "in_progress", "Bees", "Dogs")
    expect(card(board, "PAY-2")).to_be_focused()
    board.keyboard.press("o")
    expect(board).to_have_url(re.compile(r"/stories/PAY-2/$"))
    assert Story.objects.get(key="PAY-2").progress == "in_progress"


def test_a_card_lifted_again_before_the_server_answers_stays_one_card(board: Page) -> None:
    waiting: list[Route] = []
    board.route("**/stories/PAY-2/place/", lambda route: waiting.append(route))  # noqa: PLW0108 - it sets attributes on it
    card(board, "PAY-2").focus()
    for key in ("m", "ArrowRight", "Enter", "Space", "ArrowRight"):
        board.keyboard.press(key)
    expect(board.locator("#board-says")).to_contain_text("dev done, place")
    with board.expect_response("**/stories/PAY-2/place/"):
        waiting.pop().continue_()
    board.wait_for_timeout(300)
    expect(card(board, "PAY-2")).to_have_class(re.compile("card--carried"))
    board.keyboard.press("Escape")
    stands(board, "in_progress", "Dogs", "Bees")
    expect(card(board, "PAY-2")).to_be_focused()


def test_a_card_moved_twice_before_the_server_answers_is_moved_twice_in_that_order(board: Page) -> None:
    answered: list[str] = []

    def both(response: Response) -> bool:
        if response.url.endswith("/place/"):
            answered.append(response.url)
        return len(answered) == 2

    card(board, "PAY-2").focus()
    with board.expect_response(both):
        for key in ("m", "ArrowRight", "Enter", "m", "ArrowLeft", "Enter"):
            board.keyboard.press(key)
    stands(board, "in_progress", "Dogs")
    assert list(StateChange.objects.filter(key="PAY-2").order_by("pk").values_list("to_state", flat=True)) == [
        "in_progress",
        "todo",
    ]


def test_a_card_whose_moves_are_all_refused_is_back_where_it_was_before_the_first(board: Page) -> None:
    asked: list[Route] = []
    board.route("**/stories/PAY-2/place/", lambda route: asked.append(route))  # noqa: PLW0108 - it sets attributes on it
    card(board, "PAY-2").focus()
    for key in ("m", "ArrowRight", "Enter", "m", "ArrowRight", "Enter"):
        board.keyboard.press(key)
    stands(board, "dev_done", "Elks", "Bees")
    for _ in range(2):
        board.wait_for_timeout(200)
        asked.pop().fulfill(status=503, body="busy")
    stands(board, "todo", "Ants", "Bees", "Cats")
    expect(card(board, "PAY-2")).to_be_focused()


def test_one_card_is_a_stop_of_the_tab_key(board: Page) -> None:
    assert board.locator(".card[tabindex='0']").count() == 1
    card(board, "PAY-5").focus()
    assert board.locator(".card[tabindex='0']").get_attribute("id") == "card-PAY-5"


@pytest.mark.parametrize("by", ["mouse", "keys"])
def test_dropping_a_card_on_evidence_moves_nothing_and_asks_for_it(board: Page, by: str) -> None:
    if by == "mouse":
        drag(board, "PAY-5", lane(board, "tested"))
    else:
        card(board, "PAY-5").focus()
        board.keyboard.press("m")
        board.keyboard.press("ArrowRight")
        board.keyboard.press("ArrowRight")
        board.keyboard.press("Enter")
    dialog = board.get_by_role("dialog", name="Missing before PAY-5 counts as tested")
    expect(dialog).to_contain_text("No change is linked to it: mention PAY-5 in a commit message.")
    expect(dialog.get_by_label("What you saw")).to_have_value("test")
    stands(board, "dev_done", "Elks")
    note, record = dialog.get_by_label("Note"), dialog.get_by_role("button", name="Add evidence")
    press(record, by)
    expect(dialog).to_contain_text("Add a note or a link, so others can check it.")
    stands(board, "dev_done", "Elks")
    assert Story.objects.get(key="PAY-5").stage == "dev_done"
    if by == "mouse":
        note.fill("Tried it on staging.")
    else:
        tab_to(note)
        board.keyboard.type("Tried it on staging.")
    press(record, by)
    expect(dialog).to_be_hidden()
    stands(board, "tested", "Elks")
    row = Evidence.objects.get(story__key="PAY-5")
    assert (row.kind, row.by_hand, row.note) == ("test", True, "Tried it on staging.")


def test_dropping_a_card_off_its_evidence_says_why_it_stays(board: Page) -> None:
    drag(board, "PAY-6", lane(board, "in_progress"))
    expect(board.get_by_role("alert")).to_contain_text("PAY-6 stays in deployed because of its evidence.")
    stands(board, "deployed", "Foxes")


def test_a_refused_move_is_taken_back_and_says_why(board: Page, ana: User) -> None:
    record_by_hand(Story.objects.get(key="PAY-5"), by=ana, kind="test", note="Meanwhile")
    with board.expect_response("**/place/") as answer:
        drag(board, "PAY-5", lane(board, "in_progress"))
    assert answer.value.status == 409
    stands(board, "dev_done", "Elks")
    expect(board.get_by_role("alert")).to_contain_text("PAY-5 stays in tested")
    expect(board.locator("[data-count='dev_done']")).to_have_text("1")


def test_a_move_without_a_connection_is_taken_back(board: Page) -> None:
    board.route("**/place/", lambda route: route.fulfill(status=503, body="busy"))
    drag(board, "PAY-1", lane(board, "in_progress"))
    expect(board.get_by_role("alert")).to_contain_text("The server refused it (503), so the card wasn’t moved.")
    stands(board, "todo", "Ants", "Bees", "Cats")


def test_whoever_was_signed_out_meanwhile_moves_nothing_and_loses_nothing_typed(board: Page) -> None:
    card(board, "PAY-1").locator("summary").click()
    card(board, "PAY-1").get_by_role("link", name="Block").click()
    dialog = board.get_by_role("dialog", name="Block PAY-1")
    dialog.get_by_label("What’s it waiting for?").fill("Permit")
    board.context.clear_cookies(name="sessionid")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog.get_by_role("alert")).to_have_text(
        "You’re signed out, so nothing was saved. Sign in, then try again."
    )
    expect(dialog.get_by_label("What’s it waiting for?")).to_have_value("Permit")
    dialog.get_by_text("Cancel").click()
    drag(board, "PAY-1", lane(board, "in_progress"))
    expect(board.locator("#board-refuses")).to_contain_text("You’re signed out, so nothing was saved.")
    stands(board, "todo", "Ants", "Bees", "Cats")


def test_a_limit_that_is_passed_shows_at_once(board: Page) -> None:
    todo = board.locator(".lane", has=lane(board, "todo"))
    expect(todo).to_contain_text("limit 2, over")
    with board.expect_response("**/place/"):
        drag(board, "PAY-1", lane(board, "in_progress"))
    expect(todo.locator(".lane__over")).to_be_hidden()


def test_a_card_is_blocked_with_a_reason(board: Page) -> None:
    card(board, "PAY-1").locator("summary").click()
    card(board, "PAY-1").get_by_role("link", name="Block").click()
    dialog = board.get_by_role("dialog", name="Block PAY-1")
    dialog.get_by_role("button", name="Block").click()
    expect(dialog).to_contain_text("Say what it’s waiting for")
    dialog.get_by_label("What’s it waiting for?").fill("Ant hill <b>permit</b>")
    dialog.get_by_role("button", name="Block").click()
    expect(card(board, "PAY-1").locator(".card__blocked")).to_have_text("Blocked Ant hill <b>permit</b>")


def test_the_menu_does_it_all_without_scripts(
    browser: Browser, live_server: Any, ana: User, stories: list[Story]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    sign_in(context, ana, live_server.url)
    page = context.new_page()
    page.goto(f"{live_server.url}{BOARD}")

    def choose(key: str, what: str) -> None:
        card(page, key).locator("summary").click()
        card(page, key).get_by_text(what, exact=True).click()

    choose("PAY-1", "Move to in progress")
    assert titles(page, "in_progress") == ["Ants", "Dogs"]
    choose("PAY-1", "Move down")
    assert titles(page, "in_progress") == ["Dogs", "Ants"]
    choose("PAY-3", "Move to top")
    assert titles(page, "todo") == ["Cats", "Bees"]
    choose("PAY-4", "Unblock")
    assert page.locator(".card__blocked").count() == 0
    choose("PAY-1", "Block…")
    page.get_by_label("What’s it waiting for?").fill("Rain")
    page.get_by_role("button", name="Block").click()
    expect(card(page, "PAY-1")).to_contain_text("Rain")
    choose("PAY-5", "Add evidence…")
    page.get_by_label("Note").fill("On the mainline since noon.")
    page.get_by_role("button", name="Add evidence").click()
    assert titles(page, "integrated") == ["Elks"]
    page.get_by_text("Add stories").click()
    page.get_by_label("Titles, one per line").fill("Gnus\n\nHens")
    page.get_by_role("button", name="Add", exact=True).click()
    assert titles(page, "todo") == ["Cats", "Bees", "Gnus", "Hens"]
    context.close()


def test_a_filter_is_kept_as_a_view(board: Page) -> None:
    board.get_by_text("Filter", exact=True).first.click()
    board.get_by_label("blocked").check()
    board.get_by_role("button", name="Filter").click()
    stands(board, "in_progress", "Dogs")
    stands(board, "todo")
    board.locator("summary", has_text="Save view").click()
    board.get_by_label("Save this view as").fill("Waiting")
    board.get_by_role("button", name="Save view").click()
    board.get_by_role("link", name="Clear filters").first.click()
    stands(board, "todo", "Ants", "Bees", "Cats")
    board.get_by_label("Saved views").get_by_role("link", name="Waiting").click()
    stands(board, "todo")


def test_a_chip_filters_with_one_click_and_lanes_stay(board: Page) -> None:
    board.get_by_role("link", name="assignee", exact=True).click()
    board.get_by_role("link", name="Blocked", exact=True).click()
    expect(board).to_have_url(re.compile(r"\?blocked=1&lanes=assignee$"))
    expect(board.get_by_role("link", name="Blocked", exact=True)).to_have_attribute("aria-current", "true")
    assert board.locator(".card").count() == 1
    board.get_by_role("link", name="Clear filters").click()
    expect(board.locator(".card")).to_have_count(6)


def test_titles_are_typed_one_after_the_other_into_a_column(board: Page, ana: User) -> None:
    column = board.locator(".lane", has=lane(board, "in_progress"))
    tab_to(column.get_by_text("Add story"))
    board.keyboard.press("Enter")
    for title in ("Gnus", "Hens"):
        board.keyboard.type(title)
        board.keyboard.press("Enter")
        expect(lane(board, "in_progress").locator(".card__title").last).to_have_text(title)
        expect(column.get_by_role("textbox")).to_be_focused()
    expect(board.locator("#board-says")).to_have_text("Added PAY-8.")
    expect(board.locator("[data-count='in_progress']")).to_have_text("3")
    board.reload()
    stands(board, "in_progress", "Dogs", "Gnus", "Hens")
    assert StateChange.objects.get(key="PAY-8").by == ana


def test_what_is_typed_on_a_part_of_the_board_is_asked_for_anew(board: Page) -> None:
    board.goto(f"{BOARD}?lanes=release")
    column = board.locator(".lane", has=board.locator("#lane-todo"))
    column.get_by_text("Add story").click()
    board.keyboard.type("Gnus")
    board.keyboard.press("Enter")
    stands(board, "todo", "Ants", "Bees", "Cats", "Gnus")
    expect(column.get_by_role("textbox")).to_be_focused()


def test_titles_typed_faster_than_the_server_answers_all_become_stories_once(board: Page) -> None:
    waiting: list[Route] = []
    board.route("**/board/stories/", lambda route: waiting.append(route))  # noqa: PLW0108 - it sets attributes on it
    column = board.locator(".lane", has=lane(board, "todo"))
    column.get_by_text("Add story").click()
    board.keyboard.type("Gnus")
    for key in ("Enter", "Enter"):
        board.keyboard.press(key)
    board.keyboard.type("Hens")
    board.keyboard.press("Enter")
    board.keyboard.type("Ib")
    for _ in range(2):
        while not waiting:
            board.wait_for_timeout(50)
        waiting.pop().continue_()
    stands(board, "todo", "Ants", "Bees", "Cats", "Gnus", "Hens")
    board.keyboard.type("is")
    expect(column.get_by_role("textbox")).to_have_value("Ibis")
    assert list(
        Story.objects.filter(title__in=["Gnus", "Hens"]).order_by("number").values_list("title", flat=True)
    ) == [
        "Gnus",
        "Hens",
    ]


def test_a_title_that_is_refused_stays_in_its_field(board: Page) -> None:
    board.route("**/board/stories/", lambda route: route.fulfill(status=503, body="busy"))
    column = board.locator(".lane", has=lane(board, "todo"))
    column.get_by_text("Add story").click()
    board.keyboard.type("Gnus")
    board.keyboard.press("Enter")
    expect(board.get_by_role("alert")).to_contain_text("The server refused it (503): nothing was added.")
    expect(column.get_by_role("textbox")).to_have_value("Gnus")


def test_a_folded_column_stays_folded_and_keys_pass_over_it(board: Page) -> None:
    fold = board.get_by_role("button", name="Show in progress")
    tab_to(fold)
    board.keyboard.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(card(board, "PAY-4")).to_be_hidden()
    board.reload()
    expect(card(board, "PAY-4")).to_be_hidden()
    card(board, "PAY-1").focus()
    board.keyboard.press("l")
    expect(card(board, "PAY-5")).to_be_focused()
    board.get_by_role("button", name="Show in progress").click()
    expect(card(board, "PAY-4")).to_be_visible()


def test_a_card_stays_in_its_lane_wherever_it_is_dropped(board: Page, ana: User, bo: User) -> None:
    Membership.objects.create(squad=Squad.objects.get(slug="payments"), user=bo)
    for key, person in (("PAY-1", ana), ("PAY-4", bo)):
        Assignment.objects.create(story=Story.objects.get(key=key), person=person, at=timezone.now())
    board.goto(f"{BOARD}?lanes=assignee")
    theirs = board.locator(".lane__cards[data-stage='in_progress'][data-row='bo']")
    with board.expect_response("**/stories/PAY-1/place/"):
        drag(board, "PAY-1", theirs, y=0.5)
    own = board.locator(".lane__cards[data-stage='in_progress'][data-row='ana']")
    expect(own.locator("#card-PAY-1")).to_be_visible()
    expect(theirs.locator("#card-PAY-4")).to_be_visible()
    card(board, "PAY-1").focus()
    board.keyboard.press("m")
    board.keyboard.press("l")
    with board.expect_response("**/stories/PAY-1/place/"):
        board.keyboard.press("Enter")
    expect(board.locator(".lane__cards[data-stage='dev_done'][data-row='ana'] #card-PAY-1")).to_be_focused()
    story = Story.objects.get(key="PAY-1")
    assert (story.stage, [each.person for each in story.assignments.all()]) == ("dev_done", [ana])


def test_a_poll_shows_what_others_moved_and_keeps_the_focus(board: Page, ana: User) -> None:
    card(board, "PAY-2").focus()
    Story.objects.get(key="PAY-1").move_progress("in_progress", by=ana)
    board.evaluate("htmx.trigger('#board', 'look')")
    stands(board, "in_progress", "Ants", "Dogs")
    expect(card(board, "PAY-2")).to_be_focused()


def test_a_poll_leaves_a_card_in_the_hand(board: Page, ana: User) -> None:
    card(board, "PAY-2").focus()
    board.keyboard.press("m")
    board.keyboard.press("ArrowRight")
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=ana)
    board.evaluate("htmx.trigger('#board', 'look')")
    board.wait_for_timeout(300)
    stands(board, "in_progress", "Dogs", "Bees")


def test_somebody_else_sees_no_menu_and_moves_nothing(
    browser_as: Callable[[User], Page], bo: User, stories: list[Story]
) -> None:
    page = browser_as(bo)
    page.goto(BOARD)
    expect(card(page, "PAY-1").locator("summary")).to_be_hidden()
    drag(page, "PAY-1", lane(page, "in_progress"))
    stands(page, "todo", "Ants", "Bees", "Cats")
    card(page, "PAY-1").focus()
    page.keyboard.press("m")
    expect(page.get_by_role("alert")).to_contain_text("Only members of this squad can move its cards.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_board(board: Page, scheme: Any) -> None:
    board.emulate_media(color_scheme=scheme)
    found = []

    def look(what: str) -> None:
        for each in Axe().run(board, options=RULES).response["violations"]:
            found.extend(
                f"{what}: {each['id']}: {node['html'][:140]} {node['failureSummary'][:200]}" for node in each["nodes"]
            )

    look("board")
    for summary in board.locator(".tools summary, #card-PAY-1 summary").all():
        summary.click()
    look("everything open")
    for query in ("?blocked=1", "?lanes=assignee"):
        board.goto(f"{BOARD}{query}")
        board.locator("[data-fold='todo']").click()
        look(query)
        board.locator("[data-fold='todo']").click()
    board.goto(BOARD)
    drag(board, "PAY-5", lane(board, "tested"))
    expect(board.get_by_role("dialog")).to_be_visible()
    look("dialog")
    for url in (f"{BOARD}settings/", "/stories/PAY-1/block/", "/stories/PAY-1/by-hand/?kind=test"):
        board.goto(url)
        look(url)
    assert found == []


def test_nothing_is_wider_than_a_phone_however_long_its_words(board: Page, ana: User, payments: Squad) -> None:
    board.set_viewport_size({"width": 320, "height": 700})
    release = create_release(by=ana, version="V" * 200, line="L" * 120)
    story = create_story(payments, by=ana, title="W" * 200, release=release)
    story.labels.add(Label.objects.create(squad=payments, name="x" * 40))
    wide = {}
    for url in (
        BOARD,
        f"{BOARD}?blocked=1",
        f"{BOARD}?lanes=release",
        "/releases/",
        release.get_absolute_url(),
        f"{BOARD}settings/",
        "/stories/PAY-1/block/",
        "/stories/PAY-1/by-hand/?kind=run",
        story.get_absolute_url(),
        f"{release.get_absolute_url()}plan/",
    ):
        board.goto(url)
        for summary in board.locator(".tools summary, #card-PAY-1 summary").all():
            summary.click()
        wide[url] = board.evaluate("document.documentElement.scrollWidth")
    assert wide == dict.fromkeys(wide, 320)
