"""Merging all facts about one thing into what is known of it now."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from portal.kernel import clock
from releases.inbox.models import Fact
from releases.providers.facts import PHASES

Merged = dict[str, Any]
# How much of a text the columns hold.
LONGEST = dict.fromkeys(("words", "pipeline", "branch"), 250) | {"name": 300, "title": 300, "subject": 300}


def fold(facts: Iterable[Fact]) -> tuple[Merged, Fact]:
    """Return the merged data of all facts about one thing, and the fact that came last.

    A later phase outranks an earlier one whatever their times; then the later moment; then the id. So any order of arrival
    gives the same result.
    """
    ordered = sorted(facts, key=lambda fact: (_rank(fact.data), fact.at, fact.id.hex))
    merged: Merged = {}
    for fact in ordered:
        merged.update(fact.data)
    for name, longest in LONGEST.items():
        if isinstance(merged.get(name), str):
            merged[name] = merged[name][:longest]
    return merged, ordered[-1]


def _rank(data: Mapping[str, Any]) -> int:
    phase = data.get("phase")
    return PHASES.index(phase) if phase in PHASES else 0


def moment(merged: Mapping[str, Any], name: str, otherwise: datetime | None = None) -> datetime | None:
    """Return the moment in a field of merged facts; `otherwise` where there is none."""
    return clock.parse(merged.get(name)) or otherwise


def started_and_finished(merged: Mapping[str, Any], last: Fact) -> dict[str, datetime | None]:
    """Return when something started and finished; what finished without saying when did so at the time of its last fact."""
    finished = moment(merged, "finished_at", last.at if merged.get("phase") == "finished" else None)
    return {"started_at": moment(merged, "started_at"), "finished_at": finished}
