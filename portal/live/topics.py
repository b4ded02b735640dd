"""Which boards there are, and how a story looks on each. portal/subscriptions.py fills this in."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from portal.kernel.actors import Anyone
from squads.stories.cards import LiveCard

# Who asks for one of these gets it if they may read at all: reading is one policy for the whole portal.
KINDS = ("squad", "release", "story")
LONGEST_TOPIC = 360
# Kinds that not everybody may hear who may read. Given a person and what follows the kind, each returns what they may hear.
Hearing = Callable[[Anyone, Collection[str]], Collection[str]]
GUARDED: dict[str, Hearing] = {}


# Given the ids of stories, read them once and return their cards on every board of one kind that shows them.
Cards = Callable[[list[int]], Iterable[LiveCard]]
BOARDS: dict[str, Cards] = {}


def show(kind: str, cards: Cards) -> None:
    """Have boards of this kind hear of changed stories through `cards`."""
    BOARDS[kind] = cards


def guard(kind: str, hearing: Hearing) -> None:
    """Have there be topics of this kind, for those whom `hearing` lets hear them."""
    GUARDED[kind] = hearing


def allowed(topics: Iterable[str], person: Anyone) -> frozenset[str]:
    """Return those of these topics that a person who may read may hear now."""
    topics = frozenset(topics)
    heard = {topic for topic in topics if topic.partition(":")[0] not in GUARDED}
    for kind, hearing in GUARDED.items():
        names = [topic.partition(":")[2] for topic in topics if topic.startswith(f"{kind}:")]
        if names:
            heard |= {f"{kind}:{name}" for name in hearing(person, names)}
    return frozenset(heard & topics)


def sensible(topics: Iterable[str]) -> frozenset[str]:
    """Return the topics that there can be, of those somebody asks for."""
    return frozenset(
        topic
        for topic in topics
        if len(topic) <= LONGEST_TOPIC
        and topic.isprintable()
        and topic.partition(":")[0] in (*KINDS, *GUARDED)
        and topic[-1] != ":"
    )


def event(name: str, payload: Mapping[str, Any]) -> bytes:
    """Return one server-sent event as it travels. JSON has no line breaks of its own."""
    return f"event: {name}\ndata: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
