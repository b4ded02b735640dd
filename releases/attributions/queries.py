"""What is read to propose attributions, and what the page of an incident shows of them."""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from releases.attributions.models import Attribution
from releases.attributions.proposals import Ending, Put, ending, ordered
from releases.deployments.models import Deployment
from releases.environments.models import Environment
from releases.incidents.models import Incident
from releases.incidents.queries import merged_into
from releases.pipelines.models import Change, ChangeRelation, Run

# Of the services of an incident, so many deployments are looked at, the newest before its end.
MOST_PUTS = 500
MOST_OTHERS = 30
HOTFIX = re.compile(r"\bhot-?fix", re.I)
REVERTS = "reverts"
ENDED = ("success", "warning", "failure", "error")


def places_of(incident: Incident) -> dict[Hashable, list[Put]]:
    """Return the deployments that an incident may have come from or ended with, by service and environment.

    They are those of its services in production; where it names environments that are production, in those.
    """
    production = Environment.objects.filter(tier=Environment.Tier.PRODUCTION)
    own = production.filter(pk__in=incident.environments.values("pk"))
    rows = Deployment.objects.filter(
        service__in=incident.services.values("pk"),
        environment__in=(own if own.exists() else production).values("pk"),
        phase="finished",
        outcome__in=ENDED,
        finished_at__isnull=False,
    )
    if incident.resolved_at is not None:
        rows = rows.filter(finished_at__lte=max(incident.resolved_at, incident.starts_at or incident.resolved_at))
    some = list(rows.select_related("artifact").order_by("-finished_at", "-pk")[:MOST_PUTS])
    return _puts(some)


def _puts(rows: Iterable[Deployment]) -> dict[Hashable, list[Put]]:
    some = list(rows)
    shas = {sha for row in some if (sha := _sha(row))}
    branches = defaultdict(set)
    for sha, branch in Run.objects.filter(sha__in=shas).exclude(branch="").values_list("sha", "branch").distinct():
        branches[sha].add(branch)
    found: dict[Hashable, list[Put]] = defaultdict(list)
    for row in some:
        sha = _sha(row)
        words = [row.version, *branches.get(sha, ())]
        found[row.service_id, row.environment_id].append(
            Put(
                id=row.pk,
                began_at=min(filter(None, (row.started_at, row.finished_at))),  # type: ignore[type-var]
                at=row.finished_at,  # type: ignore[arg-type]
                what=sha or (row.artifact.purl if row.artifact else "") or row.version,
                label=row.carries,
                succeeded=row.outcome in ("success", "warning") and row.healthy,
                is_rollback=row.kind == Deployment.Kind.ROLLBACK,
                is_hotfix=any(HOTFIX.search(word) for word in words),
            )
        )
    return _with_reverts(found, {row.pk: _sha(row) for row in some})


def _sha(row: Deployment) -> str:
    return row.sha or (row.artifact.sha if row.artifact else "")


def _with_reverts(places: Mapping[Hashable, list[Put]], shas: Mapping[Any, str]) -> dict[Hashable, list[Put]]:
    """Say of each deployment which earlier ones of its place brought a change that it takes back."""
    known = Change.objects.filter(sha__in=set(filter(None, shas.values())), landed__isnull=False)
    landed: dict[str, tuple[int, int]] = {
        sha: (repository, at or 0) for sha, repository, at in known.values_list("sha", "repository_id", "landed")
    }
    takers = _takers({repository for repository, _ in landed.values()})
    found: dict[Hashable, list[Put]] = {}
    for place, puts in places.items():
        ranges: list[tuple[Put, int, int, int]] = []
        below: dict[int, int] = {}
        done: list[Put] = []
        for put in ordered(puts):
            repository, high = landed.get(shas[put.id], (0, 0))
            low = below.get(repository, 0)
            taken = {at for by, at in takers.get(repository, ()) if low and low < by <= high}
            reverts = frozenset(
                each.id
                for each, of, start, end in ranges
                if of == repository and any(start < at <= end for at in taken)
            )
            done.append(Put(**{**_fields(put), "reverts": reverts}))
            if repository and put.succeeded and high > low:
                ranges.append((put, repository, low, high))
                below[repository] = high
        found[place] = done
    return found


def _fields(put: Put) -> dict[str, Any]:
    return {name: getattr(put, name) for name in Put.__slots__}


def _takers(repositories: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """Return where commits landed that take others back, each with where that one landed, by repository."""
    rows = ChangeRelation.objects.filter(change__repository__in=list(repositories), kind=REVERTS)
    told = list(
        rows.filter(change__landed__isnull=False).values_list("change__repository_id", "change__landed", "target")
    )
    wanted = Q()
    for _, _, target in told[:MOST_PUTS]:
        wanted |= Q(sha__startswith=target)
    if not told:
        return {}
    targets = dict(Change.objects.filter(wanted, landed__isnull=False).values_list("sha", "landed"))
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for repository, by, target in told:
        if by is None:
            continue
        for sha, at in targets.items():
            if sha.startswith(target) and at is not None:
                found[repository].append((by, at))
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of an incident shows of the deployments it may have come from."""

    rows: list[Attribution]
    ending: Ending | None
    ended_by: Deployment | None
    has_services: bool
    # Other deployments of its services, which a person may add.
    others: list[Deployment]


def shown(incident: Incident) -> Shown:
    """Return the attributions of an incident and of those merged into it, and what probably ended it."""
    ids: list[UUID] = [incident.pk, *(each.pk for each in merged_into(incident))]
    rows = Attribution.objects.filter(incident__in=ids).select_related(
        "incident", "answered_by", "deployment__service", "deployment__environment", "deployment__artifact"
    )
    rank = {"accepted": 0, "proposed": 1, "rejected": 2}
    sure = {"said": 0, "strong": 1, "fair": 2, "weak": 3}
    ordered_rows = sorted(rows, key=lambda each: (rank[each.state], sure[each.confidence], each.pk))
    began = began_at(incident)
    end = ending(places_of(incident), began, incident.resolved_at) if began and not incident.is_maintenance else None
    by = Deployment.objects.filter(pk=str(end.deployment)).select_related("service").first() if end else None
    others = Deployment.objects.filter(service__in=incident.services.all(), phase="finished", finished_at__isnull=False)
    others = others.exclude(pk__in=[each.deployment_id for each in ordered_rows if each.deployment_id])
    some = others.select_related("service", "environment", "artifact").order_by("-finished_at", "-pk")[:MOST_OTHERS]
    return Shown(ordered_rows, end, by, bool(incident.services.all()), list(some))


def began_at(incident: Incident) -> datetime | None:
    """Return the moment before which its cause was deployed: impact start, else detection, else the first that is known."""
    return incident.impact_started_at or incident.detected_at or incident.starts_at
