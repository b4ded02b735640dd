"""What pages of trains show, and which stories miss their release."""

from datetime import date, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Case, Max, QuerySet, When

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.versions import same_version, version_key
from releases.planning.models import Release
from releases.release_trains import timetable
from releases.release_trains.models import Departure, ReleaseTrain, TrainEdit
from squads.models import Story
from squads.teams.permissions import may_plan_for

# What production runs has not missed its release.
SHIPPED = ("deployed", "rodeo_done")
MOST_MOVED = 200
SHOWN_AHEAD = 4


class Coming(NamedTuple):
    """A departure that has no release yet: its day, and what its release will be called."""

    day: date
    version: str


def trains() -> "QuerySet[ReleaseTrain]":
    """Return all trains by line, those that ended last."""
    ended = Case(When(state=ReleaseTrain.State.ENDED, then=1), default=0)
    return ReleaseTrain.objects.annotate(latest=Max("departures__day")).order_by(ended, "line", "pk")


def today_of(train: ReleaseTrain) -> date:
    """Return the day that it is where the train goes."""
    return clock.now().astimezone(ZoneInfo(train.zone)).date()


def last_day(train: ReleaseTrain) -> date | None:
    """Return the latest day that has a departure; None if none has. Lists of trains have read it already."""
    if "latest" in train.__dict__:
        found: date | None = train.__dict__["latest"]
        return found
    return Departure.objects.filter(train=train).order_by("-day").values_list("day", flat=True).first()


def coming(train: ReleaseTrain, most: int = SHOWN_AHEAD) -> list[Coming]:
    """Return the next departures that have no release yet."""
    before = today_of(train) - timedelta(days=1)
    latest = last_day(train)
    after = before if latest is None else max(before, latest)
    days = islice(timetable.days(train.starts_on, train.weekday, train.weeks, after=after), most)
    return [
        Coming(day, timetable.version(train.pattern, day, train.next_number + place)) for place, day in enumerate(days)
    ]


def same_release(line: str, version: str) -> Release | None:
    """Return the release of a line that has this version, however it is written."""
    alike = Release.objects.filter(line=line, version_key=version_key(version))
    return next((each for each in alike if same_version(each.version) == same_version(version)), None)


def why_not_taken(found: Release) -> str:
    """Say why a release can't go out at a departure that is still to come; "" if it can."""
    if found.is_out:
        return "is out already"
    if found.abandoned_at is None:
        return ""
    called_off = Release.objects.called_off().filter(pk=found.pk).exists()
    return "was abandoned" if called_off else "was abandoned, yet it’s in production"


def takeable(train: ReleaseTrain) -> Release | None:
    """Return the release that is in the next one's way and could be taken for its departure."""
    if train.state != ReleaseTrain.State.RUNNING or not train.problem:
        return None
    found = next((same_release(train.line, each.version) for each in coming(train, most=1)), None)
    return None if found is None or why_not_taken(found) else found


def departures(train: ReleaseTrain) -> "QuerySet[Departure]":
    """Return the departures of a train that have a release, the latest first."""
    return Departure.objects.filter(train=train).select_related("release", "by").order_by("-day")


def edits(train: ReleaseTrain) -> "QuerySet[TrainEdit]":
    """Return what was changed about a train, newest first."""
    return TrainEdit.objects.filter(train=train).select_related("by").order_by("-version")


def next_releases(release: Release) -> "QuerySet[Release]":
    """Return the releases of the same line that are still to come after this one, the nearest first."""
    rows = Release.objects.not_out().filter(line=release.line).exclude(pk=release.pk)
    rows = rows.filter(planned_for__isnull=False)
    if release.planned_for is not None:
        rows = rows.filter(planned_for__gt=release.planned_for)
    return rows.order_by("planned_for", "version_key", "pk")


def missed(release: Release) -> "QuerySet[Story]":
    """Return the stories planned for a release that production doesn't run, in the order of their squads."""
    rows = Story.objects.not_ended().filter(release=release).exclude(stage__in=SHIPPED)
    return rows.select_related("squad").order_by("squad__name", "rank", "pk")


def movable(stories: list[Story], user: Anyone) -> dict[int, bool]:
    """Return for each squad of these stories whether the person may plan its stories."""
    squads = {story.squad_id: story.squad for story in stories}
    return {pk: may_plan_for(squad, user) for pk, squad in squads.items()}
