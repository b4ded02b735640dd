"""Moving things between states without overwriting somebody who was first."""

from collections.abc import Iterable
from typing import Any

from django.db import models, transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange


class AlreadyMoved(Exception):
    """The thing is no longer in a state this move may leave. `current` names the state it is in now."""

    def __init__(self, subject: str, wanted: str, current: str) -> None:
        self.subject, self.wanted, self.current = subject, wanted, current
        state = (
            f"is already “{current}”." if current == wanted else f"is now “{current}”, so it can’t become “{wanted}”."
        )
        super().__init__(f"{subject} {state} Someone else may have changed it. Reload the page.")


class ChangedMeanwhile(AlreadyMoved):
    """Something that has a version was saved by somebody else since it was read."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject, "changed", "changed")
        self.args = (f"Someone else changed {subject} meanwhile. Read the new version, then change it again.",)


def signed(by: Actor | None, because: str) -> str:
    """Return the reason with the name of the API token that acted for somebody, if one did."""
    token = getattr(by, "token", None)
    return f"{because} (by the API token “{token.name}”)".strip() if token is not None else because


def move(
    row: models.Model, field: str, to: str, *, leaving: Iterable[str], by: Actor | None, because: str = "", **also: Any
) -> StateChange:
    """Move `row.field` to `to` with one UPDATE that names the states it may leave, and write the history row.

    `also` sets further columns in the same statement. Raises AlreadyMoved when no row was updated; nothing is then
    written. The instance is brought up to date.
    """
    manager = type(row)._default_manager
    with transaction.atomic():
        before = manager.select_for_update().filter(pk=row.pk).values_list(field, flat=True).first()
        if before is None:
            raise AlreadyMoved(str(row), to, "deleted")
        return move_held(row, field, to, before=before, leaving=leaving, by=by, because=because, **also)


def move_held(
    row: models.Model,
    field: str,
    to: str,
    *,
    before: str,
    leaving: Iterable[str],
    by: Actor | None,
    because: str = "",
    **also: Any,
) -> StateChange:
    """Move as `move` does, for a caller that holds the row in its transaction and read there that it is `before`."""
    rows = type(row)._default_manager.filter(pk=row.pk, **{field: before, f"{field}__in": list(leaving)})
    if rows.update(**{field: to, **also}) != 1:
        raise AlreadyMoved(str(row), to, before)
    change = StateChange.objects.create(
        kind=str(row._meta.model_name),
        key=str(row),
        from_state=before,
        to_state=to,
        by=by,
        because=signed(by, because),
        at=also.get(f"{field}_at") or clock.now(),
    )
    for name, value in {field: to, **also}.items():
        setattr(row, name, value)
    return change
