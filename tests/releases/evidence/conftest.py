"""A repository of checkout told commit by commit, and scripts that report what was run, deployed and checked."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.pipelines.models import Repository
from releases.providers.git.records import (
    CommitRecord,
    RefsSnapshot,
    TagRecord,
    commit_bodies,
    refs_body,
    refs_delivery,
)
from releases.reading.actions import drain_inbox
from squads.models import Service, Story

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
API = "/api/v1/"


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def sha_of(name: str) -> str:
    """Return the sha of the commit that a test calls by a name, such as "fix"."""
    return (name.encode().hex() + "0" * 40)[:40]


class History:
    """Tells of a repository and of what happens to the service it makes."""

    def __init__(self, source: Source, send: Callable[..., HttpResponse]) -> None:
        self.source, self.send = source, send
        self.records: dict[str, CommitRecord] = {}
        self.tags: dict[str, tuple[str, float]] = {}
        self.looks = 0

    def commit(
        self, name: str, message: str, at: float, *parents: str, patch: str = "", undoes: str = "", author: str = "Ana"
    ) -> str:
        """Make a commit; it is told with the next look."""
        seconds = int(hour(at).timestamp())
        above = tuple(sha_of(each) for each in parents)
        sha = sha_of(name)
        self.records[sha] = CommitRecord(
            sha, above, seconds, seconds, author, "ana@example.org", message, patch=patch, undoes=undoes
        )
        return sha

    def look(self, head: str, **tags: tuple[str, float]) -> None:
        """Pull: tell of all commits there are, and of the refs as they are now."""
        self.looks += 1
        for _, body in commit_bodies(self.records.values()):
            store(self.source, delivery="", kind="git.commits", body=body, content_type="application/json")
        self.records.clear()
        moment = (T0 + timedelta(days=1, minutes=self.looks)).isoformat()
        lines = tuple(TagRecord(name, sha_of(sha), hour(at), moment) for name, (sha, at) in tags.items())
        body = refs_body(RefsSnapshot(moment, "main", sha_of(head), lines))
        store(self.source, delivery=refs_delivery(moment), kind="git.refs", body=body, content_type="application/json")
        drain_inbox()

    def _report(self, what: str, body: dict[str, Any]) -> None:
        answer = self.send(f"{API}{what}/", body)
        assert answer.status_code in (200, 202), answer.content
        drain_inbox()

    def report(self, what: str, body: dict[str, Any], at: float) -> None:
        """A script reported something that ended at an hour."""
        self._report(what, {**body, "finished_at": hour(at).isoformat()})

    def run(self, name: str, at: float, outcome: str = "success") -> None:
        """A run of the mainline ended."""
        body = {"id": f"{name}-{at}", "pipeline": "ci", "commit": sha_of(name), "branch": "main", "outcome": outcome}
        self._report("runs", {"service": "checkout", "finished_at": hour(at).isoformat(), **body})

    def deploy(self, name: str, at: float, **more: Any) -> None:
        """A commit was deployed to production."""
        body = {"service": "checkout", "environment": "production", "commit": sha_of(name), **more}
        self._report("deployments", {"finished_at": hour(at).isoformat(), **body})

    def accept(self, story: Story, at: float, outcome: str = "passed") -> None:
        """A check of a story in production ended."""
        moment = hour(at).isoformat()
        body = {"environment": "production", "story": story.key, "outcome": outcome, "name": "smoke"}
        self._report("acceptance-runs", {"started_at": moment, "finished_at": moment, **body})


@pytest.fixture
def history(scripts: Source, checkout: Service, send: Callable[..., HttpResponse]) -> History:
    repository = Repository.objects.create(key="shop/checkout", service=checkout)
    git = Source.objects.create(
        key="git", name="git", kind="git", repository=repository, config={"repository": "shop/checkout"}
    )
    return History(git, send)


@pytest.fixture
def story(payments: Any, ana: Any) -> Story:
    from squads.stories.actions import create_story

    return create_story(payments, by=ana, title="Refund in parts")
