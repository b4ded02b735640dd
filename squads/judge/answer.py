"""The honest answer: one sentence that names the first missing piece of evidence, since when, and who can supply it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.kernel import clock
from squads.judge.case import Case, Part, Verdict, ago_of
from squads.judge.deployed import guessed_production, unread_places
from squads.judge.stages import BY_HAND, RUNGS, STAGE_NAMES, STAGES, WITHDRAWN

# What a skipped rung lacks, where nothing was seen of it at all; what was seen and failed is said in its own words.
GAPS = {
    "dev_done": "its squad never said dev done",
    "integrated": "no successful mainline run seen",
    "tested": "never tested before production",
    "deployed": "no deployment seen",
}
# So many of a story's services are named; of more, how many there are.
MOST_NAMED = 3
NEVER_JUDGED: list[Part] = ["No. It has not been judged yet."]


def answer_of(case: Case, rungs: Mapping[str, Verdict], stage: str, gaps: list[str]) -> list[Part]:
    """Return the answer in parts, so that it can be said at any later moment, and to anybody (`say`)."""
    said = "; ".join(_gap(gap, rungs[gap]) for gap in gaps)
    tail: list[Part] = [f" Gap: {said}."] if gaps else []
    if STAGES.index(stage) >= STAGES.index("integrated"):
        tail += _unconfirmed(case)
    tail += [f" {row.label}, which is not deployed yet." for row in case.rewritten]
    if stage in ("deployed", "rodeo_done"):
        tail += [
            f" {words[:1].upper()}{words[1:]}." for service in case.services for words in unread_places(case, service)
        ]
    if stage == "rodeo_done":
        verdict = rungs["rodeo_done"]
        hand = ", by hand" if verdict.state == BY_HAND else ""
        return [f"Yes. Rodeo done: accepted in production{hand} ", ago_of(verdict.at), ".", *tail]
    above = [name for name in RUNGS if STAGES.index(name) > STAGES.index(stage)]
    for name in above:
        if rungs[name].state == WITHDRAWN:
            verdict = rungs[name]
            now = "" if stage in ("todo", "in_progress") else f" It is {STAGE_NAMES[stage]} again."
            return [f"No. No longer {STAGE_NAMES[name]}: ", *verdict.say, *_who(case, name, verdict), now, *tail]
    return [*_not_yet(case, rungs, stage, above[0]), *tail]


def _gap(rung: str, verdict: Verdict) -> str:
    if verdict.seen or verdict.state == WITHDRAWN:
        return verdict.why
    # Where the others of its services have it, the one that lacks it is named.
    one = any(holds for _, holds in verdict.beside)
    return f"{verdict.service}: {GAPS[rung]}" if one else GAPS[rung]


def _unconfirmed(case: Case) -> list[Part]:
    """Say that the answer rests on a guess, where nobody has confirmed which environments are production."""
    names = guessed_production(case)
    if not names:
        return []
    said = " and ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"
    return [f" Unconfirmed: nobody has said yet that {said} {'is' if len(names) == 1 else 'are'} production."]


def _who(case: Case, rung: str, verdict: Verdict) -> list[Part]:
    if rung in ("integrated", "tested", "deployed") and (verdict.service or case.services != [""]):
        return [" (", {"owner": verdict.service or case.services[0]}, f"){_beside(rung, verdict)}."]
    return [" (", {"squad": None}, ")."]


def _beside(rung: str, verdict: Verdict) -> str:
    """Say how the story's other services fare: "; ledger is deployed; web is not deployed either"."""
    held = [service for service, holds in verdict.beside if holds]
    missing = [service for service, holds in verdict.beside if not holds]
    said = [f"{_names(held)} {'is' if len(held) == 1 else 'are'} {rung}"] if held else []
    said += [f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} not {rung} either"] if missing else []
    return "".join(f"; {each}" for each in said)


def _names(services: list[str]) -> str:
    """Name a few services: "ledger, web and 3 more"."""
    shown = services[:MOST_NAMED]
    if more := len(services) - len(shown):
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _not_yet(case: Case, rungs: Mapping[str, Verdict], stage: str, following: str) -> list[Part]:
    if stage in ("todo", "in_progress") and (case.changes or case.gone):
        return _seen_but_not_said(case, rungs, stage)
    verdict = rungs[following]
    who = _who(case, following, verdict)
    if stage == "todo":
        return ["No. To do: nobody has started it (", {"squad": None}, ")."]
    if stage == "in_progress":
        return ["No. In progress, started ", ago_of(case.progress_at), " (", {"squad": None}, ")."]
    if stage == "dev_done":
        return ["No. Dev done. ", *verdict.say, *who]
    since = ago_of(rungs[stage].at)
    if stage == "deployed":
        where = (rungs["deployed"].say or [""])[0] or "production"
        return ["No. Deployed ", since, f" to {where}; ", *verdict.say, *who]
    return [f"No. {STAGE_NAMES[stage].capitalize()} ", since, "; ", *verdict.say, *who]


def _seen_but_not_said(case: Case, rungs: Mapping[str, Verdict], stage: str) -> list[Part]:
    """Its people said nothing yet, but there is work to be seen: say what that lacks."""
    following = next(name for name in RUNGS[1:] if not rungs[name].holds)
    words = "To do by its squad’s word, but " if stage == "todo" else "In progress; "
    return [f"No. {words}", *_lowered(rungs[following].say), *_who(case, following, rungs[following])]


def _lowered(parts: list[Part]) -> list[Part]:
    """Continue a sentence with these parts: "Merged 2 days ago as abc1234" becomes "merged …"."""
    first = parts[0] if parts else ""
    return [first[:1].lower() + first[1:], *parts[1:]] if isinstance(first, str) else list(parts)


def say(
    standing: Mapping[str, Any], *, at: datetime | None = None, owners: Mapping[str, str] | None = None, squad: str = ""
) -> str:
    """Return the honest answer in one sentence.

    `at` is the moment to count "ago" from (the present unless given); `owners` maps services to squads; `squad` is the
    story's own.
    """
    said = []
    for part in standing.get("answer") or NEVER_JUDGED:
        if isinstance(part, str):
            said.append(part)
        elif "ago" in part:
            said.append(clock.ago(clock.parse(part["ago"]), at) or "at an unknown time")
        elif "owner" in part:
            owner = (owners or {}).get(part["owner"] or "")
            said.append(f"{part['owner']}: {f'squad {owner}' if owner else 'no squad owns it yet'}")
        else:
            said.append(f"squad {squad}" if squad else "its squad")
    return "".join(said)
