"""Who may pull a source now. A lease is the moment until which nobody else may, renewed while the pull works."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError
from django.db.models import Q

from portal.kernel import clock
from releases.inbox.models import Source
from releases.providers import PROVIDERS

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=60)
SAY_EVERY = 0.5
KINDS = [kind for kind, provider in PROVIDERS.items() if provider.pulls]
Say = Callable[[dict[str, Any]], None]


class LeaseLost(Exception):
    """Somebody else pulls this source now, or it was paused; what was stored so far stays and is right."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull brought: new commits or records, whether anything moved, and what it saw.

    `more` means that it stopped at a page to let others have their turn; the next goes on there at once.
    """

    commits: int = 0
    changed: bool = False
    tags: int = 0
    head: str = ""
    records: int = 0
    more: bool = False


@dataclass(slots=True)
class Pull:
    """One pull under way. `tick` renews the lease and tells how far it got, at most twice a second."""

    source: Source
    lease: datetime
    say: Say | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    _last: float = 0

    def step(self, words: str, done: int = 0, of: int = 0) -> None:
        """Tell what is being done now."""
        self.progress = {"step": words, "done": done, "of": of}
        self.tick()

    def tick(self) -> None:
        """Renew the lease if it is time; raise LeaseLost when it is no longer ours."""
        if time.monotonic() - self._last < SAY_EVERY:
            return
        self._last = time.monotonic()
        if self.say:
            self.say(self.progress)
        try:
            self.keep(leased_until=clock.now() + LEASE, progress=self.progress)
        except OperationalError as error:  # a busy database: the lease still holds for a while
            logger.warning("the lease on %s could not be renewed yet (%s)", self.source.key, error)

    def keep(self, **columns: Any) -> None:
        """Write columns of the source, if the lease is still ours."""
        mine = Source.objects.filter(pk=self.source.pk, leased_until=self.lease)
        if not mine.update(**columns):
            raise LeaseLost(f"the pull of {self.source} was taken over")
        self.lease = columns.get("leased_until", self.lease)


def due(now: datetime) -> Q:
    """What makes a source due: pulled by its kind, active, its time has come, and nobody holds it."""
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    return Q(kind__in=KINDS, state=Source.State.ACTIVE, next_pull_at__lte=now) & free


def overdue(now: datetime) -> Q:
    """What makes a source late: its time has come, and nobody reads it. One that was leased waits for a worker still."""
    read = Q(leased_until__gt=now) & ~Q(progress={})
    return Q(kind__in=KINDS, state=Source.State.ACTIVE, next_pull_at__lte=now) & ~read


def lease_due() -> list[tuple[int, datetime]]:
    """Lease every source that is due; return their ids and leases. Two callers never get the same one."""
    now = clock.now()
    until = now + LEASE
    waiting = Source.objects.filter(due(now)).order_by("next_pull_at", "pk").values_list("pk", flat=True)[:100]
    return [(pk, until) for pk in waiting if Source.objects.filter(due(now), pk=pk).update(leased_until=until)]


def lease_now(source: Source) -> datetime | None:
    """Lease a source whether it is due or not; None when somebody is pulling it."""
    now = clock.now()
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    until = now + LEASE
    return until if Source.objects.filter(free, pk=source.pk).update(leased_until=until) else None
