"""Keeping the history of stages true to what the judge says, and telling what is new in it."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from django.db import transaction

from portal.kernel import clock
from portal.kernel.bulk_update import insert
from portal.kernel.outbox import publish_many
from portal.kernel.stable_ids import stable_id_text
from squads.events import StageChanged
from squads.judge.case import FlagEdit, Move, Row, TakenBack
from squads.judge.stage_changes import Transition
from squads.stage_history.models import StageChange

T = TypeVar("T")

COLUMNS = (
    "id",
    "story_id",
    "from_stage",
    "to_stage",
    "at",
    "why",
    "evidence",
    "event_id",
    "person_id",
    "cause",
)
# A cause that moved more stories than this is told in several messages.
MOST_TOLD = 500
AT_ONCE = 1000


class Line(NamedTuple):
    """One row of the history, as COLUMNS lists it; identities as text."""

    id: str
    story_id: int
    from_stage: str
    to_stage: str
    at: datetime
    why: str
    evidence: str | None
    event_id: str | None
    person_id: int | None
    cause: str


def _stored(row: Sequence[Any]) -> Line:
    """Return a row as the database has it."""
    id_, story, left, to, at, why, evidence, event, person, cause = row
    evidence, event = evidence and str(evidence), event and str(event)
    return Line(str(id_), story, left, to, at, why, evidence, event, person, str(cause))


class History(NamedTuple):
    """What the judge says of one story: every change of its stage. `announced` says which of the new ones are news."""

    story_id: int
    key: str
    transitions: Sequence[Transition]
    announced: Callable[[Line], bool] = lambda line: True


# Set while news is held back: see `announced_at_the_end`.
_HELD_BACK: ContextVar[bool] = ContextVar("held_back", default=False)


def keep(histories: Sequence[History]) -> set[int]:
    """Make the rows of these stories exactly those that the judge says, and tell of those that were not there before.

    Return the stories whose history differs. The caller has a transaction open and holds the stories' rows.
    """
    wanted = {each.story_id: lines_of(each) for each in histories}
    present: dict[int, list[Line]] = {}
    rows = StageChange.objects.filter(story__in=list(wanted)).order_by("story_id", "at").values_list(*COLUMNS)
    for row in rows:
        present.setdefault(row[1], []).append(_stored(row))
    different = {pk for pk, lines in wanted.items() if lines != present.get(pk, [])}
    if not different:
        return different
    gone: list[str] = []
    new: list[Line] = []
    for pk in different:
        before, now = present.get(pk, []), wanted[pk]
        gone += [line.id for line in before if line not in now]
        new += [line for line in now if line not in before]
    if gone:
        StageChange.objects.filter(pk__in=gone).delete()
    insert(StageChange, COLUMNS, new)
    known = {line.id for pk in different for line in present.get(pk, ())}
    told = {each.story_id: each for each in histories}
    _tell(
        (told[line.story_id].key, line) for line in new if line.id not in known and told[line.story_id].announced(line)
    )
    return different


class Correction(NamedTuple):
    """A story whose stage is another because what moved it there is no longer so: its history has no row of that."""

    story_id: int
    key: str
    from_stage: str
    to_stage: str
    why: str


def announce_corrections(corrections: Sequence[Correction]) -> None:
    """Publish stages that changed without a new row: a commit off the mainline, an unlinked change, a changed tier or rule.

    What took them back is not known here, so all that are found at one moment are told as one.
    """
    if not corrections or _HELD_BACK.get():
        return
    now = clock.now()
    cause = stable_id_text("cause", "correction", clock.iso(now), *(each.story_id for each in corrections))
    publish_many(
        [
            StageChanged(cause=cause, correction=True, changes=[_change(each.key, each, None, now) for each in some])
            for some in _in_pieces(corrections)
        ]
    )


def append(story_id: int, key: str, transition: Transition) -> None:
    """Add the newest change to the history of one story whose earlier changes all stay as they are, and tell of it."""
    line = _line(story_id, transition)
    insert(StageChange, COLUMNS, [line])
    _tell([(key, line)])


def lines_of(history: History) -> list[Line]:
    """Return the rows that a story should have, the oldest first."""
    return [_line(history.story_id, each) for each in history.transitions]


def _line(story_id: int, transition: Transition) -> Line:
    from_stage, to_stage, at, why, cause = transition
    row = cause.row if isinstance(cause, TakenBack) else cause
    evidence = _dashed(row.id) if isinstance(row, Row) else None
    event = _dashed(cause.event) if isinstance(cause, Row) and cause.event else None
    identity = stable_id_text("stage_change", story_id, clock.iso(at), to_stage)
    return Line(
        identity, story_id, from_stage, to_stage, at, why, evidence, event, cause.person, _cause_of(story_id, cause)
    )


def _dashed(text: str) -> str:
    """Return an identity as PostgreSQL writes it; SQLite leaves out the dashes."""
    return text if len(text) != 32 else f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _cause_of(story_id: int, cause: Row | Move | TakenBack | FlagEdit) -> str:
    """Return what all stories share that were moved by the same thing."""
    if isinstance(cause, Row):
        if cause.by_hand:
            return stable_id_text("cause", "by hand", _dashed(cause.id))
        # Not the event alone: one look at a git repository tells of every tag there ever was.
        return _shared(cause.event or "", cause.kind, cause.at, cause.service, cause.environment, cause.label)
    if isinstance(cause, TakenBack):
        return stable_id_text("cause", "taken back", _dashed(cause.row.id))
    if isinstance(cause, FlagEdit):
        return stable_id_text("cause", "edit", cause.id)
    if cause.person is None:
        # Brought in from elsewhere: one import moves many stories at one moment.
        return stable_id_text("cause", "brought in", clock.iso(cause.at))
    return stable_id_text("cause", "move", cause.id)


@lru_cache(maxsize=2048)
def _shared(event: str, kind: str, at: datetime, service: str, environment: str, label: str) -> str:
    """Return what stories share that the same deployment, run, check or removal moved."""
    return stable_id_text("cause", event and _dashed(event), kind, clock.iso(at), service, environment, label)


def _tell(news: Iterable[tuple[str, Line]]) -> None:
    """Publish one message for each cause, with all the stories that it moved."""
    if _HELD_BACK.get():
        return
    by_cause: dict[str, list[tuple[str, Line]]] = {}
    for key, line in news:
        by_cause.setdefault(line.cause, []).append((key, line))
    publish_many([_message(some) for of_cause in by_cause.values() for some in _in_pieces(of_cause)])


def _in_pieces(news: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield what goes into one message each."""
    for start in range(0, len(news), MOST_TOLD):
        yield news[start : start + MOST_TOLD]


def _change(key: str, moved: Line | Correction, id_: str | None, at: datetime) -> dict[str, Any]:
    """Return how a message tells of one story."""
    return {
        "id": id_,
        "story": moved.story_id,
        "key": key,
        "from": moved.from_stage,
        "to": moved.to_stage,
        "at": clock.iso(at),
        "why": moved.why,
    }


def _message(some: Sequence[tuple[str, Line]]) -> StageChanged:
    line = some[0][1]
    return StageChanged(
        cause=line.cause,
        event=line.event_id,
        person=line.person_id,
        changes=[
            _change(key, each, each.id, each.at)
            for key, each in sorted(some, key=lambda one: (one[1].at, one[1].story_id))
        ],
    )


@contextmanager
def announced_at_the_end(silent: Collection[int] = ()) -> Iterator[None]:
    """Do something that makes history anew, and announce only those changes that were not known before.

    Nothing is announced of the `silent` stories. Everything inside is one transaction.
    """
    with transaction.atomic():
        known = set(StageChange.objects.values_list("pk", flat=True))
        token = _HELD_BACK.set(True)
        try:
            yield
        finally:
            _HELD_BACK.reset(token)
        skipped = set(silent)
        now = StageChange.objects.order_by().values_list("pk", "story_id").iterator(AT_ONCE)
        fresh = [pk for pk, story in now if pk not in known and story not in skipped]
        for start in range(0, len(fresh), AT_ONCE):
            rows = StageChange.objects.filter(pk__in=fresh[start : start + AT_ONCE])
            _tell([(key, _stored(row)) for key, *row in rows.values_list("story__key", *COLUMNS)])
