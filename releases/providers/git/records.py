"""The two kinds of events that a git pull stores, and their translation into facts. No Django in here.

`git.commits` holds commits, oldest first, and no time of reading, so reading the same commits twice gives the same event.
`git.refs` is a complete snapshot of the mainline's head and the tags.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from releases.providers.base import Message
from releases.providers.facts import Commit, CommitsSeen, RefsSeen, Seen, TagSeen, Unreadable

COMMITS, REFS = "git.commits", "git.refs"
MOST_COMMITS = 5_000
MOST_BYTES = 4 * 1024 * 1024
LONGEST_MESSAGE = 4_000
LAST_SECOND = 253_402_300_799  # the end of year 9999, the last a datetime holds


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """One commit as git printed it; times in seconds since 1970."""

    sha: str
    parents: tuple[str, ...]
    authored: int
    committed: int
    author: str
    email: str
    message: str
    # The folders it touches, cut to `depth` levels; None where git was not asked.
    paths: tuple[str, ...] | None = None
    depth: int = 0
    # git's patch-id of it, and of what takes it back exactly; empty where there is none.
    patch: str = ""
    undoes: str = ""
    # The files of the schema that it touches, by the first `files_asked` patterns; 0 where git was not asked.
    files: tuple[str, ...] = ()
    files_asked: int = 0


@dataclass(frozen=True, slots=True)
class TagRecord:
    """One tag in a snapshot. `first_seen` is the `at` of the first snapshot since which the tag has not changed."""

    name: str
    sha: str
    tagged_at: datetime
    first_seen: str


@dataclass(frozen=True, slots=True)
class RefsSnapshot:
    """The head of a repository's mainline and all its tags at the moment `at`, as its event stores them."""

    at: str
    branch: str
    head: str
    tags: tuple[TagRecord, ...]


def moment(seconds: int) -> datetime:
    """Return seconds since 1970 as a datetime; one out of range becomes the nearest in range."""
    return datetime.fromtimestamp(min(max(seconds, 0), LAST_SECOND), UTC)


def commit_bodies(records: Iterable[CommitRecord]) -> Iterator[tuple[int, bytes]]:
    """Yield the bodies of `git.commits` events and how many commits each holds, bounded in number and bytes."""
    lines: list[str] = []
    size = 0
    for record in records:
        read = [] if record.paths is None else [record.depth, list(record.paths)]
        if record.patch or record.files_asked:
            read = [*(read or [0, None]), record.patch, record.undoes]
        if record.files_asked:
            read += [record.files_asked, list(record.files)]
        line = json.dumps(
            [
                record.sha,
                list(record.parents),
                record.authored,
                record.committed,
                record.author,
                record.email,
                record.message,
                *read,
            ],
            ensure_ascii=False,
            separators=(",", ":"),
        )
        length = len(line.encode()) + 2
        if lines and (len(lines) >= MOST_COMMITS or size + length > MOST_BYTES):
            yield len(lines), _commits_body(lines)
            lines, size = [], 0
        lines.append(line)
        size += length
    if lines:
        yield len(lines), _commits_body(lines)


def _commits_body(lines: list[str]) -> bytes:
    return ('{"commits":[\n' + ",\n".join(lines) + "\n]}").encode()


def refs_body(refs: RefsSnapshot) -> bytes:
    """Return a snapshot as the body of a `git.refs` event."""
    tags = [[tag.name, tag.sha, int(tag.tagged_at.timestamp()), tag.first_seen] for tag in refs.tags]
    content = {"at": refs.at, "branch": refs.branch, "head": refs.head, "tags": tags}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def refs_delivery(at: str) -> str:
    """Return the delivery id of the snapshot taken at that moment; no two snapshots of one source share a moment."""
    return f"refs:{at}"


def read_refs(body: bytes) -> RefsSnapshot:
    """Parse the body of a `git.refs` event; raise Unreadable, naming the field, for anything else."""
    content = _object(body)
    try:
        tags = tuple(
            TagRecord(str(name), str(sha), moment(int(seconds)), str(first_seen))
            for name, sha, seconds, first_seen in content["tags"]
        )
        return RefsSnapshot(str(content["at"]), str(content["branch"]), str(content["head"]), tags)
    except KeyError as error:
        raise Unreadable(f"The record has no field {error.args[0]!r}.") from None
    except (TypeError, ValueError) as error:
        raise Unreadable(f"A tag in `tags` can’t be read: {error}.") from None


def read_commits(body: bytes) -> Iterator[Commit]:
    """Parse the body of a `git.commits` event; raise Unreadable, naming the index, for anything else."""
    content = _object(body)
    if not isinstance(content.get("commits"), list):
        raise Unreadable("The event has no list `commits`.")
    for number, row in enumerate(content["commits"]):
        try:
            sha, parents, authored, committed, author, email, message, *rest = row
            depth, paths = rest[:2] or (0, None)
            patch, undoes = rest[2:4] or ("", "")
            files_asked, files = rest[4:] or (0, ())
            yield Commit(
                sha,
                tuple(parents),
                moment(int(authored)),
                moment(int(committed)),
                author,
                message,
                None if paths is None else tuple(str(path) for path in paths),
                int(depth),
                str(patch),
                str(undoes),
                str(email),
                tuple(str(path) for path in files),
                int(files_asked),
            )
        except (TypeError, ValueError) as error:
            raise Unreadable(f"`commits[{number}]` can’t be read: {error}.") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise Unreadable("The body isn’t a JSON object.")
    return content


def translate(kind: str, message: Message, config: Mapping[str, Any]) -> list[Seen] | None:
    """Return the facts of a stored event; None for a kind that no pull writes. `config` names the repository."""
    repository = str(config.get("repository") or "")
    if kind == COMMITS:
        commits = tuple(read_commits(message.body))
        newest = max((each.committed_at for each in commits), default=moment(0))
        return [CommitsSeen(key=repository, at=newest, commits=commits)]
    if kind == REFS:
        refs = read_refs(message.body)
        try:
            at = datetime.fromisoformat(refs.at)
        except ValueError:
            raise Unreadable("The field `at` isn’t a time.") from None
        tags = tuple(TagSeen(tag.name, tag.sha, tag.tagged_at, tag.first_seen == refs.at) for tag in refs.tags)
        return [RefsSeen(key=repository, at=at, branch=refs.branch, head=refs.head, tags=tags)]
    return None
