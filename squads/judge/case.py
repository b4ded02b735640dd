"""A story's evidence as the judge reads it (see states.py): rows in their own order of time, sorted by kind and service."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from portal.kernel import clock

RUNGS = ("dev_done", "integrated", "tested", "deployed", "rodeo_done")
STAGES = ("todo", "in_progress", *RUNGS)
STAGE_NAMES = {
    "todo": "to do",
    "in_progress": "in progress",
    "dev_done": "dev done",
    "integrated": "integrated",
    "tested": "tested",
    "deployed": "deployed",
    "rodeo_done": "rodeo done",
}
HELD, BY_HAND, MISSING, WITHDRAWN = "held", "by_hand", "missing", "withdrawn"
BEFORE_PRODUCTION = ("testing", "staging")
EVERYONE = "everyone"
ANY, REMOVAL = "*", "removal"
# Where evidence by hand was seen in production, and nobody said in which environment.
UNNAMED = ""
# What a skipped rung lacks, where nothing was seen of it at all; what was seen and failed is said in its own words.
GAPS = {
    "dev_done": "its squad never said dev done",
    "integrated": "no successful mainline run seen",
    "tested": "never tested before production",
    "deployed": "no deployment seen",
}

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
    detail: str
    by_hand: bool
    id: str


def named(row: Row, unnamed: str) -> str:
    """Name what a row is about, in the middle of a sentence: its label, or "the check (Ana, by hand)"."""
    if not row.label:
        return unnamed
    return f"{unnamed} ({row.label})" if row.by_hand else row.label


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
    seen: bool = False  # something was seen that speaks against it, so it is no mere silence

    @property
    def holds(self) -> bool:
        """Evidenced, by machines or by hand."""
        return self.state in (HELD, BY_HAND)


class Case:
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


def covers(row: Row, wanted: Mapping[str, Row]) -> set[str]:
    if row.shas and row.shas[0] == ANY:
        return {sha for sha, change in wanted.items() if change.at <= row.at}
    return {sha for sha in row.shas if sha in wanted}


def short(shas: Iterable[str]) -> str:
    ordered = list(shas)
    first = ordered[0][:7] if ordered else "it"
    return first if len(ordered) < 2 else f"{first} and {len(ordered) - 1} more"


def ago_of(moment: datetime | None) -> Part:
    return {"ago": clock.iso(moment)}


def each_service(case: Case, judge: Callable[[Case, str], Verdict]) -> Verdict:
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
        state,
        latest.at,
        "; ".join(dict.fromkeys(each.why for each in verdicts)),
        latest.say,
        latest.service,
        unbroken=max(at for each in verdicts if (at := each.unbroken or each.at) is not None),
    )


def no_changes(case: Case) -> Verdict:
    key = case.facts.key
    return Verdict(
        MISSING,
        case.facts.progress_at,
        f"no change is linked to it: name {key} in a commit message",
        [f"No change is linked to it yet: name {key} in a commit message"],
    )
