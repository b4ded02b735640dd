"""A repository of checkout told commit by commit, with the files that each touches, and a release of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from releases.contents.queries import Contents, ServiceContent, contents_of
from releases.inbox.models import Source
from releases.pipelines.models import Repository
from releases.planning.models import Release
from releases.providers import schema_files
from releases.providers.git.records import CommitRecord
from squads.models import Service, Squad, Story
from squads.stories.actions import create_story
from tests.releases.evidence.conftest import History, hour, sha_of

ASKED = len(schema_files.wanted(schema_files.DEFAULT))
REPOSITORY = "shop/checkout"
DIGEST = "4f" * 32


class Told(History):
    """Tells of commits together with the files of the schema that git found in them."""

    def touch(
        self,
        name: str,
        message: str,
        at: float,
        *parents: str,
        files: tuple[str, ...] | None = (),
        patch: str = "",
        undoes: str = "",
    ) -> str:
        """Make a commit that touches files of the schema; None where git was not asked for files."""
        sha, above = sha_of(name), tuple(sha_of(each) for each in parents)
        seconds = int(hour(at).timestamp())
        read: dict[str, Any] = {"patch": patch, "undoes": undoes}
        read |= {} if files is None else {"files": files, "files_asked": ASKED}
        self.records[sha] = CommitRecord(sha, above, seconds, seconds, "Ana", "ana@example.org", message, **read)
        return sha


@pytest.fixture
def history(scripts: Source, checkout: Service, send: Callable[..., HttpResponse]) -> Told:
    repository = Repository.objects.create(key=REPOSITORY, service=checkout)
    config = {"repository": REPOSITORY, "release_tags": "*"}
    git = Source.objects.create(key="git", name="git", kind="git", repository=repository, config=config)
    return Told(git, send)


@pytest.fixture
def story(payments: Squad, ana: Any) -> Story:
    return create_story(payments, by=ana, title="Refund in parts")


@pytest.fixture
def release(story: Story) -> Release:
    """Release 1.0 of checkout, for which the story is planned."""
    made = Release.objects.create(line="checkout", version="1.0", slug="checkout-1.0")
    Story.objects.filter(pk=story.pk).update(release=made)
    return made


def put(browser: Client, address: str, body: Any) -> Any:
    return browser.put(address, body, content_type="application/json")


def content(release: Release) -> Contents:
    return contents_of([release])[release.pk]


def only(release: Release) -> ServiceContent:
    """What the release ships of its one service."""
    (service,) = content(release).services
    return service
