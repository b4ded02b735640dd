"""Applies what was read from git: commits, links to the stories they name, the mainline, and positions on it.

The result does not depend on the order of events: a commit's content follows from its sha, the newest snapshot of the refs
wins, and `recompute_positions` computes all positions from the stored rows.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from portal.kernel.bulk_update import write
from portal.kernel.stable_ids import stable_id
from releases.pipelines import commit_graph, relations
from releases.pipelines.change_links import LinkRules, link_commits
from releases.pipelines.models import Change, Mainline, Repository, StoryLink, TagMove
from releases.providers.commit_relations import relations_of
from releases.providers.facts import Commit, CommitsSeen, RefsSeen
from releases.providers.git.records import read_refs
from releases.providers.schema_files import kind_said

# The columns that come from git. All others come from other events, so the two never overwrite each other.
GIT_COLUMNS = (
    "parents",
    "known",
    "is_merge",
    "author",
    "authored_at",
    "committed_at",
    "subject",
    "event",
    "paths",
    "depth",
    "patch",
    "undoes",
    "files",
    "files_asked",
    "schema_kind",
)
AT_ONCE = 1000


def change_id(repository: Repository, sha: str) -> UUID:
    """Return the stable id of the change of a commit."""
    return stable_id("change", repository.key, sha)


def apply_commits(event: Any, repository: Repository, seen: CommitsSeen) -> set[int]:
    """Store the commits of an event; return the ids of the stories they name.

    A commit that is in several events refers to the one received first.
    """
    stories: set[int] = set()
    rules = LinkRules()
    for start in range(0, len(seen.commits), AT_ONCE):
        batch = {change_id(repository, commit.sha): commit for commit in seen.commits[start : start + AT_ONCE]}
        present = {
            pk: (known, (received_at, event_id))
            for pk, known, received_at, event_id in Change.objects.filter(pk__in=batch).values_list(
                "pk", "known", "event__received_at", "event_id"
            )
        }
        this_event = (event.received_at, event.pk)
        later = [pk for pk, (known, source_event) in present.items() if known and this_event < source_event]
        Change.objects.filter(pk__in=later).update(event_id=event.pk)
        fresh = {pk: commit for pk, commit in batch.items() if pk not in present or not present[pk][0]}
        _save_commits(event.pk, repository, fresh)
        stories |= _read_more({pk: commit for pk, commit in batch.items() if pk not in fresh})
        relations.save({pk: relations_of(commit.message) for pk, commit in batch.items()}, by_git=True)
        # An event that is read again tells anew whom its commits name.
        again = {pk for pk, (known, source_event) in present.items() if known and this_event == source_event}
        named = {pk: (each.message, author_of(each)) for pk, each in batch.items() if pk in fresh or pk in again}
        stories |= link_commits(repository, named, rules)
    return stories


def _save_commits(event: UUID, repository: Repository, commits: dict[UUID, Commit]) -> None:
    rows = [
        Change(
            pk=pk,
            repository=repository,
            sha=commit.sha,
            parents=" ".join(commit.parents),
            known=True,
            is_merge=len(commit.parents) > 1,
            author=commit.author[:200],
            authored_at=commit.authored_at,
            committed_at=commit.committed_at,
            subject=subject(commit.message),
            event_id=event,
            paths=list(commit.paths or ()),
            depth=commit.depth,
            patch=commit.patch,
            undoes=commit.undoes,
            files=list(commit.files),
            files_asked=commit.files_asked,
            schema_kind=kind_said(commit.message),
        )
        for pk, commit in commits.items()
    ]
    Change.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=GIT_COLUMNS, batch_size=500
    )


def author_of(commit: Commit) -> str:
    """Return what git calls a commit's author: name and address."""
    return f"{commit.author} <{commit.email}>" if commit.email else commit.author


def _read_more(commits: dict[UUID, Commit]) -> set[int]:
    """Update known commits whose folders were now read to a greater depth, whose patch was read, or of which git was asked
    by more patterns; return the ids of their stories."""
    columns = ("paths", "depth", "patch", "undoes", "files", "files_asked", "schema_kind")
    more = []
    for pk, *read in Change.objects.filter(pk__in=commits).values_list("pk", *columns) if commits else ():
        commit = commits[pk]
        paths, depth, patch, undoes, files, asked, kind = read
        if (commit.depth, list(commit.paths or ())) > (depth, paths):
            depth, paths = commit.depth, list(commit.paths or ())
        if commit.patch:
            patch, undoes = commit.patch, commit.undoes
        if commit.files_asked > asked:
            files, asked = list(commit.files), commit.files_asked
            kind = kind_said(commit.message)
        if [paths, depth, patch, undoes, files, asked, kind] != read:
            more.append((pk, paths, depth, patch, undoes, files, asked, kind))
    write(Change, columns, more)
    return stories_of(pk for pk, *_ in more)


def subject(message: str) -> str:
    """Return the first non-empty line of a commit message, at most 300 characters."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "")[:300]


def apply_refs(event: Any, repository: Repository, seen: RefsSeen) -> bool:
    """Store a snapshot of the refs if it is the newest, and where it saw tags in any case; return whether it was."""
    moves = [
        TagMove(
            pk=stable_id("tag move", repository.key, tag.name, seen.at.isoformat()),
            repository=repository,
            name=tag.name[:250],
            sha=tag.sha,
            tagged_at=tag.tagged_at,
            seen_at=seen.at,
            event_id=event.pk,
        )
        for tag in seen.tags
        if tag.is_new
    ]
    TagMove.objects.bulk_create(moves, ignore_conflicts=True, batch_size=500)
    known = Mainline.objects.filter(repository=repository).first()
    if known is not None and (known.seen_at, known.event_id) > (seen.at, event.pk):
        return False
    Mainline.objects.update_or_create(
        repository=repository,
        defaults={"branch": seen.branch[:250], "head": seen.head, "seen_at": seen.at, "event_id": event.pk},
    )
    return True


def delete_unused_repositories(repositories: Iterable[int]) -> None:
    """Delete those of these repositories that nothing refers to any more: their names now mean other repositories."""
    ids = list(repositories)
    if ids:
        Repository.objects.filter(
            pk__in=ids, service=None, sources=None, changes=None, runs=None, artifacts=None
        ).delete()


def any_are_parents(repository: Repository, shas: set[str]) -> bool:
    """Say whether any of these commits is a parent of a known commit that is not on the mainline."""
    beside = Change.objects.filter(repository=repository, known=True, position__isnull=True)
    rows = beside.values_list("sha", "parents")
    return any(sha not in shas and not shas.isdisjoint(parents.split()) for sha, parents in rows)


def parents_of(repository: Repository) -> dict[str, list[str]]:
    """Return the whole known history of a repository: parents by sha."""
    rows = Change.objects.filter(repository=repository, known=True).values_list("sha", "parents")
    return {sha: parents.split() for sha, parents in rows.iterator(chunk_size=10_000)}


def recompute_positions(repository: Repository) -> set[UUID]:
    """Recompute where all changes of a repository stand: on the mainline, in a tag, or lost. Return those that moved."""
    mainline = Mainline.objects.select_related("event").filter(repository=repository).first()
    if mainline is None:
        return set()
    columns = ("pk", "sha", "parents", "known", "position", "landed", "lost")
    rows = list(Change.objects.filter(repository=repository).values_list(*columns))
    parents = {row[1]: row[2].split() for row in rows if row[3]}
    position, landed = commit_graph.positions(parents, mainline.head)
    tags = [(tag.sha, True) for tag in read_refs(bytes(mainline.event.body)).tags if tag.sha not in landed]
    tagged = commit_graph.first_reached(parents, tags)
    moved = []
    for pk, sha, _, known, *before in rows:
        lost = known and sha not in landed and sha not in tagged
        now = [position.get(sha), landed.get(sha), lost]
        if now != before:
            moved.append((pk, *now))
    write(Change, ("position", "landed", "lost"), moved)
    return {row[0] for row in moved}


def stories_of(changes: Iterable[UUID]) -> set[int]:
    """Return the ids of the stories that these changes are linked to."""
    ids = list(changes)
    found: set[int] = set()
    for start in range(0, len(ids), AT_ONCE):
        links = StoryLink.objects.filter(change__in=ids[start : start + AT_ONCE], story__isnull=False)
        found |= set(links.values_list("story_id", flat=True))
    return found
