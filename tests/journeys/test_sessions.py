"""A session in two browsers: cards written apart, revealed, grouped while one loses the connection, voted on, discussed."""

import re

import pytest
from playwright.sync_api import Page, Request, expect

from portal.accounts.models import User
from squads.models import Membership, Retrospective, SessionCard, Squad
from squads.retrospective_sessions.actions import open_session
from squads.retrospective_sessions.contributing import write_card
from squads.retrospectives.actions import create
from tests.journeys.two_browsers import is_live, pages, stream, stream_environment, stream_process, write

__all__ = ["pages", "stream", "stream_environment", "stream_process"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def retrospective(payments: Squad, ana: User, lea: User, pam: User) -> Retrospective:
    """Lea facilitates. A third person wrote a card already."""
    row = create(payments, by=ana, kind="incident", title="Slow checkout", facilitator=lea)
    session = open_session(row, by=ana)
    Membership.objects.create(squad=payments, user=pam)
    write_card(session, by=pam, section="factors", text="Nobody owned the cache")
    return row


def test_two_browsers_contribute_reveal_group_vote_and_discuss(
    pages: tuple[Page, Page], retrospective: Retrospective, ana: User
) -> None:
    ours, theirs = pages
    place = f"/retrospectives/{retrospective.slug}/session/"
    for page in pages:
        page.goto(place)
        is_live(page)

    # Written apart: each sees their own, also after coming again, and nobody another's.
    write(ours, "Contributing factors", "Alerts came late")
    write(ours, "What went well", "Rolback was quick")
    write(theirs, "Contributing factors", "The cache was cold")
    ours.reload()
    own = ours.get_by_label("Your card", exact=True)
    expect(own).to_have_count(2)
    own.last.fill("Rollback was quick")
    own.last.locator("xpath=..").get_by_role("button", name="Save", exact=True).click()
    expect(own.last.locator("xpath=..").get_by_role("button", name="Saved")).to_be_visible()
    ours.reload()
    expect(ours.get_by_label("Your card", exact=True).last).to_have_value("Rollback was quick")
    assert "cold" not in ours.content()
    assert "Alerts" not in theirs.content()
    is_live(ours)

    # The timer is on both screens.
    theirs.get_by_label("Timer, minutes").fill("7")
    theirs.get_by_role("button", name="Start timer").click()
    expect(ours.get_by_role("timer")).to_contain_text("6:")
    expect(theirs.get_by_role("timer")).to_contain_text("6:")

    # The reveal reaches both, and what the browser kept is gone.
    theirs.get_by_role("button", name="Reveal the cards").click()
    for page in pages:
        expect(page.locator(".sessioncard")).to_have_count(4)
    expect(ours.locator(".sessioncard", has_text="Rollback was quick")).to_be_visible()
    assert ours.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('rodeo-session'))") == []
    is_live(ours)
    is_live(theirs)

    # Ana drags a card, Lea uses the keyboard; then Ana loses the connection, and both move the same card.
    ours.locator(".sessioncard", has_text="Alerts came late").drag_to(
        ours.locator(".cardgroup", has_text="The cache was cold")
    )
    expect(theirs.locator(".cardgroup", has_text="The cache was cold").locator(".sessioncard")).to_have_count(2)
    ours.context.set_offline(True)
    theirs.get_by_role("checkbox", name="Rollback was quick").focus()
    theirs.keyboard.press("Space")
    theirs.get_by_label("Move ticked cards to").select_option(label="Nobody owned the cache")
    theirs.get_by_role("button", name="Move", exact=True).click()
    expect(theirs.locator(".cardgroup", has_text="Nobody owned the cache").locator(".sessioncard")).to_have_count(2)
    ours.get_by_role("checkbox", name="Rollback was quick").check()
    ours.get_by_label("Move ticked cards to").select_option(index=1)
    ours.get_by_role("button", name="Move", exact=True).click()
    expect(ours.get_by_text("Rodeo didn’t answer. Nothing was saved. Try again.")).to_be_visible()
    ours.context.set_offline(False)
    for page in pages:
        expect(page.locator(".cardgroup", has_text="Nobody owned the cache").locator(".sessioncard")).to_have_count(2)
        expect(page.locator(".sessioncard")).to_have_count(4)
    assert SessionCard.objects.filter(session__retrospective=retrospective).count() == 4
    named = theirs.locator(".cardgroup", has_text="The cache was cold")
    named.get_by_label("Name of the group").fill("Cold starts")
    named.get_by_role("button", name="Save").click()
    expect(ours.locator("input[name='name'][value='Cold starts']")).to_be_attached()

    # Votes, each in their own browser.
    theirs.get_by_role("button", name="Start voting").click()
    for page in pages:
        page.get_by_role("button", name="Give Cold starts one more vote").click()
        expect(page.locator("#votes-left")).to_contain_text("4 of your 5 votes left")
    ours.get_by_role("button", name="Give Cold starts one more vote").click()
    expect(ours.locator("#votes-left")).to_contain_text("3 of your 5 votes left")
    ours.get_by_role("button", name="Take one vote back from Cold starts").click()
    expect(ours.locator("#votes-left")).to_contain_text("4 of your 5 votes left")

    # Discussed: what got most votes comes first, and goes into the retrospective.
    theirs.get_by_role("button", name="Count the votes and discuss").click()
    for page in pages:
        expect(page.locator(".ranked > li").first).to_contain_text("Cold starts")
        expect(page.locator(".ranked > li").first).to_contain_text("2 votes")
    ours.locator(".ranked > li").first.get_by_role("button", name="Add").click()
    expect(theirs.locator(".ranked > li").first).to_contain_text("Added to the retrospective.")
    assert "- Cold starts\n" in retrospective.sections.get(key="factors").text
    theirs.get_by_role("button", name="Close the session").click()
    for page in pages:
        expect(page.get_by_text("This session is closed.")).to_be_visible()


def test_two_tabs_keep_each_others_cards_every_request_is_as_long_and_signing_out_leaves_nothing(
    pages: tuple[Page, Page], retrospective: Retrospective, ana: User
) -> None:
    one, _ = pages
    lengths = []

    def heard(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/cards/"):
            lengths.append(request.sizes()["requestBodySize"])

    one.context.on("requestfinished", heard)
    place = f"/retrospectives/{retrospective.slug}/session/"
    other = one.context.new_page()
    for page in (one, other):
        page.goto(place)
    write(one, "Contributing factors", "Line\nafter line\nafter line")
    expect(other.get_by_label("Your card", exact=True)).to_have_count(1)
    # What is typed and not saved stays when the other tab adds a card.
    other.get_by_label("Your card", exact=True).fill("Typed here")
    write(one, "What went well", "Zwölf grüne Lämpchen")
    expect(other.get_by_label("Your card", exact=True)).to_have_count(2)
    expect(other.get_by_label("Your card", exact=True).first).to_have_value("Typed here")
    write(other, "What went well", "x" * 900)
    expect(one.get_by_label("Your card", exact=True)).to_have_count(3)
    last = one.get_by_label("Your card", exact=True).last
    last.locator("xpath=..").get_by_role("button", name="Remove").click()
    expect(other.get_by_label("Your card", exact=True)).to_have_count(2)
    one.reload()
    expect(one.get_by_label("Your card", exact=True)).to_have_count(2)
    assert (len(lengths), len(set(lengths))) == (4, 1), lengths

    one.get_by_role("button", name=ana.name, exact=True).click()
    one.get_by_role("button", name="Sign out").click()
    expect(one).to_have_url(re.compile("/accounts/login/"))
    one.wait_for_load_state("load")
    kept = "Object.keys(localStorage).filter((key) => key.startsWith('rodeo-session'))"
    assert one.evaluate(kept) == []
