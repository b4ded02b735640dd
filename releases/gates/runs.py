"""The gate of CI runs: those that count are green on exactly the commits to be deployed."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import ReleaseFacts, RunFact, ServiceFact
from releases.gates.findings import FAILED, UNKNOWN, WAITING, Blocker, Passed, blocker_of, latest, mark_of
from releases.gates.parameters import NUMBER, Parameter
from releases.gates.stories import Judged

PASSES = Parameter("passes", "Successful runs in a row on the commit", NUMBER, 1, most=20)
# Neither success nor failure: it says nothing about the commit.
SAYS_NOTHING = {"cancelled": "was cancelled", "skipped": "was skipped", "unknown": "ended with a status nobody knows"}
FAILS = {"failure": "failed", "error": "ended in an error", "warning": "ended with warnings"}


def no_services(facts: ReleaseFacts) -> list[Blocker]:
    """Return what blocks every gate about services: none is known to ship, or something ships that belongs to none."""
    if facts.unclaimed:
        return [_unclaimed(facts, repository) for repository in facts.unclaimed]
    if facts.concerned:
        return []
    if facts.asked:
        text = f"{facts.asked} isn’t among the services it ships."
        return [Blocker(UNKNOWN, f"no service {facts.asked}", text, "Check its name.", facts.planner, url=facts.url)]
    text = "Nobody knows which services it ships: no change is linked to its stories."
    remedy = "Mention the stories in commit messages, or choose what it ships."
    return [Blocker(UNKNOWN, "no services", text, remedy, facts.planner, url=facts.url)]


def _unclaimed(facts: ReleaseFacts, repository: str) -> Blocker:
    text = f"It ships changes of {repository}, which belongs to no service."
    changes = mark_of(sha for story in facts.stories for place, sha in story.changes if place == repository)
    key, remedy = f"repository {repository} {changes}", f"Add {repository} to a service."
    return Blocker(UNKNOWN, key, text, remedy, facts.planner, url=facts.url)


def no_commit(service: ServiceFact) -> Blocker:
    """Return what blocks where nobody knows what is to be deployed of a service."""
    text = f"Nobody knows which commit of {service.name} it ships{f': {service.why}' if service.why else '.'}"
    key = f"no commit of {service.name} {mark_of([service.why])}"
    return blocker_of(UNKNOWN, service, key, text, "Choose the commit to be deployed.")


def runs(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """The CI runs that count are green on the commit each service ships."""
    passes = values["passes"] or 1
    blockers, moments, red = no_services(facts), dict[str, datetime | None](), list[Blocker]()
    for service in facts.concerned:
        if service.sha:
            red += _of_service(service, passes, moments)
        else:
            blockers.append(no_commit(service))
    said = f"Green on the commit of {counted(len(facts.concerned), 'service', 'services')}."
    summed = "" if blockers else f"{counted(len(red), 'run isn’t', 'runs aren’t')} green."
    return [*blockers, *red], Passed(said, latest(moments.values()), moments, facts.url), summed


def _of_service(service: ServiceFact, passes: int, moments: dict[str, datetime | None]) -> list[Blocker]:
    """Return what blocks in the runs of a service, and add when each of those that passed ended."""
    short, found = service.sha[:7], []
    for pipeline in service.missing_pipelines:
        text = f"{pipeline} of {service.name} has no run on {short}."
        key = f"run of {pipeline} on {service.name} {service.sha}"
        found.append(blocker_of(UNKNOWN, service, key, text, f"Run {pipeline} on {short}."))
    attempts: dict[str, list[RunFact]] = defaultdict(list)
    for run in service.runs:
        attempts[run.pipeline].append(run)
    if not attempts and not found:
        text, key = f"No run of {service.name} on {short} is known.", f"run on {service.name} {service.sha}"
        found.append(blocker_of(UNKNOWN, service, key, text, f"Run CI on {short}, or connect the system that did."))
    for pipeline, some in sorted(attempts.items()):
        some.sort(key=lambda run: clock.iso(run.started_at or run.finished_at) or "")
        if (blocker := _of_pipeline(service, pipeline, some, passes)) is not None:
            found.append(blocker)
        else:
            moments[f"{pipeline or 'a run'} of {service.name}"] = some[-1].finished_at
    return found


def _of_pipeline(service: ServiceFact, pipeline: str, attempts: list[RunFact], passes: int) -> Blocker | None:
    last, short = attempts[-1], service.sha[:7]
    name = f"{pipeline or 'A run'} of {service.name} on {short}"
    key = f"run {last.id} of {pipeline} on {service.name} {service.sha}"
    when = last.finished_at or last.started_at
    if last.phase != "finished":
        return blocker_of(WAITING, service, key, f"{name} isn’t finished.", "Wait for it.", when, last.url)
    if words := FAILS.get(last.outcome):
        remedy = f"Fix it, or run it again on {short}."
        return blocker_of(FAILED, service, key, f"{name} {words}.", remedy, when, last.url)
    if last.outcome != "success":
        words = SAYS_NOTHING.get(last.outcome, SAYS_NOTHING["unknown"])
        text = f"{name} {words}, which says nothing."
        return blocker_of(UNKNOWN, service, key, text, f"Run it again on {short}.", when, last.url)
    row = _in_a_row(attempts)
    if row < passes:
        text = f"{name} passed {counted(row, 'time', 'times')} in a row; {passes} are needed."
        key = f"{key} {row} of {passes}"
        return blocker_of(WAITING, service, key, text, f"Run it again on {short}.", when, last.url)
    return None


def _in_a_row(attempts: list[RunFact]) -> int:
    """Count the successes at the end. What says nothing breaks no row and adds to none."""
    count = 0
    for run in reversed(attempts):
        if run.outcome == "success":
            count += 1
        elif run.outcome in FAILS:
            break
    return count
