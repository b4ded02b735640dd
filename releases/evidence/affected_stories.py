"""Which stories of a service a deployment or a run may concern, without looking at all of them where that is safe.

A service has few stories on their way and many that are done. What is deployed or run now can change the evidence of a done
one only if its changes lie between this and its neighbours on the mainline. Wherever that is not certain (several
repositories, a commit beside the mainline, a version that tells no commit), all stories of the service are meant.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, NullIf

from releases.deployments.models import Deployment
from releases.environments.models import Environment
from releases.evidence import service_history
from releases.evidence.containment import Containment, spellings_of_shas
from releases.evidence.run_verdicts import Verdict, steady_since, verdicts
from releases.pipelines.models import Change, ChangeRelation, Repository, RepositoryPart, Run, StoryLink
from releases.pipelines.relation_lookup import TELLING
from releases.pipelines.relations import concerned_by
from squads.models import Service

# How many of the newest earlier runs are looked at to tell where a run's news begins; fewer than all only widens it.
RUNS_LOOKED_AT = 50
# How many mainline commits right below a run's are looked at first.
COMMITS_LOOKED_AT = 20
AT_ONCE = 500


class StoryFinder:
    """Answers for one batch of events; what it learns of a service it remembers."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._repositories: dict[int, list[int]] = {}
        self._linear: dict[tuple[int, int], bool] = {}
        self._whole: dict[int, set[int]] = {}
        self._runs: dict[str, service_history.RunsOfService] = {}

    def name(self, service: int) -> str:
        """Return a service's name."""
        if service not in self._names:
            self._names[service] = Service.objects.values_list("name", flat=True).get(pk=service)
        return self._names[service]

    def repositories(self, service: int) -> list[int]:
        """Return the repositories of a service, as evidence sees them."""
        if service not in self._repositories:
            self._repositories[service] = service_history.repositories_of(self.name(service))
        return self._repositories[service]

    def of_service(self, service: int) -> set[int]:
        """Return all stories of a service."""
        if service not in self._whole:
            self._whole[service] = service_history.stories_with_changes(repository__in=self.repositories(service))
        return self._whole[service]

    def of_repositories(self, ids: Collection[int]) -> set[int]:
        """Return all stories of the services that these repositories make."""
        rows = Repository.objects.filter(pk__in=list(ids)).values_list("key", "service__name", "parts__service__name")
        names = {name or key for key, name, _ in rows} | {part for _, _, part in rows if part}
        every = {each for name in names for each in service_history.repositories_of(name)}
        return service_history.stories_with_changes(repository__in=every | set(ids)) if ids else set()

    def _between(self, service: int, low: int, high: int) -> set[int]:
        """Return the stories on their way, and those whose changes landed in (low, high]."""
        ids = self.repositories(service)
        links = StoryLink.objects.asking().filter(
            Q(change__landed__gt=low, change__landed__lte=high)
            | Q(change__landed__isnull=True)
            | ~Q(story__stage__in=("deployed", "rodeo_done")),
            change__repository__in=ids,
        )
        return set(links.values_list("story_id", flat=True).distinct()) | self._related(ids, low, high)

    def _related(self, repositories: Collection[int], low: int, high: int) -> set[int]:
        """Return the stories whose changes are repeated or taken back by what landed in (low, high]."""
        landed = Change.objects.filter(repository__in=repositories, landed__gt=low, landed__lte=high)
        others = Change.objects.filter(repository=OuterRef("repository")).exclude(pk=OuterRef("pk"))
        alike = Q(patch=OuterRef("patch")) | Q(patch=OuterRef("undoes")) | Q(undoes=OuterRef("patch"))
        named = ChangeRelation.objects.filter(target=OuterRef("sha"), kind__in=TELLING)
        tells = ChangeRelation.objects.filter(change=OuterRef("pk"), kind__in=TELLING)
        related = landed.filter(Exists(tells) | Exists(named) | (~Q(patch="") & Exists(others.filter(alike))))
        return stories_concerned(related.values_list("pk", flat=True))

    def around_deployment(self, deployment: Deployment) -> set[int]:
        """Return the stories for which a deployment may begin or end something."""
        service, at = deployment.service_id, deployment.finished_at
        if at is None or service in self._whole or not self._is_linear(service, deployment.environment_id):
            return self.of_service(service) if at is not None else set()
        others = service_history.counted_deployments().filter(service=service, environment=deployment.environment_id)
        others = others.exclude(pk=deployment.pk).select_related("artifact")
        before = others.filter(finished_at__lte=at).last()
        if before is None:
            return self.of_service(service)
        reached = []
        for each in (before, deployment, others.filter(finished_at__gte=at).first() or deployment):
            place = self._position(service, commit_of(each))
            # What was taken off, or comes back, concerns whatever ran there once.
            if place is None or each.kind == service_history.REMOVAL:
                return self.of_service(service)
            reached.append(place)
        return self._between(service, min(reached), max(reached))

    def _is_linear(self, service: int, environment: int) -> bool:
        """Say whether all that was put there stands on one mainline, so that one number orders it."""
        if (service, environment) not in self._linear:
            ids = self.repositories(service)
            on_mainline = Change.objects.filter(repository__in=ids, position__isnull=False, sha=OuterRef("commit_of"))
            odd = (
                service_history.counted_deployments()
                .filter(service=service, environment=environment)
                .exclude(kind=service_history.REMOVAL)
                .annotate(commit_of=Coalesce(NullIf("sha", Value("")), "artifact__sha"))
                .exclude(Exists(on_mainline))
            )
            # What was taken away by deleting the environment stands on no mainline.
            there = Environment.objects.filter(pk=environment, emptied_at__isnull=True).exists()
            self._linear[service, environment] = len(ids) == 1 and there and not odd.exists()
        return self._linear[service, environment]

    def _position(self, service: int, sha: str) -> int | None:
        changes = Change.objects.filter(repository__in=self.repositories(service), sha=sha, position__isnull=False)
        return changes.values_list("position", flat=True).first() if sha else None

    def around_run(self, run: Run) -> set[int]:
        """Return the stories for which a run may change what is said of a commit that they need."""
        found: set[int] = set()
        sha = commit_of(run)
        for repository, service in self._of_run(run, sha):
            found |= self._around_run(run, sha, repository, service)
        return found

    def _of_run(self, run: Run, sha: str) -> set[tuple[int, str]]:
        """Return the (repository, service name) pairs that a run may speak of: those it names, else those its commit is in."""
        names = {self.name(run.service_id)} if run.service_id else set()
        if run.repository is not None:
            service = run.repository.service_id
            names.add(self.name(service) if service else run.repository.key)
            names |= _services_by_path({run.repository_id}) if getattr(run, "has_paths", True) else set()
        own = {(each, name) for name in names for each in service_history.repositories_of(name)}
        if own or not sha:
            return own
        changes = Change.objects.filter(sha__startswith=sha).select_related("repository__service")
        rows = list(changes.annotate(has_paths=has_paths("repository_id"))[:50])
        found = {(each.repository_id, _service_name(each)) for each in rows}
        inside = {each.repository_id for each in rows if each.has_paths}  # type: ignore[attr-defined]
        return found | {(each, name) for each in inside for name in _services_by_path({each})}

    def _around_run(self, run: Run, sha: str, repository: int, service: str) -> set[int]:
        runs = self._runs_of(service)
        if not sha or run.trigger in runs.unproving:
            return set()
        everything = {"repository": repository}
        containment = Containment([repository], [sha])
        commit = containment.resolve(sha)
        change = containment.commits.get(commit)
        if change is None or change.position is None:
            of_branch = {"branch": run.branch, "trigger": run.trigger, "commit": sha}
            # Whatever its deployments call it, it may be shipped.
            counts = runs.counts(of_branch, containment, {commit})
            return service_history.stories_with_changes(**everything) if counts else set()
        low, since = _green_below(runs, repository, commit, change.position)
        here = {**everything, "landed__lte": change.position}
        found = service_history.stories_with_changes(**here, landed__gt=low)
        found |= service_history.stories_with_changes(**everything, landed__isnull=True)
        found |= self._related([repository], low, change.position)
        if since is not None:
            # An earlier run does not count for a commit whose clock says that it was made long after.
            found |= service_history.stories_with_changes(**here, committed_at__gt=since + service_history.DAY)
        return found

    def _runs_of(self, service: str) -> service_history.RunsOfService:
        if service not in self._runs:
            self._runs[service] = service_history.RunsOfService.read(service_history.repositories_of(service), service)
        return self._runs[service]


def _green_below(
    runs: service_history.RunsOfService, repository: int, sha: str, place: int
) -> tuple[int, datetime | None]:
    """Return the highest mainline position below `place` whose commit was green before anything ended on `sha`, and stayed
    so, and since when: for what that contains, nothing on `sha` matters. -1 where there is none.
    """
    ended = [at for at in runs.rows().filter(_spelled([sha])).values_list("finished_at", flat=True) if at is not None]
    first_end = min(ended, default=None)
    mainline = Change.objects.filter(repository=repository, position__isnull=False)
    near = mainline.filter(landed__lt=place).order_by("-landed").values_list("sha", "position")[:COMMITS_LOOKED_AT]
    found = _steady(runs, dict(near), first_end)
    if found is None:
        earlier = runs.rows().filter(outcome="success", finished_at__isnull=False)
        if first_end is not None:
            earlier = earlier.filter(finished_at__lt=first_end)
        shas = list(earlier.order_by("-finished_at", "-id").values_list("sha", flat=True)[:RUNS_LOOKED_AT])
        found = _steady(
            runs, dict(mainline.filter(sha__in=shas, position__lt=place).values_list("sha", "position")), first_end
        )
    return found or (-1, None)


def _steady(
    runs: service_history.RunsOfService, places: Mapping[str, int | None], before: datetime | None
) -> tuple[int, datetime] | None:
    """Return the highest of these places whose commit has been green since before a moment, and since when."""
    rows = service_history.run_rows(runs.rows().filter(_spelled(places))) if places else []
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts(runs.counted(rows, Containment(runs.repositories, places)), runs.required) if rows else ():
        found[verdict.commit].append(verdict)
    steady = [
        (places.get(sha) or 0, since)
        for sha, some in found.items()
        if sha in places and (since := steady_since(some)) is not None and (before is None or since < before)
    ]
    return max(steady, default=None)


def _spelled(shas: Iterable[str]) -> Q:
    """A run of one of these commits, however much of its sha is written, or of an artifact of it."""
    written = spellings_of_shas(shas)
    return Q(sha__in=written) | Q(sha="", artifact__sha__in=written)


def stories_concerned(changes: Iterable[UUID]) -> set[int]:
    """Return the stories whose changes these are, repeat, or take back."""
    found: set[int] = set()
    ids = list(changes)
    for start in range(0, len(ids), AT_ONCE):
        some = concerned_by(ids[start : start + AT_ONCE])
        found |= service_history.stories_with_changes(pk__in=some)
    return found


def commit_of(row: Any) -> str:
    """Return the commit a deployment, run or check names, or that of its artifact."""
    return row.sha or (row.artifact.sha if row.artifact else "")


def has_paths(column: str) -> Exists:
    """Return whether the repository in this column has parts, for `annotate`: no query of its own."""
    return Exists(RepositoryPart.objects.filter(repository=OuterRef(column)))


def _services_by_path(repositories: Collection[int | None]) -> set[str]:
    parts = RepositoryPart.objects.filter(repository__in=list(repositories))
    return set(parts.values_list("service__name", flat=True))


def _service_name(change: Change) -> str:
    service = change.repository.service
    return service.name if service else change.repository.key
