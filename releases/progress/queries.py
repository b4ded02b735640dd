"""How a release goes: its burn-up, what blocks it and who can act, and the history of its scope."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from portal.kernel import charts, clock, days
from releases.planning.members import Shipment, named_since, shipments_of, state_now
from releases.planning.models import Release
from releases.planning.state import ABANDONED, IN_PRODUCTION, RODEO_DONE, State
from releases.progress.burn_up import (
    Step,
    Steps,
    counts_at,
    days_between,
    days_left,
    started_at,
)
from squads.judge import judgement
from squads.models import AcceptanceRequest, ScopeChange, StageChange, Story
from squads.scope_history.queries import stays_in
from squads.scope_history.stays import Stay
from squads.stories.queries import Line, lines

# What a burn-up draws, from the bottom up: each stage with those beyond it below.
DRAWN = tuple(reversed(judgement.STAGES[1:]))
NO_OWNER = "no owner"
MOST_BLOCKERS, MOST_FOUND = 200, 200
AT_ONCE = 10_000


class Point(NamedTuple):
    """One day of a burn-up: how many stories the release had at its end, and how many on each stage."""

    day: date
    counts: tuple[int, ...]

    @property
    def scope(self) -> int:
        """How many stories the release had."""
        return sum(self.counts)

    @property
    def by_stage(self) -> list[tuple[str, int]]:
        """The stages, in order, and how many stories were on each."""
        return list(zip(judgement.STAGES, self.counts, strict=True))


class Blocked(NamedTuple):
    """A story of a release that is not rodeo done, and since when it has been on its stage."""

    line: Line
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Actor:
    """Who can act next, and on what, the oldest first. `kind` is squad, person or service (one without an owner)."""

    kind: str
    name: str
    stories: list[Blocked]
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a release goes."""

    state: State
    points: list[Point]
    left: str
    overdue: bool
    total: int
    actors: list[Actor]
    # How many blockers there are beyond those that are listed.
    more: int

    @property
    def chart(self) -> Any:
        """The burn-up as a picture; None for a release that never had a story."""
        if not any(point.scope for point in self.points):
            return None
        at = {stage: place for place, stage in enumerate(judgement.STAGES)}
        areas = [
            charts.Area(judgement.STAGE_NAMES[stage], tuple(point.counts[at[stage]] for point in self.points))
            for stage in DRAWN
        ]
        scope = tuple(point.scope for point in self.points)
        return charts.burn_up([point.day for point in self.points], areas, scope, "Stories by stage, and all stories")


class Scope(NamedTuple):
    """What decides a burn-up: when stories were in the release, how they went from stage to stage, and their stages now."""

    stays: list[Stay]
    steps: Steps
    stages: dict[int, str]


def scope_of(release: Release, shipped: Mapping[int, Shipment]) -> Scope:
    """Read when each story was part of a release, and how all of those went from stage to stage. Four queries at most."""
    named = [Stay(pk, named_since(release, each)) for pk, each in shipped.items() if each.named]
    planned = [Stay(pk, release.created_at) for pk, each in shipped.items() if not each.named]
    stays = stays_in({release.pk: planned})[release.pk] + named
    ids = sorted({stay.story_id for stay in stays})
    steps: dict[int, list[Step]] = defaultdict(list)
    for start in range(0, len(ids), AT_ONCE):
        changes = StageChange.objects.filter(story__in=ids[start : start + AT_ONCE]).order_by("at", "pk")
        for story, at, before, after in changes.values_list("story_id", "at", "from_stage", "to_stage"):
            steps[story].append(Step(at, before, after))
    gone = [pk for pk in ids if pk not in shipped]
    stages = dict(Story.objects.filter(pk__in=gone).values_list("pk", "stage")) if gone else {}
    return Scope(stays, steps, stages | {pk: each.stage for pk, each in shipped.items()})


def progress(release: Release) -> Progress:
    """Return how a release goes. A constant number of queries; its last point has the counts of the board."""
    shipped = shipments_of([release.pk])[release.pk]
    state = state_now(release, shipped)
    actors, more = actors_of(shipped)
    today = days.today()
    reached = days.day_of(state.since) if state.since and state.state in (IN_PRODUCTION, RODEO_DONE) else None
    over = state.state in (ABANDONED, IN_PRODUCTION, RODEO_DONE) or release.is_out
    left = "" if over and reached is None else days_left(release.planned_for, today, reached)
    return Progress(
        state=state,
        points=_points(release, scope_of(release, shipped), shipped, state),
        left=left,
        overdue=left.startswith("overdue"),
        total=len(shipped),
        actors=actors,
        more=more,
    )


def _points(release: Release, scope: Scope, shipped: Mapping[int, Shipment], state: State) -> list[Point]:
    """Return the days of a burn-up, from when the release got its first story; its end is the present, or when it was done."""
    now = clock.now()
    end = state.since if state.state == RODEO_DONE and state.since else now
    first = min((stay.since for stay in scope.stays), default=release.created_at)
    found = []
    for day in days_between(min(days.day_of(first), days.day_of(end)), days.day_of(end)):
        at = min(days.end_of(day) - timedelta(microseconds=1), now)
        found.append(Point(day, counts_at(scope.stays, scope.steps, scope.stages, at)))
    present = Counter(each.stage for each in shipped.values())
    return [*found[:-1], found[-1]._replace(counts=tuple(present[stage] for stage in judgement.STAGES))]


def actors_of(shipped: Mapping[int, Shipment]) -> tuple[list[Actor], int]:
    """Group what is not rodeo done by who can act next, the oldest first; and say how many more there are."""
    wanted = Story.objects.filter(pk__in=[pk for pk, each in shipped.items() if each.stage != "rodeo_done"])
    stories = list(
        wanted.select_related("squad").order_by(Coalesce("stage_at", "created_at"), "pk")[: MOST_BLOCKERS + 1]
    )
    more = wanted.count() - MOST_BLOCKERS if len(stories) > MOST_BLOCKERS else 0
    stories = stories[:MOST_BLOCKERS]
    asked: Any = AcceptanceRequest.objects.filter(story__in=stories, state="open", accepter__isnull=False)
    accepters = {each.story_id: each.accepter for each in asked.select_related("accepter")}
    owners = _owners(stories)
    found: dict[tuple[str, str, str], list[Blocked]] = defaultdict(list)
    for line in lines(stories):
        story = line.story
        accepter = accepters.get(story.pk) if story.stage == "deployed" else None
        who = ("person", accepter.name, "") if accepter else _who(story, owners)
        since = story.created_at if story.stage == "todo" and story.stage_at is None else story.stage_at
        found[who].append(Blocked(line, since))
    return [Actor(kind, name, blocked, slug) for (kind, name, slug), blocked in found.items()], more


def _owners(stories: Iterable[Story]) -> dict[str, tuple[str, str]]:
    """Return the squad, its name and slug, that owns each service whose evidence these stories lack."""
    services: Any = Story._meta.get_field("squad").related_model._meta.get_field("services").related_model
    named = {name for story in stories if (name := _service(story))}
    rows = services._default_manager.filter(name__in=named, squad__isnull=False)
    return {name: (squad, slug) for name, squad, slug in rows.values_list("name", "squad__name", "squad__slug")}


def _service(story: Story) -> str:
    """Return the service whose owner can act, by the answer about the story; "" where that is the story's own squad."""
    parts = (part for part in story.standing.get("answer", ()) if isinstance(part, dict))
    return next((str(part["owner"] or "") for part in parts if "owner" in part), "")


def _who(story: Story, owners: Mapping[str, tuple[str, str]]) -> tuple[str, str, str]:
    service = _service(story)
    if not service:
        return "squad", story.squad.name, story.squad.slug
    if service in owners:
        return "squad", *owners[service]
    return "service", service, ""


class ScopeRow(NamedTuple):
    """A change of scope as the page shows it."""

    change: ScopeChange
    came_in: bool
    late: bool


def scope_changes(release: Release) -> "QuerySet[ScopeChange]":
    """Return what came into a release and went out of it, the newest first."""
    rows = ScopeChange.objects.filter(Q(from_release=release) | Q(to_release=release))
    return rows.select_related("story__squad", "from_release", "to_release", "by").order_by("-at", "-pk")


def scope_rows(release: Release, changes: Iterable[ScopeChange], started: datetime | None) -> list[ScopeRow]:
    """Return changes of scope with what they are to the release; `started` is when work on it began."""
    return [
        ScopeRow(each, each.to_release_id == release.pk, started is not None and each.at > started) for each in changes
    ]


class Found(NamedTuple):
    """A story that is not planned for a release but named by one of its changes, and since when."""

    story: Story
    since: datetime
    late: bool


def start_and_found(release: Release) -> tuple[datetime | None, list[Found], int]:
    """Return when work on a release began, the newest stories that only its changes name, and how many more there are."""
    shipped = shipments_of([release.pk])[release.pk]
    scope = scope_of(release, shipped)
    started = started_at(scope.stays, scope.steps)
    since = {pk: named_since(release, each) for pk, each in shipped.items() if not each.planned}
    newest = sorted(since, key=lambda pk: (-since[pk].timestamp(), pk))[:MOST_FOUND]
    stories = Story.objects.select_related("squad").in_bulk(newest)
    late = {pk for pk in newest if started is not None and since[pk] > started}
    found = [Found(stories[pk], since[pk], pk in late) for pk in newest if pk in stories]
    return started, found, len(since) - len(newest)
