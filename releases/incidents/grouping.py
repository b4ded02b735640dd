"""Which reports of one thread (a group of alerts, or one incident of another system) are one incident.

Pure: no Django, no database.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

# Where a report has no time at all.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """From when until when something lasted; `ended_at` None while it lasts."""

    key: Hashable
    began_at: datetime
    ended_at: datetime | None

    def overlaps(self, other: "Span") -> bool:
        """Say whether two have a moment in common."""
        return (self.ended_at is None or other.began_at <= self.ended_at) and (
            other.ended_at is None or self.began_at <= other.ended_at
        )


@dataclass(slots=True)
class Chain:
    """Reports that are one incident."""

    spans: list[Span] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """From when until when they last together."""
        ends = [each.ended_at for each in self.spans]
        return Span(
            self.spans[0].key,
            min(each.began_at for each in self.spans),
            None if None in ends else max(each for each in ends if each is not None),
        )


def chained(spans: Iterable[Span], reopen_within: timedelta) -> list[Chain]:
    """Return which of these belong together, first to last: those that overlap, or begin soon after those before ended."""
    chains: list[Chain] = []
    until: datetime | None = NEVER
    for each in sorted(spans, key=lambda one: (one.began_at, str(one.key))):
        if not chains or (until is not None and each.began_at > until + reopen_within):
            chains.append(Chain())
            until = NEVER
        chains[-1].spans.append(each)
        until = None if until is None or each.ended_at is None else max(until, each.ended_at)
    return chains


@dataclass(slots=True)
class Matched:
    """Which known incident each chain is (by its place in the list), and what became of those that no chain is.

    `joined` leads from a known incident to the chain that now spans it; `gone` are those that nothing reports any more.
    """

    found: dict[int, Hashable] = field(default_factory=dict)
    joined: dict[Hashable, int] = field(default_factory=dict)
    gone: list[Hashable] = field(default_factory=list)


def matched(chains: Sequence[Chain], known: Iterable[Span]) -> Matched:
    """Match chains with the incidents that they made before: those that began at the same moment, then those that overlap."""
    result = Matched()
    left = {each.key: each for each in sorted(known, key=lambda one: (one.began_at, str(one.key)))}
    spans = [chain.span for chain in chains]
    for exactly in (True, False):
        for place, span in enumerate(spans):
            if place in result.found:
                continue
            fits = [
                each for each in left.values() if (each.began_at == span.began_at if exactly else each.overlaps(span))
            ]
            if fits:
                result.found[place] = fits[0].key
                del left[fits[0].key]
    for key, each in left.items():
        over = next((number for number, span in enumerate(spans) if each.overlaps(span)), None)
        if over is None:
            result.gone.append(key)
        else:
            result.joined[key] = over
    return result
