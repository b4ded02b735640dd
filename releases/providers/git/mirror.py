"""The copy of a repository that Rodeo reads: fetching it, its refs, and its new commits."""

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
from releases.providers.git.messages import LONGEST_MESSAGE, Look, Record, TagLine, moment
from releases.providers.git.paths import with_paths
from releases.providers.git.remedies import PERCENT
from releases.providers.git.remedies import GitFailed as GitFailed

LONGEST_FIELD = 1024 * 1024
HEAD = "refs/rodeo/head"
WITH_FOLDERS = "rodeo-folders"
FIELDS = "%H%x00%P%x00%at%x00%ct%x00%an%x00%ae%x00%B"
REF_FIELDS = (
    "%(refname)%00%(objecttype)%00%(objectname)%00%(*objecttype)%00%(*objectname)%00%(taggerdate:unix)%00"
    "%(committerdate:unix)%00%(*committerdate:unix)"
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What the server offers, before anything is fetched. `ref` is what the mainline is called there."""

    ref: str
    branch: str
    digest: str


@dataclass(slots=True)
class Mirror:
    """The copy of one repository, at `path`. Use inside `held()`."""

    path: Path
    git: Git
    branch: str = ""
    # The parts of the repository: where there are any, git is asked which folders each commit touches.
    folders: tuple[str, ...] = ()

    @contextmanager
    def held(self, wait: float = 15) -> Iterator[None]:
        """Keep everybody else out, a git left over from a killed worker included: it inherited the open lock file."""
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
                        text = "An earlier pull of this repository is still at work. It will be tried again."
                        raise GitFailed(text) from None
                    time.sleep(0.2)
            self.git.kept_open = lock.fileno()
            try:
                yield
            finally:
                self.git.kept_open = None

    def glance(self) -> Glance:
        """Ask the server for its mainline and tags: one short exchange, enough to know whether anything changed."""
        wanted = f"refs/heads/{self.branch}" if self.branch else "HEAD"
        refs, symbolic = self._listed("--symref", "--end-of-options", self.git.address.url, wanted, "refs/tags/*")
        ref, branch = wanted, self.branch
        if not self.branch:
            branch = symbolic.get("HEAD", "").removeprefix("refs/heads/")
        if ref not in refs:
            heads, _ = self._listed("--heads", "--end-of-options", self.git.address.url)
            if heads:
                ref = self._instead(wanted, sorted(heads))
                branch = ref.removeprefix("refs/heads/")
                refs[ref] = heads[ref]
            else:
                ref, branch = "", ""
        lines = [f"{ref} {branch} {refs.get(ref, '')}"]
        lines += [f"{name} {sha}" for name, sha in sorted(refs.items()) if name.startswith("refs/tags/")]
        return Glance(ref, branch, hashlib.sha256("\n".join(lines).encode()).hexdigest())

    def _listed(self, *arguments: str) -> tuple[dict[str, str], dict[str, str]]:
        refs, symbolic = {}, {}
        for line in self.git.run(*self.git.reached(), "ls-remote", *arguments).decode("utf-8", "replace").splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: "):
                symbolic[name] = value.removeprefix("ref: ")
            elif SHA.fullmatch(value):
                refs[name] = value
        return refs, symbolic

    def _instead(self, wanted: str, heads: list[str]) -> str:
        """Choose the mainline of a repository whose HEAD names no branch that exists."""
        names = ", ".join(head.removeprefix("refs/heads/") for head in heads[:10])
        if self.branch:
            raise GitFailed(f"The repository has no branch {self.branch!r}. Choose one it has: {names}.")
        likely = heads if len(heads) == 1 else ["refs/heads/main", "refs/heads/master", "refs/heads/trunk"]
        for ref in likely:
            if ref in heads:
                return ref
        raise GitFailed(
            f"The repository names no default branch. Choose the mainline in the source's settings: {names}."
        )

    def fetch(self, glance: Glance, report: Callable[[int], None]) -> None:
        """Bring the mainline and the tags here, forced pushes and deletions included; report per cent as it goes."""
        self._prepare()

        def heard(text: str) -> None:
            if found := PERCENT.findall(text):
                report(int(found[-1][1]))

        refspecs = ["+refs/tags/*:refs/tags/*"] + ([f"+{glance.ref}:{HEAD}"] if glance.ref else [])
        options = self.git.reached()
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
            f"--filter={self._without()}",
            "--end-of-options",
            "origin",
            *refspecs,
            heard=heard,
        ):
            pass
        if not glance.ref:
            self._git("update-ref", "-d", HEAD)
        self._git("pack-refs", "--all")
        with suppress(GitFailed):  # housekeeping; what was fetched is whole without it
            self._git("gc", "--auto", "--quiet")

    def _without(self) -> str:
        """Say what to leave out: file contents always, folders too unless the parts of the repository ask for them."""
        return "blob:none" if (self.path / WITH_FOLDERS).exists() else "tree:0"

    def _prepare(self) -> None:
        if self.folders and self.path.exists() and not (self.path / WITH_FOLDERS).exists():
            self.forget()  # what git left out of a copy it does not bring later by itself
        if not (self.path / "HEAD").exists() or not (self.path / "objects").is_dir():
            shutil.rmtree(self.path, ignore_errors=True)
            self.git.run("init", "--quiet", "--bare", "--template=", "--", str(self.path))
            if self.folders:
                (self.path / WITH_FOLDERS).touch()
        # Left by a git that was killed. Nobody else is at work: see `held`.
        for left in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*"):
            for file in self.path.glob(left):
                file.unlink(missing_ok=True)
        self._git("config", "--replace-all", "remote.origin.url", self.git.address.url)

    def forget(self) -> None:
        """Delete the copy; the next pull makes it anew."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return self.git.run("--git-dir", str(self.path), *arguments, stdin=stdin)

    def look(self, branch: str, at: str, before: Look | None) -> Look:
        """Return what the copy holds: the head, and each tag that leads to a commit with its date.

        `before` is the look before this one: a tag that stands as it stood keeps the moment it was first seen.
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
        stood = {(tag.name, tag.sha, tag.tagged_at): tag.since for tag in before.tags} if before else {}
        tags = (
            TagLine(short, sha, tagged_at, stood.get((short, sha, tagged_at), at))
            for name, (sha, tagged_at) in sorted(found.items())
            for short in (name.removeprefix("refs/tags/"),)
        )
        return Look(at, branch, head, tuple(tags))

    def _commit_of(self, ref: str) -> str:
        answer = self._git("cat-file", "--batch-check", stdin=f"{ref}^{{commit}}\n".encode()).decode().split()
        return answer[0] if len(answer) == 3 and answer[1] == "commit" else ""

    def commits(self, wanted: Iterable[str], without: Iterable[str]) -> Iterator[Record]:
        """Yield the commits reachable from `wanted` and not from `without`, parents before children.

        Names that the copy does not hold are left out of `without`; one missing from `wanted` raises GitFailed.
        """
        tips = [sha for sha in dict.fromkeys(wanted) if SHA.fullmatch(sha)]
        if not tips:
            return
        revisions = "".join(f"{sha}\n" for sha in tips) + "".join(f"^{sha}\n" for sha in self._held_of(without))
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
        records = (_record(*row) for row in _records(output, 7))
        yield from with_paths(self.git, self.path, records, self.folders) if self.folders else records

    def _held_of(self, shas: Iterable[str]) -> list[str]:
        known = [sha for sha in dict.fromkeys(shas) if SHA.fullmatch(sha)]
        if not known:
            return []
        answers = self._git("cat-file", "--batch-check", stdin="\n".join([*known, ""]).encode()).decode().splitlines()
        return [answer.split()[0] for answer in answers if answer.split()[1:2] == ["commit"]]


def _record(sha: str, parents: str, authored: str, committed: str, author: str, email: str, message: str) -> Record:
    made = _seconds(committed)
    return Record(
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
    """Cut a stream of NUL-ended fields into records. Git prints no NUL inside a field, so nothing can shift them."""
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
        if length < LONGEST_FIELD:  # of a message of many megabytes, the beginning is enough
            begun.append(rest)
            length += len(rest)
    if row or length:
        raise GitFailed("git's list of commits ended in the middle. It will be tried again.")
