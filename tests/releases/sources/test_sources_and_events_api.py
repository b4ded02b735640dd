"""Sources and events over the API."""

import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from squads.models import Squad
from tests.releases.conftest import TOKEN

SOURCES, EVENTS = "/api/v1/sources/", "/api/v1/events/"


def post(browser: Client, address: str, body: Any = None) -> HttpResponse:
    return browser.post(address, body or {}, content_type="application/json")  # type: ignore[return-value]


def test_sources_show_no_secrets(as_ana: Client, ci: Source, scripts: Source) -> None:
    answer = as_ana.get(SOURCES)
    assert answer.json()["count"] == 2
    assert TOKEN not in answer.content.decode()
    assert scripts.token_digest not in answer.content.decode()
    one = as_ana.get(f"{SOURCES}ci/").json()
    assert (one["key"], one["kind"], one["state"], one["has_secret"]) == ("ci", "cdevents", "active", True)
    assert as_ana.get(f"{SOURCES}?kind=report").json()["count"] == 1


def test_administrators_open_doors_and_get_the_token_once(as_root: Client, as_ana: Client, client: Client) -> None:
    assert post(as_ana, f"{SOURCES}push/", {"kind": "cdevents", "name": "Deploys"}).status_code == 403
    answer = post(as_root, f"{SOURCES}push/", {"kind": "cdevents", "name": "Deploys"})
    assert answer.status_code == 201
    token, key = answer.json()["token"], answer.json()["source"]["key"]
    assert token not in as_root.get(f"{SOURCES}{key}/").content.decode()
    sent = client.post(f"/hooks/{key}/", "{}", content_type="application/json", headers={"X-Rodeo-Token": token})
    assert sent.status_code == 202
    assert post(as_root, f"{SOURCES}push/", {"kind": "git", "name": "x"}).status_code == 400


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path / "shop")], check=True)
    return tmp_path / "shop"


def test_administrators_connect_git_and_saying_it_again_changes_the_rules(
    as_root: Client, as_ana: Client, payments: Squad, repository: Path
) -> None:
    wanted = {"url": str(repository), "service": "checkout", "squad": "payments", "release_tags": "v*"}
    assert post(as_ana, f"{SOURCES}git/", wanted).status_code == 403
    answer = post(as_root, f"{SOURCES}git/", wanted)
    assert answer.status_code == 201
    assert answer.json()["config"]["release_tags"] == "v*"
    again = post(as_root, f"{SOURCES}git/", {**wanted, "release_tags": "r*"})
    assert (again.status_code, again.json()["config"]["release_tags"]) == (200, "r*")
    key = answer.json()["key"]
    assert post(as_ana, f"{SOURCES}{key}/pull/").status_code == 403
    assert post(as_root, f"{SOURCES}{key}/pull/").status_code == 202


def test_dubious_addresses_are_refused_with_the_field(as_root: Client, payments: Squad) -> None:
    for url in ("ext::sh -c x", "--upload-pack=x", "file:///etc", "/nowhere/at/all"):
        answer = post(as_root, f"{SOURCES}git/", {"url": url, "service": "checkout", "squad": "payments"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["attr"] == "url"
    assert not Source.objects.exists()


def test_a_source_that_sends_is_not_pulled(as_root: Client, ci: Source) -> None:
    assert post(as_root, f"{SOURCES}ci/pull/").status_code == 400


def test_events_are_listed_by_place_and_filtered(
    as_ana: Client, ci: Source, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        store(ci, delivery=f"d{number:02}", kind="k" if number % 2 else "other", body=b"{}")
    with django_assert_max_num_queries(4):
        first = as_ana.get(EVENTS).json()
    assert (first["count"], as_ana.get(first["next"]).json()["count"]) == (60, None)
    assert [each["delivery"] for each in first["results"]] == [f"d{number:02}" for number in reversed(range(10, 60))]
    second = as_ana.get(first["next"]).json()
    assert [each["delivery"] for each in second["results"]] == [f"d{number:02}" for number in reversed(range(10))]
    assert len(as_ana.get(f"{EVENTS}?kind=other&page_size=200").json()["results"]) == 30
    assert as_ana.get(f"{EVENTS}?state=failed").json()["results"] == []
    assert as_ana.get(f"{EVENTS}?state=nearly").status_code == 400


def test_one_event_shows_body_headers_and_facts(as_ana: Client, ci: Source) -> None:
    event, _ = store(ci, delivery="d", kind="k", body=b'{"a": 1}\xff', headers={"ce-id": "1"})
    shown = as_ana.get(f"{EVENTS}{event.pk}/").json()
    assert (shown["body"], shown["headers"], shown["facts"]) == ('{"a": 1}\ufffd', {"ce-id": "1"}, [])
    assert as_ana.get(f"{EVENTS}{uuid4()}/").status_code == 404


def test_events_are_read_again_by_those_who_may(
    as_ana: Client, client: Client, ci: Source, django_user_model: Any
) -> None:
    event, _ = store(ci, delivery="d", kind="k", body=b"{}")
    InboundEvent.objects.update(state="failed", error="x")
    answer = post(as_ana, f"{EVENTS}{event.pk}/replay/")
    assert (answer.status_code, answer.json()["state"], answer.json()["error"]) == (202, "pending", "")
    InboundEvent.objects.update(state="failed")
    assert post(as_ana, f"{EVENTS}replay-failed/").json() == {"count": 1}
    client.force_login(django_user_model.objects.create_user("new"))
    assert post(client, f"{EVENTS}{event.pk}/replay/").status_code == 403
    assert post(client, f"{EVENTS}replay-failed/").status_code == 403
