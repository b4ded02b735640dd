"""What the judge reads about one story: evidence in its own order of time, what people said, and verdicts on rungs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from portal.kernel import clock
from squads.judge.stages import BY_HAND, HELD, MISSING, WITHDRAWN

BEFORE_PRODUCTION = ("testing", "staging")
# Where evidence by hand or of a known environment is from, and where only an environment's name says that it is production.
GUESSED = "production?"
PRODUCTION = ("production", GUESSED)
EVERYONE = "everyone"
ANY, REMOVAL = "*", "removal"
# Of a deployment: that it brought a revert (and by whom), or that its commit is on no branch that is read.
REVERTED, UNREAD = "reverted", "unread"
# Of a row of kind "revert": a change was taken back or brought back; is no longer wanted, as a later change of the story
# took its place or nothing holds it any more; or it stands on the mainline as another commit now.
RESTORED, REPLACED, LOST, REWRITTEN = "restored", "replaced", "lost", "rewritten"
# Where evidence by hand was seen in production, and nobody said in which environment.
UNNAMED = ""

Part = str | dict[str, str | None]


def may_be_production(tier: str, confirmed: bool) -> bool:
    """Say whether a place with this tier is production, or could be: nobody said what it is, and its name doesn't either."""
    return tier in PRODUCTION or (tier == "other" and not confirmed)


class Row(NamedTuple):
    """One evidence row, as the judge reads it. `event` is the inbound event that proves it, `person` who saw it."""

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
    event: str | None = None
    person: int | None = None


class Move(NamedTuple):
    """A person moved the story to do, in progress or dev done. `id` sorts moves of one moment."""

    at: datetime
    id: str
    left: str
    to: str
    person: int | None = None
    because: str = ""


class TakenBack(NamedTuple):
    """Evidence by hand that a person took back: it counts from its own time until `at`."""

    at: datetime
    id: str
    row: Row
    person: int | None = None


class FlagEdit(NamedTuple):
    """A person named another flag, or another audience of it. `name` is "flag" or "audience"."""

    at: datetime
    id: str
    name: str
    before: str
    after: str
    person: int | None = None


class Facts(NamedTuple):
    """Everything a judgement depends on. `rows` leaves out what was taken back."""

    key: str
    progress: str
    progress_at: datetime | None
    rows: Iterable[Row]
    flag: str = ""
    audience: str = EVERYONE
    moves: Iterable[Move] = ()
    taken_back: Iterable[TakenBack] = ()
    flag_edits: Iterable[FlagEdit] = ()


@dataclass(slots=True)
class Verdict:
    """How one rung fares: its state, since when, the reason, and the words that go into the answer if it is next."""

    state: str
    at: datetime | None = None
    why: str = ""
    say: list[Part] = field(default_factory=list)
    service: str = ""
    seen: bool = False  # something was seen that speaks against it, so it is no mere silence
    # The story's other services, and whether the rung holds for each.
    beside: tuple[tuple[str, bool], ...] = ()

    @property
    def holds(self) -> bool:
        """Evidenced, by machines or by hand."""
        return self.state in (HELD, BY_HAND)


class Case:
    """The evidence of one story, sorted by kind and service, and what people said of it until one moment.

    Rows are added in the order of their times.
    """

    def __init__(self, key: str, progress: str, progress_at: datetime | None, flag: str, audience: str) -> None:
        self.key = key
        self.progress, self.progress_at = progress, progress_at
        self.flag, self.audience = flag, audience
        self._told: list[Row] = []
        self._sort([])

    def _sort(self, rows: list[Row]) -> None:
        self.changes: dict[str, dict[str, Row]] = {}
        self.rows: dict[str, list[Row]] = {}
        self.services = [""]
        # By service and sha, what took a change back on the mainline; and what made changes no longer asked for.
        self.reverted: dict[str, dict[str, Row]] = {}
        self.gone: list[Row] = []
        self.rewritten: list[Row] = []
        # What each production environment holds, by service, as long as no row came that may change it (deployed.py).
        self.places: dict[str, Any] = {}
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Take in the next row."""
        self._told.append(row)
        if row.kind in ("change", "deployment", "revert"):
            self.places.clear()
        if row.kind == "revert":
            self._rework(row)
        elif row.kind != "change":
            self.rows.setdefault(row.kind, []).append(row)
        elif row.shas:
            self.changes.setdefault(row.service, {}).update(dict.fromkeys(row.shas, row))
            self.services = sorted(self.changes)

    def _rework(self, row: Row) -> None:
        """Take in what became of changes after they were made."""
        if row.detail == REWRITTEN:
            self.rewritten.append(row)
            return
        changes, reverted = self.changes.get(row.service, {}), self.reverted.setdefault(row.service, {})
        for sha in row.shas:
            if row.detail in (REPLACED, LOST):
                changes.pop(sha, None)
                self.gone.append(row)
            if row.detail == REVERTED:
                reverted[sha] = row
            else:
                reverted.pop(sha, None)
        if not changes:
            self.changes.pop(row.service, None)
        self.services = sorted(self.changes) or [""]

    def remove(self, gone: Row) -> None:
        """Leave out a row that was taken back."""
        rows, self._told = [row for row in self._told if row is not gone], []
        self._sort(rows)

    def of(self, kind: str, service: str) -> list[Row]:
        """The rows of a kind that speak of a service; a row by hand that names none speaks of all."""
        return [row for row in self.rows.get(kind, ()) if row.service == service or (row.by_hand and row.service == "")]


def covers(row: Row, wanted: Mapping[str, Row]) -> set[str]:
    """Return which of the wanted commits a row speaks about."""
    if row.shas and row.shas[0] == ANY:
        return {sha for sha, change in wanted.items() if change.at <= row.at}
    return wanted.keys() & row.shas


def named(row: Row, unnamed: str) -> str:
    """Name what a row is about, in the middle of a sentence: its label, or "the check (Ana, by hand)"."""
    if not row.label:
        return unnamed
    return f"{unnamed} ({row.label})" if row.by_hand else row.label


def short(shas: Iterable[str]) -> str:
    """Name commits by the first of them: "abc1234 and 2 more"."""
    ordered = list(shas)
    first = ordered[0][:7] if ordered else "it"
    return first if len(ordered) < 2 else f"{first} and {len(ordered) - 1} more"


def ago_of(moment: datetime | None) -> Part:
    """Return the part of an answer that says how long ago a moment was, whenever the answer is read."""
    return {"ago": clock.iso(moment)}


def each_service(case: Case, judge: Callable[[Case, str], Verdict]) -> Verdict:
    """Judge a rung service by service: it holds when it holds for all, since the last of them."""
    verdicts = []
    for service in case.services:
        verdict = judge(case, service)
        verdict.service = service
        verdicts.append(verdict)
    if len(verdicts) == 1:
        return verdicts[0]
    for verdict in verdicts:
        # Which of the services is meant is said wherever the reason is.
        verdict.why = f"{verdict.service}: {verdict.why}"
    for state in (WITHDRAWN, MISSING):
        for verdict in verdicts:
            if verdict.state == state:
                verdict.beside = tuple((each.service, each.holds) for each in verdicts if each is not verdict)
                return verdict
    latest = max(verdicts, key=lambda each: each.at)  # type: ignore[arg-type,return-value]
    state = BY_HAND if any(each.state == BY_HAND for each in verdicts) else HELD
    # Where it holds, what is to be said is where: the places of all of them.
    places = [place for each in verdicts for place in each.say if isinstance(place, str)]
    said: list[Part] = [", ".join(sorted({name for place in places for name in place.split(", ") if name}))]
    return Verdict(state, latest.at, "; ".join(each.why for each in verdicts), said, latest.service)


def no_changes(case: Case) -> Verdict:
    """The verdict on a rung of a story that no change is linked to, or none any more."""
    if case.gone:
        last = case.gone[-1]
        words = f"{last.label[:7]} is lost: no branch that Rodeo reads and nothing that runs holds it"
        return Verdict(MISSING, last.at, words, [f"{words}, since ", ago_of(last.at)])
    return Verdict(
        MISSING,
        case.progress_at,
        f"no change is linked to it: mention {case.key} in a commit message",
        [f"No change is linked to it yet: mention {case.key} in a commit message"],
    )


def vouched(rows: list[Row], said: str) -> Verdict | None:
    """The verdict that people gave on a rung by hand: all there can be for a story without changes."""
    by_hand = [row for row in rows if row.by_hand]
    if not by_hand:
        return None
    last = by_hand[-1]
    if last.verdict == "success":
        return Verdict(BY_HAND, last.at, named(last, f"{said} by hand"))
    return Verdict(WITHDRAWN, last.at, named(last, "failed by hand"), ["A check by hand failed ", ago_of(last.at)])
