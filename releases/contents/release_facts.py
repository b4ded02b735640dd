"""All rows that the contents of some releases follow from, in a number of queries that grows with nothing."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BigIntegerField, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast

from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, number, text, together
from portal.kernel.prepared import Prepared
from portal.kernel.versions import spellings
from releases.artifacts.models import Artifact
from releases.artifacts.purls import digest_in, same_artifact
from releases.contents.models import DeployOrder, ReleaseContent, SchemaPatterns
from releases.deployments.models import Deployment
from releases.evidence.containment import spellings_of_shas
from releases.pipelines.models import Change, Repository, RepositoryPart, StoryLink, Tag
from releases.pipelines.relation_lookup import FULL_SHA, SHORTEST_SHA
from releases.planning.models import Release
from releases.providers import schema_files
from squads.judge.case import LOST, REPLACED, RESTORED, REVERTED
from squads.models import Evidence, Service, Story


class ChangeRow(NamedTuple):
    """A change of a release, or of one of its stories."""

    pk: UUID
    sha: str
    repository: int
    release: UUID | None
    is_merge: bool
    known: bool
    position: int | None
    landed: int | None
    merged_at: datetime | None
    at: datetime | None
    patch: str
    undoes: str
    url: str
    folders: list[str]
    depth: int
    told: list[str]
    files: list[str]
    asked: int
    said: str


CHANGE = (
    "pk",
    "sha",
    "repository_id",
    "release_id",
    "is_merge",
    "known",
    "position",
    "landed",
    "merged_at",
    "committed_at",
    "patch",
    "undoes",
    "url",
    "paths",
    "depth",
    "told_paths",
    "files",
    "files_asked",
    "schema_kind",
)
RELEASES, STORY_IDS = Given("releases"), Given("stories")
NAMING = ("path", "kind", "by__first_name", "by__last_name", "by__username")


@dataclass(slots=True)
class RepositoryRow:
    """A repository: the service that owns it, the folders that are services of their own, and its newest mainline commit."""

    pk: int
    key: str
    service: int | None
    # Whether git was read, so that what is on the mainline is known.
    is_read: bool
    head: str
    parts: dict[str, int] = field(default_factory=dict)

    def services(self) -> set[int]:
        """Return the services that are made from it."""
        return {*self.parts.values(), *([self.service] if self.service else [])}


class Wanted(NamedTuple):
    """A change that a story asks for, by the evidence: of which service, and whether something took it back on the mainline:
    for good, and at any time."""

    sha: str
    service: str
    is_reverted: bool
    was_reverted: bool = False


class ArtifactRow(NamedTuple):
    """An artifact and a commit it was made from; what made it names a repository or a service, or neither."""

    purl: str
    sha: str
    repository: int | None
    service: int | None


@dataclass(slots=True)
class ReleaseFacts:
    """The rows that are read."""

    releases: list[UUID]
    stories: dict[UUID, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    wanted: dict[int, list[Wanted]] = field(default_factory=dict)
    changes: dict[UUID, ChangeRow] = field(default_factory=dict)
    names: dict[tuple[UUID, str], tuple[str, str]] = field(default_factory=dict)
    tags: dict[UUID, list[Tag]] = field(default_factory=lambda: defaultdict(list))
    chosen: dict[tuple[UUID, int], ReleaseContent] = field(default_factory=dict)
    repositories: dict[int, RepositoryRow] = field(default_factory=dict)
    services: dict[int, Service] = field(default_factory=dict)
    artifacts: list[ArtifactRow] = field(default_factory=list)
    running: dict[int, list[Deployment]] = field(default_factory=lambda: defaultdict(list))
    order: list[tuple[int, int]] = field(default_factory=list)
    # The full shas of short ones, and the commits of versions that name a tag of a repository.
    full: dict[str, str] = field(default_factory=dict)
    versions: dict[tuple[int, str], str] = field(default_factory=dict)

    def full_sha(self, sha: str) -> str:
        """Return the full sha of a short one where exactly one commit begins so; else what was given."""
        return self.full.get(sha, sha)

    def deployed_commit(self, service: int, deployment: Deployment) -> str:
        """Return the commit that a deployment put somewhere; "" if nothing tells."""
        if sha := _told_commit(deployment):
            return self.full_sha(sha)
        own = [pk for pk, each in self.repositories.items() if service in each.services()]
        names = spellings(deployment.version) if deployment.version else ()
        found = {self.versions[pk, name] for pk in own for name in names if (pk, name) in self.versions}
        return found.pop() if len(found) == 1 else ""

    def has_own_patterns(self, service: int) -> bool:
        """Say whether a service has patterns of its own, beside those of the company."""
        return self.services[service].own_patterns is not None  # type: ignore[attr-defined]

    def patterns(self, service: int) -> tuple[list[str], int]:
        """Return the patterns of a service's schema changes, and by how many git must have been asked to know them."""
        row: Any = self.services[service]
        if row.own_patterns is not None:
            return row.own_patterns, row.own_asked
        if row.company_patterns is not None:
            return row.company_patterns, row.company_asked
        return list(schema_files.DEFAULT), len(schema_files.wanted(schema_files.DEFAULT))


def _told_commit(deployment: Deployment) -> str:
    return deployment.sha or (deployment.artifact.sha if deployment.artifact else "")


def facts_of(releases: Iterable[Release]) -> ReleaseFacts:
    """Read all about these releases, in ten queries."""
    facts = ReleaseFacts([release.pk for release in releases])
    if not facts.releases:
        return facts
    _read_stories(facts)
    _read_evidence(facts)
    _read_changes(facts)
    for tag in Tag.objects.filter(release__in=facts.releases).order_by("-tagged_at", "name", "pk"):
        facts.tags[tag.release_id].append(tag)
    for row in ReleaseContent.objects.filter(release__in=facts.releases).select_related("by"):
        facts.chosen[row.release_id, row.service_id] = row
    _read_repositories(facts)
    _read_services(facts)
    return facts


def _read_stories(facts: ReleaseFacts) -> None:
    """Read the stories that are planned for the releases, or named by their changes."""
    for release, story, key in STORIES.rows(releases=facts.releases):
        facts.stories[release][story] = key


def _stories() -> "QuerySet[Any, Any]":
    planned = Story.objects.not_ended().filter(Among(F("release"), RELEASES))
    named = StoryLink.objects.asking().filter(Among(F("change__release"), RELEASES), story__ending="")
    rows = planned.order_by().values_list("release_id", "pk", "key")
    return rows.union(named.order_by().values_list("change__release_id", "story_id", "story__key"))


STORIES = Prepared(_stories)


def _ids(facts: ReleaseFacts) -> set[int]:
    return {story for some in facts.stories.values() for story in some}


def _read_evidence(facts: ReleaseFacts) -> None:
    """Read which changes the stories ask for, as their evidence has it: repeats and reverts are not asked for."""
    wanted: dict[int, dict[tuple[str, str], Wanted]] = defaultdict(dict)
    for story, kind, service, shas, detail in EVIDENCE.rows(stories=_ids(facts)):
        own = wanted[story]
        for sha in shas:
            if kind == "change":
                own[service, sha] = Wanted(sha, service, is_reverted=False)
            elif detail in (REPLACED, LOST):
                own.pop((service, sha), None)
            elif (service, sha) in own and detail in (REVERTED, RESTORED):
                own[service, sha] = Wanted(sha, service, is_reverted=detail == REVERTED, was_reverted=True)
    facts.wanted = {story: sorted(some.values()) for story, some in wanted.items()}


def _evidence() -> "QuerySet[Any, Any]":
    rows = Evidence.objects.filter(Among(F("story"), STORY_IDS), kind__in=("change", "revert"), by_hand=False)
    return rows.order_by("at", "id").values_list("story_id", "kind", "service", "shas", "detail")


EVIDENCE = Prepared(_evidence)


def _read_changes(facts: ReleaseFacts) -> None:
    take_changes(facts, CHANGES.rows(releases=facts.releases, stories=_ids(facts)), facts.changes)


def _changes() -> "QuerySet[Any, Any]":
    links = StoryLink.objects.asking().filter(Among(F("story"), STORY_IDS)).values("change")
    return columns_of(Change.objects.filter(Q(Among(F("release"), RELEASES)) | Q(pk__in=links)))


CHANGES = Prepared(_changes)


def columns_of(rows: "QuerySet[Change]") -> "QuerySet[Any, Any]":
    """Return these changes as `take_changes` takes them: with what people called the files of the schema that they touch."""
    return rows.order_by("sha", "pk").values_list(*CHANGE, *(f"schema_namings__{name}" for name in NAMING))


def take_changes(facts: ReleaseFacts, rows: Iterable[tuple[Any, ...]], into: dict[UUID, ChangeRow]) -> None:
    """Note these changes, each once, and what people called their files."""
    for *row, path, kind, first, last, username in rows:
        change = into.setdefault(row[0], ChangeRow(*row))
        if path:
            facts.names[change.pk, path] = kind, f"{first} {last}".strip() or username


def _read_repositories(facts: ReleaseFacts) -> None:
    """Read the repositories of the changes and tags, and those of the services that people chose something of."""
    ids = {change.repository for change in facts.changes.values()}
    ids |= {tag.repository_id for tags in facts.tags.values() for tag in tags}
    services = {service for _, service in facts.chosen}
    rows = REPOSITORIES.rows(ids=ids, services=services)
    for pk, key, service, head, newest, prefix, part in rows:
        found = facts.repositories.setdefault(
            pk, RepositoryRow(pk, key, service, head is not None, newest or "" if head is None else head)
        )
        if prefix:
            found.parts[prefix] = part


def _repositories() -> "QuerySet[Any, Any]":
    chosen = Given("services")
    parted = RepositoryPart.objects.filter(Among(F("service"), chosen)).values("repository")
    rows = Repository.objects.filter(
        Q(Among(F("pk"), Given("ids"))) | Q(Among(F("service"), chosen)) | Q(pk__in=parted)
    )
    merged = Change.objects.filter(repository=OuterRef("pk"), merged_at__isnull=False).order_by("-merged_at", "sha")
    columns = ("pk", "key", "service_id", "mainline__head", "newest", "parts__prefix", "parts__service_id")
    newest = Subquery(merged.values("sha")[:1])
    return rows.annotate(newest=newest).order_by("pk", "parts__prefix").values_list(*columns)


REPOSITORIES = Prepared(_repositories)


def _read_services(facts: ReleaseFacts) -> None:
    ids = {service for _, service in facts.chosen}
    ids |= {service for each in facts.repositories.values() for service in each.services()}
    company = SchemaPatterns.objects.filter(service=None).order_by("pk")
    rows = Service.objects.filter(pk__in=ids).select_related("squad")
    for service in rows.annotate(
        own_patterns=F("schema_patterns__patterns"),
        own_asked=F("schema_patterns__asked"),
        company_patterns=Subquery(company.values("patterns")[:1]),
        company_asked=Subquery(company.values("asked")[:1]),
    ):
        facts.services[service.pk] = service


def read_artifacts(facts: ReleaseFacts, shas: set[str], chosen: set[str]) -> None:
    """Read the artifacts made from these commits, where those that people chose come from, what runs of the services now, and
    their order."""
    rows = _artifact_rows(shas, chosen)
    running = Deployment.objects.running(Q(Among(F("service"), facts.services)))
    for deployment in running.select_related("environment", "artifact").order_by("environment__order", "pk"):
        facts.running[deployment.service_id].append(deployment)
    facts.order = list(DeployOrder.objects.order_by("pk").values_list("first_id", "then_id"))
    _read_names(facts, {row.sha for row in rows})
    facts.artifacts = sorted({row._replace(sha=facts.full_sha(row.sha)) for row in rows}, key=str)


def _artifact_rows(shas: set[str], chosen: set[str]) -> list[ArtifactRow]:
    if not shas and not chosen:
        return []
    digests = {digest_in(purl) for purl in chosen} - {""}
    rows = ARTIFACTS.rows(shas=spellings_of_shas(shas), purls=chosen, digests=digests)
    # What only mentions an artifact tells no commit.
    return [ArtifactRow(*row) for row in rows if row[1]]


def commits_of_artifact(purl: str) -> list[str]:
    """Return the commits that an artifact, or one with its digest, was made from, by what made or deployed it."""
    rows = _artifact_rows(set(), {purl})
    return sorted({row.sha for row in rows if same_artifact(row.purl, purl)})


def _artifacts() -> "QuerySet[Any, Any]":
    """The artifacts of these commits, however their shas are spelled, and those that may be the same as a chosen one."""
    # PostgreSQL takes two bare nulls of a union for text.
    none = Cast(Value(None), BigIntegerField())
    same = Q(Among(F("purl"), Given("purls"))) | Q(Among(F("digest"), Given("digests")))
    own = {"of": F("sha"), "repo": F("repository_id"), "whose": none}
    ran = {"of": F("runs__sha"), "repo": F("runs__repository_id"), "whose": F("runs__service_id")}
    deployed = {"of": F("deployments__sha"), "repo": none, "whose": F("deployments__service_id")}
    parts = [
        Artifact.objects.filter(where).annotate(**columns).order_by().values_list("purl", *columns)
        for columns, of in ((own, F("sha")), (ran, F("runs__sha")), (deployed, F("deployments__sha")))
        for where in (Among(of, Given("shas")), same)
    ]
    return parts[0].union(*parts[1:])


ARTIFACTS = Prepared(_artifacts)


def _read_names(facts: ReleaseFacts, shas: set[str]) -> None:
    """Read which commits short shas and versions mean, where something is named by one; no query where nothing is."""
    versions = set()
    for deployment in (each for some in facts.running.values() for each in some):
        if sha := _told_commit(deployment):
            shas = shas | {sha}
        elif deployment.version:
            versions.add(deployment.version)
    short = {each for each in shas if SHORTEST_SHA <= len(each) < FULL_SHA}
    if not short and not versions:
        return
    begins = Q(pk=None)
    for each in sorted(short):
        begins |= Q(sha__startswith=each)
    spelled = {name for version in versions for name in spellings(version)}
    here = {"repository__in": sorted(facts.repositories)}
    columns = {"repository_id": number, "name": text, "sha": text}
    changes, tags = together(
        [
            Asked(Change.objects.filter(begins, **here), {"repository_id": number, "sha": text}),
            Asked(Tag.objects.filter(name__in=sorted(spelled), **here), columns),
        ]
    )
    begun: dict[str, set[str]] = defaultdict(set)
    for _, sha in changes:
        for each in short:
            if sha.startswith(each):
                begun[each].add(sha)
    # A short sha that fits two commits names neither.
    facts.full = {each: some.pop() for each, some in begun.items() if len(some) == 1}
    facts.versions = {(repository, name): sha for repository, name, sha in tags}
