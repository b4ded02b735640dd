"""What is on record: which stories each squad finished when, and which stories were planned for a release when."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from uuid import UUID

from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from portal.kernel import days
from releases.forecasts.backtest import Moves, Past
from releases.forecasts.bootstrap import DAYS
from releases.forecasts.growth import Growth, Stay, growth_of
from releases.forecasts.throughput import MOST_WEEKS_BACK
from releases.planning.models import Release
from squads.models import Squad, StageChange, Story
from squads.scope_history import queries as scope_history
from squads.scope_history.stays import Stay as InScope

# The newest past releases say how scope grows.
MOST_PAST = 20
# The stages that only production makes: from the first of them on, a squad is on record.
SEEN = ("deployed", "rodeo_done")


@dataclass(slots=True)
class Finished:
    """What a squad finished: `since` when it is on record, stories by day, and how many at a time that nobody knows."""

    squad: Squad
    since: date | None = None
    days: dict[date, int] = field(default_factory=dict)
    unknown: int = 0


def finished_by(squads: Collection[int], today: date) -> dict[int, Finished]:
    """Return what these squads finished in the weeks before `today`. Four queries.

    A story counts once, at its last acceptance, for the squad it belongs to now; not while it is withdrawn.
    """
    found = {squad.pk: Finished(squad) for squad in Squad.objects.filter(pk__in=squads)}
    moves = StageChange.objects.filter(story__squad__in=squads).order_by()
    seen = moves.filter(to_stage__in=SEEN, at__lt=days.start_of(today))
    for squad, first in seen.values_list("story__squad").annotate(Min("at")):
        found[squad].since = days.day_of(first)
    horizon = days.start_of(today - timedelta(days=MOST_WEEKS_BACK * DAYS))
    accepted = moves.filter(to_stage="rodeo_done", story__stage="rodeo_done", story__ending="")
    last = accepted.values("story__squad", "story").annotate(done=Max("at"))
    for squad, done in last.filter(done__gte=horizon, done__lt=days.start_of(today)).values_list(
        "story__squad", "done"
    ):
        day = days.day_of(done)
        found[squad].days[day] = found[squad].days.get(day, 0) + 1
    unseen = Story.objects.not_ended().filter(squad__in=squads, stage="rodeo_done", stage_at=None).order_by()
    for squad in unseen.values_list("squad", flat=True):
        found[squad].unknown += 1
    return found


def stories_finished(squad: Squad, since: date, until: date) -> "QuerySet[Story]":
    """Return the stories that count as finished by a squad from one day to before another, the last first. `done` is when."""
    rows = Story.objects.not_ended().filter(squad=squad, stage=Story.Stage.RODEO_DONE)
    accepted = StageChange.objects.filter(story=OuterRef("pk"), to_stage="rodeo_done").order_by("-at")
    found = rows.annotate(done=Subquery(accepted.values("at")[:1])).filter(
        done__gte=days.start_of(since), done__lt=days.start_of(until)
    )
    return found.order_by("-done", "pk")


def past_growth() -> list[Growth]:
    """Return how the newest finished releases grew, the newest first. At most five queries.

    One that was abandoned and got done all the same is among them.
    """
    unfinished = Story.objects.unfinished().filter(release=OuterRef("pk"))
    planned = Story.objects.not_ended().filter(release=OuterRef("pk"))
    called_off = Release.objects.called_off().values("pk")
    done = Release.objects.filter(Exists(planned), ~Exists(unfinished)).exclude(pk__in=called_off)
    newest = list(done.order_by(Coalesce("released_at", "created_at").desc(), "pk")[:MOST_PAST])
    stays = stays_in(release.pk for release in newest)
    past = (growth_of(str(release), release.slug, stays.get(release.pk, [])) for release in newest)
    return sorted(filter(None, past), key=lambda each: each.done, reverse=True)


def planned_releases() -> list[Past]:
    """Return every release that stories are or were planned for, with these stories, the oldest first."""
    names = dict(Release.objects.order_by("created_at", "pk").values_list("pk", "slug"))
    stays = stays_in(names)
    return [Past(name, stays[pk]) for pk, name in names.items() if pk in stays]


def moves() -> dict[int, Moves]:
    """Return when each story was deployed or rodeo done, and no longer, by its id."""
    changes = StageChange.objects.filter(story__ending="").order_by("story", "at", "pk")
    counted = changes.filter(Q(to_stage__in=SEEN) | Q(from_stage__in=SEEN))
    rows = counted.values_list("story_id", "story__squad", "at", "to_stage").iterator(2000)
    return {
        story: Moves(steps[0][1], [(at, to if to in SEEN else "") for _, _, at, to in steps])
        for story, group in groupby(rows, lambda row: row[0])
        if (steps := list(group))
    }


def stays_in(releases: Iterable[UUID]) -> dict[UUID, list[Stay]]:
    """Return which stories were planned for each of these releases, from when to when. Four queries at most.

    Stories that only a change names are not among them: nobody planned them.
    """
    present: dict[UUID, list[InScope]] = {pk: [] for pk in releases}
    if not present:
        return {}
    planned = Story.objects.not_ended().filter(release__in=list(present)).order_by("pk")
    for release, story, at in planned.values_list("release_id", "pk", "release__created_at"):
        present[release].append(InScope(story, at))
    found = scope_history.stays_in(present)
    ids = {stay.story_id for stays in found.values() for stay in stays}
    known = Story.objects.only("squad_id", "stage", "stage_at").in_bulk(ids)
    done = {pk: each.stage_at for pk, each in known.items() if each.stage == Story.Stage.RODEO_DONE}
    return {
        release: [Stay(story, known[story].squad_id, since, until, done.get(story)) for story, since, until in stays]
        for release, stays in found.items()
        if stays
    }
