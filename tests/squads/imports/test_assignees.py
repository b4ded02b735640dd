"""Who works on the stories that a file brings: known by e-mail address, and told where nobody is."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from portal.accounts.models import User
from squads.imports import actions
from squads.models import Squad, Story, Watch
from squads.stories.actions import create_story

URL = "/squads/payments/imports/"


def bring(client: Client, body: str, name: str = "stories.csv") -> tuple[str, str]:
    """Bring a file; return its preview, and the page after it was imported."""
    url = str(client.post(URL, {"file": SimpleUploadedFile(name, body.encode()), "kind": ""})["Location"])
    preview = client.get(url).content.decode()
    return preview, client.post(f"{url}run/", follow=True).content.decode()


def names(title: str) -> list[str]:
    return sorted(Story.objects.get(title=title).assignees.values_list("username", flat=True))


def test_a_column_of_addresses_assigns_members_of_the_squad(as_ana: Client, ana: User, lea: User) -> None:
    table = f'Key,Title,Assignee\nA-1,Refunds,{ana.email.upper()}\nA-2,Coupons,"{ana.email}; {lea.email}"\nA-3,Cards,\n'
    bring(as_ana, table)
    assert (names("Refunds"), names("Coupons"), names("Cards")) == (["ana"], ["ana", "lea"], [])
    assert Watch.objects.filter(person=lea, story__title="Coupons").exists()


def test_an_address_that_fits_no_member_is_told_in_preview_and_report(
    as_ana: Client, payments: Squad, bo: User
) -> None:
    table = f"Key,Title,Assignee\nA-1,Refunds,who@example.org\nA-2,Coupons,who@example.org\nA-3,Cards,{bo.email}\nA-4,X,ana\n"
    for page in bring(as_ana, table):
        assert "Assignees not imported, because no member of Payments has their e-mail address" in page
        assert f"who@example.org (2), {bo.email} (1), ana (1)" in page
    assert names("Refunds") == names("Cards") == names("X") == []


def test_an_address_somebody_had_before_is_still_theirs(as_ana: Client, ana: User) -> None:
    before = ana.email
    ana.email = "new@example.org"
    ana.save()
    bring(as_ana, f"Key,Title,Assignee\nA-1,Refunds,{before}\nA-2,Coupons,new@example.org\n")
    assert names("Refunds") == names("Coupons") == ["ana"]


def test_the_same_file_again_changes_nothing_and_another_one_is_in_the_history(
    as_ana: Client, ana: User, lea: User
) -> None:
    table = f"Key,Title,Assignee\nA-1,Refunds,{ana.email}\n"
    bring(as_ana, table)
    preview, _ = bring(as_ana, table)
    assert "assignees:" not in preview
    preview, _ = bring(as_ana, table.replace(ana.email, lea.email))
    assert "assignees: Ana → Lea" in preview
    assert names("Refunds") == ["lea"]
    key = Story.objects.get().key
    assert "assigned Lea; unassigned Ana" in as_ana.get(f"/stories/{key}/history/").content.decode()
    bring(as_ana, "Key,Title,Assignee\nA-1,Refunds,who@example.org\n")
    assert names("Refunds") == ["lea"]


ISSUE = {"key": "RES-1", "fields": {"summary": "Refunds", "status": {"name": "Open"}}}
FILES: dict[str, Any] = {
    "jira": {"issues": [{**ISSUE, "fields": {**ISSUE["fields"], "assignee": {"emailAddress": "ana@example.org"}}}]},  # type: ignore[dict-item]
    "taiga": {"slug": "p", "user_stories": [{"ref": 1, "subject": "Refunds", "assigned_to": "ana@example.org"}]},
}


@pytest.mark.parametrize("kind", FILES)
def test_trackers_that_export_addresses_are_mapped(as_ana: Client, ana: User, kind: str) -> None:
    User.objects.filter(pk=ana.pk).update(email="ana@example.org")
    ana.refresh_from_db()
    ana.save()
    bring(as_ana, json.dumps(FILES[kind]), f"{kind}.json")
    assert names("Refunds") == ["ana"]


@pytest.mark.parametrize(
    "data",
    [
        [{"number": 1, "title": "Refunds", "state": "open", "assignees": [{"login": "octo"}]}],
        {
            "lists": [{"id": "l", "name": "Doing"}],
            "members": [{"id": "m", "username": "octo"}],
            "cards": [{"id": "c", "name": "Refunds", "idList": "l", "idMembers": ["m"]}],
        },
    ],
    ids=["github", "trello"],
)
def test_trackers_that_export_only_user_names_are_told_who_was_left_out(as_ana: Client, data: Any) -> None:
    for page in bring(as_ana, json.dumps(data), "x.json"):
        assert "octo (1)" in page
    assert names("Refunds") == []


def test_an_export_of_rodeo_comes_back_with_its_assignees(
    as_ana: Client, ana: User, lea: User, payments: Squad
) -> None:
    create_story(payments, by=ana, title="Refunds", assignees=[ana, lea])
    for ending in ("csv", "json"):
        body = b"".join(as_ana.get(f"/stories/export.{ending}").streaming_content).decode()  # type: ignore[attr-defined]
        assert "ana" in body and ana.email not in body
        Story.objects.get().assignees.clear()
        imported = actions.upload(payments, by=ana, name=f"x.{ending}", body=body.encode())
        actions.run_import(imported, by=ana)
        assert names("Refunds") == ["ana", "lea"]
