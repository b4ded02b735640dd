"""The status of a release on paper and behind a link, and two releases side by side."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import clock
from releases.contents.models import ReleaseContent
from releases.planning.actions import create_release
from squads.models import Service, Squad
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_status_is_one_sheet_of_paper(browser_as: Callable[[User], Page], ana: User, payments: Squad) -> None:
    release = create_release(
        by=ana, version="1.0", line="Shop", goal="Pay by card. " * 12, planned_for=clock.now().date()
    )
    for number in range(24):
        create_story(payments, by=ana, title=f"Story {number} " + "word " * 20, release=release)
    page = browser_as(ana)
    page.goto("/releases/shop-1.0/status/")
    expect(page.locator("html")).to_have_attribute("data-foot", "")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_text("Planned. Nobody has started its stories yet.")).to_be_visible()
    assert page.locator(".tabs a, .head__actions a").and_(page.locator(":visible")).count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    sheets = page.pdf(prefer_css_page_size=True)
    assert sheets.count(b"/Type /Page\n") + sheets.count(b"/Type /Page/") + sheets.count(b"/Type /Page ") == 1


def test_a_status_is_shared_and_the_link_is_revoked(
    browser_as: Callable[[User], Page], ana: User, payments: Squad
) -> None:
    release = create_release(by=ana, version="1.0", line="Shop")
    create_story(payments, by=ana, title="Pay by card", release=release)
    page = browser_as(ana)
    page.goto("/releases/shop-1.0/")
    page.get_by_role("link", name="Status", exact=True).click()
    page.get_by_role("link", name="Share", exact=True).click()
    expect(page.get_by_label("Shows")).to_have_value("status")
    page.get_by_role("button", name="Create link").click()
    address = page.locator("#address").inner_text()
    path = address[address.index("/shared/") :]
    page.goto(path)
    expect(page.get_by_role("heading", name="Shop 1.0")).to_be_visible()
    expect(page.get_by_text("Pay by card")).not_to_have_count(0)
    expect(page.locator("a")).to_have_count(0)
    page.goto("/releases/shop-1.0/links/")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("revoked.")).to_be_visible()
    assert page.request.get(path).status == 404


def test_two_releases_are_chosen_and_compared(
    browser_as: Callable[[User], Page], ana: User, checkout: Service, payments: Squad
) -> None:
    for version, sha in (("1.0", "a" * 40), ("2.0", "b" * 40)):
        release = create_release(by=ana, version=version, line="Shop")
        ReleaseContent.objects.create(release=release, service=checkout, sha=sha, by=ana)
    create_story(payments, by=ana, title="Pay by card", release=release)
    page = browser_as(ana)
    page.goto("/releases/")
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_label("Release or artifact").fill("shop-2.0")
    page.get_by_label("Compare with").fill("shop-1.0")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Compare Shop 2.0 with Shop 1.0")).to_be_visible()
    expect(page.get_by_text("So what only one has is unknown.")).to_be_visible()
    expect(page.get_by_role("link", name="PAY-1")).to_be_visible()
    page.get_by_role("link", name="Swap").click()
    expect(page.get_by_role("heading", name="Compare Shop 1.0 with Shop 2.0")).to_be_visible()
