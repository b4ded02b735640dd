"""From runs, deployments, checks and flags to the evidence rows of stories.

The rows of a story are a function of the facts stored about its services, so deriving them again gives the same rows.
To keep them few, a row is written when something changes for the story: the first run that contains a commit, the
deployment that brings or takes away some of its commits, the check that passes or fails.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Q

from portal.kernel.stable_ids import stable_id
from releases.deployments.models import AcceptanceRun
from releases.evidence.service_history import DAY, REMOVAL, VERDICTS, Ground, Linked, Put, grounds_of, links_of
from releases.flags.models import FlagState
from squads.models import Evidence, Story


def rows_for(stories: list[Story]) -> Iterator[Evidence]:
    """Yield the derived evidence rows that these stories should have."""
    links = links_of(stories)
    services = {each.service: None for linked in links.values() for each in linked}
    bound = _bound_checks(stories)
    looked_at = {
        check.sha or (check.artifact.sha if check.artifact else "") for some in bound.values() for check in some
    }
    grounds = {ground.name: ground for ground in grounds_of(list(services), links, looked_at)}
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
        yield from _acceptance(story, bound.get(story.key, ()), by_service, grounds)
        yield from _flag_rows(story, flags.get(story.flag, ()) if story.flag else ())


def _bound_checks(stories: list[Story]) -> dict[str, list[AcceptanceRun]]:
    found: dict[str, list[AcceptanceRun]] = defaultdict(list)
    keys = [story.key for story in stories]
    for check in (
        AcceptanceRun.objects.with_verdict()
        .filter(Q(finished_at__isnull=False) | Q(started_at__isnull=False), story_key__in=keys)
        .select_related("environment", "artifact", "service")
        .order_by("finished_at", "id")
    ):
        found[check.story_key].append(check)
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


def _change(story: Story, change: Linked) -> Evidence:
    commit = change.commit
    on_mainline = commit.landed is not None or (not commit.known and commit.merged_at is not None)
    return _row(
        story,
        "change",
        commit.sha,
        verdict="success" if on_mainline else "",
        at=change.at,
        service=change.service,
        shas=[commit.sha],
        label=f"{commit.sha[:7]} {change.subject}".strip(),
        detail=change.rule,
        link=change.url,
        event_id=change.event,
    )


def _runs(story: Story, ground: Ground, changes: list[Linked]) -> Iterator[Evidence]:
    covered: set[str] = set()
    for run in ground.runs:
        # Clocks differ; but what ran a day before anybody heard of a commit did not run it.
        new = [
            each.commit.sha
            for each in changes
            if each.commit.sha not in covered
            and run["finished_at"] >= each.heard_at - DAY
            and ground.containment.contains(run["commit"], each.commit)
        ]
        if new:
            covered.update(new)
            yield _row(
                story,
                "run",
                run["id"],
                verdict="success",
                at=run["finished_at"],
                service=ground.name,
                shas=new,
                label=f"run {run['pipeline'] or run['key']} of {run['commit'][:7]}",
                link=run["url"],
                event_id=run["event_id"],
            )
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
        if put.kind == REMOVAL:
            now: frozenset[str] = frozenset()
        else:
            otherwise = by_token.get(put.token)
            if otherwise is None:
                otherwise = states[-2] if put.kind == "rollback" and len(states) > 1 else states[-1]
            known = quick(put.sha)
            now = (
                known
                if known is not None
                else frozenset(
                    each.commit.sha
                    for each in changes
                    if (inside := ground.contains(put.sha, put.token, each))
                    or (inside is None and each.commit.sha in otherwise)
                )
            )
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
        if not wrote and puts[-1].kind != REMOVAL:
            # It never got here: say what runs instead, by the first deployment that could have brought it.
            later = (put for put in puts if put.at >= made and put.kind != REMOVAL)
            without = next(later, puts[-1])
            yield _deployment(story, ground, without, [], without.kind)


def _deployment(story: Story, ground: Ground, put: Put, shas: list[str], words: str) -> Evidence:
    return _row(
        story,
        "deployment",
        put.id,
        verdict="success",
        at=put.at,
        service=ground.name,
        environment=put.environment,
        tier=put.tier,
        shas=shas,
        label=put.label,
        detail=words,
        link=put.url,
        event_id=put.event,
    )


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
        tier=check.environment.tier,
        shas=shas,
        label=(check.name or "a check") + (f" by {check.performed_by}" if check.performed_by else ""),
        detail=check.raw_status,
        link=check.url,
        event_id=check.event_id,
    )


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
    yield from _service_tests(story, ground, changes, covered)


def _service_tests(story: Story, ground: Ground, changes: list[Linked], covered: set[str]) -> Iterator[Evidence]:
    """Yield the checks of a service that test the story: the first that passes, and the same check when it fails again.

    A failed check of other, newer commits says nothing about this story's own.
    """
    passed: dict[tuple[str, str, str], set[str]] = {}
    for check in ground.checks:
        subject = (check.environment.key, check.name, check.sha or (check.artifact.sha if check.artifact else ""))
        shas = set(_tested_shas(ground, check, changes, bound_to_story=False))
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
        yield _check(story, "test", check, ground.name, sorted(new))


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
    puts = [put for put in ground.puts.get(check.environment.key, ()) if put.at <= started]
    if puts:
        *_, (_, now, _) = _contents(ground, puts, changes)
        return sorted(now)
    if bound_to_story and check.environment.key not in ground.puts:
        return [each.commit.sha for each in changes if each.at <= started]
    return []


def _acceptance(
    story: Story, bound: Iterable[AcceptanceRun], by_service: dict[str, list[Linked]], grounds: dict[str, Ground]
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
            if grounds[name].containment.contains(sha, change.commit) is False
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
            tier="production",
            label=state.flag,
            detail=state.audience,
            event_id=state.event_id,
        )
