"""Recording what came into a release and went out of it. Every verb that changes it calls this one, in its transaction."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from portal.kernel import clock
from portal.kernel.actors import Actor
from squads.scope_history.models import ScopeChange

AT_ONCE = 500


class Move(NamedTuple):
    """One story, and the ids of the releases that shipped it before and that ship it now; None for no release.

    A story that is cancelled or a duplicate is shipped by no release.
    """

    story_id: int
    before: UUID | None
    after: UUID | None
    how: str = ScopeChange.How.PLANNED


def record_moves(moves: Iterable[Move], *, by: Actor | None, at: datetime | None = None) -> None:
    """Keep a row for each story that is shipped by another release than before. `at` is now, unless it was earlier."""
    at = at or clock.now()
    rows = [
        ScopeChange(
            story_id=each.story_id, from_release_id=each.before, to_release_id=each.after, at=at, by=by, how=each.how
        )
        for each in moves
        if each.before != each.after
    ]
    ScopeChange.objects.bulk_create(rows, batch_size=AT_ONCE)
