"""Keeping the evidence of stories true to what is known, and judging them by it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q

from portal.kernel.rows import write
from releases.deployments.models import AcceptanceRun, Deployment
from releases.flags.models import FlagState
from releases.pipelines.models import Change, Run, StoryLink
from releases.planning import evidence
from squads.models import Evidence, Story

AT_ONCE = 400
EDITABLE = ("version", "line", "notes", "planned_for", "released_at")
# How many of the newest earlier runs are looked at to tell where a run's news begins; fewer than all only widens it.
RUNS_LOOKED_AT = 50


@dataclass(slots=True)
class Touched:
    """What some events changed, from which follows whose evidence may have changed."""

    changes: set[UUID] = field(default_factory=set)
    repositories: set[int] = field(default_factory=set)
    runs: set[UUID] = field(default_factory=set)
    artifacts: set[UUID] = field(default_factory=set)
    deployments: set[UUID] = field(default_factory=set)
    checks: set[UUID] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    services: set[int] = field(default_factory=set)
    environments: set[int] = field(default_factory=set)
    stories: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__)


def derive(story_ids: Iterable[int]) -> int:
    """Bring the derived evidence of these stories up to date and judge them; return how many stories changed."""
    ids = sorted(set(story_ids))
    changed = 0
    for start in range(0, len(ids), AT_ONCE):
        with transaction.atomic():
            stories = list(Story.objects.select_for_update().filter(pk__in=ids[start : start + AT_ONCE]).order_by("pk"))
            _reconcile(stories)
            changed += Story.objects.filter(pk__in=[story.pk for story in stories]).judge()
    return changed


def _reconcile(stories: list[Story]) -> None:
    """Make the derived rows of these stories exactly the ones that follow from the facts; touch no others."""
    wanted = {row.pk: row for row in evidence.rows_for(stories)}
    present = {row.pk: row for row in Evidence.objects.derived().filter(story__in=stories)}
    gone = [pk for pk in present if pk not in wanted]
    if gone:
        Evidence.objects.filter(pk__in=gone).delete()
    Evidence.objects.bulk_create([row for pk, row in wanted.items() if pk not in present], batch_size=500)
    different = [row for pk, row in wanted.items() if pk in present and row.values() != present[pk].values()]
    if different:
        columns = [name for name in Evidence.compared() if name != "story_id"]
        write(Evidence, columns, [(row.pk, *(getattr(row, name) for name in columns)) for row in different])


def derive_touched(touched: Touched) -> int:
    """Derive the evidence of every story that these events may concern; return how many stories changed."""
    return derive(affected_stories(touched)) if touched else 0


def affected_stories(touched: Touched) -> set[int]:
    """Return the ids of the stories whose evidence may follow from what was touched: rather one too many than too few."""
    stories = set(touched.stories)
    if touched.environments:
        touched.services |= _deployed_to(touched.environments)
        checked = AcceptanceRun.objects.filter(environment__in=touched.environments)
        touched.keys |= set(checked.exclude(story_key="").values_list("story_key", flat=True).distinct())
        flags = FlagState.objects.filter(environment__in=touched.environments)
        touched.flags |= set(flags.values_list("flag", flat=True).distinct())
    stories |= set(Story.objects.filter(key__in=touched.keys).values_list("pk", flat=True))
    stories |= set(Story.objects.filter(flag__in=touched.flags - {""}).values_list("pk", flat=True))
    if touched.services:
        stories |= evidence.stories_with_changes(repository__service__in=touched.services)
    if touched.repositories:
        stories |= evidence.stories_with_changes(repository__in=touched.repositories)
    shas = _follow_changes(touched, stories)
    deployments, runs, checks = _follow_artifacts(touched, shas)
    for deployment in Deployment.objects.filter(pk__in=deployments).select_related("artifact"):
        stories |= _around_deployment(deployment)
    for run in Run.objects.filter(pk__in=runs).select_related("artifact"):
        stories |= _around_run(run)
    for check in AcceptanceRun.objects.filter(pk__in=checks):
        if check.story_key:
            stories |= set(Story.objects.filter(key=check.story_key).values_list("pk", flat=True))
        elif check.service_id:
            stories |= _of_service(check.service_id)
    return stories


def _deployed_to(environments: Iterable[int]) -> set[int]:
    return set(
        Deployment.objects.filter(environment__in=list(environments)).values_list("service_id", flat=True).distinct()
    ) | set(
        AcceptanceRun.objects.filter(environment__in=list(environments), service__isnull=False)
        .values_list("service_id", flat=True)
        .distinct()
    )  # fmt: skip


def _follow_changes(touched: Touched, stories: set[int]) -> set[str]:
    """Add the stories of touched changes; return the shas whose containment may have changed for others."""
    ids = list(touched.changes)
    shas: set[str] = set()
    for start in range(0, len(ids), 1000):
        some = ids[start : start + 1000]
        stories |= set(
            StoryLink.objects.filter(change__in=some, story__isnull=False).values_list("story_id", flat=True)
        )
        shas |= set(Change.objects.filter(pk__in=some).values_list("sha", flat=True))
    return shas


def _follow_artifacts(touched: Touched, shas: set[str]) -> tuple[set[UUID], set[UUID], set[UUID]]:
    deployments, runs, checks = set(touched.deployments), set(touched.runs), set(touched.checks)
    for model, found in ((Deployment, deployments), (Run, runs), (AcceptanceRun, checks)):
        table: Any = model
        if touched.artifacts:
            found |= set(table.objects.filter(artifact__in=touched.artifacts).values_list("pk", flat=True))
        ordered = sorted(shas)
        for start in range(0, len(ordered), 500):
            some = ordered[start : start + 500]
            query = Q(sha__in=some) | Q(artifact__sha__in=some)
            found |= set(table.objects.filter(query).values_list("pk", flat=True))
    return deployments, runs, checks


def _of_service(service: int, low: int | None = None, high: int | None = None) -> set[int]:
    """Stories of a service: the ones on their way to production, and those whose changes landed in (low, high]."""
    links = StoryLink.objects.filter(refused=False, story__isnull=False, change__repository__service=service)
    if low is not None and high is not None:
        links = links.filter(
            Q(change__landed__gt=low, change__landed__lte=high)
            | Q(change__landed__isnull=True)
            | ~Q(story__stage__in=("deployed", "rodeo_done"))
        )
    return set(links.values_list("story_id", flat=True).distinct())


def _position(sha: str, service: int | None, repository: int | None = None) -> int | None:
    """The mainline position of a commit that stands on the mainline itself."""
    if not sha:
        return None
    where = Q(repository=repository) if repository else Q(repository__service=service)
    return Change.objects.filter(where, sha=sha, position__isnull=False).values_list("position", flat=True).first()


def _around_deployment(deployment: Deployment) -> set[int]:
    """Stories for which a deployment may begin or end something: those between it and its neighbours in time."""
    service = deployment.service_id
    others = Deployment.objects.filter(
        service=service, environment=deployment.environment_id, outcome="success", finished_at__isnull=False
    ).exclude(pk=deployment.pk)
    at = deployment.finished_at
    if at is None:
        return set()
    before = others.filter(finished_at__lte=at).order_by("-finished_at", "-id").select_related("artifact").first()
    after = others.filter(finished_at__gte=at).order_by("finished_at", "id").select_related("artifact").first()
    if before is None:
        return _of_service(service)
    reached = []
    for each in (before, deployment, after or deployment):
        sha = "" if each.kind == "removal" else each.sha or (each.artifact.sha if each.artifact else "")
        position = _position(sha, service)
        if position is None:
            return _of_service(service)
        reached.append(position)
    return _of_service(service, min(reached), max(reached))


def _around_run(run: Run) -> set[int]:
    """Stories for which a run may be the first that contains some commit."""
    sha = run.sha or (run.artifact.sha if run.artifact else "")
    change = Change.objects.filter(sha=sha).select_related("repository").first() if sha else None
    service = run.service_id or (run.repository.service_id if run.repository else None) or (
        change.repository.service_id if change else None
    )  # fmt: skip
    repository = run.repository_id or (change.repository_id if change else None)
    if repository is None:
        return _of_service(service) if service else set()
    if change is None or change.position is None:
        return evidence.stories_with_changes(repository=repository)
    earlier = Run.objects.filter(
        Q(repository=repository) | Q(service=service), outcome="success", finished_at__lte=run.finished_at
    ).exclude(pk=run.pk) if run.finished_at else Run.objects.none()  # fmt: skip
    shas = list(earlier.order_by("-finished_at").values_list("sha", flat=True)[:RUNS_LOOKED_AT])
    low = Change.objects.filter(repository=repository, sha__in=shas, position__lt=change.position).aggregate(
        low=Max("position")
    )["low"]
    return evidence.stories_with_changes(
        repository=repository, landed__gt=-1 if low is None else low, landed__lte=change.position
    ) | evidence.stories_with_changes(repository=repository, landed__isnull=True)


def link_stories(story_ids: Iterable[int]) -> None:
    """Bind the changes that named these stories before they existed, and derive them."""
    keys = dict(Story.objects.filter(pk__in=list(story_ids)).values_list("key", "pk"))
    waiting = StoryLink.objects.filter(key__in=keys, story__isnull=True)
    for key in sorted(set(waiting.values_list("key", flat=True))):
        StoryLink.objects.filter(key=key, story__isnull=True).update(story=keys[key])
    derive(keys.values())
