"""Mapping in a real browser: mending in place, a preview before saving, readable for everybody at every width."""

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from portal.kernel.stable_ids import stable_id
from releases.environments.actions import environment_named
from releases.inbox.actions import store
from releases.models import MappingRule, Repository, RepositoryPart, SeenName, Source
from squads.models import Service
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = [
    "/sources/",
    "/inbox/",
    "/sources/mapping/",
    "/sources/mapping/new/",
    "/sources/mapping/parts/",
    "/sources/unmapped/",
    "/changes/unlinked/",
]


@pytest.fixture
def unmapped(pam: User, checkout: Service) -> Source:
    """Names of every kind without a meaning, and a rule and a part that give some."""
    source = Source.objects.create(key="jenkins", name="Jenkins", kind="cdevents")
    event, _ = store(source, delivery="1", kind="k", body=b"{}")
    for kind, name in (
        ("pipeline", "deploy-checkout-to-production"),
        ("pipeline", "build"),
        ("alert", "HighErrorRate"),
    ):
        SeenName.objects.create(id=stable_id("name", kind, name), source=source, kind=kind, name=name, event=event)
    environment_named("blue")
    Repository.objects.create(key="shop/web")
    mono = Repository.objects.create(key="shop/mono", service=checkout)
    RepositoryPart.objects.create(repository=mono, prefix="services/checkout", service=checkout, by=pam)
    MappingRule.objects.create(
        kind="pipeline",
        pattern="/release-(?P<what>.+)/",
        role="deploy",
        service="{what}",
        environment="production",
        by=pam,
    )
    MappingRule.objects.create(
        kind="environment", pattern="p?", environment="prod-{1}", tier="production", source=source
    )
    return source


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_mapping_are_readable_at_every_width(
    browser_as: Callable[[User], Page], pam: User, unmapped: Source, scheme: str
) -> None:
    page = browser_as(pam)
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for path in PAGES:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        if folder := os.environ.get("RODEO_SHOTS"):
            page.screenshot(path=f"{folder}/{path.strip('/').replace('/', '-')}-{scheme}.png", full_page=True)
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{path} is wider than a phone"
        if folder := os.environ.get("RODEO_SHOTS"):
            page.screenshot(path=f"{folder}/{path.strip('/').replace('/', '-')}-{scheme}-390.png", full_page=True)


def test_a_row_is_mended_where_it_stands_and_by_keyboard(
    browser_as: Callable[[User], Page], pam: User, unmapped: Source
) -> None:
    page = browser_as(pam)
    page.goto("/sources/unmapped/")
    place = page.get_by_label("Environment of deploy-checkout-to-production")
    place.fill("production")
    place.press("Enter")
    expect(page.get_by_role("status").filter(has_text="count as a deployment to production")).to_be_visible()
    expect(page.get_by_label("Treat build as")).to_be_visible()
    rule = MappingRule.objects.get(role="deploy", environment="production", source=unmapped)
    assert rule.pattern == "deploy-checkout-to-production"
    page.get_by_role("button", name="Save build").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose how to treat this pipeline")


def test_a_preview_says_which_names_fit_before_anything_is_saved(
    browser_as: Callable[[User], Page], pam: User, unmapped: Source
) -> None:
    page = browser_as(pam)
    page.goto("/sources/mapping/new/")
    page.get_by_label("Type").select_option("pipeline")
    page.get_by_label("Pattern").fill("deploy-*-to-*")
    page.get_by_label("Treat as").select_option("deploy")
    page.get_by_label("Environment").fill("{2}")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#matches")).to_contain_text("Matches 1 name: deploy-checkout-to-production")
    assert MappingRule.objects.count() == 2
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Mapping")).to_be_visible()
    assert MappingRule.objects.filter(environment="{2}").count() == 1
