"""From runs, deployments, checks and flags to the evidence rows of stories.

The rows of a story are a function of the facts stored about its services, so deriving them again gives the same rows.
To keep them few, a row is written when something changes for the story: the first run that contains a commit, the
deployment that brings or takes away some of its commits, the check that passes or fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from portal.kernel.identity import identity
from releases.deployments.models import AcceptanceRun, Deployment
from releases.flags.models import FlagState
from releases.pipelines.models import Mainline, Repository, Run, StoryLink
from releases.planning.containment import Commit, Containment
from releases.planning.models import Tag
from squads.models import Evidence, Story

MAINLINES = {"", "main", "master", "trunk"}
VERDICTS = {"success": "success", "failure": "failure", "error": "failure"}
DAY = timedelta(days=1)


@dataclass(slots=True)
class Linked:
    """A change of a story."""

    commit: Commit
    service: str
    rule: str
    subject: str
    url: str
    event: Any
    at: datetime


@dataclass(slots=True)
class Put:
    """A successful, healthy deployment."""

    id: Any
    environment: str
    tier: str
    kind: str
    sha: str
    token: str
    label: str
    at: datetime
    url: str
    event: Any


@dataclass(slots=True)
class Ground:
    """All that is known about one service, for many stories."""

    name: str
    containment: Containment
    runs: list[Any] = field(default_factory=list)
    puts: dict[str, list[Put]] = field(default_factory=dict)
    checks: list[Any] = field(default_factory=list)
    first_seen: dict[str, datetime] = field(default_factory=dict)

    def contains(self, put_sha: str, token: str, change: Linked) -> bool | None:
        """Say whether what a deployment carries contains a change, using time where the graph is silent."""
        known = self.containment.contains(put_sha, change.commit)
        if known is None and token and self.first_seen.get(token, change.at) < change.at:
            return False
        return known


def rows_for(stories: list[Story]) -> Iterator[Evidence]:
    """Yield the derived evidence rows that these stories should have."""
    links = _links(stories)
    services = {each.service: None for linked in links.values() for each in linked}
    grounds = {ground.name: ground for ground in _grounds(list(services), links)}
    bound = _bound_checks(stories)
    flags = _flags(stories)
    for story in stories:
        by_service: dict[str, list[Linked]] = defaultdict(list)
        for each in links.get(story.pk, ()):
            by_service[each.service].append(each)
            yield _change(story, each)
        for service, changes in by_service.items():
            ground = grounds[service]
            yield from _runs(story, ground, changes)
            yield from _deployments(story, ground, changes)
            yield from _tests(story, ground, changes, bound.get(story.key, ()))
        if not by_service:
            yield from _tests(story, None, [], bound.get(story.key, ()))
        yield from _acceptance(story, bound.get(story.key, ()))
        yield from _flag_rows(story, flags.get(story.flag, ()) if story.flag else ())


def _links(stories: list[Story]) -> dict[int, list[Linked]]:
    found: dict[int, list[Linked]] = defaultdict(list)
    rows = (
        StoryLink.objects.filter(story__in=stories, refused=False, change__repository__isnull=False)
        .values_list(
            "story_id", "rule", "change__sha", "change__repository_id", "change__position", "change__landed",
            "change__known", "change__merged_at", "change__committed_at", "change__subject", "change__url",
            "change__event_id", "change__event__received_at", "change__repository__key",
            "change__repository__service__name",
        )
        .order_by("story_id", "change__sha")
    )  # fmt: skip
    for row in rows:
        commit = Commit(*row[2:9])
        at = commit.merged_at or commit.at or row[12]
        service = row[14] or row[13]
        found[row[0]].append(Linked(commit, service, row[1], row[9], row[10], row[11], at))
    return found


def _grounds(services: list[str], links: dict[int, list[Linked]]) -> Iterator[Ground]:
    for name in services:
        changes = [each for linked in links.values() for each in linked if each.service == name]
        repositories = sorted({each.commit.repository for each in changes})
        repositories = sorted(
            {*repositories, *Repository.objects.filter(service__name=name).values_list("pk", flat=True)}
        )
        runs = _successful_runs(name, repositories, min(each.at for each in changes) - DAY)
        deployments = list(
            Deployment.objects.filter(
                service__name=name, outcome="success", phase="finished", healthy=True, finished_at__isnull=False
            )
            .order_by("finished_at", "id")
            .values_list(
                "id", "environment__name", "environment__tier", "kind", "sha", "artifact__sha", "version",
                "artifact__purl", "finished_at", "url", "event_id",
            )
        )  # fmt: skip
        checks = list(
            AcceptanceRun.objects.filter(
                service__name=name, story_key="", phase="finished", outcome="success",
                environment__tier__in=("testing", "staging"), finished_at__isnull=False,
            )
            .select_related("environment", "artifact")
            .order_by("finished_at", "id")
        )  # fmt: skip
        tags = _versions(repositories, deployments)
        shas = {each.commit.sha for each in changes} | {row["commit"] for row in runs}
        shas |= {row[4] or row[5] or tags.get(row[6], "") for row in deployments}
        shas |= {check.sha or (check.artifact.sha if check.artifact else "") for check in checks}
        ground = Ground(name, Containment(repositories, shas), runs=runs, checks=checks)
        for row in deployments:
            assert row[8] is not None, "only finished deployments were asked for"
            sha = ground.containment.resolve(row[4] or row[5] or tags.get(row[6], ""))
            token = sha or row[7] or row[6] or ""
            label = _label(row[6], sha, row[7])
            if token and row[3] != "removal":
                ground.first_seen.setdefault(token, row[8])
            put = Put(row[0], row[1], row[2], row[3], sha, token, label, row[8], row[9], row[10])
            ground.puts.setdefault(row[1], []).append(put)
        yield ground


def _label(version: str, sha: str, purl: str | None) -> str:
    if version and sha:
        return f"{version} ({sha[:7]})"
    return version or sha[:7] or (purl or "").removeprefix("pkg:")[:100]


def _versions(repositories: list[int], deployments: list[Any]) -> dict[str, str]:
    """Versions that name a tag, for deployments that tell nothing else: 1.2 and v1.2 are the same tag."""
    names = {row[6] for row in deployments if row[6] and not row[4] and not row[5]}
    if not names:
        return {}
    tags = dict(Tag.objects.filter(repository_id__in=repositories).values_list("name", "sha"))
    return {name: tags.get(name) or tags.get(f"v{name}") or "" for name in names}


def _successful_runs(service: str, repositories: list[int], since: datetime) -> list[dict[str, Any]]:
    branches = dict(Mainline.objects.filter(repository_id__in=repositories).values_list("repository_id", "branch"))
    mainlines = MAINLINES | set(branches.values())
    rows = (
        Run.objects.filter(
            Q(repository_id__in=repositories) | Q(service__name=service) | Q(repository=None, service=None),
            outcome="success", phase="finished", finished_at__gte=since,
        )
        .order_by("finished_at", "id")
        .values("id", "sha", "artifact__sha", "branch", "pipeline", "key", "finished_at", "url", "event_id")
    )  # fmt: skip
    return [
        {**row, "commit": row["sha"] or row["artifact__sha"]}
        for row in rows
        if row["branch"].removeprefix("refs/heads/") in mainlines and (row["sha"] or row["artifact__sha"])
    ]


def _bound_checks(stories: list[Story]) -> dict[str, list[AcceptanceRun]]:
    found: dict[str, list[AcceptanceRun]] = defaultdict(list)
    keys = [story.key for story in stories]
    for check in (
        AcceptanceRun.objects.filter(story_key__in=keys, phase="finished", outcome__in=VERDICTS)
        .filter(Q(finished_at__isnull=False) | Q(started_at__isnull=False))
        .select_related("environment", "artifact", "service")
        .order_by("finished_at", "id")
    ):
        found[check.story_key].append(check)
    return found


def _flags(stories: list[Story]) -> dict[str, list[FlagState]]:
    found: dict[str, list[FlagState]] = defaultdict(list)
    names = {story.flag for story in stories if story.flag}
    if names:
        for state in FlagState.objects.filter(flag__in=names, environment__tier="production").select_related(
            "environment"
        ):
            found[state.flag].append(state)
    return found


def _row(story: Story, kind: str, subject: Any, **values: Any) -> Evidence:
    service = values.get("service", "")
    return Evidence(
        id=identity("evidence", story.key, kind, subject, service), story_id=story.pk, kind=kind,
        **{**values, "label": values.get("label", "")[:250], "service": service[:250]},
    )  # fmt: skip


def _change(story: Story, change: Linked) -> Evidence:
    commit = change.commit
    on_mainline = commit.landed is not None or (not commit.known and commit.merged_at is not None)
    return _row(
        story, "change", commit.sha, verdict="success" if on_mainline else "", at=change.at, service=change.service,
        shas=[commit.sha], label=f"{commit.sha[:7]} {change.subject}".strip(), words=change.rule, link=change.url,
        event_id=change.event,
    )  # fmt: skip


def _runs(story: Story, ground: Ground, changes: list[Linked]) -> Iterator[Evidence]:
    covered: set[str] = set()
    for run in ground.runs:
        new = [
            each.commit.sha for each in changes
            if each.commit.sha not in covered and ground.containment.contains(run["commit"], each.commit)
        ]  # fmt: skip
        if new:
            covered.update(new)
            yield _row(
                story, "run", run["id"], verdict="success", at=run["finished_at"], service=ground.name, shas=new,
                label=f"run {run['pipeline'] or run['key']} of {run['commit'][:7]}", link=run["url"],
                event_id=run["event_id"],
            )  # fmt: skip
        if len(covered) == len(changes):
            return


def _contents(ground: Ground, puts: Iterable[Put], changes: list[Linked]) -> Iterator[tuple[Put, frozenset[str], bool]]:
    """Yield each deployment to one environment, the story's commits running there from then on, and whether it went
    back to something that ran there before.

    Where nothing tells what a deployment contains: the same thing as before contains the same; a rollback takes away what
    the deployment before it brought; anything else is taken to keep what was there.
    """
    states: list[frozenset[str]] = [frozenset()]
    by_token: dict[str, frozenset[str]] = {}
    previous = ""
    quick = ground.containment.quick([each.commit for each in changes])
    for put in puts:
        if put.kind == "removal":
            now: frozenset[str] = frozenset()
        else:
            otherwise = by_token.get(put.token)
            if otherwise is None:
                otherwise = states[-2] if put.kind == "rollback" and len(states) > 1 else states[-1]
            known = quick(put.sha)
            now = known if known is not None else frozenset(
                each.commit.sha for each in changes
                if (inside := ground.contains(put.sha, put.token, each)) or (inside is None and each.commit.sha in otherwise)
            )  # fmt: skip
        yield put, now, put.token in by_token and put.token != previous
        if put.token:
            by_token[put.token] = now
        states.append(now)
        previous = put.token


def _deployments(story: Story, ground: Ground, changes: list[Linked]) -> Iterator[Evidence]:
    made = min(each.at for each in changes)
    for puts in ground.puts.values():
        if puts[0].tier != "production":
            continue
        held: frozenset[str] = frozenset()
        wrote = False
        for put, now, again in _contents(ground, puts, changes):
            if now is not held and now != held:
                went_back = put.kind == "deploy" and again and not now >= held
                yield _deployment(story, ground, put, sorted(now), "rollback" if went_back else put.kind)
                wrote = True
            held = now
        if not wrote:
            # It never got here: say what runs instead, by the first deployment that could have brought it.
            without = next((put for put in puts if put.at >= made), puts[-1])
            if without.kind != "removal":
                yield _deployment(story, ground, without, [], without.kind)


def _deployment(story: Story, ground: Ground, put: Put, shas: list[str], words: str) -> Evidence:
    return _row(
        story, "deployment", put.id, verdict="success", at=put.at, service=ground.name, environment=put.environment,
        tier=put.tier, shas=shas, label=put.label, words=words, link=put.url, event_id=put.event,
    )  # fmt: skip


def _check(story: Story, kind: str, check: AcceptanceRun, service: str, shas: list[str]) -> Evidence:
    ended = check.finished_at or check.started_at
    return _row(
        story, kind, check.pk, verdict=VERDICTS[check.outcome], at=ended, started_at=check.started_at or ended,
        service=service, environment=check.environment.name, tier=check.environment.tier, shas=shas,
        label=(check.name or "a check") + (f" by {check.performed_by}" if check.performed_by else ""),
        words=check.words, link=check.url, event_id=check.event_id,
    )  # fmt: skip


def _tests(
    story: Story, ground: Ground | None, changes: list[Linked], bound: Iterable[AcceptanceRun]
) -> Iterator[Evidence]:
    own = [check for check in bound if check.environment.tier in ("testing", "staging")]
    if ground is None:
        for check in own:
            yield _check(story, "test", check, "", [])
        return
    covered: set[str] = set()
    for check in own:
        if check.service and check.service.name != ground.name:
            continue
        shas = _tested_shas(ground, check, changes, bound_to_story=True)
        if check.outcome == "success":
            covered.update(shas)
        yield _check(story, "test", check, ground.name, shas)
    for check in ground.checks:
        new = [sha for sha in _tested_shas(ground, check, changes, bound_to_story=False) if sha not in covered]
        if new:
            covered.update(new)
            yield _check(story, "test", check, ground.name, new)


def _tested_shas(ground: Ground, check: AcceptanceRun, changes: list[Linked], *, bound_to_story: bool) -> list[str]:
    """The story's commits that were inside what a check looked at.

    A check that names its commit or artifact is taken at its word; else it looked at what ran there when it started.
    A check bound to the story where no deployment is known looked at the story: at its commits made by then.
    """
    started = check.started_at or check.finished_at
    assert started is not None
    sha = check.sha or (check.artifact.sha if check.artifact else "")
    if sha:
        return [each.commit.sha for each in changes if ground.containment.contains(sha, each.commit)]
    puts = [put for put in ground.puts.get(check.environment.name, ()) if put.at <= started]
    if puts:
        *_, (_, now, _) = _contents(ground, puts, changes)
        return sorted(now)
    if bound_to_story and check.environment.name not in ground.puts:
        return [each.commit.sha for each in changes if each.at <= started]
    return []


def _acceptance(story: Story, bound: Iterable[AcceptanceRun]) -> Iterator[Evidence]:
    for check in bound:
        if check.environment.tier == "production":
            yield _check(story, "acceptance", check, "", [])


def _flag_rows(story: Story, states: Iterable[FlagState]) -> Iterator[Evidence]:
    for state in states:
        yield _row(
            story, "flag", state.pk, verdict="success" if state.on else "failure", at=state.at,
            environment=state.environment.name, tier="production", label=state.flag, words=state.audience,
            event_id=state.event_id,
        )  # fmt: skip


def stories_with_changes(**where: Any) -> set[int]:
    """Return the ids of stories that have a live link to a change for which `where` holds."""
    return set(
        StoryLink.objects.filter(refused=False, story__isnull=False, **{f"change__{k}": v for k, v in where.items()})
        .annotate(which=F("story_id"))
        .values_list("which", flat=True)
        .distinct()
    )
