"""The first page in a real browser: a person sees what concerns them, and says when they have caught up."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from squads.models import AcceptanceRequest, Comment, Evidence, Mention, Squad, Story, Watch
from squads.stories.actions import create_story, judge
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def busy(ana: User, bo: User, payments: Squad) -> Story:
    """A week in which something of every kind happened to Ana."""
    now = timezone.now()
    fell = create_story(payments, by=ana, title="Pay with iDEAL")
    Evidence.objects.create(
        story=fell, kind="change", verdict="success", at=now - timedelta(hours=9), service="checkout", shas=["abc"]
    )
    for hours, shas in ((5, ["abc"]), (2, [])):
        Evidence.objects.create(
            story=fell,
            kind="deployment",
            verdict="success",
            at=now - timedelta(hours=hours),
            service="checkout",
            environment="prod",
            tier="production",
            shas=shas,
            label="1.1",
            detail="deploy" if shas else "rollback",
        )
    judge([fell.pk])
    create_story(payments, by=ana, title="A long title " * 9 + "Donaudampfschifffahrtsgesellschaftskapitän")
    talked = create_story(payments, by=bo, title="Refunds")
    talked.move_progress("in_progress", by=bo, because="The bank answered")
    Watch.objects.create(story=talked, person=ana, since=now)
    comment = Comment.objects.create(story=talked, author=bo, body="@ana which bank?", created_at=timezone.now())
    Mention.objects.create(comment=comment, person=ana)
    asked = create_story(payments, by=bo, title="Gift cards")
    AcceptanceRequest.objects.create(
        story=asked, asked_by=bo, asked_at=now, accepter=ana, note="Buy one in the shop, and use it."
    )
    return talked


def test_a_person_catches_up(browser_as: Callable[[User], Page], ana: User, bo: User, busy: Story) -> None:
    page = browser_as(ana)
    page.goto("/")
    waiting = page.get_by_role("region", name="Waiting for you")
    expect(waiting).to_contain_text("Bo asks you to accept this in production")
    expect(waiting).to_contain_text("Bo mentions you")
    news = page.get_by_role("region", name=re.compile("^Since"))
    expect(news.locator("li").first).to_contain_text("no longer deployed")
    expect(news).to_contain_text("The bank answered")
    page.reload()
    expect(news).to_contain_text("The bank answered")
    page.get_by_role("button", name="Mark as read").click()
    expect(news).to_contain_text("Nothing new")
    expect(waiting).not_to_contain_text("mentions you")
    expect(waiting).to_contain_text("Gift cards")
    busy.move_progress("dev_done", by=bo)
    page.reload()
    expect(news).to_contain_text("in progress → dev done")


def test_the_same_with_the_keyboard_alone(browser_as: Callable[[User], Page], ana: User, busy: Story) -> None:
    page = browser_as(ana)
    page.goto("/")
    button = page.get_by_role("button", name="Mark as read")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("it => it === document.activeElement"):
            break
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Marked as read.")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("iDEAL")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("iDEAL"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_read_the_page(
    browser_as: Callable[[User], Page], ana: User, bo: User, busy: Story, scheme: Any, width: int
) -> None:
    page = browser_as(ana)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/")
    found = [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for each in Axe().run(page, options=RULES).response["violations"]
        for node in each["nodes"]
    ]
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
