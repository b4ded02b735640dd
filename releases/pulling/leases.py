"""Leases on sources: who may pull one now. A lease is the moment until which nobody else may, renewed during the pull."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.models import Q

from portal.kernel import clock
from releases.inbox.models import Source
from releases.providers import PROVIDERS
from releases.pulling.http_session import LONGEST_WAIT

logger = logging.getLogger(__name__)
LEASE_DURATION = timedelta(seconds=60)
RENEW_EVERY = 0.5
# Clocks of two machines may differ by so much.
MARGIN = timedelta(minutes=5)
LONGEST_BACKOFF = 3600  # seconds
PULLED_KINDS = [kind for kind, provider in PROVIDERS.items() if provider.pulls]
ProgressCallback = Callable[[dict[str, Any]], None]


class LeaseLost(Exception):
    """Another worker pulls this source now, or it was paused. Events stored so far are complete and stay."""


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a pull found: how many commits or records are new, whether anything changed, and a repository's tags and head.

    `more` means that it stopped after a page so that other sources get their turn; the next pull continues there at once.
    """

    commits: int = 0
    changed: bool = False
    tags: int = 0
    head: str = ""
    records: int = 0
    more: bool = False


@dataclass(slots=True)
class Pull:
    """One pull under way. `tick` renews the lease and reports progress, at most twice a second."""

    source: Source
    lease: datetime
    on_progress: ProgressCallback | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    _renewed_at: float = 0

    def step(self, text: str, done: int = 0, of: int = 0) -> None:
        """Report the current step, and how much of it is done."""
        self.progress = {"step": text, "done": done, "of": of}
        self.tick()

    def tick(self) -> None:
        """Renew the lease if it is time; raise LeaseLost when it is no longer ours."""
        if time.monotonic() - self._renewed_at < RENEW_EVERY:
            return
        self._renewed_at = time.monotonic()
        if self.on_progress:
            self.on_progress(self.progress)
        try:
            self.update_source(leased_until=clock.now() + LEASE_DURATION, progress=self.progress)
        except OperationalError as error:  # a busy database: the lease still holds for a while
            logger.warning("the lease on %s could not be renewed yet (%s)", self.source.key, error)

    def update_source(self, **columns: Any) -> None:
        """Write columns of the source if the lease is still ours, else raise LeaseLost."""
        leased = Source.objects.filter(pk=self.source.pk, leased_until=self.lease)
        if not leased.update(**columns):
            raise LeaseLost(f"the pull of {self.source} was taken over")
        self.lease = columns.get("leased_until", self.lease)


def due(now: datetime) -> Q:
    """Return the condition for sources that may be leased: of a kind that is pulled, active, due by now, not leased."""
    return Q(kind__in=PULLED_KINDS, state=Source.State.ACTIVE) & _has_its_turn(now) & _is_free(now)


def _has_its_turn(now: datetime) -> Q:
    # What is due later than anything is put off was put off by a clock that ran ahead.
    usual = timedelta(seconds=max(settings.RODEO_PULL_EVERY, LONGEST_BACKOFF)) + MARGIN
    ahead = Q(waits_for="", next_pull_at__gt=now + usual) | Q(next_pull_at__gt=now + max(usual, LONGEST_WAIT + MARGIN))
    return Q(next_pull_at__lte=now) | ahead


def _is_free(now: datetime) -> Q:
    # A lease that ends later than any lasts was taken by a clock that ran ahead.
    ended = Q(leased_until__lt=now) | Q(leased_until__gt=now + LEASE_DURATION + MARGIN)
    return Q(leased_until__isnull=True) | ended


def overdue(now: datetime) -> Q:
    """Return the condition for sources that are late: due by now, and no worker pulls them.

    A source that is leased but has no progress yet counts: its task still waits for a worker.
    """
    pulling = Q(leased_until__gt=now) & ~Q(progress={})
    return Q(kind__in=PULLED_KINDS, state=Source.State.ACTIVE, next_pull_at__lte=now) & ~pulling


def lease_due() -> list[tuple[int, datetime]]:
    """Lease every source that is due; return their ids and leases. Two callers never get the same one."""
    now = clock.now()
    until = now + LEASE_DURATION
    candidates = Source.objects.filter(due(now)).order_by("next_pull_at", "pk").values_list("pk", flat=True)[:100]
    return [(pk, until) for pk in candidates if Source.objects.filter(due(now), pk=pk).update(leased_until=until)]


def lease_now(source: Source) -> datetime | None:
    """Lease a source whether it is due or not; return None when another worker holds the lease."""
    now = clock.now()
    until = now + LEASE_DURATION
    return until if Source.objects.filter(_is_free(now), pk=source.pk).update(leased_until=until) else None
