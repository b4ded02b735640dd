"""What commits change, as git's patch-ids: equal for a commit that repeats another elsewhere. No Django in here.

A second patch-id, of the change turned round, is that of a commit that takes it back exactly. Merges have neither.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from releases.providers.git.records import CommitRecord

if TYPE_CHECKING:
    from releases.providers.git.client import Git

AT_ONCE = 2000
# Larger files are not fetched, and commits that touch them have no patch-id.
LARGE, LEFT_OUT = "1m", "rodeo-left-out"
DIFF = (
    "-c",
    f"core.bigFileThreshold={LARGE}",
    "diff-tree",
    "--stdin",
    "-p",
    "--full-index",
    "--root",
    "--no-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    # A diff that is turned round swaps them, and the patch-id is made of them too.
    "--src-prefix=file/",
    "--dst-prefix=file/",
)


def with_patches(git: "Git", mirror: Path, records: Iterable[CommitRecord], revisions: bytes) -> Iterator[CommitRecord]:
    """Yield the commits with their patch-ids, which git computes from the contents of the mirror.

    `revisions` are those that the commits were read by, as git takes them on its stdin.
    """
    rest = iter(records)
    lacking = _left_out(git, mirror, revisions)
    while batch := list(islice(rest, AT_ONCE)):
        shas = [record.sha for record in batch if len(record.parents) < 2]
        if lacking:
            shas = _readable(git, mirror, shas, lacking)
        own, undoes = _patches(git, mirror, shas), _patches(git, mirror, shas, "-R")
        for record in batch:
            yield replace(record, patch=own.get(record.sha, ""), undoes=undoes.get(record.sha, ""))


def _left_out(git: "Git", mirror: Path, revisions: bytes) -> set[bytes]:
    """Return the files that the server left out of the mirror, now and earlier.

    Git must not be asked for them by name: it would fetch them.
    """
    known = mirror / LEFT_OUT
    found = set(known.read_bytes().splitlines()) if known.exists() else set()
    before = len(found)
    output = git.stream(
        "--git-dir", str(mirror), "rev-list", "--objects", "--missing=print", "--stdin", stdin=revisions
    )
    begun = b""
    for piece in output:
        *lines, begun = (begun + piece).split(b"\n")
        found.update(line[1:] for line in lines if line.startswith(b"?"))
    if len(found) != before:
        known.write_bytes(b"\n".join(sorted(found)))
    return found


def _readable(git: "Git", mirror: Path, shas: list[str], lacking: set[bytes]) -> list[str]:
    """Return the commits that touch none of the files that are left out, neither before nor after."""
    output = git.run(
        "--git-dir",
        str(mirror),
        "diff-tree",
        "--stdin",
        "-r",
        "--raw",
        "--root",
        "--no-renames",
        "--no-abbrev",
        stdin="".join(f"{sha}\n" for sha in shas).encode(),
    )
    touching: set[str] = set()
    sha = ""
    for line in output.splitlines():
        if not line.startswith(b":"):
            sha = line.strip().decode("ascii", "replace")
        elif not lacking.isdisjoint(line.split(None, 4)[2:4]):
            touching.add(sha)
    return [sha for sha in shas if sha not in touching]


def _patches(git: "Git", mirror: Path, shas: list[str], *more: str) -> dict[str, str]:
    if not shas:
        return {}
    output = git.piped(
        ("--git-dir", str(mirror), *DIFF, *more),
        ("--git-dir", str(mirror), "patch-id", "--stable"),
        stdin="".join(f"{sha}\n" for sha in shas).encode(),
        # What is not here is not fetched behind our back.
        environment={"GIT_ALLOW_PROTOCOL": "none"},
    )
    lines = b"".join(output).decode("ascii", "replace").splitlines()
    pairs = (line.split() for line in lines)
    return {sha: patch for patch, sha in (pair for pair in pairs if len(pair) == 2)}
