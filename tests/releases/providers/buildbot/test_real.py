"""A real Buildbot builds a real repository, and Rodeo learns of it by push and by pull."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from releases.allowed_hosts.models import AllowedHost
from releases.inbox.models import InboundEvent, Source
from releases.models import Run
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from squads.models import Squad
from squads.stories.actions import create_story
from tests.conftest import wait_until
from tests.doubles.buildbot import BUILDER, Buildbot, running
from tests.releases.conftest import Repo

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

SECRET = "the-secret-of-a-test"
SHOP = "shop/checkout"


@pytest.fixture(params=["push", "pull"])
def source(request: pytest.FixtureRequest, live_server: "LiveServer") -> Source:
    """Buildbot by one way alone: what is pushed is refused while only pulls are on."""
    key = "bot" if request.param == "push" else "asked"
    return Source.objects.create(key=key, name="Buildbot", kind="buildbot", secret=SECRET)


@pytest.fixture
def bot(source: Source, live_server: "LiveServer", tmp_path: Path) -> Iterator[Buildbot]:
    AllowedHost.objects.create(host="127.0.0.1")
    with running(tmp_path / "buildbot", f"{live_server.url}/hooks/bot", SECRET) as found:
        source.config = {"url": found.url}
        source.save()
        yield found


def learn(source: Source) -> bool:
    """Read what came; ask, where nothing is pushed. Say whether a run has ended."""
    if source.key == "asked":
        source.refresh_from_db()
        lease = leases.lease_now(source)
        assert lease
        pulling.pull_source(source.pk, lease)
    drain_inbox()
    return Run.objects.filter(finished_at__isnull=False).exists()


def test_a_commit_that_a_real_buildbot_built_is_integrated_with_a_link_to_the_build(
    bot: Buildbot, source: Source, repo: Repo, payments: Squad, as_ana: Client
) -> None:
    story = create_story(squad=payments, title="Pay by card", by=None)
    repo.commit("Start")
    sha = repo.commit(f"{story.key} Take a card")
    git, _ = connect_git.connect_git(by=None, url=str(repo.path), service="checkout", squad=payments, repository=SHOP)
    lease = leases.lease_now(git)
    assert lease
    pulling.pull_source(git.pk, lease)
    bot.announce(str(repo.path), sha)
    wait_until(lambda: learn(source), 30, f"the build is known; {bot.log()}")
    run = Run.objects.get()
    assert (run.pipeline, run.outcome, run.branch, run.sha) == (BUILDER, "success", "main", sha)
    assert run.raw_status == "SUCCESS: build successful"
    assert run.url == f"{bot.url}#/builders/1/builds/1"
    answer = as_ana.get(f"/api/v1/stories/{story.key}/answer/").json()
    assert answer["stage"] == "integrated", answer
    page = as_ana.get(f"/stories/{story.key}/").content.decode()
    assert f'href="{run.url}"' in page
    kept = InboundEvent.objects.filter(source=source)
    assert kept.exists()
    assert all(each.state == "processed" and SECRET not in str(each.headers) for each in kept)


def test_a_build_that_fails_is_a_failure_and_says_at_what(bot: Buildbot, source: Source, repo: Repo) -> None:
    repo.commit("Start")
    (repo.path / "broken").write_text("")
    repo.run("add", "broken")
    broken = repo.commit("Break it")
    bot.announce(str(repo.path), broken)
    wait_until(lambda: learn(source), 30, f"the build is known; {bot.log()}")
    run = Run.objects.get()
    assert (run.sha, run.outcome) == (broken, "failure")
    assert run.raw_status.startswith("FAILURE: failed ")
