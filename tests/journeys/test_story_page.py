"""The page of a story in real browsers: two people at once, comments, acceptance, and all of it by keyboard."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel.stable_ids import stable_id
from releases.evidence.links import link_change
from releases.models import Change, InboundEvent, Repository, Run, Source
from squads.acceptance.actions import ask
from squads.discussions.actions import add_comment
from squads.models import AcceptanceRequest, Evidence, Membership, Mention, Squad, Story
from squads.stories.actions import create_story, judge
from squads.stories.editing import edit_story, tick
from squads.stories.relations import relate
from tests.journeys.axe import RULES
from tests.journeys.keys import tab_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pia(payments: Squad) -> User:
    """The product owner of Payments: an accepter."""
    person = User.objects.create_user("pia", "pia@example.org", "pia-password", first_name="Pia")
    Membership.objects.create(squad=payments, user=person, accepts=True)
    return person


@pytest.fixture
def story(payments: Squad, ana: User, pia: User) -> Story:
    """A story that production runs, with something in every part of its page."""
    made = create_story(
        payments,
        by=ana,
        title="Refunds in parts",
        description="A customer gets **part** of the money back.\n\n- by card\n- by iDEAL\n\nSee https://pay.example.org/docs.",
        acceptance_criteria="Ten euro arrive.\nA mail is sent.",
        production_checks="Refund `order 7` of the test shop.",
    )
    now = timezone.now()
    event = InboundEvent.objects.create(
        source=Source.objects.create(key="cd", name="CD", kind="cdevents"), delivery="1", body=b"{}", received_at=now
    )
    change = Change.objects.create(
        id=stable_id("change", 1),
        repository=Repository.objects.create(key="shop/checkout"),
        sha="4f2a91c" + "0" * 33,
        subject="PAY-1 Refund a part of an order",
        author="Cem",
        landed=1,
        committed_at=now - timedelta(days=2),
        event=event,
    )
    Run.objects.create(
        id=stable_id("run", 1),
        key="1",
        sha=change.sha,
        pipeline="build",
        phase="finished",
        outcome="success",
        finished_at=now,
        url="https://ci.example.org/1",
        event=event,
    )
    link_change(change, made, by=ana)
    for kind, tier, hours in (("change", "", 9), ("run", "", 8), ("deployment", "production", 2)):
        Evidence.objects.create(
            story=made,
            kind=kind,
            verdict="success",
            at=now - timedelta(hours=hours),
            service="checkout",
            tier=tier,
            environment="Production" if tier else "",
            shas=[change.sha],
            label="checkout 1.4",
            event_id=event.pk,
        )
    judge([made.pk])
    other = create_story(payments, by=ana, title="Gift cards")
    relate(made, "blocks", other.key, by=ana)
    add_comment(made, by=ana, body="@pia what about gift cards? PAY-2 asks the same.")
    tick(made, "acceptance_criteria", "A mail is sent.", True, by=ana)
    edit_story(made, by=ana, title="Refunds")
    return made


def test_two_people_edit_the_same_field_and_the_second_chooses(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    first, second = open_for(pia), open_for(ana)
    for page in (first, second):
        page.goto("/stories/PAY-1/")
        page.get_by_role("link", name="Edit title").click()
        expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    first.get_by_role("textbox", name="Title").fill("Refunds of all kinds")
    first.get_by_role("button", name="Save").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("Refunds of all kinds")
    second.get_by_role("textbox", name="Title").fill("Partial refunds")
    second.get_by_role("button", name="Save").click()
    told = second.get_by_role("alert")
    expect(told).to_contain_text("Someone else changed this first.")
    expect(told).to_contain_text("Refunds of all kinds")
    expect(told).to_contain_text("Partial refunds")
    assert Story.objects.get(key="PAY-1").title == "Refunds of all kinds"
    second.get_by_label("Save my version").check()
    second.get_by_role("textbox", name="Title").fill("Partial refunds of all kinds")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("Partial refunds of all kinds")
    assert Story.objects.get(key="PAY-1").title == "Partial refunds of all kinds"


def test_an_edit_conflict_is_resolved_with_the_keyboard_alone(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    edit_story(story, by=pia, title="Refunds of all kinds")
    page.keyboard.press("Control+A")
    page.keyboard.type("Partial refunds")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Refunds of all kinds")
    assert Story.objects.get(key="PAY-1").title == "Refunds of all kinds"
    tab_to(page.get_by_label("Save my version"))
    page.keyboard.press("Space")
    tab_to(page.get_by_role("textbox", name="Title"))
    page.keyboard.press("Control+A")
    page.keyboard.type("Partial refunds of all kinds")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Partial refunds of all kinds")
    assert Story.objects.get(key="PAY-1").title == "Partial refunds of all kinds"


def test_two_people_edit_different_fields_and_both_win(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    first, second = open_for(pia), open_for(ana)
    for page in (first, second):
        page.goto("/stories/PAY-1/edit/")
    first.get_by_role("textbox", name="Title").fill("Money back")
    first.get_by_role("button", name="Save").click()
    second.get_by_role("textbox", name="Description").fill("All of it.")
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("heading", level=1)).to_have_text("Money back")
    expect(second.locator("#field-description")).to_contain_text("All of it.")


def test_without_javascript_everything_is_still_there(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    page = open_for(ana, java_script_enabled=False)
    page.goto("/stories/PAY-1/")
    page.get_by_role("link", name="Edit description").click()
    page.get_by_role("textbox", name="Description").fill("All of it.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#field-description")).to_contain_text("All of it.")
    page.get_by_role("checkbox", name="Ten euro arrive.").click()
    expect(page.get_by_role("checkbox", name="Ten euro arrive.")).to_have_attribute("aria-checked", "true")
    page.get_by_role("textbox", name="Your comment").fill("Done.")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".comment").last).to_contain_text("Done.")


def test_a_comment_mentions_somebody_with_the_keyboard_alone(
    open_for: Callable[..., Page], ana: User, bo: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.keyboard.press("r")
    expect(page.get_by_role("textbox", name="Your comment")).to_be_focused()
    page.keyboard.type("@bo is it *really* gone?")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".comment").last).to_contain_text("@Bo is it really gone?")
    assert Mention.objects.get(person=bo).seen_at is None
    other = open_for(bo)
    other.goto("/stories/PAY-1/")
    expect(other.locator(".comment .mention").last).to_have_text("@Bo")
    assert Mention.objects.get(person=bo).seen_at is not None


def test_a_field_is_edited_and_a_line_ticked_with_the_keyboard_alone(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Edit title")).to_be_focused()
    page.keyboard.press("e")
    page.get_by_role("textbox", name="Title").press("Control+A")
    page.keyboard.type("Money back")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Money back")
    expect(page.locator("#story-history")).to_contain_text("title: Refunds → Money back")
    box = page.get_by_role("checkbox", name="Ten euro arrive.")
    box.focus()
    page.keyboard.press("Space")
    expect(box).to_have_attribute("aria-checked", "true")
    expect(box).to_be_focused()
    page.keyboard.press("e")
    expect(page.get_by_role("textbox", name="Acceptance criteria")).to_be_focused()


def test_a_field_that_cannot_be_saved_keeps_what_was_typed_and_says_so(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto(story.get_absolute_url())
    page.get_by_role("link", name="Edit title").click()
    page.get_by_role("textbox", name="Title").fill("A better title")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_have_text("You’re signed out, so nothing was saved. Sign in, then try again.")
    expect(page.get_by_role("textbox", name="Title")).to_have_value("A better title")


def test_a_preview_is_shown_beside_what_is_being_written(
    open_for: Callable[..., Page], ana: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.get_by_role("textbox", name="Your comment").fill("**so** <script>alert(1)</script>")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#comment-preview strong")).to_have_text("so")
    expect(page.get_by_role("textbox", name="Your comment")).to_have_value("**so** <script>alert(1)</script>")
    page.get_by_role("textbox", name="Your comment").fill("")


def test_acceptance_is_asked_by_one_and_given_by_another_with_the_keyboard_alone(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.keyboard.press("v")
    page.keyboard.press("Tab")
    expect(page.get_by_role("textbox", name="Who")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Refund order 7.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#story-acceptance")).to_contain_text("Ana asked any accepter of Payments just now.")
    expect(page.locator("#story-acceptance")).to_contain_text("You can’t answer this")

    accepter = open_for(pia)
    accepter.goto("/")
    expect(accepter.get_by_role("link", name="Inbox 1")).to_be_visible()
    accepter.keyboard.press("g")
    accepter.keyboard.press("w")
    expect(accepter.get_by_role("heading", level=1)).to_have_text("Inbox")
    expect(accepter.locator(".waiting")).to_contain_text("Production: checkout checkout 1.4")
    accepter.get_by_label("What you checked in production").focus()
    accepter.keyboard.type("Nine euro came, and a mail.")
    accepter.keyboard.press("Tab")
    accepter.keyboard.press("Tab")
    accepter.keyboard.press("Enter")
    expect(accepter.get_by_text("PAY-1 accepted.")).to_be_visible()
    expect(accepter.get_by_text("Nothing waiting for you")).to_be_visible()
    page.reload()
    expect(page.locator(".answer")).to_contain_text("Yes. Rodeo done: accepted in production, by hand just now.")
    assert AcceptanceRequest.objects.get().answered_by == pia


def test_parts_follow_what_others_do_and_leave_alone_what_is_being_written(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story
) -> None:
    page = open_for(ana)
    page.goto("/stories/PAY-1/")
    page.get_by_role("link", name="Edit description").click()
    page.get_by_role("textbox", name="Description").fill("Half a sent")
    page.get_by_role("textbox", name="Your comment").fill("Half a comm")
    edit_story(story, by=pia, title="Money back", description="Theirs")
    add_comment(story, by=pia, body="Something new")
    page.evaluate("document.dispatchEvent(new CustomEvent('rodeo:changed'))")
    expect(page.get_by_role("heading", level=1)).to_have_text("Money back")
    expect(page.locator(".comment").last).to_contain_text("Something new")
    expect(page.get_by_role("textbox", name="Description")).to_have_value("Half a sent")
    expect(page.get_by_role("textbox", name="Your comment")).to_have_value("Half a comm")
    page.get_by_role("textbox", name="Your comment").fill("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_page_and_its_forms(
    open_for: Callable[..., Page], ana: User, pia: User, story: Story, scheme: Any
) -> None:
    found = []

    def look(page: Page, what: str) -> None:
        found.extend(
            f"{what}: {each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
            for each in Axe().run(page, options=RULES).response["violations"]
            for node in each["nodes"]
        )

    page = open_for(ana, color_scheme=scheme)
    for address in (
        "/stories/PAY-1/",
        "/stories/PAY-1/edit/",
        "/stories/PAY-1/history/",
        "/stories/PAY-1/comments/",
        "/stories/PAY-1/changes/",
        "/changes/unlinked/",
    ):
        page.goto(address)
        look(page, address)
    page.goto("/stories/PAY-1/")
    for details in page.locator("summary").all():
        details.click()
    for name in ("title", "release", "flag", "description"):
        page.get_by_role("link", name=f"Edit {name}").click()
    expect(page.get_by_role("textbox", name="Description")).to_be_visible()
    edit_story(story, by=pia, title="Theirs")
    page.get_by_role("textbox", name="Title").fill("Mine")
    page.locator("#field-title").get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "while editing")
    ask(story, by=ana)
    accepter = open_for(pia, color_scheme=scheme)
    accepter.goto("/acceptance/")
    look(accepter, "/acceptance/")
    assert found == []


def test_no_page_is_wider_than_a_phone(open_for: Callable[..., Page], ana: User, pia: User, story: Story) -> None:
    ask(story, by=ana)
    page = open_for(pia, viewport={"width": 390, "height": 844})
    for address in (
        "/stories/PAY-1/",
        "/stories/PAY-1/edit/",
        "/stories/PAY-1/history/",
        "/acceptance/",
        "/changes/unlinked/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
