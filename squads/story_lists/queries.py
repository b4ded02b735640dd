"""What the list of stories offers: its filters, the views a person keeps, and what can be done to the stories selected."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Value, When

from portal.kernel.actors import Anyone
from squads.assignments.queries import offered
from squads.handovers.actions import moves_any
from squads.labels.models import Label
from squads.stories.models import Story
from squads.story_lists.models import ManyChange, ManyRow, StoryView
from squads.teams.models import Squad

OFFERED, MOST_SQUADS = 200, 500


@dataclass(slots=True)
class Selecting:
    """What a person can do to many stories: who and what is offered. Nothing is, where they may change none."""

    may_any: bool = False
    # Members of a squad do more than plan.
    may_write: bool = False
    people: list[Any] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    squads: list[Squad] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """What became of many stories, as the list tells it."""

    change: ManyChange
    changed: list[ManyRow]
    same: int
    refused: list[ManyRow]
    undone: int
    not_undone: list[ManyRow]

    @property
    def can_be_undone(self) -> bool:
        """Whether there is anything to undo, and nobody did."""
        return bool(self.changed) and self.change.undone_at is None


def in_order(ids: Iterable[int]) -> list[Story]:
    """Return stories by their ids, in that order. Ordering all of them by their ids alone is half the work for a database."""
    ids = list(ids)
    rows = Story.objects.select_related("squad", "ended_by", "duplicate_of").in_bulk(ids)
    return [rows[pk] for pk in ids if pk in rows]


def views_of(user: Anyone) -> list[StoryView]:
    """Return the views a person keeps, by name."""
    return list(StoryView.objects.filter(owner=user.pk).order_by("name")) if user.is_authenticated else []


def releases_offered(chosen: str = "") -> list[Any]:
    """Return the releases a list is filtered by: those to come, then the newest; and the one that is chosen."""
    releases: Any = Story._meta.get_field("release").related_model
    first = Case(When(slug=chosen, then=Value(0)), default=Value(1))
    rows = releases._default_manager.order_by(first, F("released_at").desc(nulls_first=True), "-created_at")
    return list(rows.only("slug", "line", "version")[:OFFERED])


def selecting(user: Anyone) -> Selecting:
    """Return what a person can do to stories that they select, in at most four queries."""
    if not user.is_authenticated:
        return Selecting()
    squads = list(Squad.objects.writable_by(user).order_by("name")[:MOST_SQUADS])
    mover = moves_any(user)
    if not squads:
        return Selecting(may_any=mover, squads=_all_squads() if mover else [])
    labels = Label.objects.filter(squad__in=squads).order_by("folded").values_list("name", flat=True)
    return Selecting(
        may_any=True,
        may_write=True,
        people=list(offered(squads)[:OFFERED]),
        labels=list(dict.fromkeys(labels[:OFFERED])),
        squads=_all_squads() if mover else squads if len(squads) > 1 else [],
    )


def _all_squads() -> list[Squad]:
    return list(Squad.objects.active().order_by("name")[:MOST_SQUADS])


def told(change: ManyChange) -> Told:
    """Return what became of the stories of a change, in one query."""
    rows = list(change.rows.select_related("story").defer("story__standing").order_by("id"))
    changed = [row for row in rows if row.outcome == ManyRow.Outcome.CHANGED]
    return Told(
        change,
        changed,
        sum(1 for row in rows if row.outcome == ManyRow.Outcome.SAME),
        [row for row in rows if row.outcome == ManyRow.Outcome.REFUSED],
        sum(1 for row in changed if row.undone),
        [row for row in changed if row.not_undone],
    )


def told_to(user: Anyone, pk: str) -> Told | None:
    """Return what became of the stories of a change that this person made; None where they made no such change."""
    try:
        change = ManyChange.objects.filter(by=user.pk, pk=UUID(pk)).first() if user.is_authenticated else None
    except ValueError:
        return None
    return told(change) if change else None
