"""What the board of a squad shows, read in a handful of queries whatever the number of stories."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.apps import apps
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Concat, Trim
from django.utils.safestring import SafeString

from portal.kernel import clock
from portal.kernel.actors import Anyone
from portal.kernel.models import StateChange
from squads.assignments.queries import assigned_to
from squads.boards import cards
from squads.boards.time_in_stage import Usual, stalls, usual
from squads.judge import judgement
from squads.labels.queries import labelled
from squads.stories.cards import SINCE, Row, rows_of, version_of
from squads.stories.models import Evidence, Story
from squads.stories.querysets import condition_of
from squads.teams.models import Membership, Service, Squad
from squads.teams.queries import left_out_of

# Cards of one column at most, and the newest that are rodeo done.
MOST, NEWEST = 200, 30
OPTIONS = 200
LIMITED = judgement.STAGES[:-1]


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """A part of the board, as its address says."""

    release: str = ""
    type: str = ""
    person: str = ""
    service: str = ""
    q: str = ""
    blocked: str = ""
    stalled: str = ""
    assignee: str = ""
    label: str = ""
    priority: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    @property
    def query(self) -> str:
        """What follows the question mark in the board's address."""
        return urlencode({each.name: value for each in fields(self) if (value := getattr(self, each.name))})

    def condition(self, squad: Squad, me: Anyone | None = None) -> Q:
        """Return what the database can tell, "me" being who looks; whether a story stalls depends on the present."""
        wanted = Q()
        if self.release:
            wanted &= Q(release__slug=self.release)
        if self.type:
            wanted &= Q(type=self.type)
        if self.person:
            started = StateChange.objects.filter(
                kind="story", key__startswith=f"{squad.key_prefix}-", to_state="in_progress", by__username=self.person
            )
            wanted &= Q(created_by__username=self.person) | Q(key__in=started.values("key"))
        if self.service:
            changed = Evidence.objects.filter(story=OuterRef("pk"), kind="change", service=self.service)
            wanted &= Q(Exists(changed))
        if self.q:
            wanted &= condition_of(self.q)
        if self.assignee:
            wanted &= assigned_to(self.assignee, me)
        if self.label:
            wanted &= labelled(self.label)
        if self.priority:
            wanted &= Q(priority=self.priority)
        if self.blocked:
            wanted &= ~Q(blocked_because="")
        return wanted


class _Light(NamedTuple):
    """What is read of every unfinished story of the squad, shown or not."""

    pk: int
    stage: str
    since: datetime
    hit: bool


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
    html: list[SafeString]

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
    only: BoardFilter
    total: int
    version: str
    # How many cancelled stories and duplicates it leaves out, in words.
    left_out: str = ""

    @property
    def shown(self) -> int:
        """How many cards there are."""
        return sum(len(column.rows) for column in self.columns)


def board(
    squad: Squad,
    only: BoardFilter | None = None,
    at: datetime | None = None,
    *,
    drawn: bool = True,
    me: Anyone | None = None,
) -> Board:
    """Read the board of a squad, or a part of it, as `me` sees it: at most eight queries.

    Without `drawn`, no card is drawn as HTML.
    """
    at, only, known = at or clock.now(), only or BoardFilter(), usual(squad.pk)
    light = _unfinished(squad, only, me)
    late = {row.pk for row in light if stalls(row.stage, row.since, at, known)}
    totals = Counter(row.stage for row in light)
    hits: dict[str, list[int]] = {stage: [] for stage in judgement.STAGES}
    for row in light:
        if row.hit and (not only.stalled or row.pk in late):
            hits[row.stage].append(row.pk)
    found = {stage: len(pks) for stage, pks in hits.items()}
    hits["rodeo_done"], found["rodeo_done"] = _newest(squad, only, me)
    totals["rodeo_done"] = found["rodeo_done"]
    wanted = {stage: pks[:MOST] for stage, pks in hits.items()}
    rows = rows_of(pk for pks in wanted.values() for pk in pks)
    versions = {row.key: version_of(row) for row in rows}
    html = cards.card_html(rows, at=at, known={squad.pk: known}, versions=versions) if drawn else {}
    columns = [_column(squad, stage, rows, totals, found, known, html) for stage in judgement.STAGES]
    left_out = left_out_of(squad)
    version = _version(columns, versions, late, left_out)
    return Board(columns, only, sum(totals.values()), version, left_out)


def _unfinished(squad: Squad, only: BoardFilter, me: Anyone | None) -> list[_Light]:
    rows: Any = Story.objects.filter(squad=squad).unfinished().order_by("rank")
    condition = only.condition(squad, me)
    hit = ExpressionWrapper(condition, BooleanField()) if condition else Value(True, BooleanField())
    return [_Light._make(row) for row in rows.values_list("pk", "stage", SINCE, hit)]


def _newest(squad: Squad, only: BoardFilter, me: Anyone | None) -> tuple[list[int], int]:
    """Return the newest stories that are rodeo done, and how many there are. None of them stalls."""
    if only.stalled:
        return [], 0
    rows = Story.objects.not_ended().filter(only.condition(squad, me), squad=squad, stage="rodeo_done")
    counted = rows.annotate(all=Window(Count("*"))).order_by(F("stage_at").desc(nulls_last=True), "-pk")
    found = list(counted.values_list("pk", "all")[:NEWEST])
    return [pk for pk, _ in found], found[0][1] if found else 0


def _column(
    squad: Squad,
    stage: str,
    rows: Iterable[Row],
    totals: Counter[str],
    found: dict[str, int],
    known: dict[str, Usual],
    html: dict[str, SafeString],
) -> Column:
    here = [row for row in rows if row.stage == stage]
    if stage == "rodeo_done":
        here.sort(key=lambda row: (row.since is not None, row.since, row.pk), reverse=True)
    return Column(
        stage,
        judgement.STAGE_NAMES[stage],
        stage in Story.Progress.values,
        totals[stage],
        found[stage],
        squad.wip_limits.get(stage),
        known.get(stage),
        here,
        [html[row.key] for row in here if row.key in html],
    )


def _version(columns: list[Column], versions: dict[str, str], late: set[int], left_out: str) -> str:
    """Return a mark that changes whenever the board does."""
    shown = [
        (
            column.total,
            column.found,
            column.limit,
            [(row.key, versions[row.key], row.pk in late) for row in column.rows],
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


def people(squad: Squad) -> list[Membership]:
    """Return who is in the squad, in one query."""
    return list(squad.memberships.select_related("user").order_by("user__username")[:OPTIONS])
