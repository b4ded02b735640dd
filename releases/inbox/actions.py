"""Messages from outside: stored first, and put back to be read again."""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from portal.kernel.wake import wake
from releases.inbox.models import InboundEvent, Source


def store(
    source: Source,
    *,
    delivery: str,
    kind: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    content_type: str = "",
    at: datetime | None = None,
) -> tuple[InboundEvent, bool]:
    """Keep one raw message; return it and whether it is new: a duplicate (the same delivery id again) is stored once.

    `delivery` is the sender's own id for it; empty means a digest of kind and content, so that the same content twice is
    one event. The caller has checked who sent it and removed secrets from `headers`. Reading happens after the commit.
    """
    delivery = delivery[:300] or hashlib.sha256(kind.encode() + b"\0" + body).hexdigest()
    event = InboundEvent(
        id=stable_id("event", source.key, delivery),
        source=source,
        delivery=delivery,
        kind=kind[:150],
        body=body,
        headers=dict(headers or {}),
        content_type=content_type[:150],
        received_at=at or clock.now(),
    )
    # One statement needs no transaction of its own: that would be two more trips to the database for every event.
    within = transaction.atomic() if connection.in_atomic_block else nullcontext()
    try:
        with within:
            event.save(force_insert=True)
    except IntegrityError:
        return InboundEvent.objects.get(pk=event.pk), False
    transaction.on_commit(wake)
    return event, True


def replay(event_ids: Iterable[UUID]) -> int:
    """Put these events back among the pending, whatever became of them before; return how many there are."""
    return replay_of(InboundEvent.objects.filter(pk__in=list(event_ids)))


def replay_of(events: QuerySet[InboundEvent]) -> int:
    """Put all events of a query back among the pending; return how many there are."""
    count = events.update(state=InboundEvent.State.PENDING, error="", reason="")
    transaction.on_commit(wake)
    return count


def replay_failed() -> int:
    """Put every failed event back among the pending; return how many there are."""
    return replay_of(InboundEvent.objects.filter(state=InboundEvent.State.FAILED))
