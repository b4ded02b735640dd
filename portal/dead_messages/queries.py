"""What administrators see of dead messages: what they tell, since when they fail, and why."""

import json
from typing import NamedTuple

from django.db.models import QuerySet

from portal.kernel.models import Message
from portal.kernel.outbox import shown_payload

LONGEST_PAYLOAD = 4000


class Row(NamedTuple):
    """A dead message, with its payload as text: a line for each field, at most LONGEST_PAYLOAD characters in all."""

    message: Message
    payload: str
    cut: bool


def dead_messages() -> QuerySet[Message]:
    """Dead messages, the latest to die first."""
    return Message.objects.dead().order_by("-dead_at", "-pk")


def row_of(message: Message) -> Row:
    """Return how a dead message is shown."""
    said = shown_payload(message).items()
    text = "\n".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in said)
    return Row(message, text[:LONGEST_PAYLOAD], len(text) > LONGEST_PAYLOAD)
