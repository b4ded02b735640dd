"""Pulling a source: reading an outside system and leaving what it says in the inbox.

A pull holds a claim on its source: the moment until which nobody else may pull it, renewed while it works. Everything it
stores is an event with an identity of its own, so a pull that is killed anywhere is simply repeated.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Q

from portal.kernel import clock
from releases.intake.actions import store
from releases.intake.models import InboundEvent, Source
from releases.pipelines.models import RepositoryPart
from releases.pipelines.parts import depth_of
from releases.pipelines.providers import PROVIDERS
from releases.pipelines.providers.git import config, messages
from releases.pipelines.providers.git.client import Git, GitFailed, Glance, Mirror

logger = logging.getLogger(__name__)
CLAIM = timedelta(seconds=60)
LONGEST_PAUSE = 3600
SAY_EVERY = 0.5
KINDS = [kind for kind, provider in PROVIDERS.items() if provider.pulls]
# What git says when the copy itself is damaged; it is only a copy, so it is made anew.
DAMAGED = re.compile(
    r"corrupt|bad object|bad tree|bad tag|invalid object|not a valid object|unable to read|loose object|index-pack failed"
    r"|unresolved delta|missing (commit|tree|blob|tag|object|necessary)|bad pack|packfile|inflate|did not send all",
    re.IGNORECASE,
)
Say = Callable[[dict[str, Any]], None]


class ClaimLost(Exception):
    """Somebody else pulls this source now, or it was paused; what was stored so far stays and is right."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought: new commits, whether the mainline or a tag moved, and what it saw."""

    commits: int = 0
    changed: bool = False
    tags: int = 0
    head: str = ""


@dataclass(slots=True)
class Pull:
    """One pull under way. `tick` renews the claim and tells how far it got, at most twice a second."""

    source: Source
    claim: datetime
    say: Say | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    _last: float = 0

    def step(self, words: str, done: int = 0, of: int = 0) -> None:
        """Tell what is being done now."""
        self.progress = {"step": words, "done": done, "of": of}
        self.tick()

    def tick(self) -> None:
        """Renew the claim if it is time; raise ClaimLost when it is no longer ours."""
        if time.monotonic() - self._last < SAY_EVERY:
            return
        self._last = time.monotonic()
        if self.say:
            self.say(self.progress)
        try:
            self.keep(claimed_until=clock.now() + CLAIM, progress=self.progress)
        except OperationalError as error:  # a busy database: the claim still holds for a while
            logger.warning("the claim on %s could not be renewed yet (%s)", self.source.key, error)

    def keep(self, **columns: Any) -> None:
        """Write columns of the source, if the claim is still ours."""
        mine = Source.objects.filter(pk=self.source.pk, claimed_until=self.claim)
        if not mine.update(**columns):
            raise ClaimLost(f"the pull of {self.source} was taken over")
        self.claim = columns.get("claimed_until", self.claim)


def due(now: datetime) -> Q:
    """What makes a source due: pulled by its kind, active, its time has come, and nobody holds it."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    return (
        Q(kind__in=KINDS, state=Source.State.ACTIVE) & free & (Q(next_pull_at__isnull=True) | Q(next_pull_at__lte=now))
    )


def claim_due() -> list[tuple[int, datetime]]:
    """Claim every source that is due; return their ids and claims. Two callers never get the same one."""
    now = clock.now()
    until = now + CLAIM
    waiting = Source.objects.filter(due(now)).order_by("next_pull_at", "pk").values_list("pk", flat=True)[:100]
    return [(pk, until) for pk in waiting if Source.objects.filter(due(now), pk=pk).update(claimed_until=until)]


def claim_now(source: Source) -> datetime | None:
    """Claim a source whether it is due or not; None when somebody is pulling it."""
    now = clock.now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    until = now + CLAIM
    return until if Source.objects.filter(free, pk=source.pk).update(claimed_until=until) else None


def pull(source_id: int, claim: datetime, say: Say | None = None) -> Pulled | None:
    """Pull one source under a claim. Return what it brought, or None if it failed (`last_error` says why) or the claim
    was not ours any more."""
    parts = RepositoryPart.objects.filter(repository=OuterRef("repository_id"))
    sources = Source.objects.select_related("repository").annotate(parted=Exists(parts))
    source = sources.filter(pk=source_id, claimed_until=claim).first()
    if source is None:
        return None
    this = Pull(source, claim, say)
    began = clock.now()
    try:
        this.progress = {"step": "asking what is new"}
        this.keep(claimed_until=began + CLAIM, last_pull_at=began, progress=this.progress)
        pulled = read_git(this)
    except ClaimLost as lost:
        logger.info("%s", lost)
        return None
    except (GitFailed, config.NotAccepted) as error:
        _failed(this, str(error))
        return None
    except Exception as error:
        logger.exception("pulling %s failed", source.key)
        _failed(this, f"Rodeo could not finish the pull ({type(error).__name__}: {error}). It will be tried again.")
        return None
    _finished(this)
    return pulled


def _finished(this: Pull) -> None:
    now = clock.now()
    try:
        this.keep(
            claimed_until=None, progress={}, last_error="", failures=0, last_success_at=now,
            next_pull_at=now + timedelta(seconds=settings.RODEO_PULL_EVERY),
        )  # fmt: skip
    except ClaimLost as lost:
        logger.info("%s", lost)


def _failed(this: Pull, why: str) -> None:
    """Note why, and wait twice as long as after the failure before, up to an hour."""
    failures = this.source.failures + 1
    pause = settings.RODEO_PULL_EVERY * 2 ** min(failures - 1, 20)
    pause = min(pause, max(LONGEST_PAUSE, settings.RODEO_PULL_EVERY))
    try:
        this.keep(
            claimed_until=None, progress={}, last_error=why[:2000].replace("\0", ""), failures=failures,
            next_pull_at=clock.now() + timedelta(seconds=pause),
        )  # fmt: skip
    except ClaimLost as lost:
        logger.info("%s", lost)


def mirror_of(source: Source, tick: Callable[[], None] = lambda: None) -> Mirror:
    """Return the copy that a git source's repository is read from."""
    folder = Path(settings.RODEO_GIT_DIR)
    git = Git(
        folder, config.address(str(source.config.get("url") or "")), secret=source.credential,
        user=str(source.config.get("user") or ""), timeout=settings.RODEO_GIT_TIMEOUT, tick=tick,
    )  # fmt: skip
    prefixes = RepositoryPart.objects.filter(repository=source.repository_id).order_by("prefix")
    parted = source.repository_id and getattr(source, "parted", True)
    return Mirror(
        folder / f"{source.pk}.git", git, config.branch(str(source.config.get("branch") or "")),
        tuple(prefixes.values_list("prefix", flat=True)) if parted else (),
    )  # fmt: skip


def read_git(this: Pull) -> Pulled:
    """Read what is new in a git repository into the inbox. Complete, or it raises: absence is never guessed."""
    mirror = mirror_of(this.source, this.tick)
    with mirror.held():
        glance = mirror.glance()
        cursor = this.source.cursor
        # Parts that lie deeper than git was asked for have all commits read again.
        deeper = depth_of(mirror.folders) > cursor.get("depth", 0)
        if glance.digest == cursor.get("glance") and not deeper:
            return Pulled(tags=cursor.get("tags", 0), head=cursor.get("head", ""))
        was_there = mirror.path.exists()
        try:
            return _read(this, mirror, glance)
        except GitFailed as error:
            if not was_there or not DAMAGED.search(str(error)):
                raise
            logger.warning("the copy of %s is damaged and is made anew (%s)", this.source.key, error)
            mirror.forget()
            return _read(this, mirror, glance)


def _read(this: Pull, mirror: Mirror, glance: Glance) -> Pulled:
    this.step("fetching")
    mirror.fetch(glance, lambda percent: this.step(f"fetching {percent} %", percent, 100))
    before = _last_look(this.source)
    now = clock.now()
    if before is not None and (last := clock.parse(before.at)) is not None and last >= now:
        now = last + timedelta(microseconds=1)
    at = clock.iso(now)
    assert at is not None
    look = mirror.look(glance.branch, at, before)
    depth = depth_of(mirror.folders)
    deeper = depth > this.source.cursor.get("depth", 0)
    known = [before.head, *(tag.sha for tag in before.tags)] if before and not deeper else []
    count = 0
    this.step("reading commits")
    for size, body in messages.chunks(mirror.commits([look.head, *(tag.sha for tag in look.tags)], known)):
        store(this.source, delivery="", kind=messages.COMMITS, body=body, content_type="application/json")
        count += size
        this.step(f"read {count:,} commit{'' if count == 1 else 's'}", count)
    changed = before is None or not _same(before, look)
    with transaction.atomic():
        cursor = {**this.source.cursor, "glance": glance.digest, "depth": depth}
        if changed:
            event, _ = store(
                this.source, delivery=messages.refs_delivery(look.at), kind=messages.REFS,
                body=messages.refs_body(look), content_type="application/json",
            )  # fmt: skip
            cursor |= {
                "event": str(event.pk), "at": look.at, "branch": look.branch, "head": look.head, "tags": len(look.tags)
            }  # fmt: skip
        this.keep(cursor=cursor)
    this.source.cursor = cursor
    return Pulled(count, changed, len(look.tags), look.head)


def _last_look(source: Source) -> messages.Look | None:
    """Return the look that the newest pull stored. All commits it leads to are in events stored before it."""
    event = InboundEvent.objects.filter(pk=source.cursor.get("event"), source=source).first()
    return messages.read_refs(bytes(event.body)) if event is not None else None


def _same(before: messages.Look, look: messages.Look) -> bool:
    return (before.branch, before.head, before.tags) == (look.branch, look.head, look.tags)
