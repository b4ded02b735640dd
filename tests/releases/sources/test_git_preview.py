"""What connecting a git repository would touch, shown before it is connected."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from releases.inbox.models import InboundEvent, Source
from releases.models import Repository
from squads.models import Squad, Story
from squads.stories.actions import create_story
from tests.releases.conftest import Repo

API = "/api/v1/sources/git/preview/"


@pytest.fixture
def history(repo: Repo, payments: Squad, ana: User) -> Repo:
    """A history that names two stories of Payments and mentions a third."""
    for title in ("Refunds", "Gift cards", "Invoices"):
        create_story(payments, by=ana, title=title)
    Story.objects.filter(key="PAY-2").update(stage="rodeo_done")
    repo.commit("Begin")
    repo.commit("PAY-1 refunds")
    repo.commit("pay-2: gift cards\n\n> PAY-3 said so\n\nutf-8 and PAY-99")
    repo.commit("PAY-1 refunds again")
    return repo


def asked(browser: Client, repo: Repo, **more: Any) -> Any:
    body = {"url": str(repo.path), "squad": "payments", **more}
    return browser.post(API, body, content_type="application/json")


def test_the_api_says_which_stories_a_history_names_and_keeps_nothing(
    as_root: Client, history: Repo, git_folder: Path
) -> None:
    said = asked(as_root, history, service="checkout").json()
    assert (said["repository"], said["commits"], said["whole"], said["withdrawn"]) == ("checkout", 4, True, 1)
    rows = [(row["key"], row["stage"], row["changes"], row["mentions"], row["withdraws"]) for row in said["stories"]]
    assert rows == [
        ("PAY-2", "rodeo_done", 1, 0, True),
        ("PAY-1", "todo", 2, 0, False),
        ("PAY-3", "todo", 0, 1, False),
    ]
    assert "PAY-1 refunds again" in said["stories"][1]["newest"]
    assert not Source.objects.exists() and not InboundEvent.objects.exists() and not Repository.objects.exists()
    assert not list(git_folder.glob("preview-*"))


def test_the_page_shows_it_below_the_form_as_it_was_typed(as_root: Client, history: Repo, payments: Squad) -> None:
    form = {"url": str(history.path), "service": "checkout", "squad": payments.pk, "line_is": "service"}
    page = as_root.post("/sources/new/git/", {**form, "preview": "1"}).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    assert "1 is in production now and won’t count as deployed" in text
    assert "would be withdrawn" in text and f'value="{history.path}"' in page
    assert not Source.objects.exists()


def test_small_letters_and_the_squads_own_list_count_as_they_would_once_connected(
    as_root: Client, history: Repo, payments: Squad, search: Squad
) -> None:
    keys = {row["key"] for row in asked(as_root, history, squad="search").json()["stories"]}
    assert keys == {"PAY-1", "PAY-3"}
    payments.key_repositories = ["shop/ledger"]
    payments.save()
    said = asked(as_root, history).json()
    assert [(row["changes"], row["mentions"]) for row in said["stories"]] == [(0, 2), (0, 1), (0, 1)]
    assert said["withdrawn"] == 0


def test_what_is_linked_already_is_not_touched(as_root: Client, history: Repo, drained: Any) -> None:
    from releases.pulling import actions as pulling
    from releases.pulling import leases

    body = {"url": str(history.path), "service": "checkout", "squad": "payments"}
    as_root.post("/api/v1/sources/git/", body, content_type="application/json")
    source = Source.objects.get()
    lease = leases.lease_now(source)
    assert lease and pulling.pull_source(source.pk, lease)
    drained()
    assert [row["key"] for row in asked(as_root, history).json()["stories"]] == ["PAY-3"]


def test_an_address_that_cannot_be_read_names_the_field(as_root: Client, as_lea: Client, payments: Squad) -> None:
    answer = as_root.post(API, {"url": "/nowhere/at/all", "squad": "payments"}, content_type="application/json")
    assert answer.status_code == 400 and "There’s no folder" in answer.content.decode()
    assert as_lea.post(API, {"url": "/", "squad": "payments"}, content_type="application/json").status_code == 403
