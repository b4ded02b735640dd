"""Commits are compared by what they change: a repeated or undone change is known without a word in any message."""

import os
from collections.abc import Callable

import pytest
from pytest_django import Settings

from releases.inbox.models import Source
from releases.pipelines.models import Change, ChangeRelation
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox
from releases.sources import connect_git
from squads.models import Squad
from tests.releases.conftest import Repo


@pytest.fixture
def connected(repo: Repo, payments: Squad, settings: Settings) -> Callable[[], Source]:
    settings.RODEO_LOCAL_GIT = [str(repo.path.parent)]

    def connect() -> Source:
        source = Source.objects.filter(kind="git").first()
        if source is None:
            source, _ = connect_git.connect_git(
                by=None, url=str(repo.path), service="checkout", squad=payments, release_tags="v*"
            )
        lease = leases.lease_now(source)
        assert lease is not None
        assert pulling.pull_source(source.pk, lease) is not None, Source.objects.get(pk=source.pk).last_error
        drain_inbox()
        return source

    return connect


def write(repo: Repo, text: str | bytes, message: str, name: str = "prices.txt") -> str:
    data = text.encode() if isinstance(text, str) else text
    (repo.path / name).write_bytes(data)
    repo.run("add", name)
    return repo.commit(message)


LINES = "".join(f"line {number}\n" for number in range(30))


def test_a_cherry_pick_and_an_undoing_commit_have_the_patches_that_tell(
    repo: Repo, connected: Callable[[], Source]
) -> None:
    write(repo, LINES, "Start")
    repo.tag("v1.0")
    write(repo, LINES.replace("line 2\n", "line two\n"), "Something else")
    fix = write(repo, LINES.replace("line 2\n", "line two\n").replace("line 25\n", "fixed\n"), "Fix rounding")
    repo.switch("release", "v1.0")
    repo.run("cherry-pick", fix)
    pick = repo.run("rev-parse", "HEAD")
    repo.tag("v1.0.1")
    repo.switch("main")
    undone = write(repo, LINES.replace("line 2\n", "line two\n"), "Take it out for now")
    connected()
    changes = {change.sha: change for change in Change.objects.all()}
    assert changes[fix].patch == changes[pick].patch != ""
    assert changes[undone].undoes == changes[fix].patch
    assert changes[undone].patch == changes[fix].undoes != changes[fix].patch
    assert not ChangeRelation.objects.exists()


def test_binary_files_and_merges_are_not_mistaken_for_one_another(repo: Repo, connected: Callable[[], Source]) -> None:
    write(repo, b"\0one", "Logo", "logo.bin")
    first = write(repo, b"\0two", "Another logo", "logo.bin")
    second = write(repo, b"\0three", "A third logo", "logo.bin")
    repo.switch("topic", "HEAD")
    write(repo, "x", "Topic", "topic.txt")
    repo.switch("main")
    merge = repo.merge("topic")
    empty = repo.commit("Nothing")
    connected()
    patches = dict(Change.objects.values_list("sha", "patch"))
    assert patches[first] != patches[second]
    assert patches[merge] == patches[empty] == ""


def test_without_contents_only_messages_tell_and_turning_them_on_reads_everything_again(
    repo: Repo, connected: Callable[[], Source], settings: Settings
) -> None:
    settings.RODEO_GIT_CONTENTS = False
    write(repo, LINES, "Start")
    fix = write(repo, LINES.replace("line 2\n", "line two\n"), "PAY-1: fix")
    connected()
    assert set(Change.objects.values_list("patch", flat=True)) == {""}
    settings.RODEO_GIT_CONTENTS = True
    connected()
    assert Change.objects.get(sha=fix).patch != ""
    assert Change.objects.count() == 2


def test_a_large_file_is_left_where_it_is_and_only_commits_that_touch_it_have_no_patch(
    repo: Repo, connected: Callable[[], Source]
) -> None:
    large = write(repo, os.urandom(2 * 1024 * 1024), "Large", "large.bin")
    small = write(repo, "small", "Small", "small.txt")
    connected()
    shrunk = write(repo, "now small", "Shrunk", "large.bin")
    later = write(repo, "smaller", "Smaller", "small.txt")
    connected()
    assert {sha: bool(patch) for sha, patch in Change.objects.values_list("sha", "patch")} == {
        large: False,
        small: True,
        shrunk: False,
        later: True,
    }
