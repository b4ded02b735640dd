"""Pulling a source: reading an outside system and storing what it returns as events of the inbox.

A pull holds a lease on its source (leases.py). Every event it stores has a stable id, so a pull that is killed anywhere is
simply repeated. Its outcome decides when the next one is: at the usual interval, after a growing back-off, or, once the
source is broken, not before a person has changed it.
"""

import errno
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
from releases.contents.models import AskedPattern
from releases.events import SourceHealthChanged
from releases.inbox.models import Source
from releases.pipelines.models import RepositoryPart
from releases.providers.base import PullFailed, PullIncomplete, PullRefused, RateLimited
from releases.pulling.api_pull import read_api
from releases.pulling.git_pull import read_git
from releases.pulling.leases import LEASE_DURATION, LONGEST_BACKOFF, LeaseLost, ProgressCallback, Pull, PullResult

logger = logging.getLogger(__name__)
# After this many failures in a row squads are told, and a source whose error only a person can mend is not pulled again.
BROKEN_AFTER = 5


def pull_source(source_id: int, lease: datetime, on_progress: ProgressCallback | None = None) -> PullResult | None:
    """Pull one source under a lease. Return what it found, or None if it failed (`last_error` says why) or the lease
    was no longer ours."""
    parts = RepositoryPart.objects.filter(repository=OuterRef("repository_id"))
    sources = Source.objects.select_related("repository").annotate(
        # Most have neither monorepo paths nor patterns of their own, and a pull with nothing new asks for none.
        parted=Exists(parts),
        patterned=Exists(AskedPattern.objects.all()),
    )
    source = sources.filter(pk=source_id, leased_until=lease).first()
    if source is None:
        return None
    pull = Pull(source, lease, on_progress)
    began = clock.now()
    try:
        pull.progress = {"step": "checking for news"}
        pull.update_source(leased_until=began + LEASE_DURATION, last_pull_at=began, progress=pull.progress)
        result = read_git(pull) if source.kind == "git" else read_api(pull)
        _finish(pull, result)
    except LeaseLost as lost:
        logger.info("%s", lost)
        return None
    except RateLimited as wait:
        _release_lease(pull, waits_for=str(wait)[:300], next_pull_at=wait.until, failures=pull.source.failures)
        return None
    except PullFailed as error:
        _fail(pull, error, final=isinstance(error, PullRefused), partly=isinstance(error, PullIncomplete))
        return None
    except Exception as error:
        logger.exception("pulling %s failed", source.key)
        _fail(pull, _unforeseen(error))
        return None
    return result


def _unforeseen(error: Exception) -> PullFailed:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PullFailed("The disk of the worker is full. Free some space for RODEO_STATE_DIR.")
    # Only the kind of error: its text may name hosts, users or what was sent, and everybody reads this.
    return PullFailed(f"The pull failed ({type(error).__name__}; see the worker’s log). Rodeo will try again.")


def _finish(pull: Pull, result: PullResult) -> None:
    """Schedule the next pull and release the lease. A pull that ended or brought something clears earlier failures."""
    now = clock.now()
    columns: dict[str, Any] = {"leased_until": None, "progress": {}, "waits_for": "", "next_pull_at": now}
    if not result.more:
        columns |= {"last_success_at": now, "next_pull_at": now + timedelta(seconds=settings.RODEO_PULL_EVERY)}
    if is_well := result.changed or not result.more:
        columns |= {"last_error": "", "error_detail": "", "failures": 0}
    was_broken = pull.source.failures >= BROKEN_AFTER
    # One statement needs no transaction of its own.
    with transaction.atomic() if was_broken else nullcontext():
        pull.update_source(**columns)
        if was_broken and is_well:
            publish(SourceHealthChanged(id=pull.source.pk))


def _fail(pull: Pull, error: PullFailed, *, final: bool = False, partly: bool = False) -> None:
    """Record the error and back off: twice as long as after the failure before, up to an hour. A final error ends in `broken`.

    Where everything else was read (`partly`), the next pull comes at the usual interval: one repository that is gone must
    not delay events of all others.
    """
    failures = pull.source.failures + 1
    backoff = settings.RODEO_PULL_EVERY * 2 ** min(failures - 1, 20)
    backoff = settings.RODEO_PULL_EVERY if partly else min(backoff, max(LONGEST_BACKOFF, settings.RODEO_PULL_EVERY))
    columns: dict[str, Any] = {
        "last_error": str(error)[:2000].replace("\0", ""),
        "error_detail": error.raw[:2000].replace("\0", ""),
        "failures": failures,
        "waits_for": "",
        "next_pull_at": clock.now() + timedelta(seconds=backoff),
    }
    if final and failures >= BROKEN_AFTER:
        columns |= {"state": Source.State.BROKEN}
    _release_lease(pull, **columns)


def _release_lease(pull: Pull, **columns: Any) -> None:
    """Write columns and release the lease; tell squads when the source has just become broken."""
    is_newly_broken = columns["failures"] == BROKEN_AFTER != pull.source.failures
    try:
        with transaction.atomic():
            pull.update_source(leased_until=None, progress={}, **columns)
            if "state" in columns:
                StateChange.objects.create(
                    kind="source",
                    key=str(pull.source),
                    from_state=pull.source.state,
                    to_state=columns["state"],
                    because=columns["last_error"][:200],
                    at=clock.now(),
                )
            if is_newly_broken:
                publish(SourceHealthChanged(id=pull.source.pk))
    except LeaseLost as lost:
        logger.info("%s", lost)
