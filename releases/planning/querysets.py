"""Questions about releases."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Case, Exists, F, FilteredRelation, OuterRef, Q, Value, When

from releases.pipelines.models import StoryLink
from releases.planning.state import (
    ABANDONED,
    CANDIDATE,
    DEPLOYED,
    IN_PRODUCTION,
    IN_PROGRESS,
    PLANNED,
    RODEO_DONE,
    SHIPPING,
    TESTED,
    UNKNOWN,
)
from squads.judge.case import PRODUCTION
from squads.models import Evidence, Story

if TYPE_CHECKING:
    from releases.planning.models import Release  # noqa: F401 - named in quotes below

# A release that went out this long ago is history, also where its stories were never accepted.
OUT_FOR = timedelta(days=30)


class ReleaseQuerySet(models.QuerySet["Release"]):
    """Questions about releases."""

    def newest_first(self) -> Self:
        """Order them as every list shows them: what has no date yet, what is planned, what is tagged or out, what was
        abandoned; the latest first.

        Those of one moment are ordered by version (portal/kernel/versions.py): 5.10 stands before 5.10-rc1 and 5.9.
        """
        # A tag says nothing about one that is planned: that is a candidate's.
        dated = Q(released_at__isnull=False) & (Q(is_out=True) | Q(planned_for__isnull=True))
        abandoned, undated = Q(abandoned_at__isnull=False), Q(released_at__isnull=True, planned_for__isnull=True)
        return self.order_by(
            Case(
                When(dated, then=Value(2)),
                When(abandoned, then=Value(3)),
                When(undated, then=Value(0)),
                default=Value(1),
            ),
            # When something was planned for says nothing once it has a date of its own.
            Case(When(dated, then=None), default=F("planned_for")).desc(),
            Case(When(dated, then=F("released_at"))).desc(),
            "-version_key",
            "-version",
            "pk",
        )

    def open(self, at: datetime) -> Self:
        """Those that somebody works on at a moment: neither abandoned nor rodeo done, and no history.

        One that was abandoned and is in production all the same waits for acceptance as any other.
        """
        nothing_yet = ~_ships() & ~_tagged() & Q(is_out=False)
        return self.filter(_left() | nothing_yet, _recent(at), Q(abandoned_at__isnull=True) | _went_out())

    def not_out(self) -> Self:
        """Those that may still go out: nobody said that they are out, or abandoned them. A tag alone says it of none.

        One that was abandoned has no more to go out, also where all of it is in production.
        """
        return self.filter(is_out=False, abandoned_at__isnull=True)

    def called_off(self) -> Self:
        """Those that were abandoned and didn't go out all the same."""
        return self.in_state(ABANDONED)

    def ahead(self, at: datetime) -> Self:
        """Those of `not_out` that somebody works on at a moment: not rodeo done, and no history."""
        return self.not_out().filter(_left() | ~_ships(), _recent(at))

    def with_last_verdict(self, day: date) -> Self:
        """With the `verdict` that was last kept of each on a day, and when it was `judged_at`; None where none was."""
        # By its name only: what keeps verdicts is above what plans releases.
        kept = FilteredRelation("daily_readiness", condition=Q(daily_readiness__day=day))
        return self.annotate(kept=kept, verdict=F("kept__verdict"), judged_at=F("kept__at"))

    def shipping_for(self, squad: str) -> Self:
        """Those that ship a story of a squad, by its slug."""
        return self.filter(_ships(squad__slug=squad))

    def unfinished(self) -> Self:
        """Those that ship a story that isn't rodeo done."""
        return self.filter(_left())

    def in_state(self, state: str) -> Self:
        """Those in a state of releases/planning/state.py, as the database tells by the stages of their stories."""
        # One that goes out all the same is out.
        out = _went_out()
        if state == ABANDONED:
            return self.filter(~out, abandoned_at__isnull=False)
        open_ = self.filter(Q(abandoned_at__isnull=True) | out)
        something = Q(is_out=True) | _tagged()
        if state in (UNKNOWN, PLANNED):
            empty = ~_ships() & (something if state == UNKNOWN else ~something)
            return open_.filter(empty if state == UNKNOWN else empty | (_ships() & ~_started()))
        return open_.filter(_ships() & _CONDITIONS[state]())


def _ships(**story: Any) -> Q:
    """Say whether a release ships a story that is so: one planned for it, or named by one of its changes."""
    planned = Story.objects.not_ended().filter(release=OuterRef("pk"), **story)
    links = StoryLink.objects.asking().filter(change__release=OuterRef("pk"), story__ending="")
    named = links.filter(**{f"story__{name}": value for name, value in story.items()})
    return Q(Exists(planned)) | Q(Exists(named))


def _went_out() -> Q:
    """Say whether a release is out by a person's word, or all that it ships is in production."""
    return Q(is_out=True) | (_ships() & _ships_all(*DEPLOYED))


def _left() -> Q:
    """Say whether a release ships a story that isn't rodeo done."""
    return _ships(stage__in=[stage for stage in Story.Stage.values if stage != "rodeo_done"])


def _tagged() -> Q:
    return Q(tagged_at__isnull=False) | Q(commits__gt=0)


def _recent(at: datetime) -> Q:
    """Say whether a release is no history at a moment: not out for OUT_FOR, and not just a tag of a repository that is as old.

    One that a person planned is none while nobody said that it is out, whenever its candidates were tagged.
    """
    dated = Q(released_at__isnull=True) | Q(released_at__gt=at - OUT_FOR)
    return dated | Q(is_out=False, origin="person")


def _ships_all(*stages: str) -> Q:
    others = [stage for stage in Story.Stage.values if stage not in stages]
    return ~_ships(stage__in=others)


def _partly() -> Q:
    """Say whether a release ships a story that is not deployed, but some of whose changes run in production."""
    rows = Evidence.objects.derived().filter(kind="deployment", tier__in=PRODUCTION)
    same = {name: OuterRef(name) for name in ("story", "service", "environment")}
    later = rows.filter(Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk")), **same)
    running = rows.exclude(shas=[]).exclude(Exists(later))
    below = [stage for stage in Story.Stage.values if stage not in DEPLOYED]
    planned = Story.objects.not_ended().filter(release=OuterRef("pk"), stage__in=below)
    links = StoryLink.objects.asking().filter(change__release=OuterRef("pk"), story__ending="", story__stage__in=below)
    return Q(Exists(planned.filter(Exists(running.filter(story=OuterRef("pk")))))) | Q(
        Exists(links.filter(Exists(running.filter(story=OuterRef("story_id")))))
    )


def _shipped() -> Q:
    return _ships(stage__in=DEPLOYED) | _partly()


def _started() -> Q:
    return _ships(stage__in=[stage for stage in Story.Stage.values if stage != "todo"]) | _partly()


_CONDITIONS = {
    RODEO_DONE: lambda: _ships_all("rodeo_done"),
    IN_PRODUCTION: lambda: _ships_all(*DEPLOYED) & ~_ships_all("rodeo_done"),
    SHIPPING: lambda: _shipped() & ~_ships_all(*DEPLOYED),
    CANDIDATE: lambda: _ships_all(*TESTED) & ~_shipped(),
    IN_PROGRESS: lambda: _started() & ~_ships_all(*TESTED) & ~_shipped(),
}
