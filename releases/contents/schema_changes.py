"""Which changes of a release touch files of a service's schema, and what each was called. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from releases.contents.release_facts import ChangeRow, ReleaseFacts, RepositoryRow
from releases.providers import schema_files
from releases.providers.monorepo_paths import innermost_prefix

# Systems list at most so many files of a commit; of one with as many there may be more.
MOST_TOLD = 300
BY_MESSAGE = "the commit message"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A change that touches a file of the schema. `kind` is "expand", "contract", or "" while nobody named it.

    `named_by` is the person, or "the commit message". `at` is when it was merged, or else committed.
    """

    change: UUID
    sha: str
    path: str
    kind: str
    named_by: str
    url: str
    at: datetime | None


def schema_changes_of(
    facts: ReleaseFacts, service: int, changes: Iterable[ChangeRow], other_patterns: list[str] | None = None
) -> tuple[tuple[SchemaChange, ...], tuple[str, ...]]:
    """Return the schema changes of a service among some changes, the oldest first; and the shas of changes of which no file is
    known.

    A merge counts for the files that no other of these changes touches: it brings what others changed. With `other_patterns`,
    the files that git knows by now are told by these.
    """
    patterns, asked = facts.patterns(service)
    if other_patterns is not None:
        patterns = other_patterns
    found: list[SchemaChange] = []
    unread: list[str] = []
    seen: set[tuple[int, str]] = set()
    for change in sorted(changes, key=lambda each: (each.is_merge, each.sha)):
        repository = facts.repositories[change.repository]
        files, is_whole = _files(change, asked)
        if not is_whole:
            unread.append(change.sha)
        for path in schema_files.files_matching(files, patterns):
            if not _is_of(repository, path, service) or (change.is_merge and (change.repository, path) in seen):
                continue
            seen.add((change.repository, path))
            kind, by = facts.names.get((change.pk, path)) or (change.said, BY_MESSAGE if change.said else "")
            at = change.merged_at or change.at
            found.append(SchemaChange(change.pk, change.sha, path, kind, by, change.url, at))
    found.sort(key=lambda each: (each.at is not None, each.at, each.sha, each.path))
    return tuple(found), tuple(unread)


def _files(change: ChangeRow, asked: int) -> tuple[list[str], bool]:
    """Return the files that a change touches, as far as they may matter, and whether these are all."""
    if change.asked >= asked:
        return change.files, True
    # Some of its files git may have told already, by fewer patterns.
    known = [*change.told, *(path for path in change.files if path not in change.told)]
    return known, 0 < len(change.told) < MOST_TOLD


def _is_of(repository: RepositoryRow, path: str, service: int) -> bool:
    prefix = innermost_prefix(path, repository.parts)
    return (repository.parts[prefix] if prefix else repository.service) == service
