"""Bringing work in, in a real browser: a file with errors, its mapping mended, its good rows imported; by keyboard too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.models import User
from squads.imports import actions
from squads.models import Squad, Story
from tests.journeys.axe import RULES

pytestmark = pytest.mark.django_db(transaction=True)
TABLE = (
    "Ref,Summary,Kind,Status,Version,Notes\n"
    'A-1,Pay with iDEAL,Story,Open,,"Two lines,\nof text"\n'
    "A-2,,Bug,Done,,\n"
    "A-3,Basket loses items,Bug,Limbo,,\n"
    "A-4,Refunds,Saga,Done,9.9,\n"
)
URL = "/squads/payments/imports/"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "issues.csv"
    path.write_text(TABLE)
    return path


def test_a_file_with_errors_is_mended_by_its_mapping_and_imported(
    browser_as: Callable[[User], Page], ana: User, payments: Squad, table: Path
) -> None:
    page = browser_as(ana)
    page.goto("/squads/payments/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("File", exact=True).set_input_files(table)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Skipped 3 rows, 4 problems")).to_be_visible()
    expect(page.get_by_role("row", name="Line 4 Summary There is no title.")).to_be_visible()
    expect(page.get_by_role("row", name="Line 5 Status We don’t know what “Limbo” means.")).to_be_visible()
    page.get_by_label("Limbo").select_option("in progress")
    page.get_by_label("Saga").select_option("chore")
    page.get_by_label("Create missing releases").check()
    page.get_by_role("button", name="Update preview").click()
    expect(page.get_by_role("heading", name="Skipped 1 row, 1 problem")).to_be_visible()
    assert Story.objects.count() == 0
    page.get_by_role("button", name="Import 3 rows").click()
    assert Story.objects.count() == 0, "rows with problems are skipped only when someone says so"
    page.get_by_label("Skip 1 row with problems").check()
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("Imported: 3 created, 0 updated, 0 unchanged.")).to_be_visible()
    expect(page.get_by_text("There is no title.")).to_be_visible()
    page.get_by_role("link", name="Stories of Payments").click()
    expect(page.locator(".rows > li")).to_have_count(3)
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    assert started.value.path().read_text(encoding="utf-8-sig").count("PAY-") >= 3


def test_the_same_with_the_keyboard_alone(
    browser_as: Callable[[User], Page], ana: User, payments: Squad, table: Path
) -> None:
    page = browser_as(ana)
    page.goto(URL)

    def tab_to(name: str, role: Any) -> None:
        wanted = page.get_by_role(role, name=name)
        for _ in range(80):
            page.keyboard.press("Tab")
            if wanted.evaluate_all("found => found.includes(document.activeElement)"):
                return
        pytest.fail(f"no Tab leads to {name}")

    page.get_by_label("File", exact=True).set_input_files(table)
    tab_to("Preview", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Import 1 row")).to_be_visible()
    tab_to("Skip 3 rows with problems", "checkbox")
    page.keyboard.press("Space")
    tab_to("Limbo", "combobox")
    page.keyboard.type("skip")
    tab_to("Update preview", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("skipped by status")).to_be_visible()
    tab_to("Skip 2 rows with problems", "checkbox")
    page.keyboard.press("Space")
    tab_to("Import 1 row", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Imported: 1 created")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_read_the_pages(
    browser_as: Callable[[User], Page], ana: User, payments: Squad, scheme: Any, width: int
) -> None:
    first = actions.upload(
        payments, by=ana, name="a rather long name of a file from elsewhere.csv", body=TABLE.encode()
    )
    actions.run_import(first, by=ana, leave_out_bad=True)
    second = actions.upload(payments, by=ana, name="issues.csv", body=TABLE.replace("iDEAL", "cards").encode())
    page = browser_as(ana)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    found, wide = [], {}
    for url in (URL, f"{URL}{first.pk}/", f"{URL}{second.pk}/"):
        page.goto(url)
        wide[url] = page.evaluate("document.documentElement.scrollWidth")
        found += [
            f"{url}: {each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
            for each in Axe().run(page, options=RULES).response["violations"]
            for node in each["nodes"]
        ]
    assert found == []
    assert {url: pixels for url, pixels in wide.items() if pixels > width} == {}
