"""What a projection is: how facts of one kind become rows. Each feature declares its own in its projection.py.

A row is folded from all facts about its thing, in their own order (phase first, then time), never from the fact that came
last. So late, early and repeated events all lead to the same row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model

from releases.inbox.affected import Affected
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


def save_row(model: type[Model], pk: UUID, values: dict[str, Any], *, place: Sequence[str] = ()) -> Any | None:
    """Insert or update one derived row.

    `place` are the columns that say what the row is about. Returns the row as it was before if one of them changed, for
    then its old place is affected too; None otherwise.
    """
    rows = model._default_manager
    before = rows.filter(pk=pk).first()
    if before is None:
        rows.create(pk=pk, **values)
        return None
    rows.filter(pk=pk).update(**values)
    after = model(pk=pk, **values)
    return before if any(getattr(before, name) != getattr(after, name) for name in place) else None


def has_ended(row: Any) -> bool:
    """Whether a run, deployment or check ended: one that is under way is evidence of nothing yet."""
    return bool(row.outcome) and row.finished_at is not None
