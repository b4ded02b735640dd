"""What commits touch: folders, for repositories with monorepo paths, and files of the schema. No Django in here."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from releases.providers.git.records import CommitRecord
from releases.providers.monorepo_paths import depth_of, folders_of
from releases.providers.schema_files import any_of

if TYPE_CHECKING:
    from releases.providers.git.client import Git

AT_ONCE = 500
MOST_FILES = 1000
LONGEST_PATH = 4096
NOTHING: tuple[set[str], set[str]] = (set(), set())


def with_paths(
    git: "Git", mirror: Path, records: Iterable[CommitRecord], prefixes: tuple[str, ...], patterns: tuple[str, ...]
) -> Iterator[CommitRecord]:
    """Yield the commits with the folders and the files of the schema that each touches; a merge with those of the commits it
    merged.

    A commit that touches very many files of the schema is left as one that git was not asked about.
    """
    rest = iter(records)
    depth = depth_of(prefixes)
    is_schema = any_of(patterns)
    while batch := list(islice(rest, AT_ONCE)):
        touched = _touched_by_sha(git, mirror, [record.sha for record in batch], depth, is_schema)
        for record in batch:
            folders, files = touched.get(record.sha, NOTHING)
            if depth:
                record = replace(record, paths=folders_of(folders, prefixes), depth=depth)
            if patterns and len(files) <= MOST_FILES:
                record = replace(record, files=tuple(sorted(files)), files_asked=len(patterns))
            yield record


def _touched_by_sha(
    git: "Git", mirror: Path, shas: list[str], depth: int, is_schema: Callable[[str], bool]
) -> dict[str, tuple[set[str], set[str]]]:
    """Return the folders and the files of the schema that each commit touches, compared with its first parent.

    Git reads names only, no contents.
    """
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
    found: dict[str, tuple[set[str], set[str]]] = {}
    folders, files = NOTHING
    is_path = False
    for token in _tokens(output):
        if is_path:
            is_path = False
            if depth:
                folders.add("/".join(token.split("/", depth)[:depth]))
            if is_schema(token):
                files.add(token)
        elif token.startswith(":"):
            is_path = True
        else:
            folders, files = found.setdefault(token, (set(), set()))
    return found


def _tokens(pieces: Iterable[bytes]) -> Iterator[str]:
    begun = b""
    for piece in pieces:
        *ended, begun = (begun + piece).split(b"\0")
        for each in ended:
            yield each[:LONGEST_PATH].decode("utf-8", "replace")
