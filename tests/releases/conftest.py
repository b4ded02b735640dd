"""Real git repositories to read from, sources of every kind, and having the inbox read."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from releases.inbox.models import Source
from releases.providers.signatures import token_digest
from releases.reading.actions import drain_inbox

FIRST = 1_600_000_000


class Repo:
    """A repository made for a test. Every commit is a minute after the one before, so that dates are known."""

    def __init__(self, path: Path, branch: str = "main", bare: bool = False) -> None:
        self.path = path
        self.seconds = FIRST
        self.run("init", "--quiet", f"--initial-branch={branch}", *(["--bare"] if bare else []), ".", make=True)

    def run(self, *arguments: str, stdin: bytes = b"", make: bool = False) -> str:
        """Run git here and return what it printed."""
        if make:
            self.path.mkdir(parents=True, exist_ok=True)
        self.seconds += 60
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ana",
            "GIT_AUTHOR_EMAIL": "ana@example.org",
            "GIT_COMMITTER_NAME": "Bo",
            "GIT_COMMITTER_EMAIL": "bo@example.org",
            "GIT_AUTHOR_DATE": f"{self.seconds} +0100",
            "GIT_COMMITTER_DATE": f"{self.seconds} +0000",
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=environment, input=stdin, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(self, message: str | bytes = "Work") -> str:
        """Add an empty commit to the branch in use and return its sha."""
        text = message.encode() if isinstance(message, str) else message
        self.run(
            "commit", "--quiet", "--allow-empty", "--allow-empty-message", "--cleanup=verbatim", "-F", "-", stdin=text
        )
        return self.run("rev-parse", "HEAD")

    def merge(self, branch: str, message: str = "Merge") -> str:
        """Merge a branch, never fast-forward, and return the merge's sha."""
        self.run("merge", "--quiet", "--no-ff", "--allow-unrelated-histories", "-m", message, branch)
        return self.run("rev-parse", "HEAD")

    def switch(self, branch: str, at: str = "") -> None:
        """Use a branch, made anew at a commit if one is named."""
        self.run("checkout", "--quiet", *(["-B", branch, at] if at else [branch]))

    def tag(self, name: str, at: str = "HEAD", message: str = "") -> None:
        """Make a tag; with a message it is an annotated one."""
        self.run("tag", "--force", *(["-m", message] if message else []), name, at)


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[..., Repo]:
    """Make a repository in the test's folder: `make_repo("shop/checkout")`."""

    def make(name: str = "shop/checkout", **options: object) -> Repo:
        return Repo(tmp_path / "repositories" / name, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def repo(make_repo: Callable[..., Repo]) -> Repo:
    """An empty repository, shop/checkout, on branch main."""
    return make_repo()


@pytest.fixture(autouse=True)
def git_folder(settings: Settings, tmp_path: Path) -> Path:
    """Copies of repositories go into the test's folder."""
    settings.RODEO_GIT_DIR = tmp_path / "copies"
    settings.RODEO_GIT_TIMEOUT = 60
    return tmp_path / "copies"


TOKEN = "a-token-of-the-tests"


def source(key: str, kind: str, **fields: Any) -> Source:
    values = {"name": key, "secret": TOKEN, "token_digest": token_digest(TOKEN), **fields}
    return Source.objects.create(key=key, kind=kind, **values)


@pytest.fixture
def ci(db: None) -> Source:
    """A source of CDEvents."""
    return source("ci", "cdevents")


@pytest.fixture
def scripts(db: None) -> Source:
    """A source of reports."""
    return source("scripts", "report")


@pytest.fixture
def send(client: Client) -> Callable[..., HttpResponse]:
    """Post JSON (or bytes as they are) with the token: `send("/hooks/ci/", {...})`."""

    def post(path: str, body: Any, content_type: str = "application/json", **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {
            "Authorization": f"Bearer {TOKEN}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return client.post(path, data, content_type=content_type, headers=given)  # type: ignore[return-value]

    return post


@pytest.fixture
def drained() -> Callable[[], int]:
    """Have the inbox read, as the worker does."""
    return drain_inbox
