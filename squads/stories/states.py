"""The judge: from what was seen about a story to its stage, gaps, withdrawals and the one-sentence honest answer.

Pure functions of their arguments. Rows are put in their own order of time first, so neither the order nor the
repetition of events changes a judgement; the present moment is only an argument of `say`.

Evidence kinds, and what their rows mean here:

- change: the story's commit `shas[0]` of `service`; verdict success when it is on the mainline.
- run: a successful run of the mainline that contains `shas`.
- test: a check in a testing or staging `environment` of an artifact that contains `shas`.
- deployment: `service` in a production `environment` contains exactly `shas` of the story's commits from `at` on.
- acceptance: a check of the story in production, started at `started_at`.
- flag: verdict success when on, failure when off; `words` is the audience.
- incident: attributed to the story's deployment; verdict failure while open, success once resolved; `words` is its key.

A row by hand names no commits: its `shas` are ["*"], every commit made up to `at`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from portal.kernel import clock
from squads.stories import since

RUNGS = ("dev_done", "integrated", "tested", "deployed", "rodeo_done")
STAGES = ("todo", "in_progress", *RUNGS)
STAGE_NAMES = {
    "todo": "to do", "in_progress": "in progress", "dev_done": "dev done", "integrated": "integrated",
    "tested": "tested", "deployed": "deployed", "rodeo_done": "rodeo done",
}  # fmt: skip
HELD, BY_HAND, MISSING, WITHDRAWN = "held", "by_hand", "missing", "withdrawn"
BEFORE_PRODUCTION = ("testing", "staging")
EVERYONE = "everyone"
ANY = "*"
GAPS = {
    "dev_done": "its squad never said dev done", "integrated": "no successful mainline run seen",
    "tested": "never tested before production", "deployed": "no deployment seen",
}  # fmt: skip

Part = str | dict[str, str | None]


class Row(NamedTuple):
    """One evidence row, as the judge reads it."""

    kind: str
    verdict: str
    at: datetime
    started_at: datetime | None
    service: str
    environment: str
    tier: str
    shas: tuple[str, ...]
    label: str
    words: str
    by_hand: bool
    id: str


class Facts(NamedTuple):
    """Everything a judgement depends on."""

    key: str
    progress: str
    progress_at: datetime | None
    rows: Iterable[Row]
    flag: str = ""
    audience: str = EVERYONE


@dataclass(slots=True)
class Verdict:
    """How one rung fares: its state, since when, the reason, and the words that go into the answer if it is next."""

    state: str
    at: datetime | None = None
    why: str = ""
    say: list[Part] = field(default_factory=list)
    service: str = ""
    # Since when it has held without a break, where a later row renewed `at`.
    unbroken: datetime | None = None

    @property
    def holds(self) -> bool:
        """Evidenced, by machines or by hand."""
        return self.state in (HELD, BY_HAND)


class _Case:
    """The evidence of one story, sorted by kind and service."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.changes: dict[str, dict[str, Row]] = {}
        self.rows: dict[str, list[Row]] = {}
        for row in sorted(set(facts.rows), key=lambda each: (each.at, each.id)):
            if row.kind == "change":
                for sha in row.shas:
                    self.changes.setdefault(row.service, {})[sha] = row
            else:
                self.rows.setdefault(row.kind, []).append(row)
        self.services = sorted(self.changes) or [""]

    def of(self, kind: str, service: str) -> list[Row]:
        """The rows of a kind that speak of a service; a row by hand that names none speaks of all."""
        return [row for row in self.rows.get(kind, ()) if row.service == service or (row.by_hand and row.service == "")]


def _covers(row: Row, wanted: Mapping[str, Row]) -> set[str]:
    if row.shas and row.shas[0] == ANY:
        return {sha for sha, change in wanted.items() if change.at <= row.at}
    return {sha for sha in row.shas if sha in wanted}


def _short(shas: Iterable[str]) -> str:
    ordered = list(shas)
    first = ordered[0][:7] if ordered else "it"
    return first if len(ordered) < 2 else f"{first} and {len(ordered) - 1} more"


def _moment(moment: datetime | None) -> Part:
    return {"ago": clock.iso(moment)}


def _each(case: _Case, judge: Callable[[_Case, str], Verdict]) -> Verdict:
    """Judge a rung service by service: it holds when it holds for all, since the last of them."""
    verdicts = []
    for service in case.services:
        verdict = judge(case, service)
        verdict.service = service
        verdicts.append(verdict)
    for state in (WITHDRAWN, MISSING):
        for verdict in verdicts:
            if verdict.state == state:
                return verdict
    latest = max(verdicts, key=lambda each: each.at)  # type: ignore[arg-type,return-value]
    state = BY_HAND if any(each.state == BY_HAND for each in verdicts) else HELD
    return Verdict(
        state, latest.at, "; ".join(dict.fromkeys(each.why for each in verdicts)), latest.say, latest.service,
        max((each.unbroken or each.at for each in verdicts), key=lambda at: at),  # type: ignore[arg-type,return-value]
    )  # fmt: skip


def _dev_done(case: _Case) -> Verdict:
    facts = case.facts
    if facts.progress == "dev_done":
        return Verdict(HELD, facts.progress_at, "its squad said so")
    return Verdict(MISSING, facts.progress_at, "its squad has not said that development is finished")


def _no_changes(case: _Case) -> Verdict:
    key = case.facts.key
    return Verdict(
        MISSING, case.facts.progress_at, f"no change is linked to it: name {key} in a commit message",
        [f"No change is linked to it yet: name {key} in a commit message"],
    )  # fmt: skip


def _by_hand(rows: list[Row], said: str) -> Verdict | None:
    """A story without changes can only be vouched for by hand."""
    vouched = [row for row in rows if row.by_hand]
    if not vouched:
        return None
    last = vouched[-1]
    if last.verdict == "success":
        return Verdict(BY_HAND, last.at, f"{said} by hand: {last.label}")
    return Verdict(WITHDRAWN, last.at, f"failed by hand: {last.label}", ["A check by hand failed ", _moment(last.at)])


def _integrated(case: _Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    runs = [row for row in case.of("run", service) if row.verdict == "success"]
    if not wanted:
        return _by_hand(runs, "integrated") or _no_changes(case)
    covered: dict[str, Row] = {}
    for row in runs:
        for sha in _covers(row, wanted):
            covered.setdefault(sha, row)
    off = [
        sha for sha, row in wanted.items() if row.verdict != "success" and not (sha in covered and covered[sha].by_hand)
    ]
    if off:
        first = wanted[off[0]]
        if any(sha in covered for sha in off):
            return Verdict(
                WITHDRAWN, first.at, f"{_short(off)} is no longer on the mainline",
                [f"{_short(off)} is no longer on the mainline"],
            )  # fmt: skip
        return Verdict(
            MISSING, first.at, f"{_short(off)} is not on the mainline yet",
            ["Committed ", _moment(first.at), f" as {_short(off)}; not on the mainline yet"],
        )  # fmt: skip
    missing = [sha for sha in wanted if sha not in covered]
    if missing:
        merged = max(wanted[sha].at for sha in missing)
        return Verdict(
            MISSING, merged, f"no successful run of the mainline contains {_short(missing)} yet",
            ["Merged ", _moment(merged), f" as {_short(missing)}; no successful run of the mainline contains it yet"],
        )  # fmt: skip
    last = max(covered.values(), key=lambda row: (row.at, row.id))
    state = BY_HAND if any(row.by_hand for row in covered.values()) else HELD
    return Verdict(state, last.at, f"on the mainline and in {last.label or 'a successful run'}")


def _tested(case: _Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    tests = [row for row in case.of("test", service) if row.tier in BEFORE_PRODUCTION]
    if not wanted:
        return _by_hand(tests, "tested") or _no_changes(case)
    covered: dict[str, Row] = {}
    first: dict[str, Row] = {}
    failed: dict[str, Row] = {}
    for row in tests:
        for sha in _covers(row, wanted):
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
        why = f"{last.label or 'a check'} passed in {last.environment or last.tier}"
        return Verdict(state, last.at, why, unbroken=max(first[sha].at for sha in wanted))
    since = max(wanted[sha].at for sha in missing)
    for sha in missing:
        if (last_failed := failed.get(sha)) is not None:
            words = f"{last_failed.label or 'the check'} failed in {last_failed.environment or last_failed.tier}"
            passed_before = any(each.verdict == "success" and sha in _covers(each, wanted) for each in tests)
            state = WITHDRAWN if passed_before else MISSING
            return Verdict(state, last_failed.at, words, [f"{words} ", _moment(last_failed.at)])
    why = f"no passed check of {_short(missing)} in testing or staging"
    return Verdict(MISSING, since, why, ["not tested before production yet"])


@dataclass(slots=True)
class _Place:
    """One production environment of one service: since when it holds the whole story, and what it lost."""

    span: Row | None = None
    first: Row | None = None
    last: Row | None = None
    lost: Row | None = None
    lost_shas: set[str] = field(default_factory=set)
    removed: bool = False


def _places(case: _Case, service: str) -> dict[str, _Place]:
    wanted = case.changes.get(service, {})
    places: dict[str, _Place] = {}
    held: dict[str, set[str]] = {}
    for row in case.of("deployment", service):
        if row.tier != "production" or row.verdict != "success" or (not wanted and not row.by_hand):
            continue
        place = places.setdefault(row.environment, _Place())
        before, now = held.get(row.environment, set()), _covers(row, wanted)
        if gone := before - now:
            place.lost, place.lost_shas = row, place.lost_shas | gone
        place.lost_shas -= now
        held[row.environment] = now
        place.last, place.removed = row, row.words == "removal"
        if now >= wanted.keys() and not place.removed:
            place.span = place.span or row
            place.first = place.first or row
        else:
            if not wanted:
                place.lost = row
            place.span = None
    return places


def _running(places: dict[str, _Place]) -> dict[str, _Place]:
    """The environments that count: one the service was removed from does not while it runs in another."""
    return {name: place for name, place in places.items() if not place.removed} or places


def _deployed(case: _Case, service: str) -> Verdict:
    wanted = case.changes.get(service, {})
    places = _places(case, service)
    running = _running(places)
    if not running:
        if not wanted:
            return _no_changes(case)
        since = max(row.at for row in wanted.values())
        return Verdict(
            MISSING, since, "no deployment of it to production yet", ["no deployment of it to production yet"]
        )
    without = {name: place for name, place in running.items() if place.span is None}
    if not without:
        spans = [place.span for place in running.values() if place.span is not None]
        last = max(spans, key=lambda row: (row.at, row.id))
        state = BY_HAND if any(row.by_hand for row in spans) else HELD
        where = ", ".join(sorted(running))
        return Verdict(state, last.at, f"{last.label or 'what'} runs in {where or 'production'}", [where])
    for name, place in sorted(without.items()):
        if place.lost is not None and (place.lost_shas or not wanted):
            lost = place.lost
            how = {"rollback": "rolled back to", "removal": "removed with"}.get(lost.words, "replaced by")
            words = f"{how} {lost.label or 'an older version'} in {name}, which does not contain it"
            return Verdict(WITHDRAWN, lost.at, words, [f"{words}, ", _moment(lost.at)])
    name, place = min(without.items())
    row = place.last
    assert row is not None
    lacking = [sha for sha in wanted if sha not in _covers(row, wanted)]
    since = max((wanted[sha].at for sha in lacking), default=row.at)
    also = [each for each in running if each not in without]
    words = f"{name} runs {row.label or 'a version'} without {_short(lacking)}" + (
        f" (it is in {', '.join(sorted(also))})" if also else ""
    )
    return Verdict(MISSING, since, words, [f"no deployment of it to production yet: {words}"])


def _flag_off(case: _Case) -> str:
    """Return why a flagged story is dark, or ""."""
    flag, audience = case.facts.flag, case.facts.audience or EVERYONE
    if not flag:
        return ""
    last = {row.words or EVERYONE: row for row in case.rows.get("flag", ()) if row.label == flag}
    states = [last[each].verdict == "success" for each in {audience, EVERYONE} if each in last]
    if any(states):
        return ""
    return f"flag {flag} is off for {audience}" if states else f"nothing says that flag {flag} is on for {audience}"


def _incident(case: _Case) -> Row | None:
    last = {row.words: row for row in case.rows.get("incident", ())}
    return next((row for row in last.values() if row.verdict == "failure"), None)


def _spans(case: _Case) -> tuple[datetime | None, datetime | None]:
    """Return since when all of it is in production now, and since when it was for the first time."""
    starts, firsts = [], []
    for service in case.services:
        for place in _running(_places(case, service)).values():
            starts.append(place.span.at if place.span else None)
            if place.first is not None:
                firsts.append(place.first.at)
    now = max(starts) if starts and None not in starts else None  # type: ignore[type-var]
    return now, max(firsts) if firsts else None


def _rodeo_done(case: _Case, deployed: Verdict) -> Verdict:
    facts, (now, first) = case.facts, _spans(case)
    checks = sorted(
        (row for row in case.rows.get("acceptance", ()) if row.tier == "production"),
        key=lambda row: (row.started_at or row.at, row.at, row.id),
    )
    counted = [row for row in checks if now is not None and (row.started_at or row.at) >= now]
    once = any(row.verdict == "success" and first is not None and (row.started_at or row.at) >= first for row in checks)
    if not deployed.holds or now is None:
        state = WITHDRAWN if once and deployed.state == WITHDRAWN else MISSING
        return Verdict(
            state, deployed.at, "it is not in production" if state == MISSING else deployed.why, deployed.say
        )
    incident = _incident(case)
    passed = [row for row in counted if row.verdict == "success"]
    if counted and counted[-1].verdict == "failure":
        row = counted[-1]
        words = f"{row.label or 'the check'} failed in {row.environment or 'production'}"
        state, first_failed = WITHDRAWN if passed else MISSING, since.failed(counted)
        return Verdict(state, row.at, words, [f"{words} ", _moment(row.at)], unbroken=first_failed)
    if not passed:
        said = "not accepted again since" if once else "not accepted yet"
        if dark := _flag_off(case):
            said = f"{said}, and dark: {dark}"
        return Verdict(MISSING, now, said, [said])
    if incident is not None:
        words = f"incident {incident.label} is open against its deployment"
        return Verdict(WITHDRAWN, incident.at, words, [f"{words}, since ", _moment(incident.at)])
    if dark := _flag_off(case):
        return Verdict(MISSING, now, f"dark: {dark}", [f"dark: {dark}"])
    row = passed[-1]
    by_hand = row.by_hand or deployed.state == BY_HAND
    return Verdict(
        BY_HAND if by_hand else HELD, row.at, f"{row.label or 'a check'} passed in {row.environment or 'production'}",
        unbroken=since.accepted(facts.flag, facts.audience or EVERYONE, case.rows, counted),
    )  # fmt: skip


def judge(facts: Facts) -> dict[str, Any]:
    """Return the standing of a story: stage and since when, every rung with its reason, gaps, dark, and the answer."""
    case = _Case(facts)
    deployed = _each(case, _deployed)
    rungs = {
        "dev_done": _dev_done(case),
        "integrated": _each(case, _integrated),
        "tested": _each(case, _tested),
        "deployed": deployed,
        "rodeo_done": _rodeo_done(case, deployed),
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
        "dark": bool(deployed.holds and _flag_off(case)),
        "answer": _answer(case, rungs, stage, gaps),
    }


def _since(case: _Case, rungs: Mapping[str, Verdict], stage: str) -> datetime | None:
    """Return since when the story stands on its stage: a withdrawal of what was above counts from the withdrawal, and so
    do a new commit that sent it back to travel the way again, and the moment its flag was switched off."""
    here = rungs.get(stage)
    above = [name for name in RUNGS if STAGES.index(name) > STAGES.index(stage)]
    moments = [(here.unbroken or here.at) if here and here.holds else case.facts.progress_at]
    commits = sorted(row.at for wanted in case.changes.values() for row in wanted.values())
    for name in above:
        if rungs[name].state == WITHDRAWN:
            proofs = case.rows.get(since.PROOF.get(name, ""), [])
            moments += since.withdrawn(rungs[name].unbroken or rungs[name].at, commits, proofs)
    if stage in since.PROOF:
        moments += commits[-1:]
    for service, wanted in case.changes.items():
        of_each = [case.of(since.PROOF[name], service) for name in above if name in since.PROOF]
        moments += since.sent_back(commits, wanted, of_each, _covers)
    if stage == "deployed" and case.rows.get("acceptance") and _flag_off(case):
        moments += since.switched_off(case.facts.flag, case.rows)
    return max((at for at in moments if at is not None), default=None)


def _who(case: _Case, rung: str, verdict: Verdict) -> list[Part]:
    if rung in ("integrated", "tested", "deployed") and (verdict.service or case.services != [""]):
        return [" (", {"owner": verdict.service or case.services[0]}, ")."]
    return [" (", {"squad": None}, ")."]


def _answer(case: _Case, rungs: dict[str, Verdict], stage: str, gaps: list[str]) -> list[Part]:
    tail: list[Part] = [f" Gap: {'; '.join(GAPS[gap] for gap in gaps)}."] if gaps else []
    if stage == "rodeo_done":
        verdict = rungs["rodeo_done"]
        hand = ", by hand" if verdict.state == BY_HAND else ""
        return [f"Yes. Rodeo done: accepted in production{hand} ", _moment(verdict.at), ".", *tail]
    above = [name for name in RUNGS if STAGES.index(name) > STAGES.index(stage)]
    for name in above:
        if rungs[name].state == WITHDRAWN:
            verdict = rungs[name]
            now = "" if stage in ("todo", "in_progress") else f" It is {STAGE_NAMES[stage]} again."
            return [f"No. No longer {STAGE_NAMES[name]}: ", *verdict.say, *_who(case, name, verdict), now, *tail]
    return [*_not_yet(case, rungs, stage, above[0]), *tail]


def _not_yet(case: _Case, rungs: dict[str, Verdict], stage: str, following: str) -> list[Part]:
    facts, verdict, here = case.facts, rungs[following], rungs.get(stage)
    who = _who(case, following, verdict)
    if stage == "todo":
        return ["No. To do: nobody has started it (", {"squad": None}, ")."]
    if stage == "in_progress":
        return ["No. In progress, started ", _moment(facts.progress_at), " (", {"squad": None}, ")."]
    at = here.at if here else None
    if stage == "dev_done":
        return ["No. Dev done. ", *verdict.say, *who]
    if stage == "deployed":
        where = rungs["deployed"].say[0] if rungs["deployed"].say else "production"
        return ["No. Deployed ", _moment(at), f" to {where}; ", *verdict.say, *who]
    if stage == "integrated":
        return ["No. Integrated ", _moment(at), "; ", *verdict.say, *who]
    return ["No. Tested ", _moment(at), "; ", *verdict.say, *who]


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
