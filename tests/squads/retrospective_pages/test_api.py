"""Retrospectives over the API."""

from typing import Any

import pytest
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User
from squads.models import Retrospective, Squad
from squads.retrospectives import actions
from squads.retrospectives.editing import edit

API = "/api/v1/retrospectives/"
JSON: dict[str, Any] = {"content_type": "application/json"}
NEW = {"squad": "payments", "kind": "incident", "title": "Checkout was down", "began_at": "2026-03-04T12:00:00Z"}


@pytest.fixture
def row(payments: Squad, ana: User) -> Retrospective:
    return actions.create(payments, by=ana, kind="incident", title="Checkout was down")


def test_one_is_begun_written_reviewed_and_published(as_ana: Client, as_bo: Client, payments: Squad) -> None:
    made = as_ana.post(API, NEW | {"themes": ["dns"]}, **JSON)
    assert made.status_code == 201 and made.json()["themes"] == ["dns"] and made.json()["state"] == "draft"
    url = f"{API}{made.json()['slug']}/"
    assert as_bo.get(url).status_code == 404
    changed = as_ana.patch(url, {"sections": {"summary": "It was down."}, "version": 1}, **JSON)
    assert changed.status_code == 200 and changed.json()["sections"][0]["text"] == "It was down.\n"
    assert as_ana.post(f"{url}review/").json()["state"] == "in_review"
    assert as_ana.delete(f"{url}review/").status_code == 204
    assert as_ana.post(f"{url}publication/").json()["state"] == "published"
    assert [each["title"] for each in as_bo.get(API).json()["results"]] == ["Checkout was down"]


def test_lines_that_somebody_else_changed_are_a_conflict_and_nothing_is_saved(
    as_ana: Client, row: Retrospective, lea: User
) -> None:
    edit(row, by=lea, title="Checkout was slow")
    answer = as_ana.patch(f"{API}{row.slug}/", {"title": "Checkout was gone", "version": 1}, **JSON)
    assert answer.status_code == 409 and "Lea changed the same lines of title" in answer.json()["errors"][0]["detail"]
    row.refresh_from_db()
    assert row.title == "Checkout was slow"


def test_a_section_that_there_is_not_is_named(as_ana: Client, row: Retrospective) -> None:
    answer = as_ana.patch(f"{API}{row.slug}/", {"sections": {"mood": "Good."}, "version": 1}, **JSON)
    assert answer.status_code == 400 and "has no section “mood”" in answer.json()["errors"][0]["detail"]


def test_texts_are_not_overwritten_unseen(as_ana: Client, row: Retrospective) -> None:
    answer = as_ana.patch(f"{API}{row.slug}/", {"sections": {"summary": "It was down."}}, **JSON)
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "version"


def test_the_timeline_is_listed_and_added_to(as_ana: Client, row: Retrospective) -> None:
    url = f"{API}{row.slug}/timeline/"
    assert as_ana.post(url, {"text": "Paged", "at": "2026-03-04T12:05:00Z"}, **JSON).status_code == 201
    assert as_ana.post(url, {"text": "Paged", "url": "ftp://x"}, **JSON).json()["errors"][0]["attr"] == "url"
    assert [each["text"] for each in as_ana.get(url).json()["results"]] == ["Paged"]


def test_a_squads_token_writes_drafts_and_publishes_nothing(payments: Squad, lea: User, row: Retrospective) -> None:
    _, secret = make_token(by=lea, name="CI", scopes=["read", "write"], days=30, squad=payments)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post(API, NEW, **JSON).status_code == 201
    refused = program.post(f"{API}{row.slug}/publication/")
    assert refused.status_code == 403 and "Only people can publish this" in refused.json()["errors"][0]["detail"]


def test_filters_are_those_of_the_page_and_others_are_refused(as_ana: Client, row: Retrospective) -> None:
    assert as_ana.get(f"{API}?state=draft&squad=payments").json()["count"] == 1
    assert as_ana.get(f"{API}?year=1999").json()["count"] == 0
    assert as_ana.get(f"{API}?sqaud=payments").status_code == 400
