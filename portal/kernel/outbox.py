"""Telling the rest of the portal, after the commit and exactly as often as needed.

A message waits until all its handlers succeed. One that fails is retried with a growing back-off; the outbox gives up after
RODEO_OUTBOX_RETRY_FOR, when the message is dead: kept with its error until an administrator has it delivered again.
"""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import connection, transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.bulk_update import insert
from portal.kernel.events import Event
from portal.kernel.models import Message, StateChange
from portal.kernel.outages import is_outage
from portal.kernel.transitions import AlreadyMoved, signed
from portal.kernel.wake import wake

logger = logging.getLogger(__name__)
E = TypeVar("E", bound=Event)

# The delay after the first failure; each further one doubles it, up to the longest.
FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(hours=1)
# How long a message waits that met a busy or absent database or broker.
OUTAGE_DELAY = timedelta(seconds=5)
# A message whose worker was killed waits this long, so that one that kills its worker does not keep the others back.
CLAIM = timedelta(seconds=10)
LONGEST_ERROR = 10_000
# What a new message says; the rest is empty.
NEW = ("topic", "payload", "created_at", "attempts", "error")
AT_ONCE = 1000
MOST_BATCHES = 200


class UnknownTopic(Exception):
    """No class describes the topic of a message."""


@dataclass
class Subscription:
    """The class that describes a topic, and who is called with its instances."""

    event: type[Event]
    handlers: list[Callable[[Any], None]] = field(default_factory=list)


SUBSCRIPTIONS: dict[str, Subscription] = {}


class Outcome(Enum):
    """What came of one attempt to deliver a message."""

    DELIVERED = auto()
    FAILED = auto()
    POSTPONED = auto()
    TAKEN = auto()


def register(event: type[Event]) -> Subscription:
    """Take messages of this class as known, whether or not anybody subscribes. Called by portal/subscriptions.py only."""
    if not event.topic:
        raise TypeError(f"{event.__name__} names no topic")
    known = SUBSCRIPTIONS.setdefault(event.topic, Subscription(event))
    if known.event is not event:
        raise TypeError(f"{event.__name__} and {known.event.__name__} have the same topic, {event.topic}")
    return known


def subscribe(event: type[E], handler: Callable[[E], None]) -> None:
    """Have `handler` called with every event of this class. Called by portal/subscriptions.py only."""
    register(event).handlers.append(handler)


def publish(event: Event) -> Message:
    """Write a message in the present transaction; it is delivered after the commit, and by the sweep if that fails."""
    message = Message.objects.create(topic=event.topic, payload=event.payload())
    transaction.on_commit(wake)
    return message


def publish_many(events: Sequence[Event]) -> None:
    """Write several messages as `publish` writes one, in one statement; none, where there are none."""
    if events:
        now = clock.now()
        insert(Message, NEW, [(event.topic, event.payload(), now, 0, "") for event in events])
        transaction.on_commit(wake)


def deliver(limit: int = 200) -> int:
    """Try up to `limit` messages that are due, oldest first, each in its own transaction with its handlers.

    Return how many were delivered. Any number of processes may call this at once. Raises OperationalError or
    InterfaceError when the database does not even take a note of what happened; nothing is lost then.
    """
    due = Message.objects.due(clock.now()).values_list("pk", flat=True)
    return sum(_deliver_one(pk) is Outcome.DELIVERED for pk in list(due[:limit]))


def _deliver_one(pk: int) -> Outcome:
    if not _claim(pk):
        return Outcome.TAKEN
    try:
        with transaction.atomic():
            # Who looks whether it is due holds it for a moment: wait, or it would lie there until the claim is over.
            message = Message.objects.waiting().select_for_update().filter(pk=pk).first()
            if message is None:
                return Outcome.TAKEN
            _handle(message)
            Message.objects.filter(pk=pk).update(handled_at=clock.now(), next_attempt_at=None, error="")
        return Outcome.DELIVERED
    except Exception as error:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        if is_outage(error):
            logger.warning("message %s waits: the database or the broker is busy or away (%s)", pk, error)
            note = {"error": _storable(error), "next_attempt_at": clock.now() + _jittered(OUTAGE_DELAY)}
            Message.objects.waiting().filter(pk=pk).update(**note)
            return Outcome.POSTPONED
        logger.exception("message %s was not delivered", pk)
        _note_failure(pk, error)
        if isinstance(error, SoftTimeLimitExceeded):
            raise
        return Outcome.FAILED


def _claim(pk: int) -> bool:
    """Take a due message for this process; return False when another one has it."""
    with transaction.atomic():
        now = clock.now()
        # An UPDATE alone would wait for a process that holds the message longer than its claim.
        if not Message.objects.due(now).select_for_update(skip_locked=True).filter(pk=pk).exists():
            return False
        Message.objects.filter(pk=pk).update(next_attempt_at=now + CLAIM)
        return True


def _handle(message: Message) -> None:
    known = SUBSCRIPTIONS.get(message.topic)
    if known is None:
        raise UnknownTopic(f"This version of Rodeo has no topic “{message.topic}”, so this message can’t be handled.")
    event = known.event.read(message.payload)
    for handler in known.handlers:
        handler(event)


def _note_failure(pk: int, error: Exception) -> None:
    """Note an error and when to try again; a message that has failed for too long is dead."""
    with transaction.atomic():
        message = Message.objects.waiting().select_for_update().filter(pk=pk).first()
        if message is None:
            return
        now = clock.now()
        message.attempts += 1
        message.error = _storable(error)
        message.failed_at = message.failed_at or now
        message.next_attempt_at = now + delay_after(message.attempts)
        if now - message.failed_at >= timedelta(seconds=settings.RODEO_OUTBOX_RETRY_FOR):
            message.dead_at, message.next_attempt_at = now, None
        message.save(update_fields=["attempts", "error", "failed_at", "next_attempt_at", "dead_at"])


def _storable(error: Exception) -> str:
    """Return an error as both databases keep it: no NUL, and no half of a character pair."""
    text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR].replace("\0", "�")
    return text.encode("utf-8", "replace").decode()


def delay_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures: twice as long each time, up to an hour, a fifth more or less."""
    return _jittered(min(FIRST_DELAY * 2 ** min(attempts - 1, 20), LONGEST_DELAY))


def _jittered(delay: timedelta) -> timedelta:
    return delay * random.uniform(0.8, 1.2)


# Dead messages


def redeliver(pk: int, *, by: Actor) -> None:
    """Have a dead message delivered again, with as much time as a new one. Raises AlreadyMoved if it is not dead."""
    with transaction.atomic():
        if not _revive(pk=pk):
            raise AlreadyMoved(f"Message #{pk}", "waiting", _state_of(pk))
        _note_redelivery(f"#{pk}", by, "")


def redeliver_all(*, by: Actor) -> int:
    """Have every dead message delivered again; return how many there were."""
    with transaction.atomic():
        count = _revive()
        if count:
            _note_redelivery("all", by, f"{count} dead messages" if count > 1 else "1 dead message")
        return count


def _revive(**which: Any) -> int:
    # One guarded statement: of two that press at once, the second finds nothing.
    changed = {"dead_at": None, "failed_at": None, "next_attempt_at": None, "attempts": 0}
    return Message.objects.dead().filter(**which).update(**changed)


def _state_of(pk: int) -> str:
    message = Message.objects.filter(pk=pk).first()
    return message.state if message else "deleted"


def _note_redelivery(key: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind="message",
        key=key,
        from_state="dead",
        to_state="waiting",
        by=by,
        because=signed(by, because),
        at=clock.now(),
    )
    did = f"redelivered {because}" if because else f"redelivered the message {key}"
    audit.record(by=by, did=did, kind="message", key=key)
    transaction.on_commit(wake)


def shown_payload(message: Message) -> dict[str, Any]:
    """Return what a message says as it may be shown: without its hidden fields, or what this version does not know."""
    known = SUBSCRIPTIONS.get(message.topic)
    names = known.event.shown_fields() if known else set()
    return {name: value if name in names else "(not shown)" for name, value in message.payload.items()}


# Old messages


def prune() -> int:
    """Delete messages delivered more than RODEO_OUTBOX_KEEP_DAYS ago, in batches; return how many."""
    before = clock.now() - timedelta(days=settings.RODEO_OUTBOX_KEEP_DAYS)
    old = Message.objects.filter(handled_at__lt=before).order_by("handled_at")
    deleted = 0
    for _ in range(MOST_BATCHES):
        ids = list(old.values_list("pk", flat=True)[:AT_ONCE])
        if not ids:
            break
        deleted += Message.objects.filter(pk__in=ids).delete()[0]
    return deleted
