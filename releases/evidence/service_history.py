"""All that is known about one service: its changes, runs, deployments and checks, read for many stories at once."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Length

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from portal.kernel.versions import spellings
from releases.deployments.models import AcceptanceRun, Deployment
from releases.deployments.querysets import REMOVAL as REMOVAL
from releases.deployments.querysets import VERDICTS as VERDICTS
from releases.environments.models import judged_tier
from releases.evidence.containment import Commit, Containment
from releases.evidence.run_verdicts import GREEN, NEVER, PROVING, REPEATING, CountedRun, Verdict, verdicts
from releases.pipelines.models import (
    Change,
    Mainline,
    Repository,
    RepositoryPart,
    RequiredPipelines,
    Run,
    StoryLink,
    Tag,
)
from releases.pipelines.relation_lookup import FULL_SHA, Node
from releases.pipelines.relations import Relatives
from releases.providers import triggers
from releases.providers.commit_relations import calls_itself_a_revert, reverted_subject
from releases.providers.monorepo_paths import services_of
from squads.judge.case import PRODUCTION
from squads.models import Story

MAINLINES = {"", "main", "master", "trunk"}
DAY = timedelta(days=1)
# How GitHub and GitLab call what a request would become. A merge train's is what the mainline does become.
OF_REQUEST = re.compile(r"refs/(pull/|merge-requests/\d+/(?!train$))")


@dataclass(slots=True)
class LinkedChange:
    """A change of a story."""

    commit: Commit
    service: str
    rule: str
    subject: str
    url: str
    event: Any
    at: datetime
    earliest_at: datetime
    # When Rodeo first knew that it belongs to the story.
    heard_at: datetime
    pk: UUID


@dataclass(slots=True)
class PastDeployment:
    """A successful, healthy deployment."""

    id: Any
    environment: str
    tier: str
    kind: str
    sha: str
    version_id: str
    label: str
    at: datetime
    url: str
    event: Any
    # It names a commit that is on nothing that Rodeo reads of the repository.
    is_unread: bool = False


@dataclass(slots=True)
class ServiceHistory:
    """All that is known about one service, for many stories."""

    name: str
    containment: Containment
    verdicts: list[Verdict] = field(default_factory=list)
    deployments: dict[str, list[PastDeployment]] = field(default_factory=dict)
    checks: list[Any] = field(default_factory=list)
    first_seen: dict[str, datetime] = field(default_factory=dict)
    _is_steady: bool | None = None

    @property
    def is_steady(self) -> bool:
        """Whether no commit that was green ever ceased to be."""
        if self._is_steady is None:
            green = [verdict.commit for verdict in self.verdicts if verdict.state == GREEN]
            last = {verdict.commit: verdict.state for verdict in self.verdicts}
            self._is_steady = len(set(green)) == len(green) and all(last[commit] == GREEN for commit in green)
        return self._is_steady

    def contains(self, deployed_sha: str, version_id: str, change: LinkedChange) -> bool | None:
        """Say whether what a deployment carries contains a change, using time where the graph is silent."""
        known = self.containment.contains(deployed_sha, change.commit)
        if known is None and version_id and self.first_seen.get(version_id, change.at) < change.at:
            return False
        return known


def linked_changes(stories: list[Story]) -> dict[int, list[LinkedChange]]:
    """Return the changes of these stories, once for each service that a change belongs to."""
    found: dict[int, list[LinkedChange]] = defaultdict(list)
    rows = list(
        StoryLink.objects.asking()
        .filter(story__in=stories, change__repository__isnull=False)
        .annotate(has_paths=Exists(RepositoryPart.objects.filter(repository=OuterRef("change__repository_id"))))
        .values_list(
            "story_id",
            "rule",
            "change__sha",
            "change__repository_id",
            "change__position",
            "change__landed",
            "change__known",
            "change__merged_at",
            "change__committed_at",
            "change__subject",
            "change__url",
            "change__event_id",
            "change__event__received_at",
            "change__repository__key",
            "change__repository__service__name",
            "change_id",
            "has_paths",
            "change__told_at",
            "linked_at",
        )
        .order_by("story_id", "change__sha", "key")
    )
    # A change that names one story by two of its keys belongs to it once.
    rows = list({(row[0], row[15]): row for row in reversed(rows)}.values())[::-1]
    services_of_change = _services_of_changes({row[15]: (row[3], row[14] or row[13]) for row in rows if row[16]})
    for row in rows:
        commit = Commit(*row[2:9])
        at = commit.merged_at or commit.at or row[12]
        # A commit's own clock may be wrong; it was made before anybody told of it.
        earliest_at = min(each for each in (commit.merged_at, commit.at, row[12]) if each is not None)
        heard_at = row[18] or min(each for each in (row[12], row[17]) if each is not None)
        for service in services_of_change.get(row[15], (row[14] or row[13],)):
            found[row[0]].append(
                LinkedChange(commit, service, row[1], row[9], row[10], row[11], at, earliest_at, heard_at, row[15])
            )
    return found


def wanted_changes(linked: list[LinkedChange], relatives: Relatives[UUID]) -> list[LinkedChange]:
    """Return what a story asks for: of commits that are the same change one, and none that only takes others back.

    A commit that takes back a change of this story, or brings it back, asks for nothing new.
    """
    takers = {taker for each in linked for taker in _all_takers(each.pk, relatives)}
    patches = {node.patch for each in linked if (node := relatives.nodes.get(each.pk)) is not None}
    found: dict[tuple[str, UUID], LinkedChange] = {}
    for each in sorted(linked, key=_most_telling):
        if each.pk in takers:
            adds = _is_work_of_its_own(relatives.nodes.get(each.pk), patches)
        else:
            adds = not (relatives.are_alone(each.pk) and _takes_back_by_name(each))
        if adds:
            found.setdefault((each.service, min(relatives.alike(each.pk))), each)
    return sorted(found.values(), key=lambda each: (each.commit.sha, each.service))


def _is_work_of_its_own(node: Node | None, patches: set[str]) -> bool:
    """Say whether a commit that takes another one of its story back does more: that is known by its contents alone, and
    only where its subject speaks of something else."""
    return (
        node is not None and bool(node.patch) and node.undoes not in patches and not calls_itself_a_revert(node.subject)
    )


def _most_telling(each: LinkedChange) -> tuple[bool, int, datetime, str]:
    """Sort the commit that reached the mainline first before those that repeat it elsewhere."""
    commit = each.commit
    return commit.landed is None, commit.landed or 0, each.at, commit.sha


def _all_takers(change: UUID, relatives: Relatives[UUID]) -> set[UUID]:
    """Return what takes a commit back, what takes that back, and so on."""
    found: set[UUID] = set()
    todo = [change]
    while todo:
        fresh = relatives.takers(todo.pop()) - found
        found |= fresh
        todo += fresh
    return found - relatives.alike(change)


def _takes_back_by_name(each: LinkedChange) -> bool:
    """Say whether a commit calls itself the revert of another that is not known: it names the story, but adds nothing."""
    return bool(reverted_subject(each.subject)) and each.rule != StoryLink.Rule.PERSON


def _services_of_changes(changes: dict[Any, tuple[int, str]]) -> dict[Any, list[str]]:
    """Return the services that changes of repositories with parts belong to, given (repository, its own service)."""
    if not changes:
        return {}
    parts: dict[int, dict[str, str]] = defaultdict(dict)
    rows = RepositoryPart.objects.filter(repository__in={repository for repository, _ in changes.values()})
    for repository, prefix, service in rows.values_list("repository_id", "prefix", "service__name"):
        parts[repository][prefix] = service
    found: dict[Any, list[str]] = {}
    ids = sorted(changes)
    for start in range(0, len(ids), 500):
        some = Change.objects.filter(pk__in=ids[start : start + 500])
        for pk, paths, depth, told in some.values_list("pk", "paths", "depth", "told_paths"):
            repository, own = changes[pk]
            # Git knows every folder; a system that tells may leave some out.
            found[pk] = services_of(paths if depth else told, parts[repository], own)
    return found


def repositories_of(service: str) -> list[int]:
    """Return the ids of a service's repositories, those it is a part of included; one that nobody claimed makes the service
    it is called like."""
    parts = RepositoryPart.objects.filter(service__name=service).values("repository")
    own = Q(service__name=service) | Q(service=None, key=service) | Q(pk__in=parts)
    return list(Repository.objects.filter(own).order_by("pk").values_list("pk", flat=True))


def counted_deployments() -> "QuerySet[Deployment]":
    """Return the deployments that put something somewhere, in their order of time."""
    return Deployment.objects.successful().order_by("finished_at", "id")


def required_pipelines(service: str) -> dict[str, str]:
    """Return the pipelines that a service's rule names, by their names in lower case; none where it has no rule."""
    names = RequiredPipelines.objects.filter(service__name=service).values_list("names", flat=True).first()
    return {str(name).casefold(): str(name) for name in names or ()}


@dataclass(slots=True)
class RunsOfService:
    """Which runs speak of a service: of the commits on its repositories' mainlines, and of those it ships."""

    repositories: list[int]
    service: str
    # The service's rule, and the branches of the mainlines that were seen.
    required: dict[str, str] = field(default_factory=dict)
    branches: list[str] = field(default_factory=list)
    # Names of the services that have a folder of one of the repositories, for `speaks_of`.
    parts: Mapping[int, Collection[str]] = field(default_factory=dict)
    mainlines: set[str] = field(init=False)
    unproving: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        unproving = tuple(name for name in triggers.TRIGGERS if name not in (*PROVING, *REPEATING))
        self.unproving = NEVER if self.required else unproving
        names = {name for name in self.branches if name}
        # Where every mainline was seen, its name is known; elsewhere the usual names are taken at their word.
        usual = set() if names and len(self.branches) == len(self.repositories) else MAINLINES - {""}
        self.mainlines = names | usual

    @classmethod
    def read(cls, repositories: list[int], service: str) -> Self:
        """Return those of a service, with its rule and mainlines as they are in the database."""
        known = Mainline.objects.filter(repository_id__in=repositories)
        return cls(repositories, service, required_pipelines(service), list(known.values_list("branch", flat=True)))

    def rows(self) -> "QuerySet[Run]":
        """Return the runs that may count, whatever became of them; `counts` says which of them do.

        A run that names neither repository nor service may be of any: its commit tells. One that names the service of
        another part of its repository is that one's alone.
        """
        ids = self.repositories
        here = Q(repository_id__in=ids) | Q(service__name=self.service) | Q(repository=None, service=None)
        # Of a commit beside the mainline, whether it is shipped decides: `counts` knows.
        known = Change.objects.filter(repository_id__in=ids, sha=OuterRef("sha"), known=True)
        others = RepositoryPart.objects.filter(repository=OuterRef("repository_id"), service=OuterRef("service_id"))
        names = ["", *self.mainlines, *(f"refs/heads/{name}" for name in self.mainlines)]
        built = (
            Q(branch__in=names)
            | Q(trigger__in=(triggers.MERGE_QUEUE, triggers.TAG))
            # A short one may be that of a commit on the mainline; of one without, the artifact may tell.
            | Q(length__lt=FULL_SHA)
            | Exists(known)
        )
        runs = Run.objects.annotate(length=Length("sha")).filter(here, built).exclude(trigger__in=self.unproving)
        return runs.exclude(Exists(others.exclude(service__name=self.service)))

    def speaks_of(self, row: Mapping[str, Any]) -> bool:
        """Say of a run that was read for several services at once whether it may be of this one, as `rows` has it.

        What `rows` asks of the branch besides is asked again by `counts`.
        """
        repository, service = row["repository_id"], row["service__name"]
        here = repository in self.repositories or service == self.service or (repository is None and service is None)
        is_others = service != self.service and service in self.parts.get(repository, ())
        return here and not is_others and row["trigger"] not in self.unproving

    def counts(self, row: dict[str, Any], containment: Containment, shipped: Collection[str] = ()) -> bool:
        """Say whether a run is of a commit that is on the mainline, becomes it, or is shipped; no branch's name makes it so.

        Of a commit that git does not know, and of one that the mainline has lost, the branch is all that tells.
        """
        branch = row["branch"].removeprefix("refs/heads/")
        if ":" in branch or OF_REQUEST.match(branch):
            return False
        sha = containment.resolve(row["commit"])
        commit = containment.commits.get(sha)
        if commit is not None and commit.position is not None:
            return True
        if commit is not None and commit.known:
            return branch in self.mainlines or sha in shipped
        return branch in ("", *self.mainlines) or row["trigger"] in (triggers.MERGE_QUEUE, triggers.TAG)

    def counted(
        self, rows: list[dict[str, Any]], containment: Containment, shipped: Collection[str] = ()
    ) -> list[CountedRun]:
        """Return those of the rows that count, with their full commits."""
        return [
            CountedRun(
                row["id"],
                containment.resolve(row["commit"]),
                row["pipeline"],
                row["trigger"],
                row["phase"],
                row["outcome"],
                row["started_at"] or (row["event__received_at"] if row["finished_at"] is None else None),
                row["finished_at"],
                f"run {row['pipeline'] or row['key']} of {row['commit'][:7]}",
                row["url"],
                row["event_id"],
                "" if row["branch"].removeprefix("refs/heads/") in ("", *self.mainlines) else row["branch"],
            )
            for row in rows
            if self.counts(row, containment, shipped)
        ]


def run_rows(runs: "QuerySet[Run]") -> list[dict[str, Any]]:
    """Return the columns of runs that `RunsOfService` reads, of those that have a commit."""
    columns = ("id", "sha", "artifact__sha", "pipeline", "branch", "trigger", "phase", "outcome", "key", "started_at")
    found = runs.values(*columns, "finished_at", "url", "event_id", "event__received_at")
    rows = [{**row, "commit": row["sha"] or row["artifact__sha"] or ""} for row in found]
    return [row for row in rows if row["commit"]]


def service_histories(
    services: list[str], links: dict[int, list[LinkedChange]], looked_at: set[str], relatives: Relatives[UUID]
) -> Iterator[ServiceHistory]:
    """Yield what is known about each of these services."""
    for name in services:
        changes = [each for linked in links.values() for each in linked if each.service == name]
        repositories = repositories_of(name)
        since = min(each.earliest_at for each in changes) - DAY
        of_service = RunsOfService.read(repositories, name)
        recent = Q(finished_at__gte=since) | Q(finished_at=None, event__received_at__gte=since)
        runs = run_rows(of_service.rows().filter(recent))
        deployments = list(counted_deployments().filter(service__name=name).values_list(*DEPLOYMENT_COLUMNS))
        checks = list(
            AcceptanceRun.objects.with_verdict()
            .before_production()
            .filter(service__name=name, story_key="", finished_at__isnull=False)
            .select_related("environment", "artifact")
            .order_by("finished_at", "id")
        )
        tags = _versions(repositories, deployments)
        shas = {each.commit.sha for each in changes} | {row["commit"] for row in runs}
        shas |= {row[4] or row[5] or tags.get(row[6], "") for row in deployments}
        shas |= looked_at | {check.sha or (check.artifact.sha if check.artifact else "") for check in checks}
        history = ServiceHistory(name, Containment(repositories, shas, relatives.within(repositories)), checks=checks)
        _add_deployments(history, deployments, tags)
        shipped = {each.sha for some in history.deployments.values() for each in some if each.tier in PRODUCTION}
        history.verdicts = verdicts(of_service.counted(runs, history.containment, shipped), of_service.required)
        yield history


DEPLOYMENT_COLUMNS = (
    "id",
    "environment__key",
    "environment__tier",
    "kind",
    "sha",
    "artifact__sha",
    "version",
    "artifact__purl",
    "finished_at",
    "url",
    "event_id",
    "environment__removals",
    "environment__tier_confirmed",
)


def _add_deployments(history: ServiceHistory, deployments: list[Any], tags: dict[str, str]) -> None:
    """Add what was deployed to each environment. When an environment was deleted, what ran there was removed, even if the
    environment came back since."""
    removed: dict[str, list[list[str | None]]] = {}
    ids = history.containment.repositories
    is_read = bool(ids) and Mainline.objects.filter(repository__in=ids).count() == len(ids)
    for row in deployments:
        key, kind, version, purl, at = row[1], row[3], row[6], row[7], row[8]
        tier = judged_tier(row[2], row[12])
        sha = history.containment.resolve(row[4] or row[5] or tags.get(version, ""))
        version_id = sha or purl or version or ""
        if version_id and kind != REMOVAL:
            history.first_seen.setdefault(version_id, at)
        is_unread = bool(is_read and sha and kind != REMOVAL and not history.containment.knows(sha))
        label = _label(version, sha, purl)
        history.deployments.setdefault(key, []).append(
            PastDeployment(row[0], key, tier, kind, sha, version_id, label, at, row[9], row[10], is_unread)
        )
        if row[11]:
            removed[key] = row[11]
    for key, removals in removed.items():
        own = history.deployments[key]
        ends = [at for gone, _ in removals if (at := clock.parse(gone)) is not None and own[0].at <= at]
        own += [
            PastDeployment(
                stable_id("gone", key, history.name, at.isoformat()),
                key,
                own[0].tier,
                REMOVAL,
                "",
                "",
                key,
                at,
                "",
                None,
            )
            for at in ends
        ]
        own.sort(key=lambda deployment: deployment.at)


def _label(version: str, sha: str, purl: str | None) -> str:
    if version and sha:
        return f"{version} ({sha[:7]})"
    return version or sha[:7] or (purl or "").removeprefix("pkg:")[:100]


def _versions(repositories: list[int], deployments: list[Any]) -> dict[str, str]:
    """Return the commits of versions that name a tag, for deployments that tell nothing else: 1.2 and v1.2 are the same tag."""
    names = {row[6] for row in deployments if row[6] and not row[4] and not row[5]}
    if not names:
        return {}
    tags = dict(Tag.objects.filter(repository_id__in=repositories).values_list("name", "sha"))
    return {name: next((tags[each] for each in spellings(name) if each in tags), "") for name in names}


def stories_with_changes(**where: Any) -> set[int]:
    """Return the ids of stories that have a live link to a change for which `where` holds."""
    return set(
        StoryLink.objects.asking()
        .filter(**{f"change__{k}": v for k, v in where.items()})
        .annotate(which=F("story_id"))
        .values_list("which", flat=True)
        .distinct()
    )
