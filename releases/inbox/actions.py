"""Messages from outside: stored first, put back to be read again, and emptied when they are old."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, Exists, F, OuterRef, QuerySet, TextField, Value, When
from django.db.models.functions import Length

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from portal.kernel.wake import wake
from releases.inbox import exports
from releases.inbox.models import ContentsFile, Fact, InboundEvent, InboundEventQuerySet, Source
from releases.inbox.queries import sources_with_whole_facts

# What one step reads and writes at most, in bytes of bodies.
BYTES_PER_STEP = 8_000_000
RESTORED_AT_ONCE = 200


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


def reprocess(event: InboundEvent) -> None:
    """Have a person's event read again. Raises ValidationError if its contents were deleted: nothing new can come of it."""
    if event.contents_deleted_at is not None:
        raise ValidationError(
            f"The contents of this event were deleted on {event.contents_deleted_at:%Y-%m-%d}, so it can’t be reprocessed. "
            "What was read from it stays."
        )
    replay([event.pk])


def replay(event_ids: Iterable[UUID]) -> int:
    """Put these events back among the pending, whatever became of them before; return how many there are.

    One without contents states the facts of before again, from which rows are made anew.
    """
    return replay_of(InboundEvent.objects.filter(pk__in=list(event_ids)))


def replay_of(events: QuerySet[InboundEvent]) -> int:
    """Put all events of a query back among the pending; return how many there are."""
    reason = Case(When(contents_deleted_at__isnull=True, then=Value("", TextField())), default=F("reason"))
    count = events.update(state=InboundEvent.State.PENDING, error="", reason=reason)
    transaction.on_commit(wake)
    return count


def replay_failed() -> int:
    """Put every failed event back among the pending; return how many there are."""
    return replay_of(InboundEvent.objects.filter(state=InboundEvent.State.FAILED))


# Contents of old events


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: events that lost their contents, events that are gone altogether, and how long it took in seconds."""

    emptied: int = 0
    deleted: int = 0
    seconds: float = 0

    def __bool__(self) -> bool:
        return bool(self.emptied or self.deleted)


Note = Callable[[int, int], None]


def _note_nothing(emptied: int, deleted: int) -> None:
    """Nobody wants to know."""


def delete_contents(before: datetime, *, to_files: bool, most: int, note: Note = _note_nothing) -> Step:
    """Delete the contents of some of the oldest read events received before a moment, at most `most`, in one transaction.

    The rows stay, with their facts. Ignored events that state no fact are deleted whole: nothing refers to them. Failed and
    pending events are left alone, and those whose facts leave something out (git's). `to_files` writes everything to files
    first; raises exports.ExportFailed if that can't be done, and then deletes nothing. `note` is told, in that transaction,
    how many were emptied and deleted. An empty step found nothing to do, or another process at it.
    """
    started = time.monotonic()
    if to_files:
        with exports.writing_alone() as alone:
            step = _delete_next(before, most, note, to_files=True) if alone else (0, 0)
    else:
        step = _delete_next(before, most, note, to_files=False)
    return Step(*step, seconds=time.monotonic() - started)


def _delete_next(before: datetime, most: int, note: Note, *, to_files: bool) -> tuple[int, int]:
    for source in sources_with_whole_facts():
        ids, month = _next_of(InboundEvent.objects.deletable(before).filter(source=source), most)
        if not ids:
            continue
        file = None
        if to_files:
            events = InboundEvent.objects.filter(pk__in=ids).order_by("received_at", "pk")
            file = exports.append(events.iterator(chunk_size=50), source, month)
        return _delete(ids, before, file, note)
    return 0, 0


def _next_of(events: InboundEventQuerySet, most: int) -> tuple[list[UUID], datetime]:
    """Return the ids of the oldest events, all received in one month and not too large together, and that month."""
    rows = list(
        events.order_by("received_at").annotate(size=Length("body")).values_list("pk", "received_at", "size")[:most]
    )
    ids: list[UUID] = []
    size = 0
    for pk, received, length in rows:
        size += length
        same_month = (received.year, received.month) == (rows[0][1].year, rows[0][1].month)
        if ids and (size > BYTES_PER_STEP or not same_month):
            break
        ids.append(pk)
    return ids, rows[0][1] if rows else clock.now()


@transaction.atomic
def _delete(ids: Sequence[UUID], before: datetime, file: ContentsFile | None, note: Note) -> tuple[int, int]:
    """Delete the contents of those of these events that may still lose them; note it in the file's row."""
    chosen = InboundEvent.objects.filter(pk__in=ids).deletable(before)
    # One that is being put back among the pending keeps its contents.
    locked = list(chosen.select_for_update(skip_locked=True).values_list("pk", flat=True))
    if file is not None:
        file.events += len(locked)
        file.save()
    some = InboundEvent.objects.filter(pk__in=locked)
    idle = some.filter(~Exists(Fact.objects.filter(event=OuterRef("pk"))), state=InboundEvent.State.IGNORED)
    gone = list(idle.values_list("pk", flat=True))
    if gone:
        InboundEvent.objects.filter(pk__in=gone).only("pk").delete()
    emptied = some.update(body=b"", headers={}, contents_deleted_at=clock.now(), contents_in=file)
    note(emptied, len(gone))
    return emptied, len(gone)


@dataclass(slots=True)
class Restored:
    """What came of the events in a file: put back, there already, and of sources that are no longer here."""

    restored: int = 0
    known: int = 0
    homeless: int = 0


def restore_contents(path: Path) -> Restored:
    """Give events without contents those that a file holds, and add events that were deleted whole. Twice changes nothing.

    Nothing is read again by that. Raises exports.DamagedFile; what was restored before stays restored.
    """
    done = Restored()
    batch: list[tuple[str, InboundEvent]] = []
    try:
        for each in exports.read(path):
            batch.append(each)
            if len(batch) == RESTORED_AT_ONCE:
                _restore(batch, done)
                batch = []
    finally:
        _restore(batch, done)
    return done


@transaction.atomic
def _restore(batch: Sequence[tuple[str, InboundEvent]], done: Restored) -> None:
    sources = dict(Source.objects.filter(key__in={key for key, _ in batch}).values_list("key", "pk"))
    known = InboundEvent.objects.filter(pk__in=[event.pk for _, event in batch])
    has_contents = dict(known.values_list("pk", "contents_deleted_at"))
    for key, event in batch:
        if event.pk in has_contents and has_contents[event.pk] is None:
            done.known += 1
        elif event.pk in has_contents:
            columns = {"body": event.body, "headers": event.headers, "contents_deleted_at": None, "contents_in": None}
            done.restored += InboundEvent.objects.without_contents().filter(pk=event.pk).update(**columns)
            has_contents[event.pk] = None
        elif key in sources:
            event.source_id = sources[key]
            event.save(force_insert=True)
            has_contents[event.pk] = None
            done.restored += 1
        else:
            done.homeless += 1
