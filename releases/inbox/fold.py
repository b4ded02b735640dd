"""Merging all facts about one thing into what is known of it now."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from portal.kernel import clock
from releases.inbox.models import Fact
from releases.providers.facts import CANCELLED, FINISHED, PHASES, SKIPPED, UNKNOWN

Merged = dict[str, Any]
# Outcomes that say nothing about what an earlier attempt showed.
SHOWING_NOTHING = (CANCELLED, SKIPPED, UNKNOWN)
# Starts of builds with one number that lie further apart are two builds.
TOLD_APART = timedelta(minutes=1)
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


def rows_of(key: str, facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Return the facts of one key by the keys of the rows that they make: one row, whose key is the same, for most.

    Where numbers begin again (a Jenkins job that was deleted and made anew has a build 1 once more), the facts say when
    theirs was given out. Each such moment is a thing of its own; the first has the key itself. A fact that does not know
    belongs to the last that had begun by then. All this follows from the facts alone, in whatever order they came.
    """
    everything = list(facts)
    starts = _starts(everything)
    if len(starts) < 2:
        return {key: everything}
    found: dict[str, list[Fact]] = {}
    for fact in everything:
        numbered = clock.parse(fact.data.get("numbered_at"))
        at = max((start for start in starts if start <= (numbered or fact.at)), default=starts[0])
        found.setdefault(key if at == starts[0] else f"{key}@{at.isoformat()}", []).append(fact)
    return found


def _starts(facts: Iterable[Fact]) -> list[datetime]:
    """Return when the numbers of a key were given out, first to last. Moments close together are one, told by two clocks."""
    starts: list[datetime] = []
    for at in sorted(moment for fact in facts if (moment := clock.parse(fact.data.get("numbered_at")))):
        if not starts or at - starts[-1] > TOLD_APART:
            starts.append(at)
    return starts


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
    A failure that became a success is two attempts as well: the first stays what it was. A deployment or check that ended the
    same way again, at another time, was done again.
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
    end: Fact | None = None
    # What was said after an end may be the beginning of the next attempt.
    later: list[Fact] = []
    for fact in facts:
        if not _shows_something(fact.data):
            (found[-1] if end is None else later).append(fact)
            continue
        if end is not None and (_contradicts(fact.data, end.data) or _is_repeated(fact, end)):
            found.append([])
        found[-1] += [*later, fact]
        end, later = fact, []
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


def _is_repeated(new: Fact, old: Fact) -> bool:
    # The end of a run may be told late, or again when something by hand was added to it: it built the same commit.
    if new.kind == "run":
        return False
    ends = [moment(fact.data, "finished_at", fact.at) or fact.at for fact in (old, new)]
    return abs(ends[1] - ends[0]) > TOLD_APART


def first_end(facts: Iterable[Fact], merged: Mapping[str, Any]) -> datetime | None:
    """Return when an attempt was first said to have ended as it did; None where nobody said when it ended."""
    ends = [moment(fact.data, "finished_at") for fact in facts if fact.data.get("outcome") == merged.get("outcome")]
    return min((at for at in ends if at is not None), default=None) if merged.get("phase") == FINISHED else None


def moment(merged: Mapping[str, Any], name: str, otherwise: datetime | None = None) -> datetime | None:
    """Return the moment in a field of merged facts; `otherwise` where there is none."""
    return clock.parse(merged.get(name)) or otherwise


def started_and_finished(merged: Mapping[str, Any], last: Fact) -> dict[str, datetime | None]:
    """Return when something started and finished; what finished without saying when did so at the time of its last fact."""
    finished = moment(merged, "finished_at", last.at if merged.get("phase") == "finished" else None)
    return {"started_at": moment(merged, "started_at"), "finished_at": finished}
