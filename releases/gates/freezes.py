"""The gate of freezes: none is on, and none begins while the deployment still runs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import FreezeFact, LiftFact, ReleaseFacts
from releases.gates.findings import FAILED, Blocker, Passed, mark_of
from releases.gates.parameters import NUMBER, Parameter
from releases.gates.stories import Judged

RUNWAY = Parameter(
    "runway_minutes",
    "A deployment takes (minutes)",
    NUMBER,
    60,
    most=60 * 24 * 7,
    help="It must end before a freeze begins.",
)


def freezes(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """No freeze is on now, and a deployment that begins now ends before the next one."""
    runway = timedelta(minutes=values["runway_minutes"] or 0)
    blockers = []
    for freeze in facts.freezes:
        if not _in_the_way(freeze, facts, runway):
            continue
        because = f" ({freeze.reason})" if freeze.reason else ""
        when = "on" if freeze.starts <= facts.at else "ahead"
        window = f"{clock.iso(freeze.starts)} to {clock.iso(freeze.ends)}"
        key = f"freeze {freeze.name} {when} {window} {mark_of(freeze.services)}"
        url = freeze.url or facts.url
        if when == "on":
            left = clock.duration(freeze.ends - facts.at)
            text, remedy = f"{freeze.name} is on for {left} more{because}.", "Wait until it ends, or override it."
            blockers.append(Blocker(FAILED, key, text, remedy, facts.planner, since=freeze.starts, url=url))
        else:
            left = clock.duration(freeze.starts - facts.at)
            text = f"{freeze.name} begins in {left}{because}, and a deployment takes {clock.duration(runway)}."
            remedy = f"Deploy after {freeze.name}, or override it."
            since = freeze.starts - runway
            blockers.append(Blocker(FAILED, key, text, remedy, facts.planner, since=since, url=url))
    lifts = [each for each in facts.lifts if _in_the_way(each.freeze, facts, runway)]
    said = " ".join(_lifted(each, facts) for each in lifts) or "No freeze is on or near."
    lifted_at = max((each.at for each in lifts), default=None)
    return (
        blockers,
        Passed(said, lifted_at, url=lifts[0].freeze.url if lifts else ""),
        f"{counted(len(blockers), 'freeze', 'freezes')} in the way.",
    )


def _in_the_way(freeze: FreezeFact, facts: ReleaseFacts, runway: timedelta) -> bool:
    """Say whether a freeze is on, or begins while a deployment that begins now still runs."""
    return freeze.ends > facts.at and freeze.starts < facts.at + runway


def _lifted(lift: LiftFact, facts: ReleaseFacts) -> str:
    """Say which freeze doesn't count, whose word that is, and until when."""
    freeze = lift.freeze
    when = "is on" if freeze.starts <= facts.at else f"begins in {clock.duration(freeze.starts - facts.at)}"
    reason = lift.reason.rstrip(".")
    return f"{freeze.name} {when}, but {lift.by} lifted it until {lift.until:%Y-%m-%d %H:%M} UTC: {reason}."
