"""Merging all facts about one thing into what is known of it now."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from portal.kernel import clock
from releases.inbox.models import Fact
from releases.providers.facts import CANCELLED, FINISHED, PHASES, SKIPPED, UNKNOWN

Merged = dict[str, Any]
# Outcomes that say nothing about what an earlier attempt showed.
SHOWING_NOTHING = (CANCELLED, SKIPPED, UNKNOWN)
# How much of a text the columns hold.
LONGEST = dict.fromkeys(("words", "pipeline", "branch"), 250) | {"name": 300, "title": 300, "subject": 300}


def fold(facts: Iterable[Fact]) -> tuple[Merged, Fact]:
    """Return the merged data of all facts about one thing, and the fact that came last.

    A later phase outranks an earlier one whatever their times; among ends, one that shows something outranks what was
    cancelled, skipped or is unknown; then the later moment; then the id. So any order of arrival gives the same result.
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
    if phase not in PHASES:
        return 0
    return PHASES.index(phase) + (phase == FINISHED and data.get("outcome") not in SHOWING_NOTHING)


def _shows_something(data: Mapping[str, Any]) -> bool:
    """Say whether a fact is the end of an attempt that showed how it went."""
    return data.get("phase") == FINISHED and data.get("outcome", UNKNOWN) not in SHOWING_NOTHING


def attempts(facts: Iterable[Fact]) -> list[list[Fact]]:
    """Return the facts about one thing by attempt, the earliest attempt first.

    Where the system numbers its attempts, the number tells them apart. Elsewhere an end that contradicts the end before
    (another outcome, commit or version) is that of another attempt; one that was cancelled or skipped contradicts nothing.
    A failure that became a success is two attempts as well: the first stays what it was.
    """
    ordered = sorted(facts, key=lambda fact: (fact.at, _rank(fact.data), fact.id.hex))
    if len(ordered) == 1:
        return [ordered]
    if not any(fact.data.get("attempt") for fact in ordered):
        return _by_end(ordered)
    numbered: dict[int, list[Fact]] = {}
    for fact in ordered:
        number = str(fact.data.get("attempt", ""))
        numbered.setdefault(int(number) if number.isdecimal() else 1, []).append(fact)
    return [numbered[number] for number in sorted(numbered)]


def _by_end(facts: list[Fact]) -> list[list[Fact]]:
    found: list[list[Fact]] = [[]]
    end: Mapping[str, Any] | None = None
    # What was said after an end may be the beginning of the next attempt.
    later: list[Fact] = []
    for fact in facts:
        if not _shows_something(fact.data):
            (found[-1] if end is None else later).append(fact)
            continue
        if end is not None and _contradicts(fact.data, end):
            found.append([])
        found[-1] += [*later, fact]
        end, later = fact.data, []
    found[-1] += later
    return found


def _contradicts(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    if new["outcome"] != old["outcome"]:
        return True
    for name in ("sha", "version", "artifact"):
        one, other = str(new.get(name) or ""), str(old.get(name) or "")
        if one and other and not one.startswith(other) and not other.startswith(one):
            return True
    return False


def moment(merged: Mapping[str, Any], name: str, otherwise: datetime | None = None) -> datetime | None:
    """Return the moment in a field of merged facts; `otherwise` where there is none."""
    return clock.parse(merged.get(name)) or otherwise


def started_and_finished(merged: Mapping[str, Any], last: Fact) -> dict[str, datetime | None]:
    """Return when something started and finished; what finished without saying when did so at the time of its last fact."""
    finished = moment(merged, "finished_at", last.at if merged.get("phase") == "finished" else None)
    return {"started_at": moment(merged, "started_at"), "finished_at": finished}
