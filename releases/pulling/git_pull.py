"""Pulling a git repository: its new commits and a complete list of its refs are stored as events of the inbox."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from portal.kernel import clock
from releases.allowed_hosts import actions as allowed_hosts
from releases.contents.patterns import asked_patterns
from releases.inbox.actions import store
from releases.inbox.models import InboundEvent, Source
from releases.pipelines.models import RepositoryPart
from releases.providers.base import InvalidSetting, PullFailed, PullRefused
from releases.providers.git import config, records
from releases.providers.git.client import Git, GitFailed
from releases.providers.git.errors import is_full
from releases.providers.git.mirror import Mirror, RemoteRefs
from releases.providers.git.records import CommitRecord
from releases.providers.monorepo_paths import depth_of
from releases.pulling.leases import Pull, PullResult

logger = logging.getLogger(__name__)
REPORT_EVERY = 100
# What git prints when our mirror is damaged; it is only a copy, so it is made anew.
DAMAGED = re.compile(
    r"corrupt|bad object|bad tree|bad tag|invalid object|not a valid object|unable to read|loose object|index-pack failed"
    r"|unresolved delta|missing (commit|tree|blob|tag|object|necessary)|bad pack|packfile|inflate|did not send all",
    re.IGNORECASE,
)


def mirror_of(source: Source, tick: Callable[[], None] = lambda: None) -> Mirror:
    """Return the local mirror that a git source's repository is read from."""
    folder = Path(settings.RODEO_GIT_DIR)
    git = Git(
        folder,
        config.address(str(source.config.get("url") or "")),
        secret=source.credential,
        user=str(source.config.get("user") or ""),
        timeout=settings.RODEO_GIT_TIMEOUT,
        tick=tick,
        check=allowed_hosts.addresses_for_git,
        ca_bundle=settings.RODEO_CA_BUNDLE,
    )
    prefixes = RepositoryPart.objects.filter(repository=source.repository_id).order_by("prefix")
    parted = source.repository_id and getattr(source, "parted", True)
    return Mirror(
        folder / f"{source.pk}.git",
        git,
        config.branch_name(str(source.config.get("branch") or "")),
        tuple(prefixes.values_list("prefix", flat=True)) if parted else (),
        settings.RODEO_GIT_CONTENTS,
        tuple(asked_patterns(any_more=getattr(source, "patterned", True))),
    )


# Errors of git that a retry cannot mend: a person has to change something first.
FINAL = re.compile(
    r"^(The server needs other credentials|There’s no repository at this address|This kind of address isn’t allowed"
    r"|The server rejected the SSH key|The server's SSH key is not the one|The address redirects|The folder belongs to"
    r"|The worker isn’t allowed to read this folder)"
)


def read_git(pull: Pull) -> PullResult:
    """Store everything new in a git repository as events. Raises PullFailed otherwise: absence is never guessed."""
    try:
        return _read_mirror(pull)
    except InvalidSetting as error:
        raise PullRefused(str(error)) from None
    except GitFailed as error:
        raise (PullRefused if FINAL.search(str(error)) else PullFailed)(str(error), error.raw) from None


def _read_mirror(pull: Pull) -> PullResult:
    mirror = mirror_of(pull.source, pull.tick)
    with mirror.held():
        remote = mirror.remote_refs()
        cursor = pull.source.cursor
        deeper = _asks_more(mirror, cursor)
        if remote.digest == cursor.get("glance") and not deeper:
            return PullResult(tags=cursor.get("tags", 0), head=cursor.get("head", ""))
        had_mirror = mirror.path.exists()
        try:
            return _store_new(pull, mirror, remote)
        except GitFailed as error:
            # A full disk leaves a broken pack behind as well, and room for none anew.
            if not had_mirror or not DAMAGED.search(error.raw) or is_full(error.raw):
                raise
            logger.warning("the copy of %s is damaged and is created again (%s)", pull.source.key, error)
            mirror.forget()
            return _store_new(pull, mirror, remote)


def _asks_more(mirror: Mirror, cursor: Mapping[str, Any]) -> bool:
    """Say whether all commits are read again: for monorepo paths deeper than git was asked for before, for patches, or for
    files of more patterns."""
    more_files = mirror.tells_files and len(mirror.patterns) > cursor.get("files", 0)
    return _asks_deeper(mirror, cursor) or more_files


def _asks_deeper(mirror: Mirror, cursor: Mapping[str, Any]) -> bool:
    return depth_of(mirror.folders) > cursor.get("depth", 0) or (mirror.contents and not cursor.get("patches"))


def _store_new(pull: Pull, mirror: Mirror, remote: RemoteRefs) -> PullResult:
    pull.step("fetching")
    mirror.fetch(remote, lambda percent: pull.step(f"fetching {percent} %", percent, 100))
    before = _last_refs(pull.source)
    now = clock.now()
    if before is not None and (last := clock.parse(before.at)) is not None and last >= now:
        now = last + timedelta(microseconds=1)
    at = clock.iso(now)
    assert at is not None
    refs = mirror.snapshot(remote.branch, at, before)
    depth = depth_of(mirror.folders)
    of, commits = _to_read(mirror, pull.source.cursor, before, refs)
    count = 0
    told = f"{of:,} commit{'' if of == 1 else 's'}"
    pull.step(f"reading {told}", 0, of)
    for size, body in records.commit_bodies(_counted(commits, pull, told, of)):
        store(pull.source, delivery="", kind=records.COMMITS, body=body, content_type="application/json")
        count += size
    changed = before is None or not _same_refs(before, refs)
    with transaction.atomic():
        cursor = {**pull.source.cursor, "glance": remote.digest, "depth": depth}
        cursor |= {"patches": True} if mirror.contents else {}
        cursor |= {"files": len(mirror.patterns)} if mirror.tells_files else {}
        if changed:
            event, _ = store(
                pull.source,
                delivery=records.refs_delivery(refs.at),
                kind=records.REFS,
                body=records.refs_body(refs),
                content_type="application/json",
            )
            cursor |= {
                "event": str(event.pk),
                "at": refs.at,
                "branch": refs.branch,
                "head": refs.head,
                "tags": len(refs.tags),
            }
        cursor |= {"shallow": mirror.is_shallow()}
        pull.update_source(cursor=cursor)
    pull.source.cursor = cursor
    return PullResult(count, changed, len(refs.tags), refs.head)


def _to_read(
    mirror: Mirror, cursor: Mapping[str, Any], before: records.RefsSnapshot | None, refs: records.RefsSnapshot
) -> tuple[int, Iterator[CommitRecord]]:
    """Return how many commits are read, and those: the new ones, or all where more of them is asked than before."""
    tips = [refs.head, *(tag.sha for tag in refs.tags)]
    known = [before.head, *(tag.sha for tag in before.tags)] if before else []
    if not _asks_more(mirror, cursor):
        return mirror.count(tips, known), mirror.commits(tips, known)
    if not known or _asks_deeper(mirror, cursor):
        return mirror.count(tips, []), mirror.commits(tips, [])
    # Only files are asked for: what commits change, which takes longest, was read before.
    old = mirror.held_of(known)
    again = mirror.commits(old, [], patches=False)
    return mirror.count(tips, old) + mirror.count(old, []), chain(mirror.commits(tips, old), again)


def _counted(commits: Iterable[CommitRecord], pull: Pull, told: str, of: int) -> Iterator[CommitRecord]:
    """Pass commits on, and report how many were read."""
    for number, commit in enumerate(commits, start=1):
        if number % REPORT_EVERY == 0 or number == of:
            pull.step(f"read {number:,} of {told}", number, of)
        yield commit


def _last_refs(source: Source) -> records.RefsSnapshot | None:
    """Return the refs that the newest pull stored. All commits reachable from them are in events stored before it."""
    event = InboundEvent.objects.filter(pk=source.cursor.get("event"), source=source).first()
    return records.read_refs(bytes(event.body)) if event is not None else None


def _same_refs(before: records.RefsSnapshot, refs: records.RefsSnapshot) -> bool:
    return (before.branch, before.head, before.tags) == (refs.branch, refs.head, refs.tags)
