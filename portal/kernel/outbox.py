"""Telling the rest of the portal, after the commit and exactly as often as needed."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction

from portal.kernel import clock
from portal.kernel.models import Message
from portal.kernel.wake import wake

logger = logging.getLogger(__name__)
Handler = Callable[[dict[str, Any]], None]
SUBSCRIPTIONS: dict[str, list[Handler]] = {}
MOST_ATTEMPTS = 10


def subscribe(topic: str, handler: Handler) -> None:
    """Have `handler` called with the payload of every message on `topic`. Called by portal/subscriptions.py only."""
    SUBSCRIPTIONS.setdefault(topic, []).append(handler)


def publish(topic: str, **payload: Any) -> Message:
    """Write a message in the present transaction; it is delivered after the commit, and by the sweep if that fails."""
    message = Message.objects.create(topic=topic, payload=payload)
    transaction.on_commit(wake)
    return message


def publish_many(topic: str, payloads: Sequence[dict[str, Any]]) -> None:
    """Write several messages on one topic as `publish` writes one, in one statement; none, where there are none."""
    if payloads:
        Message.objects.bulk_create(Message(topic=topic, payload=payload) for payload in payloads)
        transaction.on_commit(wake)


def deliver(limit: int = 200) -> int:
    """Deliver waiting messages, oldest first, each in its own transaction with its handlers. Return how many.

    A handler that raises leaves its message waiting with the error; after MOST_ATTEMPTS it stays for a person to see.
    """
    waiting = Message.objects.filter(handled_at__isnull=True, attempts__lt=MOST_ATTEMPTS)
    done = 0
    for pk in list(waiting.values_list("pk", flat=True)[:limit]):
        done += _deliver_one(pk)
    return done


def _deliver_one(pk: int) -> int:
    try:
        with transaction.atomic():
            message = Message.objects.select_for_update(skip_locked=True).filter(pk=pk, handled_at__isnull=True).first()
            if message is None:
                return 0
            for handler in SUBSCRIPTIONS.get(message.topic, []):
                handler(message.payload)
            message.handled_at = clock.now()
            message.error = ""
            message.save(update_fields=["handled_at", "error"])
            return 1
    except Exception as error:
        logger.exception("message %s was not delivered", pk)
        message = Message.objects.get(pk=pk)
        message.attempts += 1
        message.error = f"{type(error).__name__}: {error}"
        message.save(update_fields=["attempts", "error"])
        return 0
