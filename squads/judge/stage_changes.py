"""How a story came to its stage: the judge applied to every moment of its evidence, from the first to the last.

Every event counts from its own time, however late it was heard of. So any order and any repetition gives the same list,
late evidence corrects the past, and the list always ends on the stage of the judgement.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import zip_longest
from operator import attrgetter
from typing import NamedTuple

from squads.judge.case import Case, Facts, FlagEdit, Move, Row, TakenBack
from squads.judge.rungs import Event, Rungs
from squads.judge.stages import PROGRESS, STAGES

# What proves each rung, the likeliest first: of several events of one moment, one is named as the cause.
PROOF = {
    "integrated": ("run", "change", "revert"),
    "tested": ("test", "change", "revert"),
    "deployed": ("deployment", "change", "revert"),
    "rodeo_done": ("acceptance", "incident", "flag", "deployment", "change", "revert"),
}
# What each kind of evidence proves; a change concerns all of them.
RUNG_OF = {
    "run": "integrated",
    "test": "tested",
    "deployment": "deployed",
    "acceptance": "rodeo_done",
    "incident": "rodeo_done",
    "flag": "rodeo_done",
}
# What is heard of a service within this time of the one before belongs to one reading.
TOGETHER = timedelta(seconds=5)
MOMENT = timedelta(microseconds=1)
IN_ORDER = attrgetter("at", "id")
SAID_SO = "its squad said so"


class Transition(NamedTuple):
    """A story went from one stage to another: when it was so, why in words, and the event that did it."""

    from_stage: str
    to_stage: str
    at: datetime
    why: str
    cause: Event


def follow(facts: Facts) -> tuple[Rungs, list[Transition]]:
    """Tell a story's events in order. Return its rungs as they are in the end, and every change of stage on the way.

    Several events of one moment make one change.
    """
    rungs, events = _told(facts, linked_late(facts))
    stage = rungs.case.progress
    found = []
    moment: list[Event] = []
    open_again = False
    for event, following in zip_longest(events, events[1:]):
        moment.append(event)
        open_again = rungs.hear(event) or open_again
        if following is not None and following.at == event.at:
            continue
        if open_again and (now := rungs.stage) != stage:
            found.append(Transition(stage, now, event.at, *_reason(rungs, stage, now, moment)))
            stage = now
        moment, open_again = [], False
    if rungs.case.progress_at != facts.progress_at:
        rungs.said(facts.progress, facts.progress_at)
    return rungs, found


def _told(facts: Facts, late: Collection[str]) -> tuple[Rungs, list[Event]]:
    """Return the rungs before anything happened, and what happened, in order; late changes when they became known."""
    stage, moves = counted_moves(facts)
    flag, audience = (_before_edits(facts, name) for name in ("flag", "audience"))
    rows = list(_rows(facts))
    if late:
        rows = _told_late(rows, late)
    events: list[Event] = [*rows, *facts.taken_back, *moves, *flag[1], *audience[1]]
    events.sort(key=IN_ORDER)
    return Rungs(Case(facts.key, stage, None, flag[0], audience[0])), events


def _told_late(rows: list[Row], late: Collection[str]) -> list[Row]:
    """Return the rows, with late changes at the moment they became known, and what became of them not before that."""
    known = {sha: row.started_at or row.at for row in rows if row.id in late for sha in row.shas}
    moved = []
    for row in rows:
        if row.id in late:
            moved.append(row._replace(at=row.started_at or row.at))
        elif row.kind == "revert" and (since := max((known[sha] for sha in row.shas if sha in known), default=None)):
            moved.append(row._replace(at=max(row.at, since + MOMENT)))
        else:
            moved.append(row)
    return moved


def _rows(facts: Facts) -> Iterable[Row]:
    """Return every row once, with those taken back later."""
    rows = {row.id: row for row in facts.rows}
    rows.update((each.row.id, each.row) for each in facts.taken_back if each.row.at < each.at)
    return rows.values()


def linked_late(facts: Facts) -> set[str]:
    """Return the ids of the changes that are older than the story's time in production, and became known in it.

    A repository, a branch or a person that links such work withdraws the story at that moment and with that reason; it
    does not make unsaid that the story was done. All other changes count from their own time, however late they are
    heard of.
    """
    rows = list(_rows(facts))
    first = min((row.at for row in rows if row.kind == "acceptance" and row.verdict == "success"), default=None)
    if first is None:
        return set()
    heard = [
        (row.started_at, row) for row in rows if row.kind == "change" and row.started_at and row.started_at > first
    ]
    heard.sort(key=lambda each: (each[0], each[1].id))
    late: set[str] = set()
    while heard:
        (at, _), together = heard[0], _heard_together(heard)
        unheard = {row.id for _, row in heard}
        told = facts._replace(rows=[row for row in rows if row.id not in unheard])
        if _was_deployed(told, late, at):
            late |= {row.id for _, row in together if row.at < at and not _was_deployed(told, late, row.at)}
        heard = heard[len(together) :]
    return late


def _heard_together(heard: list[tuple[datetime, Row]]) -> list[tuple[datetime, Row]]:
    """Return the changes that became known with the first of these: a service's history is read in one go, but not in one
    moment."""
    (before, first), found = heard[0], []
    for at, row in heard:
        if at != before and (at - before >= TOGETHER or row.service != first.service):
            break
        before = at
        found.append((at, row))
    return found


def _was_deployed(facts: Facts, late: Collection[str], at: datetime) -> bool:
    """Say whether the story was in production just before a moment."""
    rungs, events = _told(facts, late)
    for event in events:
        if event.at < at:
            rungs.hear(event)
    return rungs.stage in ("deployed", "rodeo_done")


def counted_moves(facts: Facts) -> tuple[str, list[Move]]:
    """Return what people said of a story at first, and the moves they made since.

    Where the recorded moves do not lead to where the story says it is (work that was brought in), what it says itself is
    the last move.
    """
    moves = sorted(facts.moves, key=IN_ORDER)
    if facts.progress != (moves[-1].to if moves else "todo"):
        if facts.progress_at is None:
            return facts.progress, []
        moves = [move for move in moves if move.at <= facts.progress_at]
        before = moves[-1].to if moves else "todo"
        moves.append(Move(facts.progress_at, "~", before, facts.progress))
    first = moves[0].left if moves else "todo"
    return (first if first in PROGRESS else "todo"), moves


def _before_edits(facts: Facts, name: str) -> tuple[str, list[FlagEdit]]:
    """Return the flag (or the audience) a story had at first, and the edits since."""
    now = str(getattr(facts, name))
    edits = sorted((edit for edit in facts.flag_edits if edit.name == name), key=IN_ORDER)
    if not edits or edits[-1].after != now:
        return now, []
    return edits[0].before, edits


def _reason(rungs: Rungs, before: str, now: str, events: list[Event]) -> tuple[str, Event]:
    """Return why the stage changed, and which of a moment's events did it."""
    if before in PROGRESS and now in PROGRESS:
        move = next(event for event in reversed(events) if isinstance(event, Move))
        return move.because or SAID_SO, move
    if STAGES.index(now) > STAGES.index(before):
        return rungs.verdict(now).why, _proof(now, events)
    lost = [stage for stage in STAGES[STAGES.index(now) + 1 : STAGES.index(before) + 1] if stage in PROOF]
    withdrawn = [(lost.index(rung), event) for event in events if (rung := _rung_of(event, lost[0])) in lost]
    place, event = min(withdrawn, key=lambda each: each[0]) if withdrawn else (-1, _proof(lost[-1], events))
    why = rungs.verdict(lost[place]).why
    if isinstance(event, Row) and event.kind == "change" and event.at == event.started_at:
        why = f"{event.label} was linked later: {why}"
    return (f"evidence by hand was withdrawn: {why}" if isinstance(event, TakenBack) else why), event


def _kind(event: Event) -> str:
    row = event.row if isinstance(event, TakenBack) else event
    return row.kind if isinstance(row, Row) else "flag" if isinstance(row, FlagEdit) else "move"


def _rung_of(event: Event, lowest: str) -> str | None:
    return lowest if _kind(event) in ("change", "revert") else RUNG_OF.get(_kind(event))


def _proof(rung: str, events: list[Event]) -> Event:
    for kind in PROOF[rung]:
        for event in reversed(events):
            if _kind(event) == kind:
                return event
    return events[-1]
