"""Pulling a source: reading an outside system and leaving what it says in the inbox.

A pull holds a lease on its source (leases.py). Everything it stores is an event with an identity of its own, so a pull that
is killed anywhere is simply repeated. What comes of it decides when the next one is: soon, later, or not before a person
has changed something.
"""

import logging
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from releases.events import SourceStandingChanged
from releases.inbox.models import Source
from releases.pipelines.models import RepositoryPart
from releases.providers.base import PullFailed, PullPartly, PullRefused, PullWaits
from releases.pulling.api_pull import read_api
from releases.pulling.git_pull import read_git
from releases.pulling.leases import LEASE, LeaseLost, Pull, Pulled, Say

logger = logging.getLogger(__name__)
LONGEST_PAUSE = 3600
# So many failures in a row are no hiccup: squads are told, and what cannot get well by itself is not asked again.
BROKEN_AFTER = 5


def pull(source_id: int, lease: datetime, say: Say | None = None) -> Pulled | None:
    """Pull one source under a lease. Return what it brought, or None if it failed (`last_error` says why) or the lease
    was not ours any more."""
    parts = RepositoryPart.objects.filter(repository=OuterRef("repository_id"))
    sources = Source.objects.select_related("repository").annotate(parted=Exists(parts))
    source = sources.filter(pk=source_id, leased_until=lease).first()
    if source is None:
        return None
    this = Pull(source, lease, say)
    began = clock.now()
    try:
        this.progress = {"step": "asking what is new"}
        this.keep(leased_until=began + LEASE, last_pull_at=began, progress=this.progress)
        pulled = read_git(this) if source.kind == "git" else read_api(this)
        _finished(this, pulled)
    except LeaseLost as lost:
        logger.info("%s", lost)
        return None
    except PullWaits as wait:
        _ended(this, waits_for=str(wait)[:300], next_pull_at=wait.until, failures=this.source.failures)
        return None
    except PullFailed as error:
        _failed(this, str(error), final=isinstance(error, PullRefused), partly=isinstance(error, PullPartly))
        return None
    except Exception as error:
        logger.exception("pulling %s failed", source.key)
        # Only the kind of error: its text may name hosts, users or what was sent, and everybody reads this.
        said = f"Rodeo could not finish the pull ({type(error).__name__}; the worker's log says more). It will be tried again."
        _failed(this, said)
        return None
    return pulled


def _finished(this: Pull, pulled: Pulled) -> None:
    """Note when the next pull is. One that came to its end says that all is well, and so does one that got on."""
    now = clock.now()
    said: dict[str, Any] = {"leased_until": None, "progress": {}, "waits_for": "", "next_pull_at": now}
    if not pulled.more:
        said |= {"last_success_at": now, "next_pull_at": now + timedelta(seconds=settings.RODEO_PULL_EVERY)}
    if is_well := pulled.changed or not pulled.more:
        said |= {"last_error": "", "failures": 0}
    was_broken = this.source.failures >= BROKEN_AFTER
    # One statement needs no transaction of its own.
    with transaction.atomic() if was_broken else nullcontext():
        this.keep(**said)
        if was_broken and is_well:
            publish(SourceStandingChanged(id=this.source.pk))


def _failed(this: Pull, why: str, *, final: bool = False, partly: bool = False) -> None:
    """Note why, and wait twice as long as after the failure before, up to an hour; a final error ends in `broken`.

    Where all else was read (`partly`), that is read on as often as ever: one repository that is gone must not keep back
    the news of all others.
    """
    failures = this.source.failures + 1
    pause = settings.RODEO_PULL_EVERY * 2 ** min(failures - 1, 20)
    pause = settings.RODEO_PULL_EVERY if partly else min(pause, max(LONGEST_PAUSE, settings.RODEO_PULL_EVERY))
    said: dict[str, Any] = {
        "last_error": why[:2000].replace("\0", ""),
        "failures": failures,
        "waits_for": "",
        "next_pull_at": clock.now() + timedelta(seconds=pause),
    }
    if final and failures >= BROKEN_AFTER:
        said |= {"state": Source.State.BROKEN}
    _ended(this, **said)


def _ended(this: Pull, **columns: Any) -> None:
    """Let go of the lease, and tell squads when the source has just become broken."""
    breaks = columns["failures"] == BROKEN_AFTER != this.source.failures
    try:
        with transaction.atomic():
            this.keep(leased_until=None, progress={}, **columns)
            if "state" in columns:
                StateChange.objects.create(
                    kind="source",
                    key=str(this.source),
                    from_state=this.source.state,
                    to_state=columns["state"],
                    because=columns["last_error"][:200],
                    at=clock.now(),
                )
            if breaks:
                publish(SourceStandingChanged(id=this.source.pk))
    except LeaseLost as lost:
        logger.info("%s", lost)
