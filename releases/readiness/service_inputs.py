"""What is known of the services that releases ship: runs of exactly their commits, checks before production, and places.

Which runs count is what the evidence of stories says too (releases/evidence): a run of this commit that doesn't count there
isn't read here.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Greatest, JSONObject

from portal.kernel import clock
from portal.kernel.among import Among, Given
from portal.kernel.one_query import Asked, Together, document, identity, moment, number, text, together, truth
from portal.kernel.versions import spellings
from releases.artifacts.purls import digest_in
from releases.contents.queries import ServiceContent
from releases.deployments.models import AcceptanceRun, Deployment
from releases.deployments.querysets import REMOVAL
from releases.environments.models import judged_tier
from releases.evidence.containment import Containment, spellings_of_shas
from releases.evidence.run_verdicts import attempts
from releases.evidence.service_history import RunsOfService
from releases.gates.facts import CheckFact, PlaceFact, RunFact
from releases.pipelines.models import Change, Repository, RepositoryPart, Run, Tag
from releases.pipelines.relation_lookup import FULL_SHA
from squads.models import Service

SERVICES, SPELLED = Given("services"), Given("spelled")
LONG_AGO = Value(clock.parse("1970-01-02"), DateTimeField())
RUN = {
    "id": identity,
    "repository_id": number,
    "service__name": text,
    "pipeline": text,
    "key": text,
    "sha": text,
    "artifact__sha": text,
    "branch": text,
    "trigger": text,
    "phase": text,
    "outcome": text,
    "started_at": moment,
    "finished_at": moment,
    "url": text,
    "event_id": identity,
    "event__received_at": moment,
}
CHANGE = {
    "sha": text,
    "repository_id": number,
    "position": number,
    "landed": number,
    "known": truth,
    "merged_at": moment,
    "committed_at": moment,
}
PLACE = {
    "service_id": number,
    "environment__key": text,
    "environment__tier": text,
    "environment__tier_confirmed": truth,
    "sha": text,
    "artifact__sha": text,
    "artifact__purl": text,
    "version": text,
    "healthy": truth,
    "unbroken_since": moment,
    "url": text,
}
# Of what ran where a check was made.
THERE = {
    "pk": "pk",
    "kind": "kind",
    "sha": "sha",
    "artifact_sha": "artifact__sha",
    "purl": "artifact__purl",
    "version": "version",
}
CHECK = {
    "service_id": number,
    "name": text,
    "story_key": text,
    "environment__key": text,
    "environment__tier": text,
    "outcome": text,
    "sha": text,
    "artifact__sha": text,
    "artifact__purl": text,
    "finished_at": moment,
    "url": text,
    "ran_at_end": identity,
    "there": document,
}


@dataclass(slots=True)
class ServiceInputs:
    """What is known: runs and missing pipelines by service and commit, checks and places by service."""

    runs: dict[tuple[int, str], tuple[RunFact, ...]] = field(default_factory=dict)
    missing: dict[tuple[int, str], tuple[str, ...]] = field(default_factory=dict)
    checks: dict[int, tuple[CheckFact, ...]] = field(default_factory=dict)
    places: dict[int, tuple[PlaceFact, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Told:
    """The rows, as they were read."""

    runs: list[dict[str, Any]]
    changes: list[tuple[Any, ...]]
    repositories: list[tuple[Any, ...]]
    parts: list[tuple[Any, ...]]
    rules: dict[int, dict[str, str]]
    checks: list[dict[str, Any]]
    places: list[dict[str, Any]]
    # Full shas of short ones, and commits of versions, by repository.
    short: dict[int, dict[str, str]] = field(default_factory=dict)
    tags: dict[int, dict[str, str]] = field(default_factory=dict)

    def repositories_of(self, pk: int, name: str) -> list[int]:
        """Return the repositories of a service: its own, that which is called so, and those that it is a part of."""
        own = {row[0] for row in self.repositories if row[2] == pk or (row[2] is None and row[1] == name)}
        return sorted(own | {repository for repository, service, _ in self.parts if service == pk})


def service_inputs(shipped: Iterable[ServiceContent]) -> ServiceInputs:
    """Read what is known of these services, one or two queries for any number of them."""
    names: dict[int, str] = {}
    shas: dict[int, set[str]] = defaultdict(set)
    purls: set[str] = set()
    for each in shipped:
        names[each.service] = each.name
        if each.sha:
            shas[each.service].add(each.sha)
        if each.purl:
            purls.add(each.purl)
    found = ServiceInputs()
    if not names:
        return found
    told = _read(names, {sha for some in shas.values() for sha in some}, purls)
    _read_names(told, {sha for some in shas.values() for sha in some})
    for pk, name in names.items():
        repositories = told.repositories_of(pk, name)
        containment = Containment(repositories, ())
        short = {key: sha for each in repositories for key, sha in told.short.get(each, {}).items()}
        containment.take((row for row in told.changes if row[1] in repositories), short)
        _add_runs(found, told, containment, pk, name, shas[pk])
        found.places[pk] = tuple(_place(row, told, containment) for row in told.places if row["service_id"] == pk)
        found.checks[pk] = tuple(_check(row, told, containment) for row in told.checks if row["service_id"] == pk)
    return found


def _read(names: dict[int, str], shas: set[str], purls: set[str]) -> _Told:
    runs, changes, repos, folders, rules, checks, places = TOLD.rows(
        services=sorted(names),
        names=sorted(names.values()),
        shas=sorted(shas),
        spelled=spellings_of_shas(shas),
        purls=sorted(purls),
    )
    return _Told(
        [_run(dict(zip(RUN, row, strict=True))) for row in runs],
        changes,
        repos,
        folders,
        {pk: {str(each).casefold(): str(each) for each in some or ()} for pk, some in rules},
        [_with_there(dict(zip(CHECK, row, strict=True))) for row in checks],
        [dict(zip(PLACE, row, strict=True)) for row in places],
    )


def _asked() -> list[Asked]:
    owned, parted = Among(F("service"), SERVICES), Among(F("parts__service"), SERVICES)
    of_ours = Q(owned) | Q(Among(F("key"), Given("names")), service=None) | Q(parted)
    with_ours = Q(Among(F("repository__service"), SERVICES)) | Q(Among(F("repository__parts__service"), SERVICES))
    of_commits = Q(Among(F("sha"), SPELLED)) | Q(Q(sha=""), Among(F("artifact__sha"), SPELLED))
    return [
        Asked(Run.objects.filter(of_commits), RUN),
        Asked(Change.objects.filter(Among(F("sha"), Given("shas"))), CHANGE),
        Asked(
            Repository.objects.filter(of_ours).distinct(),
            {"pk": number, "key": text, "service_id": number, "mainline__branch": text},
        ),
        Asked(
            RepositoryPart.objects.filter(with_ours).distinct(),
            {"repository_id": number, "service_id": number, "service__name": text},
        ),
        Asked(Service.objects.filter(Among(F("pk"), SERVICES)), {"pk": number, "required_pipelines__names": document}),
        Asked(_checks(), CHECK),
        Asked(_places(), PLACE),
    ]


TOLD = Together(_asked)


def _run(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "commit": row["sha"] or row["artifact__sha"]}


def _with_there(row: dict[str, Any]) -> dict[str, Any]:
    there = row["there"] or dict.fromkeys(THERE)
    ran = UUID(there["pk"]) if there["pk"] else None
    return {**row, "ran": ran, **{f"ran_{name}": there[name] for name in THERE if name != "pk"}}


def _places() -> "QuerySet[Deployment]":
    """Return what stands where now, with since when the same has stood there without a break."""
    made = Coalesce(Cast("artifact_id", TextField()), Value("", TextField()))
    here = Deployment.objects.ended_well().filter(service=OuterRef("service"), environment=OuterRef("environment"))
    same = Q(sha=OuterRef("sha"), version=OuterRef("version"), made=OuterRef("made"), healthy=True) & ~Q(kind=REMOVAL)
    others = here.annotate(made=made).filter(~same, finished_at__lt=OuterRef("finished_at"))
    since = here.filter(finished_at__gt=OuterRef("broken_at"), finished_at__lte=OuterRef("finished_at"))
    last_other = Subquery(others.order_by("-finished_at").values("finished_at")[:1])
    emptied = Coalesce(F("environment__emptied_at"), LONG_AGO)
    rows = Deployment.objects.placed(Q(Among(F("service"), SERVICES))).annotate(made=made)
    return rows.annotate(broken_at=Greatest(Coalesce(last_other, LONG_AGO), emptied)).annotate(
        unbroken_since=Subquery(since.order_by("finished_at").values("finished_at")[:1])
    )


def _checks() -> "QuerySet[AcceptanceRun]":
    """Return the ended checks before production of these commits and artifacts, and those that name nothing, from where one
    of these ran; each with what ran there when it began and when it ended."""
    began = Coalesce(OuterRef("started_at"), OuterRef("finished_at"))
    here = Deployment.objects.successful().filter(service=OuterRef("service"), environment=OuterRef("environment"))
    newest = here.filter(finished_at__lte=began).order_by("-finished_at", "-pk")
    at_end = here.filter(finished_at__lte=OuterRef("finished_at")).order_by("-finished_at", "-pk")
    rows = AcceptanceRun.objects.with_verdict().before_production().filter(Among(F("service"), SERVICES))
    rows = rows.filter(finished_at__isnull=False)
    commits = Q(Among(F("sha"), SPELLED)) | Q(Among(F("artifact__sha"), SPELLED))
    ours = commits | Q(Among(F("artifact__purl"), Given("purls")))
    theirs = commits | Q(sha="", artifact=None)
    ran_here = Exists(here.filter(theirs, finished_at__lte=began))
    return rows.filter(ours | (Q(sha="", artifact=None) & Q(ran_here))).annotate(
        ran_at_end=Subquery(at_end.values("pk")[:1]),
        # In one, as PostgreSQL takes longer to plan a look for each of them than to answer it.
        there=Subquery(newest.values(there=JSONObject(**THERE))[:1]),
    )


def _read_names(told: _Told, shas: set[str]) -> None:
    """Read what short shas and versions mean, where something was named by one; no query where nothing was."""
    rows = [*told.checks, *told.places]
    named = {row["commit"] for row in told.runs} | {row["sha"] or row["artifact__sha"] or "" for row in rows}
    named |= {row.get("ran_sha") or row.get("ran_artifact_sha") or "" for row in told.checks}
    short = {each for each in named if len(each) < FULL_SHA and each not in shas} - {""}
    short = {each for each in short if any(sha.startswith(each) for sha in shas)}
    versions = {row["version"] for row in told.places if not (row["sha"] or row["artifact__sha"])}
    versions |= {row["ran_version"] for row in told.checks if not (row["ran_sha"] or row["ran_artifact_sha"])}
    versions -= {"", None}
    if not short and not versions:
        return
    repositories = [row[0] for row in told.repositories]
    begins = Q(pk=None)
    for each in short:
        begins |= Q(sha__startswith=each)
    spelled = {name for version in versions for name in spellings(version)}
    changes, tags = together(
        [
            Asked(Change.objects.filter(begins, repository__in=repositories), {"repository_id": number, "sha": text}),
            Asked(
                Tag.objects.filter(repository__in=repositories, name__in=sorted(spelled)),
                {"repository_id": number, "name": text, "sha": text},
            ),
        ]
    )
    full: dict[tuple[int, str], set[str]] = defaultdict(set)
    for repository, sha in changes:
        for each in short:
            if sha.startswith(each):
                full[repository, each].add(sha)
    for (repository, each), some in full.items():
        # A short sha that fits two commits names neither.
        if len(some) == 1:
            told.short.setdefault(repository, {})[each] = next(iter(some))
    for repository, name, sha in tags:
        told.tags.setdefault(repository, {})[name] = sha


def _add_runs(found: ServiceInputs, told: _Told, containment: Containment, pk: int, name: str, shas: set[str]) -> None:
    repositories = containment.repositories
    branches = [row[3] for row in told.repositories if row[0] in repositories and row[3] is not None]
    others: dict[int, set[str]] = defaultdict(set)
    for repository, _, service in told.parts:
        others[repository].add(service)
    rule = RunsOfService(repositories, name, told.rules.get(pk, {}), branches, others)
    rows = [row for row in told.runs if containment.resolve(row["commit"]) in shas and rule.speaks_of(row)]
    counted = rule.counted(rows, containment, shas)
    outcomes = {row["id"]: row for row in rows}
    for sha in shas:
        own = attempts([run for run in counted if run.commit == sha], rule.required)
        found.runs[pk, sha] = tuple(
            RunFact(
                f"{run.pipeline} ({run.branch})" if run.branch else run.pipeline,
                run.phase,
                run.outcome,
                outcomes[run.id]["started_at"],
                run.ended,
                str(run.id),
                run.url,
            )
            for some in own
            for run in some
        )
        seen = {run.pipeline.casefold() for some in own for run in some}
        found.missing[pk, sha] = tuple(each for key, each in sorted(rule.required.items()) if key not in seen)


def _commit(told: _Told, containment: Containment, sha: str, version: str | None) -> str:
    if sha:
        return containment.resolve(sha)
    tags = {key: each for repository in containment.repositories for key, each in told.tags.get(repository, {}).items()}
    return next((tags[each] for each in spellings(version or "") if each in tags), "") if version else ""


def _place(row: dict[str, Any], told: _Told, containment: Containment) -> PlaceFact:
    return PlaceFact(
        row["environment__key"],
        judged_tier(row["environment__tier"], row["environment__tier_confirmed"]),
        _commit(told, containment, row["sha"] or row["artifact__sha"] or "", row["version"]),
        digest_in(row["artifact__purl"] or ""),
        row["unbroken_since"],
        row["healthy"],
        row["environment__tier_confirmed"],
        row["url"],
    )


def _check(row: dict[str, Any], told: _Told, containment: Containment) -> CheckFact:
    """Return a check with what it checked: what it says itself, else what ran there as long as it took, if one deployment
    tells."""
    sha = containment.resolve(row["sha"] or row["artifact__sha"] or "")
    digest = digest_in(row["artifact__purl"] or "")
    if not digest and row["ran"] is not None and row["ran"] == row["ran_at_end"] and row["ran_kind"] != REMOVAL:
        there = _commit(told, containment, row["ran_sha"] or row["ran_artifact_sha"] or "", row["ran_version"])
        if sha in ("", there):
            sha, digest = there, digest_in(row["ran_purl"] or "")
    name = f"{row['name']} of {row['story_key']}" if row["story_key"] else row["name"]
    return CheckFact(
        name,
        row["environment__key"],
        row["environment__tier"],
        row["outcome"],
        sha,
        digest,
        _ended(row),
        row["url"],
    )


def _ended(row: dict[str, Any]) -> datetime | None:
    return row["finished_at"]  # type: ignore[no-any-return]
