"""What pages show of actions: those of one retrospective, all that are open, and how many are done in time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.days import today
from squads.retrospective_actions.models import RetrospectiveAction
from squads.retrospectives.models import Retrospective
from squads.stage_history.models import StageChange

DONE_WITHIN = timedelta(days=30)
MOST = 50
# In how many days the actions of a severity are due, by the company's own severities, which squads don't know;
# portal/subscriptions.py hands it in. None where somebody has to choose.
DUE_DAYS: list[Callable[[str], int | None]] = []
USUALLY = 30


def due_days(severity: str) -> int:
    """Return in how many days an action is due where nobody chooses otherwise."""
    return next((days for find in DUE_DAYS if (days := find(severity)) is not None), USUALLY)


def done_at() -> Subquery:
    """When the story of an action last became rodeo done."""
    rows = StageChange.objects.filter(story=OuterRef("story"), to_stage="rodeo_done").order_by("-at")
    return Subquery(rows.values("at")[:1])


def visible(reader: Anyone) -> "QuerySet[RetrospectiveAction]":
    """Return the actions of retrospectives that this person can read."""
    own = Retrospective.objects.readable_by(reader).filter(pk=OuterRef("retrospective"))
    return RetrospectiveAction.objects.filter(Exists(own)).select_related("squad", "story", "retrospective__squad")


def actions_of(row: Retrospective) -> list[RetrospectiveAction]:
    """Return the actions of a retrospective, declined ones last."""
    rows = row.actions.select_related("squad", "story", "declined_by").annotate(done_at=done_at())
    return sorted(rows[: MOST * 2], key=lambda each: (each.declined_at is not None, each.due, each.pk))


def overdue() -> "QuerySet[RetrospectiveAction]":
    """Return every action that should have been done by now, whoever can read it."""
    late = RetrospectiveAction.objects.filter(due__lt=today(), declined_at=None)
    return late.filter(Q(story=None) | ~Q(story__stage="rodeo_done")).order_by()


def open_actions(reader: Anyone, squad: str = "") -> "QuerySet[RetrospectiveAction]":
    """Return what is still to be done, what is due first on top; of one squad, by its slug."""
    rows = visible(reader).filter(Q(story=None) | ~Q(story__stage="rodeo_done"), declined_at=None)
    return (rows.filter(squad__slug=squad) if squad else rows).order_by("due", "pk")


def overdue_of(reader: Anyone, squads: "list[int]") -> list[RetrospectiveAction]:
    """Return the overdue actions of squads, those that wait longest first."""
    return list(open_actions(reader).filter(squad__in=squads, due__lt=today())[:MOST])


def from_before(row: Retrospective, reader: Anyone) -> list[RetrospectiveAction]:
    """Return the squad's open actions of other retrospectives: where its next one begins."""
    rows = open_actions(reader).filter(squad=row.squad_id).exclude(retrospective=row.pk)
    return list(rows.filter(proposed_at__lt=row.created_at)[:MOST])


@dataclass(frozen=True, slots=True)
class Share:
    """How many actions were rodeo done within 30 days of being proposed, of those that are old enough to tell."""

    done: int
    of: int
    too_new: int
    declined: int


def share_done(reader: Anyone) -> Share:
    """Count, for the whole company, how many actions were rodeo done within 30 days. Declined ones are in neither number."""
    before = clock.now() - DONE_WITHIN
    first = StageChange.objects.filter(story=OuterRef("story"), to_stage="rodeo_done").values("story")
    rows = visible(reader).annotate(first=Subquery(first.annotate(at=Min("at")).values("at")))
    told = rows.filter(declined_at=None, proposed_at__lte=before)
    return Share(
        told.filter(first__lte=F("proposed_at") + DONE_WITHIN).count(),
        told.count(),
        rows.filter(declined_at=None, proposed_at__gt=before).count(),
        rows.exclude(declined_at=None).count(),
    )


def shown(actions: "list[Any]") -> list[dict[str, Any]]:
    """Return actions as templates show them."""
    return [{"action": each, "overdue": each.is_overdue()} for each in actions]
