"""The gate of outside checks: another system was asked, and said yes."""

from collections.abc import Mapping
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import ReleaseFacts
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, latest
from releases.gates.stories import Judged


def outside_checks(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """Every outside check answers yes."""
    blockers = []
    for check in facts.outside:
        if check.outcome == "success":
            continue
        state = FAILED if check.outcome == "failure" else UNKNOWN
        said = check.detail or ("it said no" if state == FAILED else "it wasn’t asked yet")
        remedy = f"See what {check.name} says." if state == FAILED else f"Get {check.name} to answer."
        text = f"{check.name}: {said.rstrip('.')}."
        key = f"outside check {check.id} {clock.iso(check.since)} {facts.content}"
        blockers.append(Blocker(state, key, text, remedy, facts.planner, since=check.since, url=check.url or facts.url))
    passed = {check.name: check for check in facts.outside if check.outcome == "success"}
    said = f"{counted(len(passed), 'check says', 'checks say')} yes." if passed else "No outside check is set."
    since = latest(each.since for each in passed.values())
    return (
        blockers,
        Passed(said, since, {name: each.at for name, each in passed.items()}, facts.url),
        f"{counted(len(blockers), 'check doesn’t', 'checks don’t')} say yes.",
    )
