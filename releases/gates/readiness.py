"""Judging the readiness of a release: every gate is judged, none hides behind another. Pure: facts in, verdict out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from portal.kernel.sentences import counted, listed
from releases.gates import (
    artifacts,
    deploy_order,
    flags,
    freezes,
    incidents,
    learnings,
    runs,
    schema_changes,
    sign_offs,
    stories,
)
from releases.gates.facts import ReleaseFacts
from releases.gates.findings import (
    FAILED,
    PASSED,
    STALE,
    STATES,
    WAITING,
    Blocker,
    Finding,
    Override,
    finding,
    steady,
    too_old,
)
from releases.gates.findings import UNKNOWN as FINDING_UNKNOWN
from releases.gates.parameters import STALE_AFTER, STEADY_FOR, GateSetting, InvalidParameter, Parameter

READY, NOT_READY, UNKNOWN = "ready", "not_ready", "unknown"
NEVER_STALE = tuple(state for state in STATES if state != STALE)
VERDICTS = {READY: "ready", NOT_READY: "not ready", UNKNOWN: "unknown"}
VERDICT_CHOICES = list(VERDICTS.items())


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition of readiness: its name in settings and the API, its title, what passes it, and how it is judged."""

    name: str
    title: str
    judge: Callable[[ReleaseFacts, Mapping[str, Any]], stories.Judged]
    own_parameters: tuple[Parameter, ...] = ()
    # Part of the template of a line for which nobody set one.
    by_default: bool = True
    # The states it can be in. One that rests on what Rodeo itself knows now is never stale.
    states: tuple[str, ...] = STATES
    # How many hours old its evidence may usually be: set where systems are heard again and again, so that silence tells.
    stale_after: int | None = None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All that can be set for it. Only what rests on evidence can be too old, or too young."""
        if STALE not in self.states:
            return self.own_parameters
        return (*self.own_parameters, replace(STALE_AFTER, default=self.stale_after), STEADY_FOR)

    @property
    def what(self) -> str:
        """What passes it, in one sentence."""
        return (self.judge.__doc__ or "").split("\n")[0]

    def clean(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return all values of this gate, those not given by default. Raises InvalidParameter for an unknown or bad one."""
        every = {each.name: each for each in self.parameters}
        for name in values:
            if name not in every:
                has = f"It has {', '.join(every)}." if every else "It has none."
                raise InvalidParameter(name, f"{self.title} has no setting “{name[:40]}”. {has}")
        return {name: each.clean(values.get(name, each.default)) for name, each in every.items()}


# In the order of pages: what is missing in the work, in what was built, around it, and by people.
GATES: tuple[Gate, ...] = (
    Gate("stories", "Stories", stories.stories, (stories.STAGE,)),
    Gate("runs", "CI runs", runs.runs, (runs.PASSES,)),
    Gate("artifacts", "Same artifact", artifacts.same_artifact),
    Gate("soak", "Soak time", artifacts.soak, (artifacts.TIER, artifacts.HOURS), by_default=False, states=NEVER_STALE),
    Gate("schema_changes", "Schema changes", schema_changes.schema_changes),
    Gate("deploy_order", "Deploy order", deploy_order.deploy_order, states=NEVER_STALE),
    Gate("flags", "Feature flags", flags.flags, stale_after=24 * 7),
    Gate("incidents", "Incidents", incidents.incidents, stale_after=24),
    Gate(
        "learnings",
        "Learnings read",
        learnings.learnings,
        (learnings.DAYS,),
        by_default=False,
        states=(PASSED, FAILED, FINDING_UNKNOWN),
    ),
    Gate("freezes", "Freezes", freezes.freezes, (freezes.RUNWAY,), states=(PASSED, FAILED)),
    Gate("batch", "Batch size", stories.batch, (stories.MOST,), states=(PASSED, FAILED)),
    Gate("acceptance", "Acceptance planned", stories.acceptance, states=(PASSED, FAILED)),
    Gate("approvals", "Approvals", sign_offs.approvals, (sign_offs.OF,)),
    Gate("checklist", "Checklist", sign_offs.checklist),
    Gate("outside_checks", "Outside checks", sign_offs.outside_checks, stale_after=1),
)
BY_NAME = {gate.name: gate for gate in GATES}
NAMES = [(gate.name, gate.title) for gate in GATES]
Template = Sequence[GateSetting]
DEFAULT: tuple[GateSetting, ...] = tuple(GateSetting(gate.name, gate.clean({})) for gate in GATES if gate.by_default)


@dataclass(frozen=True, slots=True)
class Readiness:
    """The verdict on a release at a moment, and what every gate says."""

    verdict: str
    findings: tuple[Finding, ...]
    at: datetime
    # The service that it was judged for; "" for all.
    service: str = ""

    @property
    def words(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.verdict]

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """The gates that don't let it pass."""
        return tuple(each for each in self.findings if not each.lets_pass)

    @property
    def overridden(self) -> tuple[Finding, ...]:
        """The gates that only pass because somebody overrode them."""
        return tuple(each for each in self.findings if each.override is not None)

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """All that blocks, except in gates that are overridden."""
        return tuple(blocker for each in self.blocking for blocker in each.blockers)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with the gates it rests on."""
        if not self.findings:
            return "Unknown. Its template has no gates."
        over = (
            f" {counted(len(self.overridden), 'gate is', 'gates are')} overridden: {_titles(self.overridden)}."
            if self.overridden
            else ""
        )
        if self.verdict == READY:
            return f"Ready.{over}"
        sure = [each for each in self.blocking if each.state in (FAILED, WAITING)]
        unsure = [each for each in self.blocking if each not in sure]
        if self.verdict == NOT_READY:
            also = f" {counted(len(unsure), 'gate is', 'gates are')} unknown: {_titles(unsure)}." if unsure else ""
            return f"Not ready. {counted(len(sure), 'gate doesn’t', 'gates don’t')} pass: {_titles(sure)}.{also}{over}"
        return f"Unknown. Nothing fails, but {counted(len(unsure), 'gate', 'gates')} can’t be judged: {_titles(unsure)}.{over}"


def _titles(findings: Iterable[Finding]) -> str:
    return listed([each.title for each in findings])


def judge(facts: ReleaseFacts, template: Template = DEFAULT, overrides: Iterable[Override] = ()) -> Readiness:
    """Judge a release by all gates of a template. Missing input is unknown, and unknown or stale is never ready.

    Nothing here asks a clock or a database: the same facts give the same verdict.
    """
    given = list(overrides)
    findings = tuple(
        _overridden(_judged(BY_NAME[setting.gate], facts, setting), given, facts.at)
        for setting in sorted(template, key=lambda each: list(BY_NAME).index(each.gate))
    )
    return Readiness(_verdict(findings), findings, facts.at, facts.asked)


def _judged(gate: Gate, facts: ReleaseFacts, setting: GateSetting) -> Finding:
    blockers, passed, reason = gate.judge(facts, setting.values)
    old = too_old(gate.name, passed, facts.at, setting.stale_after)
    found = finding(gate.name, gate.title, blockers, passed, reason, old)
    return steady(found, passed, facts.at, setting.steady_for)


def _overridden(found: Finding, overrides: Iterable[Override], at: datetime) -> Finding:
    """Return a finding with the override that lets it pass, and those that don't count (any more), each with the reason."""
    counts, void = None, []
    for override in sorted(
        (each for each in overrides if each.gate == found.gate), key=lambda each: (each.at, each.id)
    ):
        why = override.why_void(found, at)
        if why:
            void.append((override, why))
        elif found.blockers:
            counts = override
    return replace(found, override=counts, void_overrides=tuple(void))


def _verdict(findings: Sequence[Finding]) -> str:
    blocking = [each for each in findings if not each.lets_pass]
    if any(each.state in (FAILED, WAITING) for each in blocking):
        return NOT_READY
    return UNKNOWN if blocking or not findings else READY
