"""What pages show of actions: those of one retrospective, all that are open, and how many are done in time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.days import today
from squads.retrospective_actions.models import ASKED_AFTER, ActionAnswer, RetrospectiveAction
from squads.retrospectives.models import Retrospective
from squads.stage_history.models import StageChange
from squads.teams.models import Squad

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
    rows = RetrospectiveAction.objects.filter(Exists(own))
    return rows.select_related("squad", "story", "retrospective__squad", "helped_by")


def actions_of(row: Retrospective) -> list[RetrospectiveAction]:
    """Return the actions of a retrospective with when they were done, declined ones last."""
    rows = row.actions.select_related("squad", "story", "declined_by", "helped_by").annotate(done_at=done_at())
    return sorted(rows[: MOST * 2], key=lambda each: (each.declined_at is not None, each.due, each.pk))


def asked() -> "QuerySet[RetrospectiveAction]":
    """Return every action of which people are asked now whether it helped, whoever can read it; what was done first on top.

    It has been rodeo done for ASKED_AFTER, and nobody answered since it was. Nothing is stored for this: an action that
    stops being rodeo done is asked about no more.
    """
    done = RetrospectiveAction.objects.filter(declined_at=None, story__stage="rodeo_done", story__ending="")
    due = done.annotate(done_at=done_at()).filter(done_at__lte=clock.now() - ASKED_AFTER)
    return due.filter(Q(helped="") | Q(helped_at=None) | Q(helped_at__lt=F("done_at"))).order_by("done_at", "pk")


def asked_of(reader: Anyone, squad: str = "") -> "QuerySet[RetrospectiveAction]":
    """Return those of `asked` that this person can read, what was done first on top; of one squad, by its slug."""
    rows = asked().filter(pk__in=visible(reader).order_by().values("pk"))
    rows = rows.select_related("squad", "story", "retrospective__squad", "helped_by")
    return rows.filter(squad__slug=squad) if squad else rows


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


def asked_at_home(reader: Anyone, squads: "list[int]") -> list[RetrospectiveAction]:
    """Return the actions that squads are asked about, those that were done first on top."""
    return list(asked_of(reader).filter(squad__in=squads)[:MOST])


def from_before(row: Retrospective, reader: Anyone) -> list[RetrospectiveAction]:
    """Return the squad's open actions of other retrospectives: where its next one begins."""
    rows = open_actions(reader).filter(squad=row.squad_id).exclude(retrospective=row.pk)
    return list(rows.filter(proposed_at__lt=row.created_at)[:MOST])


def asked_before(row: Retrospective, reader: Anyone) -> list[RetrospectiveAction]:
    """Return the squad's actions of other retrospectives that it is asked about: where its next one begins, too."""
    rows = asked_of(reader).filter(squad=row.squad_id, proposed_at__lt=row.created_at)
    return list(rows.exclude(retrospective=row.pk)[:MOST])


def answers_of(action: RetrospectiveAction) -> "QuerySet[ActionAnswer]":
    """Return every answer to whether an action helped, the newest first."""
    return action.answers.select_related("by").order_by("-at", "-pk")


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


@dataclass(frozen=True, slots=True)
class Shown:
    """An action as templates show it: whether this person decides about it, and when they are asked whether it helped."""

    action: RetrospectiveAction
    overdue: bool
    decides: bool = False
    asked: bool = False
    asked_at: datetime | None = None
    asked_again: bool = False


def shown(actions: Sequence[RetrospectiveAction], reader: Anyone, *, writer: bool | None = None) -> list[Shown]:
    """Return actions as templates show them. `writer` says whether the reader writes the one retrospective they are of.

    Those who write it decide about them, and the squads that do them. Asks one query at most.
    """
    own: set[int] = set()
    others = {each.squad_id for each in actions if writer is None or each.squad_id != each.retrospective.squad_id}
    if others and not writer and reader.is_authenticated:
        own = set(Squad.objects.writable_by(reader).filter(pk__in=others).values_list("pk", flat=True))
    found = []
    for each in actions:
        when: datetime | None = getattr(each, "done_at", None)
        asks = each.is_asked(when)
        found.append(
            Shown(
                each,
                each.is_overdue(),
                decides=bool(writer) or each.squad_id in own,
                asked=asks,
                asked_at=each.asked_at(when) if asks or not each.helped else None,
                asked_again=asks and bool(each.helped),
            )
        )
    return found
