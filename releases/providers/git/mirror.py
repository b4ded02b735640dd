"""The local mirror of a repository: fetching it, its refs, and its new commits."""

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from releases.providers.git.client import SHA, Git
from releases.providers.git.commit_files import with_paths
from releases.providers.git.errors import PERCENT
from releases.providers.git.errors import GitFailed as GitFailed
from releases.providers.git.patches import LARGE, with_patches
from releases.providers.git.records import LONGEST_MESSAGE, CommitRecord, RefsSnapshot, TagRecord, moment

LONGEST_FIELD = 1024 * 1024
HEAD = "refs/rodeo/head"
WITH_FOLDERS, WITH_CONTENTS = "rodeo-folders", "rodeo-contents"
FIELDS = "%H%x00%P%x00%at%x00%ct%x00%an%x00%ae%x00%B"
REF_FIELDS = (
    "%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(taggerdate:unix)%00"
    "%(committerdate:unix)%00%(*committerdate:unix)"
)


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """The refs that the server lists before anything is fetched. `ref` is the mainline's; `digest` tells whether any changed."""

    ref: str
    branch: str
    digest: str


@dataclass(slots=True)
class Mirror:
    """The mirror of one repository, at `path`. Use inside `held()`."""

    path: Path
    git: Git
    branch: str = ""
    # The repository's monorepo paths; with any, git is asked which folders each commit touches.
    folders: tuple[str, ...] = ()
    # Whether commits are compared by what they change, for which the contents of files are needed.
    contents: bool = True
    # The patterns of files of the schema; git is asked which of these files each commit touches, where it has their names.
    patterns: tuple[str, ...] = ()

    @property
    def tells_files(self) -> bool:
        """Whether the copy has the names of files, and anybody wants them."""
        return bool(self.patterns) and (self.contents or bool(self.folders))

    @contextmanager
    def held(self, wait: float = 15) -> Iterator[None]:
        """Hold the mirror's lock; raise GitFailed after `wait` seconds.

        Git inherits the lock file, so one that outlives a killed worker keeps the lock until it ends.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "w") as lock:
            until = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    self.git.tick()
                    if time.monotonic() > until:
                        text = "An earlier pull of this repository is still running. Rodeo will try again."
                        raise GitFailed(text) from None
                    time.sleep(0.2)
            self.git.lock_fd = lock.fileno()
            try:
                yield
            finally:
                self.git.lock_fd = None

    def remote_refs(self) -> RemoteRefs:
        """List the mainline and tags on the server: one short request that shows whether anything changed."""
        wanted = f"refs/heads/{self.branch}" if self.branch else "HEAD"
        refs, symbolic = self._ls_remote("--symref", "--end-of-options", self.git.address.url, wanted, "refs/tags/*")
        ref, branch = wanted, self.branch
        if not self.branch:
            branch = symbolic.get("HEAD", "").removeprefix("refs/heads/")
        if ref not in refs:
            heads, _ = self._ls_remote("--heads", "--end-of-options", self.git.address.url)
            if heads:
                ref = self._default_branch(wanted, sorted(heads))
                branch = ref.removeprefix("refs/heads/")
                refs[ref] = heads[ref]
            else:
                ref, branch = "", ""
        lines = [f"{ref} {branch} {refs.get(ref, '')}"]
        lines += [f"{name} {sha}" for name, sha in sorted(refs.items()) if name.startswith("refs/tags/")]
        return RemoteRefs(ref, branch, hashlib.sha256("\n".join(lines).encode()).hexdigest())

    def _ls_remote(self, *arguments: str) -> tuple[dict[str, str], dict[str, str]]:
        refs, symbolic = {}, {}
        for line in (
            self.git.run(*self.git.network_options(), "ls-remote", *arguments).decode("utf-8", "replace").splitlines()
        ):
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                symbolic[name] = value.removeprefix("ref: ")
            elif SHA.fullmatch(value):
                refs[name] = value
        return refs, symbolic

    def _default_branch(self, wanted: str, heads: list[str]) -> str:
        """Return the ref of the mainline of a repository whose HEAD names no existing branch."""
        names = ", ".join(head.removeprefix("refs/heads/") for head in heads[:10])
        if self.branch:
            raise GitFailed(f"The repository has no branch {self.branch!r}. Its branches: {names}.")
        likely = heads if len(heads) == 1 else ["refs/heads/main", "refs/heads/master", "refs/heads/trunk"]
        for ref in likely:
            if ref in heads:
                return ref
        raise GitFailed(f"The repository has no default branch. Choose one in the source’s settings: {names}.")

    def fetch(self, remote: RemoteRefs, report: Callable[[int], None]) -> None:
        """Fetch the mainline and the tags, forced pushes and deletions included; `report` gets the progress in per cent."""
        self._prepare()

        def on_stderr(text: str) -> None:
            if found := PERCENT.findall(text):
                report(int(found[-1][1]))

        refspecs = ["+refs/tags/*:refs/tags/*"] + ([f"+{remote.ref}:{HEAD}"] if remote.ref else [])
        options = self.git.network_options()
        for _ in self.git.stream(
            *options,
            "--git-dir",
            str(self.path),
            "fetch",
            "--prune",
            "--force",
            "--no-tags",
            "--update-shallow",
            "--progress",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            f"--filter={self._filter()}",
            "--end-of-options",
            "origin",
            *refspecs,
            on_stderr=on_stderr,
        ):
            pass
        if not remote.ref:
            self._git("update-ref", "-d", HEAD)
        self._git("pack-refs", "--all")
        with suppress(GitFailed):  # housekeeping: the mirror is complete without it
            self._git("gc", "--auto", "--quiet")

    def _filter(self) -> str:
        """Return the fetch filter: no large files; without contents none, nor folders unless monorepo paths need them."""
        if (self.path / WITH_CONTENTS).exists():
            return f"blob:limit={LARGE}"
        return "blob:none" if (self.path / WITH_FOLDERS).exists() else "tree:0"

    def _prepare(self) -> None:
        lacking = (self.contents and WITH_CONTENTS) or (self.folders and WITH_FOLDERS)
        held = [name for name in (WITH_CONTENTS, WITH_FOLDERS) if (self.path / name).exists()]
        if lacking and self.path.exists() and lacking not in held and WITH_CONTENTS not in held:
            self.forget()  # a later fetch does not bring what an earlier one left out
        if not (self.path / "HEAD").exists() or not (self.path / "objects").is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
            self.git.run("init", "--quiet", "--bare", "--template=", "--", str(self.path))
            if lacking:
                (self.path / lacking).touch()
        # Left by a git that was killed. No other git is running: we hold the lock.
        for left in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"):
            for file in self.path.glob(left):
                file.unlink(missing_ok=True)
        self._git("config", "--replace-all", "remote.origin.url", self.git.address.url)

    def forget(self) -> None:
        """Delete the mirror; the next pull makes it anew."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self.git.run("--git-dir", str(self.path), *arguments, stdin=stdin)

    def snapshot(self, branch: str, at: str, before: RefsSnapshot | None) -> RefsSnapshot:
        """Return the mirror's head and each tag that points at a commit, with its date.

        `before` is the snapshot before this one: a tag that did not change keeps its `first_seen`.
        """
        head = ""
        found: dict[str, tuple[str, datetime]] = {}
        nested: list[tuple[str, int]] = []
        for line in self._git("for-each-ref", f"--format={REF_FIELDS}", "refs/tags", HEAD).split(b"\n"):
            if not line:
                continue
            text = line.decode("utf-8", "replace")
            name, kind, sha, peeled_kind, peeled, tagged, committed, peeled_at = text.split("\0")
            if name == HEAD:
                head = sha if kind == "commit" else peeled
            elif kind == "commit":
                found[name] = (sha, moment(_seconds(committed)))
            elif peeled_kind == "commit":
                found[name] = (peeled, moment(_seconds(tagged or peeled_at)))
            elif peeled_kind == "tag":
                nested.append((name, _seconds(tagged)))
        for name, seconds in nested:
            if sha := self._commit_of(name):
                found[name] = (sha, moment(seconds))
        first_seen = {(tag.name, tag.sha, tag.tagged_at): tag.first_seen for tag in before.tags} if before else {}
        tags = (
            TagRecord(short, sha, tagged_at, first_seen.get((short, sha, tagged_at), at))
            for name, (sha, tagged_at) in sorted(found.items())
            for short in (name.removeprefix("refs/tags/"),)
        )
        return RefsSnapshot(at, branch, head, tuple(tags))

    def _commit_of(self, ref: str) -> str:
        answer = self._git("cat-file", "--batch-check", stdin=f"{ref}^{{commit}}\n".encode()).decode().split()
        return answer[0] if len(answer) == 3 and answer[1] == "commit" else ""

    def commits(self, wanted: Iterable[str], without: Iterable[str], *, patches: bool = True) -> Iterator[CommitRecord]:
        """Yield the commits reachable from `wanted` and not from `without`, parents before children; with their patches, if
        the copy has the contents and `patches` is on.

        Shas that the mirror does not have are ignored in `without`; one missing from `wanted` raises GitFailed.
        """
        revisions = self._revisions(wanted, without)
        if not revisions:
            return
        output = self.git.stream(
            "--git-dir",
            str(self.path),
            "log",
            "-z",
            f"--format=tformat:{FIELDS}",
            "--encoding=UTF-8",
            "--topo-order",
            "--reverse",
            "--no-color",
            "--no-notes",
            "--no-show-signature",
            "--no-mailmap",
            "--no-patch",
            "--stdin",
            stdin=revisions.encode(),
        )
        records: Iterable[CommitRecord] = (_record(*row) for row in _records(output, 7))
        if self.folders or self.tells_files:
            patterns = self.patterns if self.tells_files else ()
            records = with_paths(self.git, self.path, records, self.folders, patterns)
        if self.contents and patches:
            records = with_patches(self.git, self.path, records, revisions.encode())
        yield from records

    def count(self, wanted: Iterable[str], without: Iterable[str]) -> int:
        """Return how many commits `commits` yields for the same shas."""
        revisions = self._revisions(wanted, without)
        return int(self._git("rev-list", "--count", "--stdin", stdin=revisions.encode())) if revisions else 0

    def is_shallow(self) -> bool:
        """Say whether the history is cut off, since the repository on the server is itself a shallow copy."""
        return (self.path / "shallow").exists()

    def _revisions(self, wanted: Iterable[str], without: Iterable[str]) -> str:
        tips = [sha for sha in dict.fromkeys(wanted) if SHA.fullmatch(sha)]
        if not tips:
            return ""
        return "".join(f"{sha}\n" for sha in tips) + "".join(f"^{sha}\n" for sha in self.held_of(without))

    def held_of(self, shas: Iterable[str]) -> list[str]:
        """Return those of these commits that the copy has."""
        known = [sha for sha in dict.fromkeys(shas) if SHA.fullmatch(sha)]
        if not known:
            return []
        answers = self._git("cat-file", "--batch-check", stdin="\n".join([*known, ""]).encode()).decode().splitlines()
        return [answer.split()[0] for answer in answers if answer.split()[1:2] == ["commit"]]


def _record(
    sha: str, parents: str, authored: str, committed: str, author: str, email: str, message: str
) -> CommitRecord:
    made = _seconds(committed)
    return CommitRecord(
        sha,
        tuple(parents.split()),
        _seconds(authored, made),
        made,
        author[:200],
        email[:200],
        message[:LONGEST_MESSAGE].strip(),
    )


def _seconds(text: str, otherwise: int = 0) -> int:
    try:
        return int(text)
    except ValueError:
        return otherwise


def _records(pieces: Iterable[bytes], size: int) -> Iterator[list[str]]:
    """Split a stream of NUL-terminated fields into records. Git prints no NUL inside a field, so fields cannot shift."""
    row: list[str] = []
    begun: list[bytes] = []
    length = 0
    for piece in pieces:
        *ended, rest = piece.split(b"\0")
        for each in ended:
            row.append(b"".join((*begun, each)).decode("utf-8", "replace"))
            begun, length = [], 0
            if len(row) == size:
                yield row
                row = []
        if length < LONGEST_FIELD:  # the beginning of a message of many megabytes is enough
            begun.append(rest)
            length += len(rest)
    if row or length:
        raise GitFailed("git's list of commits was cut off. Rodeo will try again.")
