"""Trying a source's mapping on events, without keeping anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from releases.inbox.models import InboundEvent, Source
from releases.providers import PROVIDERS
from releases.providers.base import Labelled, Message
from releases.providers.facts import Unreadable, check_not_in_future
from releases.reading.queries import ABOUT, FactLine, said_lines

NEWEST = 20
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What would come of one event: lines of facts, or why there are none."""

    lines: list[FactLine] = field(default_factory=list)
    error: str = ""
    ignored: bool = False


def newest(source: Source) -> list[InboundEvent]:
    """Return the newest events of a source, without their bodies."""
    return list(source.events.defer("body", "headers").order_by("-received_at", "id")[:NEWEST])


def tried(source: Source, config: Mapping[str, Any], event: InboundEvent) -> Tried:
    """Return what an event, kept or not, would become with another configuration. Nothing is written."""
    provider = PROVIDERS[source.kind]
    headers = {"received-at": event.received_at.isoformat(), **event.headers}
    message = Message(headers=headers, body=bytes(event.body), content_type=event.content_type)
    try:
        filed = provider.label(message) if provider.label else Labelled("", event.kind)
        facts = provider.translate(event.kind or filed.kind, message, config)
        if facts:
            check_not_in_future(facts, event.received_at)
    except Unreadable as error:
        return Tried(error=str(error))
    if facts is None:
        return Tried(ignored=True)
    return Tried(
        [
            FactLine(ABOUT.get(fact.kind, fact.kind), fact.key, fact.at, said_lines(fact.data()))
            for fact in facts[:SHOWN]
        ]
    )
