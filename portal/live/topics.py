"""Which boards there are, and how a story looks on each. portal/subscriptions.py fills this in."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from squads.stories.cards import LiveCard

# Who asks for a topic gets it if they may read at all: reading is one policy for the whole portal.
KINDS = ("squad", "release", "story")
LONGEST_TOPIC = 360


# Given the ids of stories, read them once and return their cards on every board of one kind that shows them.
Cards = Callable[[list[int]], Iterable[LiveCard]]
BOARDS: dict[str, Cards] = {}


def show(kind: str, cards: Cards) -> None:
    """Have boards of this kind hear of changed stories through `cards`."""
    BOARDS[kind] = cards


def sensible(topics: Iterable[str]) -> frozenset[str]:
    """Return the topics that there can be, of those somebody asks for."""
    return frozenset(
        topic
        for topic in topics
        if len(topic) <= LONGEST_TOPIC and topic.isprintable() and topic.partition(":")[0] in KINDS and topic[-1] != ":"
    )


def event(name: str, payload: Mapping[str, Any]) -> bytes:
    """Return one server-sent event as it travels. JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
