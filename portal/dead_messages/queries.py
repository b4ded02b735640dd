"""What administrators see of dead messages: what they tell, since when they fail, and why."""

import json
from typing import NamedTuple

from django.db.models import QuerySet

from portal.kernel.models import Message
from portal.kernel.outbox import shown_payload

LONGEST_PAYLOAD = 4000


class Row(NamedTuple):
    """A dead message, with its payload as text, at most LONGEST_PAYLOAD characters of it."""

    message: Message
    payload: str
    cut: bool


def dead_messages() -> QuerySet[Message]:
    """Dead messages, the latest to die first."""
    return Message.objects.dead().order_by("-dead_at", "-pk")


def row_of(message: Message) -> Row:
    """Return how a dead message is shown."""
    text = json.dumps(shown_payload(message), indent=2, ensure_ascii=False)
    return Row(message, text[:LONGEST_PAYLOAD], len(text) > LONGEST_PAYLOAD)
