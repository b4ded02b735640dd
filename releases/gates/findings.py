"""What a gate finds: its state, the reason, and what keeps it closed, each with who can act and the remedy."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from portal.kernel import clock
from portal.kernel.sentences import listed
from releases.gates.facts import ServiceFact

PASSED, WAITING, FAILED, STALE, UNKNOWN = "passed", "waiting", "failed", "stale", "unknown"
STATES = (PASSED, WAITING, FAILED, STALE, UNKNOWN)
# Of several blockers the first of these decides: what is sure before what isn't known.
WORST_FIRST = (FAILED, WAITING, UNKNOWN, STALE)
# Clocks of other systems may be ahead this much; evidence dated later tells nothing about its age.
CLOCKS_APART = timedelta(minutes=5)
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Blocker:
    """One thing that keeps a gate closed. `key` is its identity: the same until what it is about changes, whatever else does.

    `since` is when it began, as evidence says. `who` can act, in words; `squad` is their squad's slug, if it is one.
    """

    state: str
    key: str
    text: str
    remedy: str
    who: str
    squad: str = ""
    since: datetime | None = None
    url: str = ""

    @property
    def identity(self) -> str:
        """What an override is given for: it covers this blocker in this state, and nothing else."""
        return f"{self.state} {self.key}"


@dataclass(frozen=True, slots=True)
class Override:
    """A person lets a gate pass although it isn't passed, for exactly these blockers, until a moment."""

    gate: str
    by: str
    at: datetime
    reason: str
    until: datetime
    covers: frozenset[str]
    id: str = ""

    def why_void(self, finding: "Finding", at: datetime) -> str:
        """Say why it doesn't count (any more); "" if it does."""
        if at >= self.until:
            return f"It expired {clock.ago(self.until, at)}."
        new = [blocker.text for blocker in finding.blockers if blocker.identity not in self.covers]
        if new:
            return f"It was given for something else. New since: {first_of(new)}"
        return ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one gate says of a release. `since` is when this became so; `evidence_at` is when the oldest evidence was made that it
    rests on, None where it rests on none."""

    gate: str
    title: str
    state: str
    reason: str
    since: datetime | None = None
    evidence_at: datetime | None = None
    url: str = ""
    blockers: tuple[Blocker, ...] = ()
    override: Override | None = None
    void_overrides: tuple[tuple[Override, str], ...] = ()

    @property
    def lets_pass(self) -> bool:
        """Whether the gate stops nothing: it passed, or somebody overrode it."""
        return self.state == PASSED or self.override is not None

    @property
    def who(self) -> str:
        """Who can act, in words."""
        names = list(dict.fromkeys(blocker.who for blocker in self.blockers if blocker.who))
        more = len(names) - MOST_NAMED
        return listed([*names[:MOST_NAMED], f"{more} more"] if more > 0 else names)

    @property
    def remedy(self) -> str:
        """What to do first."""
        return self.blockers[0].remedy if self.blockers else ""


@dataclass(frozen=True, slots=True)
class Passed:
    """What a gate says when nothing blocks it. `evidence` is what it rests on, by name, each with when it was made: None where
    nobody knows. Where there is none, nothing was to be checked, and nothing can be old."""

    reason: str
    since: datetime | None = None
    evidence: Mapping[str, datetime | None] = field(default_factory=dict)
    url: str = ""

    @property
    def evidence_at(self) -> datetime | None:
        """When the oldest evidence was made."""
        return oldest(self.evidence.values())


def blocker_of(
    state: str, service: ServiceFact, key: str, text: str, remedy: str, since: datetime | None = None, url: str = ""
) -> Blocker:
    """Return what blocks in one service; whoever owns it can act."""
    return Blocker(state, key, text, remedy, service.who, service.squad_slug, since, url or service.url)


def mark_of(parts: Iterable[str]) -> str:
    """Return a short mark of some texts, for a blocker's key: another as soon as one of them is."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:12]


def first_of(texts: Sequence[str]) -> str:
    """Return the first of some sentences, and how many more there are."""
    more = len(texts) - 1
    return texts[0] if not more else f"{texts[0].rstrip('.')}, and {more} more."


def oldest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest moment; None if there is none, or one of them isn't known."""
    known = list(moments)
    return None if not known or None in known else min(each for each in known if each is not None)


def latest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the latest moment; None if there is none, or one of them isn't known."""
    known = list(moments)
    return None if not known or None in known else max(each for each in known if each is not None)


def state_of(blockers: Iterable[Blocker]) -> str:
    """Return the state of a gate with these blockers."""
    there = {blocker.state for blocker in blockers}
    return next((state for state in WORST_FIRST if state in there), PASSED)


def finding(
    gate: str, title: str, blockers: Iterable[Blocker], passed: Passed, reason: str = "", old: Sequence[Blocker] = ()
) -> Finding:
    """Return what a gate finds: passed, or the worst of its blockers. `reason` sums them up where there are several; `old` is
    what blocks by the age of evidence."""
    never = clock.parse("1970-01-01")
    own = list(blockers)
    ordered = sorted(
        [*own, *old],
        key=lambda each: (WORST_FIRST.index(each.state), each.since or never, each.key),  # type: ignore[arg-type,return-value]
    )
    if not ordered:
        return Finding(gate, title, PASSED, passed.reason, passed.since, passed.evidence_at, passed.url)
    state = ordered[0].state
    deciding = [each for each in ordered if each.state == state]
    since = min((each.since for each in deciding if each.since), default=None)
    said = reason if reason and len(own) > 1 else first_of([each.text for each in ordered])
    return Finding(gate, title, state, said, since, passed.evidence_at, deciding[0].url or passed.url, tuple(ordered))


def steady(found: Finding, passed: Passed, at: datetime, length: timedelta | None) -> Finding:
    """Return a passed finding as it is once it must have held for a time: waiting until then."""
    if length is None or found.state != PASSED or not passed.evidence:
        return found
    blocker = _too_new(found, at, length)
    if blocker is None:
        return found
    return replace(found, state=blocker.state, reason=blocker.text, since=blocker.since, blockers=(blocker,))


def too_old(gate: str, passed: Passed, at: datetime, limit: timedelta | None) -> list[Blocker]:
    """Return what blocks because the evidence for it is too old. Evidence without a time, or from the future, can't be told from
    old evidence: unknown.

    Each is a blocker of its own, so that an override for one covers no other that grows old later.
    """
    if limit is None:
        return []
    found = [_age(gate, name, made, at, limit, passed.url) for name, made in passed.evidence.items()]
    return [each for each in found if each is not None]


def _age(gate: str, name: str, made: datetime | None, at: datetime, limit: timedelta, url: str) -> Blocker | None:
    key, remedy = f"age of {gate} {name} {clock.iso(made)}", "Have it checked again."
    if made is None:
        text = f"Nothing tells how old the evidence for {name} is."
        return Blocker(UNKNOWN, key, text, remedy, "project managers", url=url)
    if made > at + CLOCKS_APART:
        text = f"The evidence for {name} is dated {clock.ago(made, at)}, so its age isn’t known."
        return Blocker(UNKNOWN, key, text, "Correct the clock of the system that sent it.", "administrators", url=url)
    if at - made > limit:
        text = f"The evidence for {name} is {clock.duration(at - made)} old; {clock.duration(limit)} is the most here."
        return Blocker(STALE, key, text, remedy, "project managers", since=made + limit, url=url)
    return None


def _too_new(found: Finding, at: datetime, length: timedelta) -> Blocker | None:
    key, remedy = f"steadiness of {found.gate} {clock.iso(found.since)}", "Wait."
    if found.since is None:
        text = "Nothing tells since when it has held."
        return Blocker(UNKNOWN, key, text, "Have it checked again.", "project managers", url=found.url)
    if at - found.since < length:
        left = clock.duration(length - (at - found.since))
        text = (
            f"It has held for {clock.duration(at - found.since)}; it needs {clock.duration(length)}. Wait {left} more."
        )
        return Blocker(WAITING, key, text, remedy, "", since=found.since, url=found.url)
    return None
