"""What the board of a squad shows, read in a handful of queries whatever the number of stories."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet, Value, Window
from django.db.models.functions import Concat, Trim
from django.utils.safestring import SafeString
from natsort import natsort_keygen

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.models import StateChange
from squads.boards import cards
from squads.boards.filters import Asked, BoardFilter
from squads.boards.time_in_stage import Usual, stalls, usual
from squads.judge import judgement
from squads.stories.cards import SINCE_AS_TEXT, Row, moment, rows_of, version_of
from squads.stories.models import Story
from squads.teams.models import Membership, Service, Squad
from squads.teams.queries import left_out_of

# Cards of one column: the first ones by rank and the newest that are rodeo done; at length, so many.
FIRST, NEWEST, MOST = 25, 20, 200
OPTIONS, MOST_LANES = 200, 100
natural = natsort_keygen()
LIMITED = judgement.STAGES[:-1]
# How the history of batch limits calls what it is about; its key is the squad's id.
BATCH_LIMIT, NO_LIMIT = "squad batch limit", "no limit"


class _Light(NamedTuple):
    """What is read of every unfinished story of the squad, shown or not."""

    pk: int
    stage: str
    since: datetime | None
    hit: bool


class Lane(NamedTuple):
    """One row of a board that is split by release or assignee; `mark` is the slug or user name."""

    mark: str
    name: str


class Cell(NamedTuple):
    """The cards of one column that stand in one lane; a board without lanes has one for each column."""

    lane: Lane
    html: list[SafeString]


ALL = Lane("", "")


@dataclass(frozen=True, slots=True)
class Column:
    """One stage of the board."""

    stage: str
    name: str
    people: bool
    total: int
    found: int
    limit: int | None
    usual: Usual | None
    rows: list[Row]
    cells: list[Cell]
    at_length: bool

    @property
    def over(self) -> bool:
        """Whether more stories stand here than the squad wants at a time."""
        return self.limit is not None and self.total > self.limit

    @property
    def more(self) -> int:
        """How many of those found are not shown."""
        return self.found - len(self.rows)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything the board shows."""

    columns: list[Column]
    asked: Asked
    total: int
    version: str
    # How many cancelled stories and duplicates it leaves out, in words.
    left_out: str = ""

    @property
    def only(self) -> BoardFilter:
        """The part of the board that is shown."""
        return self.asked.only

    @property
    def cut(self) -> bool:
        """Whether unfinished stories are found that are not shown."""
        return any(column.more > 0 for column in self.columns[:-1])

    @property
    def shown(self) -> int:
        """How many cards there are."""
        return sum(len(column.rows) for column in self.columns)


def board(
    squad: Squad,
    asked: Asked | None = None,
    at: datetime | None = None,
    *,
    drawn: bool = True,
    me: Anyone | None = None,
) -> Board:
    """Read the board of a squad, or a part of it, as `me` sees it: at most seven queries.

    Without `drawn`, no card is drawn as HTML, and every column is read at length.
    """
    at, asked, known = at or clock.now(), asked or Asked(), usual(squad.pk)
    long = frozenset(asked.more if drawn else judgement.STAGES)
    light = _unfinished(squad, asked.only, me)
    late = {row.pk for row in light if stalls(row.stage, row.since, at, known)}
    hits: dict[str, list[int]] = {stage: [] for stage in judgement.STAGES}
    for row in light:
        if row.hit and (not asked.only.stalled or row.pk in late):
            hits[row.stage].append(row.pk)
    found = {stage: len(pks) for stage, pks in hits.items()}
    newest, found["rodeo_done"] = _newest(squad, asked.only, me, MOST if "rodeo_done" in long else NEWEST)
    wanted = [*newest, *(pk for stage, pks in hits.items() for pk in pks[: MOST if stage in long else FIRST])]
    totals = Counter(row.stage for row in light) + Counter(rodeo_done=found["rodeo_done"])
    rows = rows_of(wanted)
    versions = {row.key: version_of(row) for row in rows}
    html = cards.card_html(rows, at=at, known={squad.pk: known}, versions=versions) if drawn else {}
    sort = _Sort(rows, asked.lanes, html)
    columns = [
        _column(squad, stage, rows, totals[stage], found[stage], known.get(stage), sort, stage in long)
        for stage in judgement.STAGES
    ]
    left_out = left_out_of(squad)
    version = _version(columns, versions, late, left_out, sort.lane_of)
    return Board(columns, asked, totals.total(), version, left_out)


def _column(
    squad: Squad,
    stage: str,
    rows: Iterable[Row],
    total: int,
    found: int,
    usually: Usual | None,
    sort: "_Sort",
    at_length: bool,
) -> Column:
    here, people = _in_column(rows, stage), stage in Story.Progress.values
    name, limit = judgement.STAGE_NAMES[stage], squad.wip_limits.get(stage)
    return Column(stage, name, people, total, found, limit, usually, here, sort.cells(here), at_length)


def _unfinished(squad: Squad, only: BoardFilter, me: Anyone | None) -> list[_Light]:
    rows: Any = Story.objects.filter(squad=squad).unfinished().order_by("rank")
    condition = only.condition(squad, me)
    hit = ExpressionWrapper(condition, BooleanField()) if condition else Value(True, BooleanField())
    return [
        _Light(pk, stage, moment(since), found)
        for pk, stage, since, found in rows.values_list("pk", "stage", SINCE_AS_TEXT, hit)
    ]


def _newest(squad: Squad, only: BoardFilter, me: Anyone | None, most: int) -> tuple[list[int], int]:
    """Return the newest stories that are rodeo done, and how many there are. None of them stalls."""
    if only.stalled:
        return [], 0
    rows = Story.objects.not_ended().filter(only.condition(squad, me), squad=squad, stage="rodeo_done")
    counted = rows.annotate(all=Window(Count("*"))).order_by(F("stage_at").desc(nulls_last=True), "-pk")
    found = list(counted.values_list("pk", "all")[:most])
    return [pk for pk, _ in found], found[0][1] if found else 0


def _in_column(rows: Iterable[Row], stage: str) -> list[Row]:
    here = [row for row in rows if row.stage == stage]
    if stage == "rodeo_done":
        here.sort(key=lambda row: (row.since is not None, row.since, row.pk), reverse=True)
    return here


class _Sort:
    """Sorts cards into lanes. A story with several assignees is in the lane of whoever was assigned first."""

    def __init__(self, rows: list[Row], by: str, html: dict[str, SafeString]) -> None:
        self.html, self.lanes, self.lane_of = html, [ALL], dict[int, Lane]()
        if not by:
            return
        self.lane_of = _releases(rows) if by == "release" else _assigned(rows)
        self.rest = Lane("", "No release" if by == "release" else "Unassigned")
        named = sorted(set(self.lane_of.values()), key=lambda lane: (natural(lane.name.lower()), lane.mark))
        self.lanes = named[:MOST_LANES]
        if len(self.lanes) < len(named):
            self.rest = Lane("", f"{self.rest.name}, and {len(named) - MOST_LANES} more")
        if any(self._lane(row) is self.rest for row in rows):
            self.lanes.append(self.rest)

    def _lane(self, row: Row) -> Lane:
        lane = self.lane_of.get(row.pk)
        return lane if lane in self.lanes else self.rest

    def cells(self, rows: list[Row]) -> list[Cell]:
        """Return the cards of a column, lane by lane."""
        if self.lanes == [ALL]:
            return [Cell(ALL, [self.html[row.key] for row in rows if row.key in self.html])]
        places: dict[Lane, list[SafeString]] = {lane: [] for lane in self.lanes}
        for row in rows:
            if row.key in self.html:
                places[self._lane(row)].append(self.html[row.key])
        return [Cell(lane, html) for lane, html in places.items()]


def _assigned(rows: Iterable[Row]) -> dict[int, Lane]:
    return {row.pk: Lane(row.people[0].username, row.people[0].name) for row in rows if row.people}


def _releases(rows: Iterable[Row]) -> dict[int, Lane]:
    """Return the releases that stories are planned for, in one query."""
    planned: Any = Story.objects.filter(pk__in=[row.pk for row in rows], release__isnull=False).order_by()
    name = Trim(Concat("release__line", Value(" "), "release__version"))
    return {pk: Lane(slug, said) for pk, slug, said in planned.values_list("pk", "release__slug", name)}


def _version(
    columns: list[Column], versions: dict[str, str], late: set[int], left_out: str, lanes: dict[int, Lane]
) -> str:
    """Return a mark that changes whenever the board does."""
    shown = [
        (
            column.total,
            column.found,
            column.limit,
            [(row.key, versions[row.key], row.pk in late, lanes.get(row.pk)) for row in column.rows],
        )
        for column in columns
    ]
    return sha256(repr((shown, left_out)).encode()).hexdigest()[:16]


class View(NamedTuple):
    """A saved view as the board lists it."""

    pk: int
    owner_id: int
    query: str
    name: str


class Options(NamedTuple):
    """What the board can be filtered by: services, labels, releases, and the views that were saved."""

    services: list[tuple[str, str]]
    labels: list[str]
    releases: list[tuple[str, str]]
    views: list[View]


def options(squad: Squad, user: Anyone) -> Options:
    """Return the squad's services, the releases its unfinished stories are planned for, and the saved views a person
    sees (their own, and those shared with the squad), in one query.

    Releases are named, not imported (docs/adr/0002).
    """
    services: QuerySet[Any] = Service.objects.filter(squad=squad).order_by()
    releases = apps.get_model("releases", "Release")._default_manager.order_by()
    # The squad's stories first, not every release: there may be thousands.
    planned = Story.objects.filter(squad=squad, release__isnull=False).unfinished().values("release")
    seen = Q(owner=user) | Q(shared=True) if user.is_authenticated else Q(shared=True)
    none = (Value(0), Value(0))
    every = services.values_list(Value("service"), *none, "name", "name").union(
        releases.filter(pk__in=planned).values_list(
            Value("release"), *none, "slug", Trim(Concat("line", Value(" "), "version"))
        ),
        squad.labels.order_by().values_list(Value("label"), *none, "name", "name"),
        squad.saved_views.filter(seen).order_by().values_list(Value("view"), "pk", "owner", "query", "name"),
        all=True,
    )
    found: dict[str, list[View]] = {"service": [], "label": [], "release": [], "view": []}
    for kind, *rest in every[: 4 * OPTIONS]:
        found[kind].append(View(*rest))
    services_, releases_ = ([(each.query, each.name) for each in found[kind]] for kind in ("service", "release"))
    views = sorted(found["view"], key=lambda each: (each.name, each.pk))
    labels = sorted((each.name for each in found["label"]), key=str.lower)
    return Options(sorted(services_), labels, sorted(releases_, key=lambda each: each[1]), views)


def batch_limits(squad: Squad) -> list[StateChange]:
    """Return the last changes of how many stories a squad wants in one release, the newest first."""
    changes = StateChange.objects.filter(kind=BATCH_LIMIT, key=str(squad.pk)).select_related("by")
    return list(changes.order_by("-at", "-pk")[:OPTIONS])


def people(squad: Squad) -> list[Membership]:
    """Return who is in the squad, in one query."""
    return list(squad.memberships.select_related("user").order_by("user__username")[:OPTIONS])
