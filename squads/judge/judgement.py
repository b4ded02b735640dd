"""The judge: from what was seen about a story to its stage, gaps, withdrawals and the one-sentence honest answer.

Pure functions of their arguments. Rows are put in their own order of time first, so neither the order nor the
repetition of events changes a judgement; the present moment is only an argument of `say`.

Evidence kinds, and what their rows mean here:

- change: the story's commit `shas[0]` of `service`; verdict success when it is on the mainline.
- run: a successful run of the mainline that contains `shas`.
- test: a check in a testing or staging `environment` of an artifact that contains `shas`.
- deployment: `service` in a production `environment` contains exactly `shas` of the story's commits from `at` on.
- acceptance: a check of the story in production, started at `started_at`.
- flag: verdict success when on, failure when off; `detail` is the audience.
- incident: attributed to the story's deployment; verdict failure while open, success once resolved; `detail` is its key.

A row by hand names no commits: its `shas` are ["*"], every commit made up to `at`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from portal.kernel import clock
from squads.judge.case import (
    BEFORE_PRODUCTION,
    BY_HAND,
    GAPS,
    HELD,
    MISSING,
    RUNGS,
    STAGE_NAMES,
    STAGES,
    WITHDRAWN,
    Case,
    Facts,
    Part,
    Row,
    Verdict,
    ago_of,
    covers,
    each_service,
    named,
    no_changes,
    short,
)
from squads.judge.production import deployed, flag_off, rodeo_done

__all__ = ["BY_HAND", "HELD", "MISSING", "RUNGS", "STAGES", "STAGE_NAMES", "WITHDRAWN", "Facts", "Row", "judge", "say"]


def _dev_done(case: Case) -> Verdict:
    facts = case.facts
    if facts.progress == "dev_done":
        return Verdict(HELD, facts.progress_at, "its squad said so")
    return Verdict(MISSING, facts.progress_at, "its squad has not said that development is finished")


def _by_hand(rows: list[Row], said: str) -> Verdict | None:
    """A story without changes can only be vouched for by hand."""
    vouched = [row for row in rows if row.by_hand]
    if not vouched:
        return None
    last = vouched[-1]
    if last.verdict == "success":
        return Verdict(BY_HAND, last.at, named(last, f"{said} by hand"))
    return Verdict(WITHDRAWN, last.at, named(last, "failed by hand"), ["A check by hand failed ", ago_of(last.at)])


def _integrated(case: Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    runs = [row for row in case.of("run", service) if row.verdict == "success"]
    if not wanted:
        return _by_hand(runs, "integrated") or no_changes(case)
    covered: dict[str, Row] = {}
    for row in runs:
        for sha in covers(row, wanted):
            covered.setdefault(sha, row)
    off = [
        sha for sha, row in wanted.items() if row.verdict != "success" and not (sha in covered and covered[sha].by_hand)
    ]
    if off:
        first = wanted[off[0]]
        if any(sha in covered for sha in off):
            return Verdict(
                WITHDRAWN,
                first.at,
                f"{short(off)} is no longer on the mainline",
                [f"{short(off)} is no longer on the mainline"],
            )
        return Verdict(
            MISSING,
            first.at,
            f"{short(off)} is not on the mainline yet",
            ["Committed ", ago_of(first.at), f" as {short(off)}; not on the mainline yet"],
        )
    missing = [sha for sha in wanted if sha not in covered]
    if missing:
        merged = max(wanted[sha].at for sha in missing)
        return Verdict(
            MISSING,
            merged,
            f"no successful run of the mainline contains {short(missing)} yet",
            ["Merged ", ago_of(merged), f" as {short(missing)}; no successful run of the mainline contains it yet"],
        )
    last = max(covered.values(), key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in covered.values()) else HELD
    return Verdict(state, last.at, f"on the mainline and in {named(last, 'a successful run')}")


def _tested(case: Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    tests = [row for row in case.of("test", service) if row.tier in BEFORE_PRODUCTION]
    if not wanted:
        return _by_hand(tests, "tested") or no_changes(case)
    covered: dict[str, Row] = {}
    first: dict[str, Row] = {}
    failed: dict[str, Row] = {}
    for row in tests:
        for sha in covers(row, wanted):
            if row.verdict == "success":
                if sha not in covered:
                    first[sha] = row
                covered[sha] = row
                failed.pop(sha, None)
            elif row.verdict == "failure" and (sha not in covered or covered[sha].environment == row.environment):
                if covered.pop(sha, None) is not None:
                    failed[sha] = row
                else:
                    failed.setdefault(sha, row)
    missing = [sha for sha in wanted if sha not in covered]
    if not missing:
        last = max(covered.values(), key=lambda row: (row.at, row.id))
        state = BY_HAND if any(row.by_hand for row in covered.values()) else HELD
        why = f"{named(last, 'a check')} passed in {last.environment or last.tier}"
        return Verdict(state, last.at, why, unbroken=max(first[sha].at for sha in wanted))
    since = max(wanted[sha].at for sha in missing)
    for sha in missing:
        if (last_failed := failed.get(sha)) is not None:
            words = f"{named(last_failed, 'the check')} failed in {last_failed.environment or last_failed.tier}"
            passed_before = any(each.verdict == "success" and sha in covers(each, wanted) for each in tests)
            state = WITHDRAWN if passed_before else MISSING
            return Verdict(state, last_failed.at, words, [f"{words} ", ago_of(last_failed.at)], seen=True)
    why = f"no passed check of {short(missing)} in testing or staging"
    return Verdict(MISSING, since, why, ["not tested before production yet"])


def judge(facts: Facts) -> dict[str, Any]:
    """Return the standing of a story: stage and since when, every rung with its reason, gaps, dark, and the answer."""
    case = Case(facts)
    production = each_service(case, deployed)
    rungs = {
        "dev_done": _dev_done(case),
        "integrated": each_service(case, _integrated),
        "tested": each_service(case, _tested),
        "deployed": production,
        "rodeo_done": rodeo_done(case, production),
    }
    held = [name for name in RUNGS if rungs[name].holds]
    stage = held[-1] if held else facts.progress
    gaps = [name for name in RUNGS if name not in held and STAGES.index(name) < STAGES.index(stage)]
    return {
        "stage": stage,
        "since": clock.iso(_since(case, rungs, stage)),
        "rungs": [
            {"rung": name, "state": each.state, "at": clock.iso(each.at), "why": each.why}
            for name, each in rungs.items()
        ],
        "gaps": gaps,
        "dark": bool(production.holds and flag_off(case)[0]),
        "answer": _answer(case, rungs, stage, gaps),
    }


def _since(case: Case, rungs: Mapping[str, Verdict], stage: str) -> datetime | None:
    """Return since when the story stands on its stage. A withdrawal of what was above counts from the withdrawal, and
    beyond in progress a newer commit begins the way from here anew."""
    here = rungs.get(stage)
    moments = [(here.unbroken or here.at) if here and here.holds else case.facts.progress_at]
    above = STAGES[STAGES.index(stage) + 1 :]
    moments += [each.unbroken or each.at for name in above if (each := rungs.get(name)) and each.state == WITHDRAWN]
    if stage not in ("todo", "in_progress"):
        moments += [row.at for wanted in case.changes.values() for row in wanted.values()]
    return max((at for at in moments if at is not None), default=None)


def _who(case: Case, rung: str, verdict: Verdict) -> list[Part]:
    if rung in ("integrated", "tested", "deployed") and (verdict.service or case.services != [""]):
        return [" (", {"owner": verdict.service or case.services[0]}, ")."]
    return [" (", {"squad": None}, ")."]


def _answer(case: Case, rungs: dict[str, Verdict], stage: str, gaps: list[str]) -> list[Part]:
    said = "; ".join(rungs[gap].why if rungs[gap].seen or rungs[gap].state == WITHDRAWN else GAPS[gap] for gap in gaps)
    tail: list[Part] = [f" Gap: {said}."] if gaps else []
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


def _not_yet(case: Case, rungs: dict[str, Verdict], stage: str, following: str) -> list[Part]:
    facts, here = case.facts, rungs.get(stage)
    if stage in ("todo", "in_progress") and case.changes:
        # Its people said nothing yet, but there is work to be seen: say what that lacks.
        following = next(name for name in RUNGS[1:] if not rungs[name].holds)
        words = "To do by its squad’s word, but " if stage == "todo" else "In progress; "
        return [f"No. {words}", *_lowered(rungs[following].say), *_who(case, following, rungs[following])]
    verdict = rungs[following]
    who = _who(case, following, verdict)
    if stage == "todo":
        return ["No. To do: nobody has started it (", {"squad": None}, ")."]
    if stage == "in_progress":
        return ["No. In progress, started ", ago_of(facts.progress_at), " (", {"squad": None}, ")."]
    at = here.at if here else None
    if stage == "dev_done":
        return ["No. Dev done. ", *verdict.say, *who]
    if stage == "deployed":
        where = (rungs["deployed"].say or [""])[0] or "production"
        return ["No. Deployed ", ago_of(at), f" to {where}; ", *verdict.say, *who]
    if stage == "integrated":
        return ["No. Integrated ", ago_of(at), "; ", *verdict.say, *who]
    return ["No. Tested ", ago_of(at), "; ", *verdict.say, *who]


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
    for part in standing.get("answer") or ["No. It has not been judged yet."]:
        if isinstance(part, str):
            said.append(part)
        elif "ago" in part:
            said.append(clock.ago(clock.parse(part["ago"]), at) or "at an unknown time")
        elif "owner" in part:
            owner = (owners or {}).get(part["owner"])
            said.append(f"{part['owner']}: {f'squad {owner}' if owner else 'no squad owns it yet'}")
        else:
            said.append(f"squad {squad}" if squad else "its squad")
    return "".join(said)
