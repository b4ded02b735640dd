"""Reading real repositories, odd and hostile ones included."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from releases.providers.git import mirror as git_mirror
from releases.providers.git import records
from releases.providers.git.client import Git, GitFailed
from releases.providers.git.config import Address
from releases.providers.git.errors import explain, is_full, own_words
from releases.providers.git.mirror import Mirror
from tests.releases.conftest import Repo

AT = "2026-03-14T15:09:26.000000Z"


@pytest.fixture
def mirror(tmp_path: Path, repo: Repo) -> Mirror:
    """A copy of the repository under test, still to be made."""
    return mirror_of(repo, tmp_path)


def mirror_of(repo: Repo, tmp_path: Path, branch: str = "", timeout: float = 60) -> Mirror:
    git = Git(tmp_path / "copies", Address(str(repo.path), local=True), timeout=timeout)
    return Mirror(tmp_path / "copies" / "1.git", git, branch)


def read(
    mirror: Mirror, before: records.RefsSnapshot | None = None
) -> tuple[records.RefsSnapshot, list[records.CommitRecord]]:
    with mirror.held():
        remote = mirror.remote_refs()
        mirror.fetch(remote, lambda percent: None)
        refs = mirror.snapshot(remote.branch, AT, before)
        known = [before.head, *(tag.sha for tag in before.tags)] if before else []
        return refs, list(mirror.commits([refs.head, *(tag.sha for tag in refs.tags)], known))


def test_commits_come_parents_first_with_dates_people_and_messages(repo: Repo, mirror: Mirror) -> None:
    first = repo.commit("PAY-1 begin\n\nBecause.")
    repo.switch("topic", first)
    topic = repo.commit("Topic")
    repo.switch("main")
    second = repo.commit("Second")
    merge = repo.merge("topic")
    refs, commits = read(mirror)
    assert (refs.branch, refs.head, refs.tags) == ("main", merge, ())
    assert {each.sha: each.parents for each in commits} == {
        first: (),
        topic: (first,),
        second: (first,),
        merge: (second, topic),
    }
    order = [each.sha for each in commits]
    assert order.index(first) < order.index(topic) < order.index(merge) > order.index(second)
    assert commits[0].message == "PAY-1 begin\n\nBecause."
    assert (commits[0].author, commits[0].email) == ("Ana", "ana@example.org")
    assert commits[0].authored == commits[0].committed


def test_tags_are_peeled_and_dated(repo: Repo, mirror: Mirror) -> None:
    first = repo.commit()
    committed = repo.seconds - 60
    repo.tag("light")
    repo.tag("annotated", message="a release")
    tagged = repo.seconds
    repo.tag("nested", at="annotated", message="a tag of a tag")
    nested = repo.seconds
    blob = repo.run("hash-object", "-w", "--stdin", stdin=b"no commit")
    repo.tag("blob", at=blob)
    repo.tag("tree", at="HEAD^{tree}")
    repo.tag("annotated-blob", at=blob, message="a tag of a blob")
    refs, _ = read(mirror)
    assert [(tag.name, tag.sha, int(tag.tagged_at.timestamp()), tag.first_seen) for tag in refs.tags] == [
        ("annotated", first, tagged, AT),
        ("light", first, committed, AT),
        ("nested", first, nested, AT),
    ]


def test_the_next_read_brings_only_what_is_new(repo: Repo, mirror: Mirror) -> None:
    repo.commit()
    repo.tag("v1")
    refs, _ = read(mirror)
    second = repo.commit("Second")
    repo.tag("v2")
    again, commits = read(mirror, refs)
    assert [each.sha for each in commits] == [second]
    assert [tag.name for tag in again.tags] == ["v1", "v2"]


def test_forced_pushes_and_deleted_tags_are_followed(repo: Repo, mirror: Mirror) -> None:
    first = repo.commit("First")
    repo.commit("Regretted")
    repo.tag("v1")
    repo.tag("gone")
    refs, _ = read(mirror)
    repo.run("reset", "--quiet", "--hard", first)
    instead = repo.commit("Instead")
    repo.tag("v1")
    repo.run("tag", "-d", "gone")
    repo.tag("gone/deeper")
    again, commits = read(mirror, refs)
    assert again.head == instead
    assert [each.sha for each in commits] == [instead]
    assert [(tag.name, tag.sha) for tag in again.tags] == [("gone/deeper", instead), ("v1", instead)]


def test_an_empty_repository_is_a_complete_look_at_nothing(repo: Repo, mirror: Mirror) -> None:
    refs, commits = read(mirror)
    assert (refs.head, refs.tags, commits) == ("", (), [])
    sha = repo.commit()
    assert read(mirror, refs)[0].head == sha
    repo.run("update-ref", "-d", "refs/heads/main")
    assert read(mirror)[0].head == ""


def test_a_detached_head_is_the_mainline(repo: Repo, mirror: Mirror) -> None:
    first = repo.commit()
    repo.commit()
    repo.run("checkout", "--quiet", "--detach", first)
    refs, commits = read(mirror)
    assert (refs.branch, refs.head, len(commits)) == ("", first, 1)


def test_a_head_that_names_no_branch_falls_back_to_the_only_one(make_repo: Callable[..., Repo], tmp_path: Path) -> None:
    repo = make_repo("odd", branch="ref0")
    sha = repo.commit()
    repo.run("symbolic-ref", "HEAD", "refs/heads/missing")
    refs, _ = read(mirror_of(repo, tmp_path))
    assert (refs.branch, refs.head) == ("ref0", sha)
    repo.run("branch", "other", sha)
    with pytest.raises(GitFailed, match=r"no default branch.*other, ref0"):
        read(mirror_of(repo, tmp_path))
    repo.run("branch", "main", sha)
    assert read(mirror_of(repo, tmp_path))[0].branch == "main"


def test_a_missing_branch_is_named_with_those_there_are(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    with pytest.raises(GitFailed, match=r"no branch 'trunk'.*main"):
        read(mirror_of(repo, tmp_path, branch="trunk"))


def test_odd_encodings_and_endings_do_not_disturb(repo: Repo, mirror: Mirror) -> None:
    repo.run("config", "i18n.commitEncoding", "ISO-8859-1")
    repo.commit("Gr\u00fc\u00dfe".encode("latin-1"))
    repo.run("config", "i18n.commitEncoding", "no-such-encoding")
    repo.commit(b"\xff\xfe broken")
    repo.run("config", "--unset", "i18n.commitEncoding")
    repo.commit("line\r\nother\n\n\nPAY-7 \u2028 end \x1b[31m")
    repo.commit("")
    _, commits = read(mirror)
    texts = [each.message for each in commits]
    assert texts[0] == "Gr\u00fc\u00dfe"
    assert texts[1].endswith("broken")
    assert "PAY-7" in texts[2]
    assert texts[3] == ""
    assert all("\0" not in text for text in texts)


def test_commits_that_git_itself_would_not_make_are_read(repo: Repo, mirror: Mirror) -> None:
    tree = repo.run("write-tree")

    def raw(author: bytes, committer: bytes, message: bytes) -> str:
        body = b"tree " + tree.encode() + b"\nauthor " + author + b"\ncommitter " + committer + b"\n\n" + message
        return repo.run("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=body)

    shas = [
        raw(b"A <a@x> 99999999999999999 +0000", b"B <b@x> 18446744073709551615 +9999", b"far future"),
        raw(b"A <a@x> -5 +0000", b"B <b@x> -1 -0000", b"before time"),
        raw(b"nobody", b"B <b@x> 1600000000 +0000", b"no date"),
        raw(b"A <a@x> 1600000000 +0000", b"B <b@x> 1600000000 +0000", b"before\0after"),
    ]
    for number, sha in enumerate(shas):
        repo.run("update-ref", f"refs/tags/t{number}", sha)
    refs, commits = read(mirror)
    assert {each.sha for each in commits} == set(shas)
    for _, body in records.commit_bodies(commits):
        assert len(list(records.read_commits(body))) == 4
    assert len(refs.tags) == 4


def test_huge_files_and_messages_are_left_where_they_are(repo: Repo, mirror: Mirror, tmp_path: Path) -> None:
    (repo.path / "huge.bin").write_bytes(os.urandom(30 * 1024 * 1024))
    repo.run("add", "huge.bin")
    repo.commit("x" * 5_000_000 + "\nPAY-9")
    small = repo.commit("small")
    _, commits = read(mirror)
    assert [len(each.message) for each in commits] == [records.LONGEST_MESSAGE, 5]
    assert commits[1].sha == small
    copied = sum(file.stat().st_size for file in mirror.path.rglob("*") if file.is_file())
    assert copied < 1024 * 1024


def test_a_shallow_repository_is_read_as_far_as_it_goes(
    repo: Repo, make_repo: Callable[..., Repo], tmp_path: Path
) -> None:
    for number in range(5):
        repo.commit(f"Commit {number}")
    shallow = tmp_path / "repositories" / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "2", f"file://{repo.path}", str(shallow)],
        check=True,
        capture_output=True,
    )
    found = Mirror(tmp_path / "copies" / "2.git", Git(tmp_path / "copies", Address(str(shallow), local=True)))
    _, commits = read(found)
    assert [each.message for each in commits] == ["Commit 3", "Commit 4"]


def test_hooks_filters_and_settings_of_the_repository_run_nothing(repo: Repo, mirror: Mirror, tmp_path: Path) -> None:
    repo.commit()
    ran = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {ran}\n"
    for name in ("post-checkout", "post-merge", "reference-transaction", "pre-receive", "post-update", "pre-auto-gc"):
        hook = repo.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script)
        hook.chmod(0o755)
    (tmp_path / "evil").write_text(script)
    (tmp_path / "evil").chmod(0o755)
    for key in (
        "core.fsmonitor",
        "uploadpack.packObjectsHook",
        "core.sshCommand",
        "core.pager",
        "gc.recentObjectsHook",
    ):
        repo.run("config", key, str(tmp_path / "evil"))
    assert read(mirror)[1]
    assert not ran.exists()


def test_git_runs_with_nothing_of_ours_but_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch x")
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    git = Git(tmp_path / "copies", Address("https://git.example.org/shop"), secret="top-secret")
    environment = git.environment()
    assert "GIT_DIR" not in environment
    assert "DATABASE_URL" not in environment
    assert environment["GIT_TERMINAL_PROMPT"] == "0"
    assert environment["GIT_ALLOW_PROTOCOL"] == "https:http:ssh:git"
    assert environment["GIT_CONFIG_KEY_0"] == "http.https://git.example.org/.extraHeader"
    assert "BatchMode=yes" in environment["GIT_SSH_COMMAND"]
    assert "top-secret" not in repr(git)


def test_file_addresses_are_closed_to_other_machines_addresses(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    git = Git(tmp_path / "copies", Address(f"file://{repo.path}"))
    with pytest.raises(GitFailed, match="isn’t allowed"):
        git.run("ls-remote", "--end-of-options", git.address.url)


def test_a_git_that_takes_too_long_is_stopped_with_all_it_started(repo: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "still-running"
    git = Git(tmp_path / "copies", Address(str(repo.path), local=True), timeout=1)
    with pytest.raises(GitFailed, match="longer than 1 seconds"):
        git.run("-c", f"alias.slow=!sh -c 'sleep 3; touch {marker}'", "slow")
    time.sleep(2.5)
    assert not marker.exists()


def test_a_git_that_says_too_much_is_stopped(repo: Repo, tmp_path: Path) -> None:
    git = Git(tmp_path / "copies", Address(str(repo.path), local=True))
    with pytest.raises(GitFailed, match="more than 1 MiB"):
        list(git.stream("-c", "alias.loud=!yes", "loud", most=1024 * 1024))


def test_the_claim_is_asked_about_while_git_works(repo: Repo, tmp_path: Path) -> None:
    class Lost(Exception):
        pass

    def tick() -> None:
        raise Lost

    git = Git(tmp_path / "copies", Address(str(repo.path), local=True), tick=tick)
    with pytest.raises(Lost):
        git.run("-c", "alias.slow=!sleep 5", "slow")


def test_only_one_reads_a_copy_at_a_time(repo: Repo, tmp_path: Path) -> None:
    one, other = mirror_of(repo, tmp_path), mirror_of(repo, tmp_path)
    with one.held(), pytest.raises(GitFailed, match="still running"), other.held(wait=0.3):
        pass


def test_what_a_killed_git_left_behind_is_cleared(repo: Repo, mirror: Mirror) -> None:
    repo.commit()
    read(mirror)
    for name in ("packed-refs.lock", "config.lock", "refs/rodeo/head.lock", "shallow.lock"):
        left = mirror.path / name
        left.parent.mkdir(parents=True, exist_ok=True)
        left.touch()
    second = repo.commit()
    assert read(mirror)[0].head == second


def test_only_a_repository_itself_is_one(repo: Repo, tmp_path: Path) -> None:
    repo.commit()
    inside = repo.path / "folder"
    inside.mkdir()

    def is_one(path: Path) -> bool:
        return Git(tmp_path / "copies", Address(str(path), local=True)).is_repository()

    assert is_one(repo.path)
    assert is_one(repo.path / ".git")
    assert not is_one(inside)
    assert not is_one(repo.path / ".git" / "objects")
    assert not is_one(tmp_path)
    assert not is_one(Path("/etc"))
    assert not is_one(tmp_path / "missing")
    assert not is_one(repo.path / ".git" / "config")


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("fatal: could not read Username for 'https://x': terminal prompts disabled", "source’s secret"),
        ("fatal: Authentication failed for 'https://ana:pw@x/'", "source’s secret"),
        ("git@x: Permission denied (publickey).\nfatal: Could not read from remote repository.", "SSH key"),
        ("Host key verification failed.\nfatal: Could not read", "known_hosts"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "Unknown host"),
        ("ssh: connect to host x port 22: Connection refused\nfatal: Could not read", "doesn’t answer"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 404", "no repository"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 301", "redirects"),
        ("fatal: unable to access 'https://x/': server certificate verification failed.", "certificate"),
        ("fatal: write error: No space left on device", "disk of the worker is full"),
        ("fatal: the remote end hung up unexpectedly", "connection broke"),
        ("", "without a reason"),
        ("something new", "an unknown reason"),
        ("fatal: unable to access 'https://x/': gnutls_handshake() failed: unexpected", "certificate"),
        ("fatal: unable to access 'https://x/': Operation timed out after 15000 ms", "doesn’t answer"),
        ("fatal: attempt to fetch/clone from a shallow repository", "git fetch --unshallow"),
        ("fatal: Could not read from '/srv/x.git': Permission denied", "read access"),
        ("fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output", "worker is full"),
    ],
)
def test_errors_are_said_in_plain_words(said: str, remedy: str) -> None:
    assert remedy in explain(said)
    assert "git:" not in explain(said)
    assert "ana:pw" not in own_words(said)


def test_what_git_said_is_kept_without_progress_and_secrets() -> None:
    said = (
        "remote: you sent gl/pat+1 and gl%2Fpat%2B1\nAuthorization: Basic Z2l0OnBhdA==\n"
        "Receiving objects:  12% (1/8)\rfatal: unable to access 'https://ana:pw@host/x.git/': 500\n"
    )
    assert own_words(said, ["gl/pat+1", ""]) == (
        "remote: you sent … and …\nAuthorization: Basic …\nfatal: unable to access 'https://host/x.git/': 500"
    )


def test_a_full_disk_is_told_from_a_damaged_copy() -> None:
    assert is_full("error: file write error: No space left on device\nfatal: index-pack failed")
    assert not is_full("fatal: index-pack failed")


def test_chunks_are_bounded_in_number_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(number: int, message: str) -> records.CommitRecord:
        return records.CommitRecord(f"{number:040x}", (), 1, 1, "Ana", "ana@example.org", message)

    sizes = [size for size, _ in records.commit_bodies(record(number, "x") for number in range(11_000))]
    assert sizes == [5000, 5000, 1000]
    bodies = [body for _, body in records.commit_bodies(record(number, "\u00fc" * 4000) for number in range(1200))]
    assert len(bodies) > 1
    assert max(map(len, bodies)) <= records.MOST_BYTES + 100
    assert not list(records.commit_bodies([]))


def test_a_list_of_commits_that_ends_in_the_middle_is_no_list(repo: Repo) -> None:
    with pytest.raises(GitFailed, match="cut off"):
        list(git_mirror._records([b"a\0b\0c"], 2))
