"""From runs, deployments, checks and flags to the evidence rows of stories.

The rows of a story are a function of the facts stored about its services, so deriving them again gives the same rows.
To keep them few, a row is written when something changes for the story: the first run that contains a commit, the
deployment that brings or takes away some of its commits, the check that passes or fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import Q

from portal.kernel.stable_ids import stable_id
from releases.attributions.models import Attribution
from releases.deployments.models import AcceptanceRun
from releases.evidence.reworks import Rework, is_on_mainline, reworks, taken_back_by
from releases.evidence.run_verdicts import GREEN, Verdict
from releases.evidence.service_history import (
    DAY,
    REMOVAL,
    VERDICTS,
    LinkedChange,
    PastDeployment,
    ServiceHistory,
    linked_changes,
    service_histories,
    wanted_changes,
)
from releases.flags.models import FlagState
from releases.incidents.models import Incident
from releases.pipelines.relations import relatives_of
from squads.judge.case import PRODUCTION, RESTORED, REVERTED, REWRITTEN, UNREAD
from squads.models import Evidence, Story


def rows_for(stories: list[Story]) -> Iterator[Evidence]:
    """Yield the derived evidence rows that these stories should have."""
    links = linked_changes(stories)
    relatives = relatives_of({each.pk for linked in links.values() for each in linked})
    own = {story: {each.commit.sha for each in linked} for story, linked in links.items()}
    links = {story: wanted_changes(linked, relatives) for story, linked in links.items()}
    services = {each.service: None for linked in links.values() for each in linked}
    bound = _bound_checks(stories)
    looked_at = {
        check.sha or (check.artifact.sha if check.artifact else "") for some in bound.values() for check in some
    }
    histories = {history.name: history for history in service_histories(list(services), links, looked_at, relatives)}
    flags = _flags(stories)
    attributed = _attributed(histories)
    for story in stories:
        by_service: dict[str, list[LinkedChange]] = defaultdict(list)
        for each in links.get(story.pk, ()):
            by_service[each.service].append(each)
            yield _change(story, histories[each.service], each)
        for service, changes in by_service.items():
            history = histories[service]
            yield from (_rework(story, each) for each in reworks(history, changes, own[story.pk]))
            yield from _runs(story, history, changes)
            yield from _deployments(story, history, changes)
            yield from _incidents(story, history, changes, attributed)
            yield from _tests(story, history, changes, bound.get(story.key, ()))
        if not by_service:
            yield from _tests(story, None, [], bound.get(story.key, ()))
        yield from _acceptance(story, bound.get(story.key, ()), by_service, histories)
        yield from _flag_rows(story, flags.get(story.flag, ()) if story.flag else ())


def _bound_checks(stories: list[Story]) -> dict[str, list[AcceptanceRun]]:
    found: dict[str, list[AcceptanceRun]] = defaultdict(list)
    keys, own = Story.objects.keys_of(stories), {story.pk: story.key for story in stories}
    for check in (
        AcceptanceRun.objects.with_verdict()
        .filter(Q(finished_at__isnull=False) | Q(started_at__isnull=False), story_key__in=list(keys))
        .select_related("environment", "artifact", "service")
        .order_by("finished_at", "id")
    ):
        found[own[keys[check.story_key]]].append(check)
    return found


def _flags(stories: list[Story]) -> dict[str, list[FlagState]]:
    found: dict[str, list[FlagState]] = defaultdict(list)
    names = {story.flag for story in stories if story.flag}
    if names:
        for state in FlagState.objects.in_production().filter(flag__in=names).select_related("environment"):
            found[state.flag].append(state)
    return found


def _row(story: Story, kind: str, subject: Any, **values: Any) -> Evidence:
    service = values.get("service", "")
    return Evidence(
        id=stable_id("evidence", story.key, kind, subject, service),
        story_id=story.pk,
        kind=kind,
        **{**values, "label": values.get("label", "")[:250], "service": service[:250]},
    )


def _change(story: Story, history: ServiceHistory, change: LinkedChange) -> Evidence:
    commit = change.commit
    return _row(
        story,
        "change",
        commit.sha,
        verdict="success" if is_on_mainline(history, commit) else "",
        at=change.at,
        started_at=change.heard_at,
        service=change.service,
        shas=[commit.sha],
        label=f"{commit.sha[:7]} {change.subject}".strip(),
        detail=change.rule,
        link=change.url,
        event_id=change.event,
    )


def _rework(story: Story, rework: Rework) -> Evidence:
    change = rework.change
    return _row(
        story,
        "revert",
        f"{change.commit.sha} {rework.by} {rework.detail}",
        verdict="success" if rework.detail in (RESTORED, REWRITTEN) else "failure",
        at=rework.at,
        service=change.service,
        shas=[change.commit.sha],
        label=rework.label,
        detail=rework.detail,
        event_id=rework.event,
    )


def _runs(story: Story, history: ServiceHistory, changes: list[LinkedChange]) -> Iterator[Evidence]:
    """Yield the green commits that integrate the story's changes, those that ceased to be green when no other was; and, for
    changes that no green commit contains, what is said of the newest commit that does."""
    holders: dict[str, set[str]] = {each.commit.sha: set() for each in changes}
    quick = history.containment.quick([each.commit for each in changes])
    wanted = changes
    found: dict[Any, tuple[Verdict, dict[str, None]]] = {}
    for verdict in history.verdicts:
        if verdict.state == GREEN:
            inside = _inside(history, verdict, wanted, quick(verdict.commit))
            new = [sha for sha in inside if not holders[sha]]
            for sha in inside:
                holders[sha].add(verdict.commit)
        else:
            new = [sha for sha, green in holders.items() if green == {verdict.commit}]
            for green in holders.values():
                green.discard(verdict.commit)
        if new:
            found[verdict.run.id] = verdict, dict.fromkeys(new)
            if history.is_steady:
                # While nothing ever ceased to be green, the first that contains a commit is enough.
                wanted = [each for each in wanted if not holders[each.commit.sha]]
        if not wanted:
            break
    lacking = [each for each in changes if not holders[each.commit.sha]]
    if lacking and (newest := _newest_not_green(history, lacking)) is not None:
        verdict, inside = newest
        found.setdefault(verdict.run.id, (verdict, {}))[1].update(dict.fromkeys(inside))
    for verdict, shas in found.values():
        yield _run(story, history, verdict, list(shas))


def _newest_not_green(history: ServiceHistory, changes: list[LinkedChange]) -> tuple[Verdict, list[str]] | None:
    """Return what was said last of a commit with some of these changes that is not green, and those changes."""
    now = {verdict.commit: verdict for verdict in history.verdicts}
    for verdict in sorted(now.values(), key=lambda each: (each.at, each.run.id), reverse=True):
        if verdict.state != GREEN and (inside := _inside(history, verdict, changes)):
            return verdict, inside
    return None


def _inside(
    history: ServiceHistory, verdict: Verdict, changes: list[LinkedChange], held: frozenset[str] | None = None
) -> list[str]:
    """Return the changes in the commit of a verdict; `held` are those that its history has, if that is known already.

    Clocks differ; but what ran a day before anybody heard of a commit did not run it.
    """
    if held is None:
        contains = history.containment.contains
        return [
            each.commit.sha
            for each in changes
            if verdict.at >= each.earliest_at - DAY and contains(verdict.commit, each.commit)
        ]
    return [each.commit.sha for each in changes if each.commit.sha in held and verdict.at >= each.earliest_at - DAY]


def _run(story: Story, history: ServiceHistory, verdict: Verdict, shas: list[str]) -> Evidence:
    return _row(
        story,
        "run",
        verdict.run.id,
        verdict=verdict.state,
        at=verdict.at,
        service=history.name,
        shas=shas,
        label=verdict.run.label,
        detail=verdict.words[:250],
        link=verdict.run.url,
        event_id=verdict.run.event,
    )


def _contents(
    history: ServiceHistory, deployments: Iterable[PastDeployment], changes: list[LinkedChange]
) -> Iterator[tuple[PastDeployment, frozenset[str], bool]]:
    """Yield each deployment to one environment, the story's commits running there from then on, and whether it went
    back to something that ran there before.

    Where nothing tells what a deployment contains: the same thing as before contains the same; a rollback takes away what
    the deployment before it brought; anything else is taken to keep what was there.
    """
    states: list[frozenset[str]] = [frozenset()]
    by_version: dict[str, frozenset[str]] = {}
    previous = ""
    quick = history.containment.quick([each.commit for each in changes])
    for deployment in deployments:
        if deployment.kind == REMOVAL:
            now: frozenset[str] = frozenset()
        else:
            otherwise = by_version.get(deployment.version_id)
            if otherwise is None:
                otherwise = states[-2] if deployment.kind == "rollback" and len(states) > 1 else states[-1]
            known = quick(deployment.sha)
            now = (
                known
                if known is not None
                else frozenset(
                    each.commit.sha
                    for each in changes
                    if (inside := history.contains(deployment.sha, deployment.version_id, each))
                    or (inside is None and each.commit.sha in otherwise)
                )
            )
        yield deployment, now, deployment.version_id in by_version and deployment.version_id != previous
        if deployment.version_id:
            by_version[deployment.version_id] = now
        states.append(now)
        previous = deployment.version_id


def held_now(history: ServiceHistory, environment: str, changes: list[LinkedChange]) -> frozenset[str]:
    """Return which of a story's commits run in an environment, by its key, since the last deployment there."""
    states = [now for _, now, _ in _contents(history, history.deployments.get(environment, ()), changes)]
    return states[-1] if states else frozenset()


def _deployments(story: Story, history: ServiceHistory, changes: list[LinkedChange]) -> Iterator[Evidence]:
    made = min(each.at for each in changes)
    for deployments in history.deployments.values():
        if deployments[0].tier not in PRODUCTION:
            continue
        held: frozenset[str] = frozenset()
        wrote, removed, newest = False, False, deployments[-1]
        for deployment, now, again in _contents(history, deployments, changes):
            is_unread = deployment is newest and deployment.is_unread and bool(now)
            # What comes back to a place the story was taken off runs there without it, which is another thing than nothing.
            came_back = removed and deployment.kind != REMOVAL
            if is_unread or came_back or (now is not held and now != held):
                words = UNREAD if is_unread else _words_of(history, deployment, held - now, again)
                yield _deployment(story, history, deployment, sorted(now), words)
                wrote, removed = True, deployment.kind == REMOVAL
            held = now
        if not wrote and newest.kind != REMOVAL:
            # It never got here: say what runs instead, by the first deployment that could have brought it.
            later = (each for each in deployments if each.at >= made and each.kind != REMOVAL)
            without = newest if newest.is_unread else next(later, newest)
            yield _deployment(story, history, without, [], UNREAD if without.is_unread else without.kind)


def _words_of(history: ServiceHistory, deployment: PastDeployment, gone: frozenset[str], again: bool) -> str:
    """Return what kind of deployment it is for the story: one that went back, or that brought a revert, is no plain one."""
    if deployment.kind != "deploy" or not gone:
        return deployment.kind
    taker = next(filter(None, (taken_back_by(history, deployment.sha, sha) for sha in sorted(gone))), "")
    if taker:
        return f"{REVERTED} by {taker[:7]}"
    return "rollback" if again else deployment.kind


def _deployment(
    story: Story, history: ServiceHistory, deployment: PastDeployment, shas: list[str], words: str
) -> Evidence:
    return _row(
        story,
        "deployment",
        deployment.id,
        verdict="success",
        at=deployment.at,
        service=history.name,
        environment=deployment.environment,
        tier=deployment.tier,
        shas=shas,
        label=deployment.label,
        detail=words,
        link=deployment.url,
        event_id=deployment.event,
    )


def _attributed(histories: Iterable[str]) -> dict[Any, list[Incident]]:
    """Return the incidents that people said came from deployments of these services, by deployment. One that was merged is the
    one it was merged into; maintenance is none, and none came from what began after it."""
    rows = Attribution.objects.filter(state=Attribution.State.ACCEPTED, deployment__service__name__in=list(histories))
    found: dict[Any, list[Incident]] = defaultdict(list)
    for row in rows.select_related("incident__merged_into", "deployment").order_by("incident__number"):
        if row.came_later:
            continue
        incident, seen = row.incident, set()
        while incident.merged_into is not None and incident.pk not in seen:
            seen.add(incident.pk)
            incident = incident.merged_into
        if not incident.is_maintenance and incident.withdrawn_at is None and incident not in found[row.deployment_id]:
            found[row.deployment_id].append(incident)
    return found


def _incidents(
    story: Story, history: ServiceHistory, changes: list[LinkedChange], attributed: Mapping[Any, list[Incident]]
) -> Iterator[Evidence]:
    """Yield the incidents that came from a deployment to production which brought changes of the story: that each is open, and
    since when it is over."""
    told: set[Any] = set()
    for deployments in history.deployments.values():
        if deployments[0].tier not in PRODUCTION or not any(each.id in attributed for each in deployments):
            continue
        held: frozenset[str] = frozenset()
        for deployment, now, _ in _contents(history, deployments, changes):
            if now - held:
                for incident in attributed.get(deployment.id, ()):
                    if incident.pk not in told:
                        told.add(incident.pk)
                        yield from _incident(story, history, deployment, incident, sorted(now - held))
            held = now


def _incident(
    story: Story, history: ServiceHistory, deployment: PastDeployment, incident: Incident, shas: list[str]
) -> Iterator[Evidence]:
    began = incident.starts_at or incident.created_at
    values = {
        "service": history.name,
        "environment": deployment.environment,
        "tier": deployment.tier,
        "shas": shas,
        "label": str(incident),
        "detail": incident.key,
        "link": incident.get_absolute_url(),
    }
    resolved = incident.resolved_at
    if resolved is None or resolved > began:
        yield _row(story, "incident", f"{incident.pk} open", verdict="failure", at=began, **values)
    if resolved is not None:
        yield _row(story, "incident", f"{incident.pk} resolved", verdict="success", at=resolved, **values)


def _check(story: Story, kind: str, check: AcceptanceRun, service: str, shas: list[str]) -> Evidence:
    ended = check.finished_at or check.started_at
    return _row(
        story,
        kind,
        check.pk,
        verdict=VERDICTS[check.outcome],
        at=ended,
        started_at=check.started_at or ended,
        service=service,
        environment=check.environment.key,
        tier=check.environment.judged_tier,
        shas=shas,
        label=(check.name or "a check") + (f" by {check.performed_by}" if check.performed_by else ""),
        detail=check.raw_status,
        link=check.url,
        event_id=check.event_id,
    )


def _tests(
    story: Story, history: ServiceHistory | None, changes: list[LinkedChange], bound: Iterable[AcceptanceRun]
) -> Iterator[Evidence]:
    own = [check for check in bound if check.environment.tier in ("testing", "staging")]
    if history is None:
        for check in own:
            yield _check(story, "test", check, "", [])
        return
    covered: set[str] = set()
    for check in own:
        if check.service and check.service.name != history.name:
            continue
        shas = _tested_shas(history, check, changes, bound_to_story=True)
        if check.outcome == "success":
            covered.update(shas)
        yield _check(story, "test", check, history.name, shas)
    yield from _service_tests(story, history, changes, covered)


def _service_tests(
    story: Story, history: ServiceHistory, changes: list[LinkedChange], covered: set[str]
) -> Iterator[Evidence]:
    """Yield the checks of a service that test the story: the first that passes, and the same check when it fails again.

    A failed check of other, newer commits says nothing about this story's own.
    """
    passed: dict[tuple[str, str, str], set[str]] = {}
    for check in history.checks:
        subject = (check.environment.key, check.name, check.sha or (check.artifact.sha if check.artifact else ""))
        shas = set(_tested_shas(history, check, changes, bound_to_story=False))
        if check.outcome == "success":
            new = shas - covered
        else:
            new = shas & passed.pop(subject, set())
        if not new:
            continue
        if check.outcome == "success":
            covered |= new
            passed.setdefault(subject, set()).update(new)
        else:
            covered -= new
        yield _check(story, "test", check, history.name, sorted(new))


def _tested_shas(
    history: ServiceHistory, check: AcceptanceRun, changes: list[LinkedChange], *, bound_to_story: bool
) -> list[str]:
    """The story's commits that were inside what a check looked at.

    A check that names its commit or artifact is taken at its word; else it looked at what ran there when it started.
    A check bound to the story where no deployment is known looked at the story: at its commits made by then.
    """
    started = check.started_at or check.finished_at
    assert started is not None
    sha = check.sha or (check.artifact.sha if check.artifact else "")
    if sha:
        return [each.commit.sha for each in changes if history.containment.contains(sha, each.commit)]
    deployments = [
        deployment for deployment in history.deployments.get(check.environment.key, ()) if deployment.at <= started
    ]
    if deployments:
        *_, (_, now, _) = _contents(history, deployments, changes)
        return sorted(now)
    if bound_to_story and check.environment.key not in history.deployments:
        return [each.commit.sha for each in changes if each.at <= started]
    return []


def _acceptance(
    story: Story,
    bound: Iterable[AcceptanceRun],
    by_service: dict[str, list[LinkedChange]],
    histories: dict[str, ServiceHistory],
) -> Iterator[Evidence]:
    """Yield the checks of the story in production. One that says it looked at a commit without the story accepts nothing."""
    for check in bound:
        if check.environment.tier != "production":
            continue
        row = _check(story, "acceptance", check, "", [])
        sha = check.sha or (check.artifact.sha if check.artifact else "")
        service = check.service.name if check.service else ""
        lacking = [
            change.commit.sha
            for name, changes in by_service.items()
            if sha and service in ("", name)
            for change in changes
            if histories[name].containment.contains(sha, change.commit) is False
        ]
        if lacking:
            row.verdict = ""
            row.detail = f"looked at {sha[:7]}, which does not contain {lacking[0][:7]}"
        yield row


def _flag_rows(story: Story, states: Iterable[FlagState]) -> Iterator[Evidence]:
    for state in states:
        yield _row(
            story,
            "flag",
            state.pk,
            verdict="success" if state.on else "failure",
            at=state.at,
            environment=state.environment.key,
            tier=state.environment.judged_tier,
            label=state.flag,
            detail=state.audience,
            event_id=state.event_id,
        )
