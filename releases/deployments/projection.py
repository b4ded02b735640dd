"""From facts about deployments and acceptance runs to their rows."""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q

from releases.artifacts.actions import artifact_named
from releases.deployments.deployed_parts import keys_of_services, part_key, services_deployed_with
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.actions import environment_named, update_from_events
from releases.environments.models import Environment
from releases.inbox.affected import Affected
from releases.inbox.fold import fold, started_and_finished
from releases.inbox.models import Fact
from releases.inbox.projection import Projection, delete_attempts, has_ended, save_attempts
from releases.pipelines.repositories import get_or_create_repository
from squads.models import Service
from squads.teams.actions import service_named

Row = Deployment | AcceptanceRun
# The columns that say what a row is about: while they stay, only its neighbours may see it differently.
DEPLOYMENT_PLACE = (
    "service_id",
    "environment_id",
    "artifact_id",
    "sha",
    "version",
    "finished_at",
    "kind",
    "healthy",
    "outcome",
)
ACCEPTANCE_PLACE = (
    "service_id",
    "environment_id",
    "artifact_id",
    "sha",
    "story_key",
    "release",
    "finished_at",
    "outcome",
)


def project_deployment(key: str, facts: list[Fact], affected: Affected) -> None:
    """A deployment reached a phase. One of a whole repository is one of each service that the repository makes."""
    services = services_of_deployment(fold(facts)[0])
    ids = _save(Deployment, "deployment", key, facts, services, _deployment, DEPLOYMENT_PLACE, affected)
    affected.deployments.update(ids)


def _save(
    model: type[Row],
    kind: str,
    key: str,
    facts: list[Fact],
    services: Sequence[Service | None],
    columns: Callable[[str, Service | None, list[Fact]], dict[str, Any]],
    place: Sequence[str],
    affected: Affected,
) -> list[UUID]:
    """Write the rows of a thing for each of these services, and delete those of other services; return the ids."""
    own = keys_of_services(key, services)
    _delete_others(model, kind, key, own, affected)
    ids: list[UUID] = []
    for each, service in own.items():
        some, moved = save_attempts(model, kind, each, facts, partial(columns, key, service), place=place)
        ids += some
        for before, _ in moved:
            _note(before, affected)
    return ids


def _deployment(key: str, service: Service | None, facts: list[Fact]) -> dict[str, Any]:
    """Return the columns of one attempt at a deployment."""
    merged, last = fold(facts)
    return {
        "key": key[:300],
        "service": service,
        "environment": environment_named(merged["environment"]),
        "kind": merged.get("deployment", "deploy"),
        "artifact": artifact_named(merged.get("artifact", "")),
        "sha": merged.get("sha", "")[:100],
        "version": merged.get("version", "")[:200],
        "phase": merged["phase"],
        "outcome": merged.get("outcome", ""),
        "healthy": merged.get("healthy", True),
        "raw_status": merged.get("words", ""),
        "url": merged.get("url", "")[:1000],
        "event_id": last.event_id,
        **started_and_finished(merged, last),
    }


def withdraw_deployment(key: str, affected: Affected) -> None:
    """Nothing tells of the deployment any more."""
    _delete_others(Deployment, "deployment", key, {}, affected)


def project_acceptance_run(key: str, facts: list[Fact], affected: Affected) -> None:
    """A check of a story or of a service's artifact reached a phase."""
    services = _services_of_check(fold(facts)[0])
    ids = _save(AcceptanceRun, "acceptance", key, facts, services, _acceptance_run, ACCEPTANCE_PLACE, affected)
    affected.checks.update(ids)


def _acceptance_run(key: str, service: Service | None, facts: list[Fact]) -> dict[str, Any]:
    """Return the columns of one attempt at a check."""
    merged, last = fold(facts)
    return {
        "key": key[:300],
        "name": merged.get("name", ""),
        "environment": environment_named(merged["environment"]),
        "story_key": merged.get("story", "")[:20],
        "service": service,
        "artifact": artifact_named(merged.get("artifact", "")),
        "sha": merged.get("sha", "")[:100],
        "release": merged.get("release", "")[:200],
        "phase": merged["phase"],
        "outcome": merged.get("outcome", ""),
        "raw_status": merged.get("words", ""),
        "url": merged.get("url", "")[:1000],
        "performed_by": merged.get("performed_by", "")[:200],
        "event_id": last.event_id,
        **started_and_finished(merged, last),
    }


def withdraw_acceptance_run(key: str, affected: Affected) -> None:
    """Nothing tells of the check any more."""
    _delete_others(AcceptanceRun, "acceptance", key, {}, affected)


def _note(row: Row, affected: Affected) -> None:
    """Note whose evidence rested on a row that moves or goes."""
    if isinstance(row, Deployment):
        affected.returned.add(row.environment_id)
    if has_ended(row):
        affected.note(service=row.service_id, key=getattr(row, "story_key", ""))


def _delete_others(model: type[Row], kind: str, key: str, kept: Container[str], affected: Affected) -> None:
    """Delete the rows that were made of this thing for services that it is no longer of."""
    of_key = model._default_manager.filter(key=key[:300], service__isnull=False)
    services = set(of_key.order_by().values_list("service__name", flat=True))
    for each in sorted({key, *(part_key(key, name) for name in services)}):
        if each not in kept:
            for row in delete_attempts(model, kind, each):
                _note(row, affected)


def services_of_deployment(merged: Mapping[str, Any]) -> list[Service]:
    """Return the services that a deployment is of.

    It names one, or it is of a repository: of the service that this makes and of every part of it, unless the environment's
    name tells one part.
    """
    if merged.get("service"):
        return [service_named(merged["service"])]
    repository = get_or_create_repository(merged.get("repository") or "unknown")
    own = repository.service
    parts = services_deployed_with(repository, (merged.get("said", {}).get("environment", ""), merged["environment"]))
    if parts:
        return parts
    return [own or service_named(repository.key.rpartition("/")[2])]


def _services_of_check(merged: Mapping[str, Any]) -> Sequence[Service | None]:
    """Return the services that a check is of; None where it looks at a story instead."""
    if merged.get("service"):
        return [service_named(merged["service"])]
    if not merged.get("repository"):
        return [None]
    repository = get_or_create_repository(merged["repository"])
    parts = services_deployed_with(repository, (merged.get("said", {}).get("environment", ""), merged["environment"]))
    if parts and merged.get("story") and len(parts) > 1:
        return [None]  # a story is looked at wherever its changes are
    return parts or [repository.service]


def bring_back(affected: Affected) -> None:
    """Deploying to a deleted environment brings it back."""
    concerned = Q(pk__in=affected.environments | affected.returned)
    if affected.deployments:
        concerned |= Q(pk__in=Deployment.objects.filter(pk__in=affected.deployments).values("environment"))
    elif not affected.environments and not affected.returned:
        return
    for environment in Environment.objects.filter(concerned, emptied_at__isnull=False):
        here = Deployment.objects.successful().filter(environment=environment, finished_at__gt=environment.emptied_at)
        is_back = environment.removals[-1][1] is not None or here.exclude(kind=Deployment.Kind.REMOVAL).exists()
        gone_at = None if is_back else environment.emptied_at
        update_from_events(environment, gone_at=gone_at)


DEPLOYMENTS = Projection(
    kind="deployment",
    project=project_deployment,
    withdraw=withdraw_deployment,
    models=(Deployment,),
    finish=bring_back,
)
ACCEPTANCE_RUNS = Projection(
    kind="acceptance", project=project_acceptance_run, withdraw=withdraw_acceptance_run, models=(AcceptanceRun,)
)
