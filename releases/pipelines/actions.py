"""Applying what was read from git: commits, the stories they name, the mainline, and where each commit stands on it.

Nothing here depends on the order of events. A commit's content follows from its sha, the newest look at the refs wins,
and `regraph` computes every place from the stored rows anew.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from portal.kernel.bulk_update import write
from portal.kernel.stable_ids import stable_id
from releases.pipelines import commit_graph
from releases.pipelines.models import Change, Mainline, Repository, StoryLink
from releases.pipelines.story_links import stories_closed
from releases.providers.facts import Commit, CommitsSeen, RefsSeen
from releases.providers.story_keys import issues_in, keys_in
from squads.models import Story

# The columns that git fills. Everything else on a change is said by events, so the two never overwrite each other.
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
)
MOST_KEYS = 20
AT_ONCE = 1000


def change_id(repository: Repository, sha: str) -> UUID:
    """Return the identity of a commit of a repository."""
    return stable_id("change", repository.key, sha)


def apply_commits(event: Any, repository: Repository, seen: CommitsSeen) -> set[int]:
    """Keep the commits an event holds; return the ids of the stories they name.

    A commit that several events hold is proved by the one received first.
    """
    stories: set[int] = set()
    for start in range(0, len(seen.commits), AT_ONCE):
        some = {change_id(repository, commit.sha): commit for commit in seen.commits[start : start + AT_ONCE]}
        present = {
            pk: (known, (received_at, event_id))
            for pk, known, received_at, event_id in Change.objects.filter(pk__in=some).values_list(
                "pk", "known", "event__received_at", "event_id"
            )
        }
        earlier = (event.received_at, event.pk)
        late = [pk for pk, (known, proof) in present.items() if known and earlier < proof]
        Change.objects.filter(pk__in=late).update(event_id=event.pk)
        fresh = {pk: commit for pk, commit in some.items() if pk not in present or not present[pk][0]}
        _keep(event.pk, repository, fresh)
        stories |= _keep_paths({pk: commit for pk, commit in some.items() if commit.depth and pk not in fresh})
        stories |= link(_named(repository, {pk: commit.message for pk, commit in fresh.items()}))
    return stories


def _named(repository: Repository, messages: dict[UUID, str]) -> dict[UUID, list[str]]:
    """Return the keys of the stories that messages name or whose issues they close, and these issues themselves."""
    closed = {pk: issues_in(message, repository.key)[:MOST_KEYS] for pk, message in messages.items()}
    stories = stories_closed(repository, {issue for issues in closed.values() for issue in issues})
    return {
        pk: list(
            dict.fromkeys(
                [
                    *keys_in(message)[:MOST_KEYS],
                    *(key for issue in closed[pk] for key in stories.get(issue, ())),
                    *closed[pk],
                ]
            )
        )
        for pk, message in messages.items()
    }


def _keep(event: UUID, repository: Repository, commits: dict[UUID, Commit]) -> None:
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
        )
        for pk, commit in commits.items()
    ]
    Change.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=GIT_COLUMNS, batch_size=500
    )


def _keep_paths(commits: dict[UUID, Commit]) -> set[int]:
    """Keep the folders of commits that were read before, when they are told deeper now; return the stories concerned."""
    rows = Change.objects.filter(pk__in=commits).values_list("pk", "depth", "paths") if commits else ()
    deeper = [
        (pk, list(commits[pk].paths or ()), commits[pk].depth)
        for pk, depth, paths in rows
        if (commits[pk].depth, list(commits[pk].paths or ())) > (depth, paths)
    ]
    write(Change, ("paths", "depth"), deeper)
    return stories_of(pk for pk, _, _ in deeper)


def subject(message: str) -> str:
    """Return the first line of a commit message that says something, at most 300 characters."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "")[:300]


def link(named: dict[UUID, list[str]]) -> set[int]:
    """Link changes to the stories their messages name; return those stories' ids. What a person decided stays.

    A message is the strongest of the rules that need no person: a link that an event made becomes the message's.
    """
    wanted = [(pk, key) for pk, keys in named.items() for key in keys]
    if not wanted:
        return set()
    stories = dict(Story.objects.filter(key__in={key for _, key in wanted}).values_list("key", "pk"))
    rule = StoryLink.Rule.MESSAGE
    StoryLink.objects.bulk_create(
        (
            StoryLink(pk=StoryLink.stable_id_of(pk, key), change_id=pk, key=key, story_id=stories.get(key), rule=rule)
            for pk, key in wanted
        ),
        ignore_conflicts=True,
        batch_size=500,
    )
    others = StoryLink.objects.filter(change__in=list(named), person__isnull=True)
    others = others.exclude(rule__in=(StoryLink.Rule.MESSAGE, StoryLink.Rule.PERSON))
    stale = [pk for pk, change, key in others.values_list("pk", "change_id", "key") if key in named[change]]
    StoryLink.objects.filter(pk__in=stale).update(rule=StoryLink.Rule.MESSAGE)
    return set(stories.values())


def apply_refs(event: Any, repository: Repository, seen: RefsSeen) -> bool:
    """Take over a look at the refs if it is the newest; return whether it was."""
    known = Mainline.objects.filter(repository=repository).first()
    if known is not None and (known.seen_at, known.event_id) > (seen.at, event.pk):
        return False
    Mainline.objects.update_or_create(
        repository=repository,
        defaults={"branch": seen.branch[:250], "head": seen.head, "seen_at": seen.at, "event_id": event.pk},
    )
    return True


def sweep(repositories: Iterable[int]) -> None:
    """Delete those of these repositories that only events named, now that all of them turned out to mean another one."""
    ids = list(repositories)
    if ids:
        Repository.objects.filter(
            pk__in=ids, service=None, sources=None, changes=None, runs=None, artifacts=None
        ).delete()


def are_parents(repository: Repository, shas: set[str]) -> bool:
    """Say whether any of these commits is a parent of another one that was known beside the mainline before."""
    beside = Change.objects.filter(repository=repository, known=True, position__isnull=True)
    rows = beside.values_list("sha", "parents")
    return any(sha not in shas and not shas.isdisjoint(parents.split()) for sha, parents in rows)


def parents_of(repository: Repository) -> dict[str, list[str]]:
    """Return the whole known history of a repository: parents by sha."""
    rows = Change.objects.filter(repository=repository, known=True).values_list("sha", "parents")
    return {sha: parents.split() for sha, parents in rows.iterator(chunk_size=10_000)}


def regraph(repository: Repository) -> set[UUID]:
    """Compute where every change of a repository stands on the mainline; return the ids of the changes that moved."""
    mainline = Mainline.objects.filter(repository=repository).first()
    if mainline is None:
        return set()
    rows = list(
        Change.objects.filter(repository=repository).values_list("pk", "sha", "parents", "known", "position", "landed")
    )
    position, landed = commit_graph.places({row[1]: row[2].split() for row in rows if row[3]}, mainline.head)
    moved = [
        (pk, position.get(sha), landed.get(sha))
        for pk, sha, _, _, old_position, old_landed in rows
        if (old_position, old_landed) != (position.get(sha), landed.get(sha))
    ]
    write(Change, ("position", "landed"), moved)
    return {row[0] for row in moved}


def stories_of(changes: Iterable[UUID]) -> set[int]:
    """Return the ids of the stories that these changes are linked to."""
    ids = list(changes)
    found: set[int] = set()
    for start in range(0, len(ids), AT_ONCE):
        links = StoryLink.objects.filter(change__in=ids[start : start + AT_ONCE], story__isnull=False)
        found |= set(links.values_list("story_id", flat=True))
    return found
