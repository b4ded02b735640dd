"""From facts about deployments and acceptance runs to their rows."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from releases.artifacts.actions import artifact_named
from releases.deployments.models import AcceptanceRun, Deployment
from releases.environments.actions import environment_named
from releases.inbox.affected import Affected
from releases.inbox.fold import fold, started_and_finished
from releases.inbox.models import Fact
from releases.inbox.projection import Projection, delete_attempts, has_ended, save_attempts
from releases.pipelines.repositories import get_or_create_repository
from squads.models import Service
from squads.teams.actions import service_named

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
    """A deployment reached a phase."""
    ids, moved = save_attempts(Deployment, "deployment", key, facts, partial(_deployment, key), place=DEPLOYMENT_PLACE)
    for before, _ in moved:
        _note(before, affected)
    affected.deployments.update(ids)


def _deployment(key: str, facts: list[Fact]) -> dict[str, Any]:
    """Return the columns of one attempt at a deployment."""
    merged, last = fold(facts)
    return {
        "key": key[:300],
        "service": _service_of_deployment(merged),
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
    for row in delete_attempts(Deployment, "deployment", key):
        _note(row, affected)


def project_acceptance_run(key: str, facts: list[Fact], affected: Affected) -> None:
    """A check of a story or of a service's artifact reached a phase."""
    values = partial(_acceptance_run, key)
    ids, moved = save_attempts(AcceptanceRun, "acceptance", key, facts, values, place=ACCEPTANCE_PLACE)
    for before, _ in moved:
        _note(before, affected)
    affected.checks.update(ids)


def _acceptance_run(key: str, facts: list[Fact]) -> dict[str, Any]:
    """Return the columns of one attempt at a check."""
    merged, last = fold(facts)
    return {
        "key": key[:300],
        "name": merged.get("name", ""),
        "environment": environment_named(merged["environment"]),
        "story_key": merged.get("story", "")[:20],
        "service": _service_of_check(merged),
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
    for row in delete_attempts(AcceptanceRun, "acceptance", key):
        _note(row, affected)


def _note(row: Deployment | AcceptanceRun, affected: Affected) -> None:
    """Note whose evidence rested on a row that moves or goes."""
    if has_ended(row):
        affected.note(service=row.service_id, key=getattr(row, "story_key", ""))


def _service_of_deployment(merged: Mapping[str, Any]) -> Service:
    """Return the service that a deployment names, else the one that its repository makes."""
    if merged.get("service"):
        return service_named(merged["service"])
    repository = get_or_create_repository(merged.get("repository") or "unknown")
    return repository.service or service_named(repository.key.rpartition("/")[2])


def _service_of_check(merged: Mapping[str, Any]) -> Service | None:
    """Return the service that a check is of; None where it looks at a story instead."""
    if merged.get("service"):
        return service_named(merged["service"])
    return get_or_create_repository(merged["repository"]).service if merged.get("repository") else None


DEPLOYMENTS = Projection(
    kind="deployment", project=project_deployment, withdraw=withdraw_deployment, models=(Deployment,)
)
ACCEPTANCE_RUNS = Projection(
    kind="acceptance", project=project_acceptance_run, withdraw=withdraw_acceptance_run, models=(AcceptanceRun,)
)
