"""Which folders commits touch, asked of git only for repositories with monorepo paths. No Django in here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from releases.providers.git.records import CommitRecord
from releases.providers.monorepo_paths import depth_of, folders_of

if TYPE_CHECKING:
    from releases.providers.git.client import Git

AT_ONCE = 500
LONGEST_PATH = 4096


def with_paths(
    git: "Git", mirror: Path, records: Iterable[CommitRecord], prefixes: tuple[str, ...]
) -> Iterator[CommitRecord]:
    """Yield the commits with the folders that each touches; a merge with those of the commits it merged."""
    rest = iter(records)
    depth = depth_of(prefixes)
    while batch := list(islice(rest, AT_ONCE)):
        folders = _folders_by_sha(git, mirror, [record.sha for record in batch], depth)
        for record in batch:
            yield replace(record, paths=folders_of(folders.get(record.sha, ()), prefixes), depth=depth)


def _folders_by_sha(git: "Git", mirror: Path, shas: list[str], depth: int) -> dict[str, set[str]]:
    """Return the folders that each commit touches, compared with its first parent. Git reads names only, no contents."""
    output = git.stream(
        "--git-dir",
        str(mirror),
        "diff-tree",
        "--stdin",
        "-z",
        "-r",
        "--raw",
        "--root",
        "--no-renames",
        "--no-color",
        "--no-ext-diff",
        "--diff-merges=first-parent",
        stdin="".join(f"{sha}\n" for sha in shas).encode(),
    )
    found: dict[str, set[str]] = {}
    sha, is_path = "", False
    for token in _tokens(output):
        if is_path:
            found[sha].add("/".join(token.split("/", depth)[:depth]))
            is_path = False
        elif token.startswith(":"):
            is_path = True
        else:
            sha = token
            found.setdefault(sha, set())
    return found


def _tokens(pieces: Iterable[bytes]) -> Iterator[str]:
    begun = b""
    for piece in pieces:
        *ended, begun = (begun + piece).split(b"\0")
        for each in ended:
            yield each[:LONGEST_PATH].decode("utf-8", "replace")
