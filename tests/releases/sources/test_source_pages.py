"""A source's page says one thing at a time: in every state, while the first read goes on, and when git gave up."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.kernel import clock
from releases.inbox.models import InboundEvent, Source
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import actions as sources
from releases.sources import connect_git
from squads.models import Squad
from squads.stories.actions import create_story, record_by_hand
from tests.releases.conftest import Repo

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def source(repo: Repo, payments: Squad) -> Source:
    return connect_git.connect_git(by=None, url=str(repo.path), service="checkout", squad=payments)[0]


def pull(source: Source) -> None:
    lease = leases.lease_now(source)
    assert lease is not None
    pulling.pull_source(source.pk, lease)
    source.refresh_from_db()


def shown(client: Client, source: Source, **how: Any) -> str:
    page = client.get(source.get_absolute_url(), **how).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.split('<div id="pull"')[1].split("</dl>")[0]))
    return re.sub(r" ([,;.)])", r"\1", text.replace("( ", "("))


def test_a_new_source_waits_for_its_first_pull_and_has_found_nothing(as_ana: Client, source: Source) -> None:
    page = shown(as_ana, source)
    assert "State waiting for first pull starting within seconds" in page
    assert "Last pull none yet" in page and "Next pull within seconds" in page and "Seen nothing yet" in page
    assert "Found" not in page and "failed" not in page


def test_the_first_read_is_told_as_it_happens_then_linking_then_what_was_found_and_what_comes_next(
    as_root: Client,
    as_ana: Client,
    repo: Repo,
    ana: User,
    root: User,
    payments: Squad,
    source: Source,
    monkeypatch: Any,
) -> None:
    for title in ("Cards", "Refunds"):
        create_story(payments, by=ana, title=title)
    for text in ("PAY-1 begin", "PAY-1 more", "PAY-2 refund", "tidy up", "PAY-99 is no story"):
        repo.commit(text)
    pages: list[str] = []
    monkeypatch.setattr(leases, "RENEW_EVERY", 0)
    lease = leases.lease_now(source)
    assert lease is not None
    # What an open page shows when it asks again: at every step, the one before.
    pulling.pull_source(source.pk, lease, lambda progress: pages.append(shown(as_ana, source, **HTMX)))
    told = " ".join(pages)
    steps = ("State pulling checking for news", "pulling fetching", "pulling reading 5 commits")
    assert [step for step in steps if step not in told] == []
    assert "up to date" not in told and "waiting for first pull" not in pages[-1]

    assert "State linking commits to stories" in shown(as_ana, source)
    drain_inbox()
    page = shown(as_ana, source)
    assert "State up to date" in page
    assert "Found 5 commits: 3 mention your stories (PAY-2, PAY-1), 2 don’t" in page
    assert "Next Connect CI Connect deployments Check a deployed story in production" in page
    assert "/sources/new/" not in as_ana.get(source.get_absolute_url()).content.decode().split("<dt>Next</dt>")[1]
    assert "/sources/new/" in as_root.get(source.get_absolute_url()).content.decode().split("<dt>Next</dt>")[1]
    record_by_hand(payments.stories.get(key="PAY-1"), by=root, kind="acceptance", note="Seen.")
    assert "Check a deployed" not in shown(as_ana, source)


def test_commits_that_name_no_story_are_told_with_what_to_do(as_ana: Client, repo: Repo, source: Source) -> None:
    repo.commit("tidy up")
    pull(source)
    drain_inbox()
    assert "Found 1 commit: none mention your stories. Mention a key, such as PAY-12," in shown(as_ana, source)


def test_an_empty_repository_and_a_shallow_one_are_told(
    as_ana: Client, source: Source, repo: Repo, payments: Squad, tmp_path: Any
) -> None:
    pull(source)
    drain_inbox()
    assert "Seen an empty repository: its commits appear here once you push some" in shown(as_ana, source)
    for number in range(3):
        repo.commit(f"Step {number}")
    repo.run("clone", "-q", "--bare", "--depth=1", f"file://{repo.path}", str(tmp_path / "cut.git"))
    cut, _ = connect_git.connect_git(by=None, url=str(tmp_path / "cut.git"), service="cut", squad=payments)
    pull(cut)
    assert cut.last_error == ""
    assert "a shallow copy, so older commits are missing" in shown(as_ana, cut)


def test_gits_own_words_are_kept_apart_from_what_to_do(as_ana: Client, repo: Repo, source: Source) -> None:
    repo.commit()
    (repo.path / ".git").rename(repo.path / "gone")
    pull(source)
    assert source.last_error == "There’s no repository at this address, or these credentials can’t see it."
    page = as_ana.get(source.get_absolute_url()).content.decode()
    told, raw = page.split('<details id="error-detail">')
    assert "The last pull failed: There’s no repository" in told and "fatal" not in told
    assert "fatal" in raw.split("</details>")[0]
    assert as_ana.get(f"/api/v1/sources/{source.key}/").json()["error_detail"] == source.error_detail


def test_a_source_that_failed_and_is_read_again_is_not_shown_as_both(as_ana: Client, source: Source) -> None:
    now = clock.now()
    Source.objects.update(last_error="The server doesn’t answer.", failures=2, last_pull_at=now, next_pull_at=now)
    page = shown(as_ana, source)
    assert "State failing" in page and "failed; last success none yet" in page and "The last 2 pulls failed" in page
    Source.objects.update(leased_until=now + timedelta(minutes=1), progress={"step": "fetching"})
    page = shown(as_ana, source)
    assert "State pulling fetching" in page and "State failing" not in page
    assert "Trying again now. The last 2 pulls failed" in page and "Last pull running since" in page
    Source.objects.update(state="paused", leased_until=None, progress={})
    page = shown(as_ana, source)
    assert "State paused" in page and "failed" not in page and "Next pull none while paused" in page


def test_many_failures_are_only_called_broken_where_nobody_tries_again(as_ana: Client, source: Source) -> None:
    Source.objects.update(
        last_error="The server doesn’t answer.", failures=9, next_pull_at=clock.now() + timedelta(hours=1)
    )
    page = shown(as_ana, source)
    assert "State failing" in page and "roken" not in page and "Next pull in 59 minutes" in page
    Source.objects.update(state="broken")
    page = shown(as_ana, source)
    assert "State broken" in page and "Broken. Fix the error" in page and "Next pull none while broken" in page


def test_a_system_that_sends_is_listed_with_when_it_last_did(
    as_ana: Client, source: Source, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    pushing, _ = sources.create_push_source(by=None, kind="report", name="Deployments")
    page = as_ana.get("/sources/").content.decode()
    assert page.count('data-label="Last heard from:">never') == 2
    InboundEvent.objects.create(
        source=pushing, delivery="1", kind="deployment", body=b"{}", received_at=clock.now() - timedelta(minutes=2)
    )
    with django_assert_max_num_queries(12):
        page = as_ana.get("/sources/").content.decode()
    assert page.count('data-label="Last heard from:">never') == 1 and "2 minutes ago" in page


def test_an_open_page_follows_what_was_read_and_what_somebody_pressed(
    as_root: Client, repo: Repo, source: Source
) -> None:
    repo.commit()
    page = as_root.get(source.get_absolute_url()).content.decode()
    stamp = page.split("?stamp=")[1].split('"')[0]
    address = f"{source.get_absolute_url()}?stamp={stamp}"
    same = as_root.get(address, **HTMX).content.decode()
    assert "hx-swap-oob" not in same and "Pause" not in same
    sources.pause(source, by=User.objects.get(is_superuser=True))
    assert "Resume" in as_root.get(address, **HTMX).content.decode()
    sources.resume(source, by=User.objects.get(is_superuser=True))
    pull(source)
    fresh = as_root.get(address, **HTMX).content.decode()
    assert "git.commits" in fresh and 'id="source-events"' in fresh


def test_an_open_page_of_a_removed_source_says_so_and_asks_no_more(as_root: Client, source: Source) -> None:
    source.delete()
    answer = as_root.get(source.get_absolute_url(), **HTMX)
    assert answer.status_code == 286 and "was removed" in answer.content.decode()
    assert as_root.get(source.get_absolute_url()).status_code == 404


def test_a_long_history_costs_the_page_no_more(as_ana: Client, make_repo: Callable[..., Repo], payments: Squad) -> None:
    counts = []
    for name, commits in (("shop/one", 1), ("shop/ten", 10)):
        repo = make_repo(name)
        for number in range(commits):
            repo.commit(f"Step {number}")
        source, _ = connect_git.connect_git(by=None, url=str(repo.path), service=name, squad=payments)
        pull(source)
        drain_inbox()
        as_ana.get(source.get_absolute_url())
        with CaptureQueriesContext(connection) as asked:
            as_ana.get(source.get_absolute_url())
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 30
