"""A release on one page: how it stands, what it waits for and from whom, and what changed in the last week."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from portal.kernel import clock, days
from releases.forecasts.queries import forecast_of
from releases.forecasts.sentences import headline
from releases.gates.readiness import NOT_READY, READY, Readiness
from releases.planning.members import shipments_of, state_now
from releases.planning.models import Release
from releases.planning.state import ABANDONED, IN_PRODUCTION, RODEO_DONE, State
from releases.progress.burn_up import days_left
from releases.progress.queries import Blocked, actors_of
from squads.judge import judgement
from squads.judge.stages import STAGE_NAMES
from squads.models import ScopeChange, StageChange, Story

WEEK = timedelta(days=7)
# What fits on a sheet of A4; how many more there are is said.
MOST_GROUPS, MOST_STORIES, MOST_CHANGES = 6, 4, 10


COLOURS = {READY: "good", NOT_READY: "bad"}
# Who judges whether a release is ready; it stands above this page (portal/subscriptions.py). Without, nothing is said of it.
JUDGES: list[Callable[[Release], Readiness]] = []


class Verdict(NamedTuple):
    """Whether a release is ready, in a word, and in a sentence that begins with it; `colour` is the page's for it."""

    word: str
    sentence: str
    colour: str

    @property
    def rest(self) -> str:
        """The sentence after its first word."""
        return self.sentence.removeprefix(f"{self.word}.").strip()


@dataclass(frozen=True, slots=True)
class Group:
    """What one squad or person can act on next, the oldest first; `more` are not shown.

    `kind` is squad, person (who was asked to accept) or service (one without an owner).
    """

    kind: str
    name: str
    count: int
    waiting: list[Blocked]

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.waiting)


class Changed(NamedTuple):
    """Something that changed: a story's stage, or which stories are in the release."""

    at: datetime
    story: Story
    words: str


@dataclass(frozen=True, slots=True)
class Column:
    """One stage, and how many stories are on it."""

    stage: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Status:
    """Everything the page shows."""

    release: Release
    at: datetime
    state: State
    columns: list[Column]
    groups: list[Group]
    # Stories that wait for others than those, or are beyond the first 200.
    more_waiting: int
    changed: list[Changed]
    more_changed: int
    verdict: Verdict | None = None
    forecast: str = ""

    @property
    def total(self) -> int:
        """How many stories it has."""
        return sum(column.count for column in self.columns)

    @property
    def done(self) -> int:
        """How many are rodeo done."""
        return self.columns[-1].count

    @property
    def sentence(self) -> str:
        """How it stands, without anybody's name."""
        if self.state.state == ABANDONED:
            return "Abandoned: it won’t go out."
        return f"{self.state.name[:1].upper()}{self.state.name[1:]}. {self.state.reason}"

    @property
    def due(self) -> str:
        """How far its target date is away, in words; "" if it has none, or is out or abandoned."""
        if self.release.is_out or self.state.state in (ABANDONED, IN_PRODUCTION, RODEO_DONE):
            return ""
        return days_left(self.release.planned_for, days.day_of(self.at), None)


def status_of(release: Release, at: datetime | None = None, *, outside: bool = False) -> Status:
    """Return how a release stands. A constant number of queries, and those of other features, however many stories it has.

    Whoever looks from `outside` isn't told of stories that aren't part of it any more: they may be nobody's business.
    """
    at = at or clock.now()
    shipped = shipments_of([release.pk])[release.pk]
    stages = Counter(each.stage for each in shipped.values())
    actors, unread = actors_of(shipped)
    groups = [Group(each.kind, each.name, len(each.stories), each.stories[:MOST_STORIES]) for each in actors]
    changed, count = _changed(release, list(shipped), at - WEEK, outside=outside)
    state = state_now(release, shipped)
    goes_on = not release.is_out and state.state != ABANDONED
    return Status(
        release,
        at,
        state,
        [Column(stage, STAGE_NAMES[stage], stages[stage]) for stage in judgement.STAGES],
        groups[:MOST_GROUPS],
        sum(group.count for group in groups[MOST_GROUPS:]) + unread,
        changed,
        count - len(changed),
        next((_verdict(judge(release)) for judge in JUDGES), None) if goes_on else None,
        headline(forecast_of(release)) if stages.total() and goes_on else "",
    )


def _verdict(readiness: Readiness) -> Verdict:
    word = readiness.words[:1].upper() + readiness.words[1:]
    return Verdict(word, readiness.sentence, COLOURS.get(readiness.verdict, "warn"))


def _changed(release: Release, ids: list[int], since: datetime, *, outside: bool) -> tuple[list[Changed], int]:
    """Return what changed of these stories since a moment, newest first, and how much that is in all."""
    moved = StageChange.objects.filter(story__in=ids, at__gte=since).order_by("-at", "-id")
    scope = ScopeChange.objects.filter(Q(from_release=release) | Q(to_release=release), at__gte=since)
    scope = scope.filter(story__in=ids) if outside else scope
    newest = [
        Changed(row.at, row.story, f"{STAGE_NAMES[row.from_stage]} → {STAGE_NAMES[row.to_stage]}")
        for row in moved.select_related("story__squad")[:MOST_CHANGES]
    ]
    newest += [
        Changed(row.at, row.story, "came into the release" if row.to_release_id == release.pk else "left the release")
        for row in scope.select_related("story__squad").order_by("-at", "-id")[:MOST_CHANGES]
    ]
    newest.sort(key=lambda each: each.at, reverse=True)
    return newest[:MOST_CHANGES], moved.count() + scope.count()
