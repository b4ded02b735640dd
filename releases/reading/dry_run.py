"""Trying a source's mapping on events, without keeping anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from releases.inbox.models import InboundEvent, Source
from releases.providers.facts import Unreadable
from releases.reading.queries import ABOUT, FactLine, said_lines
from releases.reading.reader import translate

NEWEST = 20
SHOWN = 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What would come of one event: lines of facts, or why there are none."""

    lines: list[FactLine] = field(default_factory=list)
    error: str = ""
    reason: str = ""


def newest(source: Source) -> list[InboundEvent]:
    """Return the newest events of a source that can be tried, without their bodies."""
    return list(source.events.with_contents().defer("body", "headers").order_by("-received_at", "id")[:NEWEST])


def tried(source: Source, config: Mapping[str, Any], event: InboundEvent) -> Tried:
    """Return what an event, kept or not, would become with another configuration. Nothing is written."""
    event.source = source
    try:
        translation = translate(event, config)
    except Unreadable as error:
        return Tried(error=str(error))
    return Tried(
        [
            FactLine(ABOUT.get(fact.kind, fact.kind), fact.key, fact.at, said_lines(fact.data()))
            for fact in translation.facts[:SHOWN]
        ],
        reason=translation.reason,
    )
