"""What a timeline fills itself from. Squads know no deployments and no alerts: those who do hand them in.

`portal/subscriptions.py` says who does (FINDERS).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.urls import reverse

from portal.kernel import clock
from squads.discussions.models import Comment
from squads.judge.stages import STAGE_NAMES
from squads.retrospectives.models import Retrospective
from squads.stage_history.models import StageChange

# Trouble begins before it is noticed, and is not over when it ends.
BEFORE, AFTER = timedelta(hours=6), timedelta(hours=2)
# Of each kind; what is left out is said.
MOST = 200
LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Window:
    """What a timeline is about: from when to when, whose services, and the thing in particular."""

    since: datetime
    until: datetime
    squad: int
    services: frozenset[int]
    subject_kind: str = ""
    subject_key: str = ""


@dataclass(frozen=True, slots=True)
class Material:
    """One thing that happened, ready for a timeline. `key` names it for ever; `kind` is one of TimelineEntry.Kind."""

    key: str
    kind: str
    at: datetime
    text: str
    url: str = ""
    until: datetime | None = None


FINDERS: list[Callable[[Window, int], Iterable[Material]]] = []


def window_of(row: Retrospective) -> Window | None:
    """Return the time that a retrospective looks at; None as long as nobody said when it began."""
    if row.began_at is None:
        return None
    until = (row.ended_at or clock.now()) + AFTER
    services = frozenset(row.services.values_list("pk", flat=True))
    return Window(
        row.began_at - BEFORE, min(until, clock.now()), row.squad_id, services, row.subject_kind, row.subject_key
    )


def stage_changes(window: Window, most: int) -> Iterable[Material]:
    """Stories of the squad that went from one stage to another."""
    rows: QuerySet[StageChange] = StageChange.objects.filter(
        story__squad=window.squad, at__gte=window.since, at__lte=window.until
    )
    columns = ("pk", "story__key", "story__title", "to_stage", "at")
    found = rows.order_by("at", "pk").values_list(*columns)[:most]
    prefix = reverse("squads:stories:list")
    for pk, key, title, stage, at in found:
        text = f"{key} {title}: {STAGE_NAMES[stage]}"
        yield Material(f"stage:{pk}", "stage", at, text, f"{prefix}{key}/")


def comments(window: Window, most: int) -> Iterable[Material]:
    """What people said on stories of the squad."""
    rows = Comment.objects.filter(
        story__squad=window.squad, removed_at=None, created_at__gte=window.since, created_at__lte=window.until
    )
    prefix = reverse("squads:stories:list")
    columns = ("pk", "story__key", "body", "created_at")
    for pk, key, body, at in rows.order_by("created_at", "pk").values_list(*columns)[:most]:
        said = " ".join(body.split())
        said = said if len(said) <= LONGEST_QUOTE else f"{said[: LONGEST_QUOTE - 1]}…"
        yield Material(f"comment:{pk}", "comment", at, f"Comment on {key}: {said}", f"{prefix}{key}/#comment-{pk}")
