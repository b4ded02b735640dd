"""Having events read: in one lane, in batches, and all of them again."""

import logging
import time
from uuid import UUID

from django.db import OperationalError, connection, transaction

from portal.kernel.locks import hold
from releases.attributions import actions as attributions
from releases.evidence.actions import derive_affected
from releases.inbox.actions import replay_of
from releases.inbox.affected import Affected
from releases.inbox.models import InboundEvent
from releases.incidents import threads
from releases.reading import registry
from releases.reading.reader import close, read_events
from squads.models import Evidence, Story
from squads.stage_history.actions import announced_at_the_end

logger = logging.getLogger(__name__)
BATCH = 50
# SQLite lets one write at a time and queues nobody: those who wait look again every tenth of a second at the latest, and
# would starve if the lane took the lock back at once.
BREATH = 0.1


def drain_inbox() -> int:
    """Read all pending events, oldest first, in one lane; return how many were read.

    One process reads at a time. One that finds the lane taken leaves at once: whoever has it looks again after letting
    go, so an event that was committed before is always seen.
    """
    done = 0
    while True:
        batch = read_batch()
        if batch is None:
            return done
        done += batch
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            time.sleep(BREATH)
        if not batch and not InboundEvent.objects.filter(state=InboundEvent.State.PENDING).exists():
            return done


def read_batch(most: int = BATCH) -> int | None:
    """Read up to `most` pending events in one transaction; return how many, or None if another process is reading.

    Killed anywhere, the transaction is undone and the events are still pending. When the batch as a whole cannot be
    kept, its events are read one at a time, so that only the one at fault is marked failed.
    """
    ids: list[UUID] = []
    try:
        with transaction.atomic():
            if not hold("inbox", wait=False):
                return None
            pending = InboundEvent.objects.filter(state=InboundEvent.State.PENDING).order_by("received_at", "id")
            ids = list(pending.values_list("pk", flat=True)[:most])
            return read_events(ids)
    except OperationalError:
        # The database is busy or away: nobody's fault, and the sweep comes again.
        raise
    except Exception as error:
        if most > 1:
            return _one_by_one(most)
        logger.exception("an event could not be kept")
        _fail(ids, error)
        return 1


def _one_by_one(most: int) -> int | None:
    done = 0
    for _ in range(most):
        one = read_batch(1)
        if one is None:
            return None if done == 0 else done
        done += one
        if not one:
            break
    return done


def _fail(ids: list[UUID], error: Exception) -> None:
    with transaction.atomic():
        hold("inbox")
        for event in InboundEvent.objects.filter(pk__in=ids, state=InboundEvent.State.PENDING):
            close(event, InboundEvent.State.FAILED, f"{type(error).__name__}: {error}")


def rebuild() -> int:
    """Empty everything derived and read the whole inbox again; return how many events were read.

    One transaction: pages show the old rows until the new ones are complete, and an interrupted rebuild changes nothing.
    What people wrote is kept (stories, moves, evidence by hand, links), and so is everything that people may have
    described since an event first named it: services, repositories, environments, releases, incidents. Only changes of stage that
    nobody knew before are news. Of events whose contents were deleted, the facts stay as they were read; rows are made of
    them anew.
    """
    silent = list(Story.objects.filter(judge_digest="").values_list("pk", flat=True))
    with transaction.atomic(), announced_at_the_end(silent):
        hold("inbox")
        Evidence.objects.derived().delete()
        registry.empty()
        Story.objects.all().judge()
        replay_of(InboundEvent.objects.all())
        with threads.put_off():
            done = drain_inbox()
        affected = Affected()
        threads.follow_all(affected)
        attributions.follow_all(affected)
        derive_affected(affected)
        return done
