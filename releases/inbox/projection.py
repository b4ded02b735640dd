"""What a projection is: how facts of one kind become rows. Each feature declares its own in its projection.py.

A row is folded from all facts about its thing, in their own order (phase first, then time), never from the fact that came
last. So late, early and repeated events all lead to the same row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model

from portal.kernel.stable_ids import stable_id
from releases.inbox.affected import Affected
from releases.inbox.fold import attempts
from releases.inbox.models import Fact


def _nothing(_: Any = None) -> None:
    """There is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """How the facts of one kind become rows. releases/reading/registry.py lists them all.

    `project` writes the rows of one thing (by its key) anew from all facts about it; `withdraw` undoes that when no fact
    is left, since the only event that spoke of it is read differently now. Both note in `affected` what may have changed.
    `finish` runs once at the end of a batch, for what follows from several things together. A rebuild deletes all rows
    of `models` and calls `reset` for rows that it must not delete.
    """

    kind: str
    project: Callable[[str, list[Fact], Affected], None]
    withdraw: Callable[[str, Affected], None]
    models: tuple[type[Model], ...] = ()
    finish: Callable[[Affected], None] = _nothing
    reset: Callable[[], None] = _nothing


def save_row(model: type[Model], pk: UUID, values: dict[str, Any]) -> None:
    """Insert or update one derived row."""
    rows = model._default_manager
    if not rows.filter(pk=pk).update(**values):
        rows.create(pk=pk, **values)


def save_attempts(
    model: type[Model],
    kind: str,
    key: str,
    facts: list[Fact],
    values: Callable[[list[Fact]], dict[str, Any]],
    *,
    place: Sequence[str],
) -> tuple[list[UUID], list[tuple[Any, Any | None]]]:
    """Write one row for each attempt at one thing, and delete those that no fact tells of any more.

    `values` makes the columns from the facts about one attempt; `place` are those that say what the row is about. Returns the
    ids of the rows; and those of which one of these changed, as they were before and as they are (None: gone), for then their
    old place is affected too.
    """
    wanted = {_attempt_id(kind, key, number): values(some) for number, some in enumerate(attempts(facts))}
    rows = model._default_manager
    beyond = _attempt_id(kind, key, len(wanted))
    present = rows.in_bulk([*wanted, beyond])
    moved: list[tuple[Any, Any | None]] = []
    if beyond in present:
        moved = [(row, None) for row in delete_attempts(model, kind, key, since=len(wanted))]
    for pk, columns in wanted.items():
        before = present.get(pk)
        if before is None:
            rows.create(pk=pk, **columns)
            continue
        rows.filter(pk=pk).update(**columns)
        after = model(pk=pk, **columns)
        if any(getattr(before, name) != getattr(after, name) for name in place):
            moved.append((before, after))
    return list(wanted), moved


def delete_attempts(model: type[Model], kind: str, key: str, *, since: int = 0) -> list[Any]:
    """Delete the rows of the attempts at one thing, from a number on; return them as they were."""
    gone: list[Any] = []
    while (row := model._default_manager.filter(pk=_attempt_id(kind, key, since + len(gone))).first()) is not None:
        gone.append(row)
    model._default_manager.filter(pk__in=[row.pk for row in gone]).delete()
    return gone


def _attempt_id(kind: str, key: str, number: int) -> UUID:
    """Return the stable id of an attempt at one thing; the first is number 0."""
    return stable_id(kind, key, number) if number else stable_id(kind, key)


def has_ended(row: Any) -> bool:
    """Whether a run, deployment or check ended: one that is under way is evidence of nothing yet."""
    return bool(row.outcome) and row.finished_at is not None
