"""From "here is our GitHub" to a board that is true, through the pages alone, with the keyboard alone."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel import outbox
from releases.models import Source
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from squads.models import Squad
from squads.stories.actions import create_story
from tests.doubles.github import TOKEN, GitHub
from tests.journeys.axe import RULES
from tests.releases.pulling.test_github_pull import NAME, SHA, ago, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A GitHub with a merged pull request about PAY-1, its run of CI, and its deployment to "blue"."""
    double = GitHub()
    double.add(NAME)
    double.put(NAME, "actions/runs", run(1, ago(minutes=50), updated_at=ago(minutes=40)))
    double.put(
        NAME,
        "pulls",
        {
            "id": 7,
            "number": 7,
            "state": "closed",
            "title": "PAY-1 A saddle",
            "merged_at": ago(minutes=55),
            "merge_commit_sha": SHA,
            "updated_at": ago(minutes=55),
            "base": {"ref": "main"},
            "head": {"ref": "saddle"},
        },
    )
    double.put(
        NAME,
        "deployments",
        {"id": 5, "sha": SHA, "environment": "blue", "created_at": ago(minutes=30), "updated_at": ago(minutes=29)},
    )
    double.put(NAME, "deployments/5/statuses", {"id": 50, "state": "success", "created_at": ago(minutes=29)})
    yield double
    double.close()


def works() -> None:
    """What a worker does: pull what is due, pass on what people did, and read what came."""
    for source_id, lease in leases.lease_due():
        pulling.pull_source(source_id, lease)
    while outbox.deliver() + drain_inbox():
        pass


def looked_at(page: Page, name: str) -> None:
    """The page is readable for everybody in both schemes, and fits a phone."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found = Axe().run(page, options=RULES).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == [], (name, scheme)
        if folder := os.environ.get("RODEO_TEST_SCREENSHOTS"):
            page.screenshot(path=f"{folder}/connect-{name}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways on a phone"
    page.set_viewport_size({"width": 1280, "height": 900})


def go(page: Page, role: Any, name: str) -> None:
    """Follow a link or press a button, with the keyboard."""
    page.get_by_role(role, name=name, exact=True).first.press("Enter")


def test_a_github_is_connected_mended_paused_and_mended_again(
    open_for: Callable[..., Page], root: User, payments: Squad, ana: User, github: GitHub
) -> None:
    story = create_story(payments, by=ana, title="A saddle")
    story.move_progress("dev_done", by=ana)
    page = open_for(root, reduced_motion="reduce")

    page.goto("/sources/")
    looked_at(page, "none")
    go(page, "link", "Connect a system")
    looked_at(page, "choice")
    go(page, "link", "GitHub")
    page.get_by_label("Address").fill(github.url)
    page.get_by_label("Credential").fill("ghp_mistyped")
    page.get_by_label("Repositories").fill("not a repository")
    go(page, "button", "Connect")
    expect(page.get_by_text("Write owner/name, without the host.")).to_be_visible()
    expect(page.get_by_text("Enter it again")).to_be_visible()
    looked_at(page, "refused")
    assert not Source.objects.exists()

    page.get_by_label("Credential").fill("ghp_mistyped")
    page.get_by_label("Repositories").fill(NAME)
    go(page, "button", "Connect")
    expect(page.get_by_role("heading", name="Secret of GitHub")).to_be_visible()
    looked_at(page, "secret")
    with page.expect_popup() as steps:
        go(page, "link", "GitHub and Rodeo")
    expect(steps.value.get_by_role("heading", level=1)).to_be_visible()
    looked_at(steps.value, "steps")
    go(page, "link", "Done")

    go(page, "button", "Test")
    expect(page.get_by_text("An administrator can allow the host 127.0.0.1")).to_be_visible()
    page.goto("/sources/hosts/")
    page.get_by_label("Host", exact=True).fill("127.0.0.1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("127.0.0.1 is now allowed.")).to_be_visible()
    page.goto("/sources/github/")
    go(page, "button", "Test")
    expect(page.get_by_text(re.compile(r"\b401\b"))).to_be_visible()
    works()
    page.goto("/sources/")
    looked_at(page, "broken")
    page.goto("/sources/github/")
    looked_at(page, "broken-one")
    go(page, "link", "Edit")
    looked_at(page, "edit")
    page.get_by_label("Credential").fill(TOKEN)
    page.keyboard.press("Enter")
    go(page, "button", "Test")
    expect(page.get_by_text("Rodeo can see: 1 repository")).to_be_visible()
    works()
    page.goto("/sources/github/")
    looked_at(page, "pulled")

    go(page, "link", "Connections")
    go(page, "link", "Unmapped names")
    page.get_by_label(f"Service of {NAME}", exact=True).fill("checkout")
    page.get_by_label(f"Squad that owns the service of {NAME}").select_option("payments")
    go(page, "button", f"Save {NAME}")
    expect(page.get_by_text(f"{NAME} now belongs to the service checkout")).to_be_visible()
    page.get_by_label("Tier of blue").select_option("production")
    go(page, "button", "Save blue")
    expect(page.get_by_text("blue is now a production environment")).to_be_visible()
    looked_at(page, "mended")
    works()
    page.goto("/squads/payments/board/")
    expect(page.locator(".lane__cards[data-stage='deployed'] #card-PAY-1")).to_be_visible()

    page.goto("/sources/github/")
    go(page, "button", "Pause")
    expect(page.get_by_text("none while paused")).to_be_visible()
    assert leases.lease_due() == []
    go(page, "button", "Resume")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
