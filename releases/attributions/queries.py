"""What is read to propose attributions, and what the page of an incident shows of them."""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple, TypeVar
from uuid import UUID

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from portal.kernel.paging import Newest, newest
from releases.attributions.models import Attribution
from releases.attributions.proposals import Ending, Put, ending
from releases.deployments.models import Deployment
from releases.environments.models import Environment
from releases.incident_settings.models import incident_settings
from releases.incidents.models import Incident
from releases.incidents.queries import merged_into
from releases.pipelines.models import Change, ChangeRelation, Run

# What is deployed longer after an incident began tells nothing of where it came from.
TELLING = timedelta(days=30)
# Of each place, so many deployments are looked at that ran before the window: what may be put back.
MOST_BEFORE = 50
MOST_OTHERS = 30
# How many values one statement names.
NAMED, STARTS = 5000, 200
HOTFIX = re.compile(r"\bhot-?fix", re.I)
REVERTS = "reverts"
ENDED = ("success", "warning", "failure", "error")
Place = tuple[int, int]
Row = TypeVar("Row")


class Past(NamedTuple):
    """A deployment that finished, with the columns that rules look at."""

    pk: UUID
    service: int
    environment: int
    started_at: datetime | None
    at: datetime
    version: str
    own_sha: str
    artifact_sha: str | None
    purl: str | None
    outcome: str
    healthy: bool
    kind: str

    @property
    def order(self) -> tuple[datetime, str]:
        """By when it finished."""
        return self.at, str(self.pk)

    @property
    def sha(self) -> str:
        """The commit that it put there."""
        return self.own_sha or self.artifact_sha or ""


COLUMNS = (
    "pk",
    "service_id",
    "environment_id",
    "started_at",
    "finished_at",
    "version",
    "sha",
    "artifact__sha",
    "artifact__purl",
    "outcome",
    "healthy",
    "kind",
)


def in_steps(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Yield rows in lists of so many at most."""
    every = list(rows)
    for start in range(0, len(every), size):
        yield every[start : start + size]


def places_of(incidents: Collection[Incident], window: timedelta) -> dict[UUID, dict[Hashable, list[Put]]]:
    """Return the deployments that each incident may have come from or ended with, by service and environment.

    They are those of its services in production; where it names environments that are production, in those. The number of
    queries doesn't depend on how many incidents there are, nor what is found for one on which others are asked about.
    """
    some = [each for each in incidents if each.starts_at is not None]
    where = _where(some)
    past = _past(some, {place for places in where.values() for place in places}, window)
    found = {each.pk: _of_incident(each, past, where[each.pk], window) for each in some}
    known = _Known.of([row for places in found.values() for rows in places.values() for row in rows])
    return {pk: {place: known.puts(rows) for place, rows in places.items()} for pk, places in found.items()}


def _where(incidents: Collection[Incident]) -> dict[UUID, list[Place]]:
    """Return the places that each incident is looked at in."""
    ids = [each.pk for each in incidents]
    services: dict[UUID, set[int]] = defaultdict(set)
    for pk, service in Incident.services.through.objects.filter(incident__in=ids).values_list("incident", "service"):
        services[pk].add(service)
    production = production_of(incidents)
    return {pk: [(service, place) for service in sorted(services[pk]) for place in production[pk]] for pk in ids}


def production_of(incidents: Collection[Incident]) -> dict[UUID, list[int]]:
    """Return the production environments that each incident names; all of them where it names none."""
    every = list(
        Environment.objects.filter(tier=Environment.Tier.PRODUCTION).order_by("pk").values_list("pk", flat=True)
    )
    own: dict[UUID, list[int]] = defaultdict(list)
    named = Incident.environments.through.objects.filter(incident__in=[each.pk for each in incidents])
    for pk, place in named.order_by("environment").values_list("incident", "environment"):
        if place in every:
            own[pk].append(place)
    return {each.pk: own.get(each.pk) or every for each in incidents}


def _until(incident: Incident) -> datetime:
    """Return until when what is deployed may tell of an incident: its end, at most so long after its beginning."""
    began = incident.starts_at
    assert began is not None
    return min(began + TELLING, max(incident.resolved_at or began + TELLING, began))


@dataclass(slots=True)
class _OfPlace:
    """The deployments of one place, first to last: those of the time that is looked at, and the last ones before it."""

    rows: list[Past] = field(default_factory=list)
    before: list[Past] = field(default_factory=list)


def _past(incidents: Collection[Incident], places: Collection[Place], window: timedelta) -> dict[Place, _OfPlace]:
    """Read what was deployed to these places from before the first of these incidents until after the last one."""
    found = {place: _OfPlace() for place in places}
    if not places:
        return found
    since = min(each.starts_at for each in incidents if each.starts_at is not None) - window
    until = max(_until(each) for each in incidents)
    ended = finished().filter(
        service__in={service for service, _ in places}, environment__in={place for _, place in places}
    )
    for row in _rows(ended.filter(finished_at__gte=since, finished_at__lte=until)):
        if (row.service, row.environment) in found:
            found[row.service, row.environment].rows.append(row)
    last_first = Window(
        RowNumber(), partition_by=[F("service"), F("environment")], order_by=[F("finished_at").desc(), F("pk").desc()]
    )
    for row in _rows(ended.filter(finished_at__lt=since).annotate(place=last_first).filter(place__lte=MOST_BEFORE)):
        if (row.service, row.environment) in found:
            found[row.service, row.environment].before.append(row)
    for each in found.values():
        each.rows.sort(key=lambda row: row.order)
        each.before.sort(key=lambda row: row.order)
    return found


def finished() -> "QuerySet[Deployment]":
    """Return the deployments that came to an end which says something."""
    return Deployment.objects.filter(phase="finished", outcome__in=ENDED, finished_at__isnull=False).order_by()


def _rows(rows: "QuerySet[Deployment]") -> list[Past]:
    return [Past(*values) for values in rows.values_list(*COLUMNS)]


def _of_incident(
    incident: Incident, past: Mapping[Place, _OfPlace], places: Iterable[Place], window: timedelta
) -> dict[Place, list[Past]]:
    """Return what one incident is judged by: from its window until its end, and of each place the last ones before."""
    assert incident.starts_at is not None
    found = {}
    for place in places:
        rows, before = past[place].rows, past[place].before
        start = bisect_left(rows, incident.starts_at - window, key=lambda row: row.at)
        end = bisect_right(rows, _until(incident), key=lambda row: row.at)
        if end:
            found[place] = [*[*before, *rows[:start]][-MOST_BEFORE:], *rows[start:end]]
    return found


@dataclass(slots=True)
class _Known:
    """What is known of commits: the branches they ran on, where they landed, and what landed that takes others back."""

    branches: dict[str, set[str]]
    landed: dict[str, tuple[int, int]]
    takers: dict[int, list[tuple[int, int]]]

    @classmethod
    def of(cls, rows: Iterable[Past]) -> "_Known":
        """Look it up for the commits of these deployments."""
        shas = sorted({row.sha for row in rows if row.sha})
        branches: dict[str, set[str]] = defaultdict(set)
        landed: dict[str, tuple[int, int]] = {}
        for some in in_steps(shas, NAMED):
            runs = Run.objects.filter(sha__in=some).exclude(branch="").order_by()
            for sha, branch in runs.values_list("sha", "branch").distinct():
                branches[sha].add(branch)
            changes = Change.objects.filter(sha__in=some, landed__isnull=False)
            for sha, repository, at in changes.order_by("pk").values_list("sha", "repository_id", "landed"):
                landed[sha] = (repository, at or 0)
        return cls(branches, landed, _takers({repository for repository, _ in landed.values()}))

    def puts(self, rows: Sequence[Past]) -> list[Put]:
        """Return the deployments of one place, first to last, as rules look at them: with those whose changes each takes back."""
        ranges: list[tuple[UUID, int, int, int]] = []
        below: dict[int, int] = {}
        done: list[Put] = []
        for row in rows:
            repository, high = self.landed.get(row.sha, (0, 0))
            low = below.get(repository, 0)
            taken = {at for by, at in self.takers.get(repository, ()) if low and low < by <= high}
            reverts = frozenset(
                pk for pk, of, start, end in ranges if of == repository and any(start < at <= end for at in taken)
            )
            put = self._put(row, reverts)
            done.append(put)
            if repository and put.succeeded and high > low:
                ranges.append((row.pk, repository, low, high))
                below[repository] = high
        return done

    def _put(self, row: Past, reverts: frozenset[Hashable]) -> Put:
        words = [row.version, *self.branches.get(row.sha, ())]
        return Put(
            id=row.pk,
            began_at=min(row.started_at or row.at, row.at),
            at=row.at,
            what=row.sha or row.purl or row.version,
            label=row.version or row.own_sha[:8] or row.purl or "",
            succeeded=row.outcome in ("success", "warning") and row.healthy,
            is_rollback=row.kind == Deployment.Kind.ROLLBACK,
            is_hotfix=any(HOTFIX.search(word) for word in words),
            reverts=reverts,
        )


def _takers(repositories: Collection[int]) -> dict[int, list[tuple[int, int]]]:
    """Return where commits landed that take others back, each with where that one landed, by repository."""
    rows = ChangeRelation.objects.filter(
        change__repository__in=repositories, kind=REVERTS, change__landed__isnull=False
    )
    told = list(
        rows.order_by("pk").values_list("change__repository_id", "change__landed", "target", "is_short").distinct()
    )
    landed: dict[tuple[int, str], int] = {}
    known = Change.objects.filter(repository__in=repositories, landed__isnull=False)
    whole = sorted({target for *_, target, is_short in told if not is_short})
    wanted = [Q(sha__in=some) for some in in_steps(whole, NAMED)]
    short = sorted({target for *_, target, is_short in told if is_short})
    wanted += [reduce(or_, (Q(sha__startswith=each) for each in some)) for some in in_steps(short, STARTS)]
    for condition in wanted:
        for repository, sha, at in known.filter(condition).values_list("repository_id", "sha", "landed"):
            landed[repository, sha] = at or 0
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for repository, by, target, is_short in told:
        if is_short:
            taken = [at for (of, sha), at in landed.items() if of == repository and sha.startswith(target)]
        else:
            taken = [landed[repository, target]] if (repository, target) in landed else []
        found[repository] += [(by or 0, at) for at in taken]
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of an incident shows of the deployments it may have come from."""

    rows: list[Attribution]
    ending: Ending | None
    ended_by: Deployment | None
    has_services: bool
    # Other deployments that it may have come from, which a person may add, and how long before it they may have finished.
    others: Newest[Deployment]
    hours: int


def shown(incident: Incident) -> Shown:
    """Return the attributions of an incident and of those merged into it, and what probably ended it."""
    ids: list[UUID] = [incident.pk, *(each.pk for each in merged_into(incident))]
    rows = Attribution.objects.filter(incident__in=ids).select_related(
        "incident", "answered_by", "deployment__service", "deployment__environment", "deployment__artifact"
    )
    rank = {"accepted": 0, "proposed": 1, "rejected": 2}
    sure = {"said": 0, "strong": 1, "fair": 2, "weak": 3}
    ordered_rows = sorted(rows, key=lambda each: (rank[each.state], sure[each.confidence], each.pk))
    settings = incident_settings()
    end = None
    if incident.starts_at and not incident.is_maintenance:
        places = places_of([incident], settings.attribution_window)[incident.pk]
        end = ending(places, incident.starts_at, incident.resolved_at)
    by = Deployment.objects.filter(pk=str(end.deployment)).select_related("service").first() if end else None
    others = _others(incident, settings.attribution_window).exclude(
        pk__in=[each.deployment_id for each in ordered_rows if each.deployment_id]
    )
    return Shown(
        ordered_rows,
        end,
        by,
        bool(incident.services.all()),
        newest(others, MOST_OTHERS),
        settings.attribution_hours,
    )


def _others(incident: Incident, window: timedelta) -> "QuerySet[Deployment]":
    """Return the deployments that an incident may have come from, those nearest before it first."""
    began = incident.starts_at
    if began is None:
        return Deployment.objects.none()
    before = Q(finished_at__gte=began - window, finished_at__lte=began)
    rows = Deployment.objects.filter(before | Q(finished_at__gt=began, started_at__lte=began), phase="finished")
    rows = rows.filter(
        service__in=incident.services.values("pk"), environment__in=production_of([incident])[incident.pk]
    )
    return rows.select_related("service", "environment", "artifact").order_by("-finished_at", "-pk")
