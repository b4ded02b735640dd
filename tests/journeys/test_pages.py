"""The main pages in a real browser: readable for everybody, in both colour schemes, at every width, by keyboard."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel.stable_ids import stable_id
from releases.models import Deployment, Environment, InboundEvent, Release, Source
from releases.planning.actions import create_release
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story, judge, record_by_hand
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)
# What WCAG 2.2 AA asks; advice is left out. Without "preload" axe looks for imported style sheets at the wrong address.
PAGES = [
    "/",
    "/releases/",
    "/releases/shop-1.0/",
    "/releases/shop-1.0/unlinked/",
    "/stories/",
    "/stories/PAY-1/",
    "/stories/PAY-4/edit/",
    "/is/PAY-1",
    "/squads/",
    "/squads/payments/",
    "/services/",
    "/services/checkout/",
    "/environments/",
    "/environments/prod/",
    "/releases/new/",
    "/releases/shop-1.0/?wall=1",
    "/search/?q=pay",
]


@pytest.fixture
def shop(ana: User, payments: Squad, checkout: Service) -> Release:
    """A release whose stories stand on every kind of rung, and the places it was deployed to."""
    now = timezone.now()
    event = InboundEvent.objects.create(
        source=Source.objects.create(key="cd", name="CD", kind="cdevents"), delivery="1", body=b"{}", received_at=now
    )
    prod = Environment.objects.create(key="prod", slug="prod", name="Production", tier="production")
    Service.objects.create(name="worker", slug="worker", discovered=True)
    for number, outcome in enumerate(["failure", "success", "warning", "cancelled", "success"]):
        Deployment.objects.create(
            id=stable_id("deployment", number),
            key=str(number),
            service=checkout,
            environment=prod,
            version=f"1.{number}",
            phase="finished",
            outcome=outcome,
            finished_at=now - timedelta(days=number),
            event=event,
            raw_status="SUCCEEDED",
        )
    release = create_release(by=None, version="1.0", line="Shop", released_at=now - timedelta(days=1))
    create_release(by=None, version="0.9", line="Shop", released_at=now - timedelta(days=9))

    def story(title: str, *rows: tuple[str, str, list[str]], **fields: Any) -> Story:
        made = create_story(payments, by=ana, title=title, release=release, **fields)
        for index, (kind, tier, shas) in enumerate(rows):
            Evidence.objects.create(
                story=made,
                kind=kind,
                verdict="success",
                at=now - timedelta(hours=9 - index),
                started_at=now - timedelta(hours=9 - index),
                service="checkout",
                environment=tier,
                tier=tier,
                shas=shas,
                label="1.1",
                event_id=event.pk,
                link="https://ci.example.org/7",
            )
        judge([made.pk])
        return made

    merged, live = ("change", "", ["abc"]), ("deployment", "production", ["abc"])
    accepted = ("acceptance", "production", ["abc"])
    done = story("Pay with iDEAL", merged, ("run", "", ["abc"]), ("test", "staging", ["abc"]), live, accepted)
    done.move_progress("dev_done", by=ana)
    story("Withdrawn by a rollback", merged, live, accepted, ("deployment", "production", []), type="defect")
    story("Dark", merged, live, flag="photo")
    record_by_hand(story("By hand"), by=ana, kind="test", note="Tried it.")
    story("A long title " * 10 + "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen")
    story("ابحث عن المنتجات")
    return release


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_the_main_pages(
    browser_as: Callable[[User], Page], ana: User, shop: Release, scheme: Any
) -> None:
    page = browser_as(ana)
    page.emulate_media(color_scheme=scheme)
    found = []
    for url in PAGES:
        page.goto(url)
        found += [
            f"{url}: {each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
            for each in Axe().run(page, options=RULES).response["violations"]
            for node in each["nodes"]
        ]
    assert found == []


@pytest.mark.parametrize("width", [390, 1920])
def test_no_page_is_wider_than_the_screen(
    browser_as: Callable[[User], Page], ana: User, shop: Release, width: int
) -> None:
    page = browser_as(ana)
    page.set_viewport_size({"width": width, "height": 900})
    too_wide = {}
    for url in PAGES:
        page.goto(url)
        if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
            too_wide[url] = wide
    assert too_wide == {}


def test_everything_a_mouse_does_a_key_does(browser_as: Callable[[User], Page], ana: User, shop: Release) -> None:
    page = browser_as(ana)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("g")
    page.keyboard.press("s")
    # An address has changed before the page's scripts run; keys are heard once it is loaded.
    page.wait_for_url(re.compile(r"/stories/$"))
    page.keyboard.press("/")
    expect(page.get_by_label("Key or title", exact=True)).to_be_focused()
    page.keyboard.type("dark")
    page.keyboard.press("Enter")
    expect(page.locator(".rows > li")).to_have_count(1)
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Use shortcuts in this browser").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()


def test_a_person_records_evidence_and_the_answer_follows(
    browser_as: Callable[[User], Page], ana: User, payments: Squad
) -> None:
    # A squad of one, which lets people accept what they made.
    Squad.objects.filter(pk=payments.pk).update(accepts_own=True)
    story = create_story(payments, by=ana, title="Gift cards")
    page = browser_as(ana)
    page.goto(f"/stories/{story.key}/")
    page.get_by_role("button", name="Dev done").click()
    expect(page.locator(".answer")).to_contain_text("No. Dev done.")
    for kind in ("deployment", "acceptance"):
        page.get_by_text("Add evidence by hand").click()
        page.get_by_label("What you saw").select_option(kind)
        page.get_by_label("Note").fill("Sold one to a colleague.")
        page.get_by_role("button", name="Add evidence", exact=True).click()
    expect(page.locator(".answer")).to_contain_text("Yes. Rodeo done: accepted in production, by hand")
    expect(page.get_by_text("Sold one to a colleague.").first).to_be_visible()


def test_the_board_on_the_wall_changes_by_itself(browser_as: Callable[[User], Page], ana: User, shop: Release) -> None:
    page = browser_as(ana)
    page.goto("/releases/shop-1.0/")
    before = page.locator("#board").get_attribute("data-version")
    Story.objects.get(key="PAY-6").move_progress("in_progress", by=ana)
    page.evaluate("htmx.trigger('#board', 'look')")
    expect(page.locator("[data-stage='in_progress'] .card")).to_have_count(1)
    assert page.locator("#board").get_attribute("data-version") != before
