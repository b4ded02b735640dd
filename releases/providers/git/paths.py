"""Which folders commits touch, asked of git only for repositories that have parts. No Django in here."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from releases.providers.git.messages import Record
from releases.providers.monorepo_paths import cut, depth_of

if TYPE_CHECKING:
    from releases.providers.git.client import Git

AT_ONCE = 500
LONGEST_PATH = 4096


def with_paths(git: "Git", mirror: Path, records: Iterable[Record], prefixes: tuple[str, ...]) -> Iterator[Record]:
    """Yield the commits again, each with the folders it touches; a merge with those of what it merged."""
    rest = iter(records)
    depth = depth_of(prefixes)
    while some := list(islice(rest, AT_ONCE)):
        folders = _touched(git, mirror, [record.sha for record in some], depth)
        for record in some:
            yield replace(record, paths=cut(folders.get(record.sha, ()), prefixes), depth=depth)


def _touched(git: "Git", mirror: Path, shas: list[str], depth: int) -> dict[str, set[str]]:
    """Ask git for the folders that commits touch, compared with their first parent: names only, never contents."""
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
