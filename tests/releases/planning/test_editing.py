"""Two people edit a release at once: neither overwrites the other without seeing it."""

import re

import pytest
from django.test import Client

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release, edit_release

PAGE, API = "/releases/shop-2.0/edit/", "/api/v1/releases/shop-2.0/"


@pytest.fixture
def release(root: User) -> Release:
    return create_release(by=root, version="2.0", line="Shop", goal="Pay by card.")


def typed(browser: Client) -> dict[str, str]:
    """What the form sends if nothing is touched."""
    page = browser.get(PAGE).content.decode()
    (revision,) = re.findall(r'name="revision" value="(\d+)"', page)
    return {"version": "2.0", "line": "Shop", "goal": "Pay by card.", "notes": "", "revision": revision}


def test_what_someone_changed_meanwhile_is_shown_and_not_overwritten(
    as_ana: Client, root: User, lea: User, release: Release
) -> None:
    mine = {**typed(as_ana), "notes": "Bigger."}
    edit_release(Release.objects.get(), by=root, goal="Pay by any card.", owner=lea)
    answer = as_ana.post(PAGE, mine)
    page = answer.content.decode()
    assert answer.status_code == 409 and "Nothing is saved yet" in page and "Bigger." in page
    assert "<dt>Goal</dt><dd" in page and "Pay by any card." in page
    assert Release.objects.get().notes == "" and Release.objects.get().owner == lea
    (revision,) = re.findall(r'name="revision" value="(\d+)"', page)
    assert as_ana.post(PAGE, {**mine, "revision": revision}).status_code == 302
    row = Release.objects.get()
    assert (row.notes, row.goal, row.owner) == ("Bigger.", "Pay by card.", lea)


def test_who_saves_nothing_new_counts_no_edit(as_ana: Client, release: Release) -> None:
    assert as_ana.post(PAGE, typed(as_ana)).status_code == 302
    assert Release.objects.get().revision == 1


def test_a_program_that_read_an_older_revision_is_told(as_ana: Client, lea: User, release: Release) -> None:
    read = as_ana.get(API).json()["revision"]
    edit_release(release, by=lea, goal="Pay by any card.")
    answer = as_ana.patch(API, {"goal": "Cash.", "revision": read}, content_type="application/json")
    assert answer.status_code == 409 and "Someone else changed Shop 2.0 meanwhile." in answer.json()["detail"]
    again = as_ana.patch(API, {"goal": "Cash.", "revision": read + 1}, content_type="application/json")
    assert (again.json()["goal"], again.json()["revision"]) == ("Cash.", read + 2)
    assert as_ana.patch(API, {"notes": "x"}, content_type="application/json").status_code == 200, "it needn’t say"


def test_a_release_that_was_renamed_meanwhile_keeps_its_new_name(ana: User, lea: User, release: Release) -> None:
    read = Release.objects.get()
    edit_release(release, by=lea, version="3.0")
    edit_release(read, by=ana, goal="Cash.")
    row = Release.objects.get()
    assert (row.version, row.slug, row.goal) == ("3.0", "shop-3.0", "Cash.")
