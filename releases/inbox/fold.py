"""Merging all facts about one thing into what is known of it now."""

from collections.abc import Iterable, Mapping
from typing import Any

from releases.inbox.models import Fact
from releases.providers.facts import PHASES

Said = dict[str, Any]
LONGEST = dict.fromkeys(("words", "pipeline", "branch"), 250) | {"name": 300, "title": 300, "subject": 300}


def fold(facts: Iterable[Fact]) -> tuple[Said, Fact]:
    """Return what facts about one thing say together, and the one that had the last word.

    A later phase outranks an earlier one whatever their times; then the later moment; then the identity, so that any
    order of arrival gives the same.
    """
    ordered = sorted(facts, key=lambda fact: (_rank(fact.data), fact.at, fact.id.hex))
    said: Said = {}
    for fact in ordered:
        said.update(fact.data)
    for name, longest in LONGEST.items():
        if isinstance(said.get(name), str):
            said[name] = said[name][:longest]
    return said, ordered[-1]


def _rank(data: Mapping[str, Any]) -> int:
    phase = data.get("phase")
    return PHASES.index(phase) if phase in PHASES else 0
