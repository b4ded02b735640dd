"""From the names of outside systems to ours: rules applied to facts. Pure: no database, no Django.

The first rule of a kind that fits a name decides. A name that a rule gave is final: it is not looked up again, so rules
cannot chase each other, and the order of events changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

import re2

from releases.providers.facts import (
    AcceptanceSeen,
    AlertSeen,
    DeploymentSeen,
    EnvironmentSeen,
    FlagSeen,
    IncidentSeen,
    LeftOut,
    RunSeen,
    Seen,
)

SERVICE, ENVIRONMENT, PIPELINE, ALERT = "service", "environment", "pipeline", "alert"
CI, DEPLOY, ACCEPTANCE, INCIDENT, IGNORED = "ci", "deploy", "acceptance", "incident", "ignored"
LONGEST_PATTERN = 200
LONGEST_SEEN = 300
LONGEST_NAME = 120
PLACE = re.compile(r"\{(\w+)\}")
SPECIAL = "*?["
# Linear time whatever the expression, and little memory: rules are typed by people and meet names that others send.
EXPRESSIONS = re2.Options()
EXPRESSIONS.log_errors = False
EXPRESSIONS.case_sensitive = False
EXPRESSIONS.max_mem = 1 << 20
Match = Callable[[str], Mapping[str, str] | None]


class BadPattern(ValueError):
    """A pattern or template cannot be used. The text says why and what to write instead."""


def exactly(name: str) -> str:
    """Return the pattern that fits this name and, but for case, no other; of a very long name, those that begin so."""
    # What comes behind is never part of the pattern, however much somebody sends.
    signs = [f"[{sign}]" if sign in SPECIAL else sign for sign in name[: LONGEST_PATTERN + 1]]
    if name.startswith("/"):
        signs[0] = "[/]"
    if sum(map(len, signs)) <= LONGEST_PATTERN:
        return "".join(signs)
    while sum(map(len, signs)) >= LONGEST_PATTERN:
        signs.pop()
    return "".join(signs) + "*"


@lru_cache(maxsize=2000)
def pattern(text: str) -> tuple[Match, frozenset[str]]:
    """Return what says whether a whole name fits, with the texts of its groups, and the names of those groups.

    A glob such as deploy-* (each * and ? is a group: {1}, {2}), or an expression of RE2 between slashes. Case is no
    difference. Raises BadPattern.
    """
    if not text.strip():
        raise BadPattern("Write a pattern, such as deploy-* or /deploy-(\\w+)/.")
    if len(text) > LONGEST_PATTERN:
        raise BadPattern(f"The pattern is longer than {LONGEST_PATTERN} characters.")
    is_expression = len(text) > 1 and text.startswith("/") and text.endswith("/")
    try:
        compiled = re2.compile(text[1:-1] if is_expression else _glob(text), EXPRESSIONS)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(f"This is not a regular expression of RE2: {text}.") from None
    names: dict[str, int] = dict(compiled.groupindex)

    def match(name: str) -> Mapping[str, str] | None:
        try:
            found = compiled.fullmatch(name)
        except UnicodeEncodeError:  # a lone surrogate is no letter of anybody's name
            return None
        if found is None:
            return None
        groups = {str(number): found[number] or "" for number in range(compiled.groups + 1)}
        return groups | {each: groups[str(number)] for each, number in names.items()}

    return match, frozenset({*(str(each) for each in range(compiled.groups + 1)), *names})


def _glob(text: str) -> str:
    out, at = [], 0
    while at < len(text):
        sign = text[at]
        end = text.find("]", at + 2) if sign == "[" else -1
        if sign == "*":
            out.append("(.*)")
        elif sign == "?":
            out.append("(.)")
        elif end > 0:
            inside = text[at + 1 : end]
            negated = inside[0] in "!^" and len(inside) > 1
            body = inside[1:] if negated else inside
            out.append("[" + "^" * negated + re.sub(r"([\\\[\]^])", r"\\\1", body) + "]")
            at = end
        else:
            out.append(re.escape(sign))
        at += 1
    return "(?s)" + "".join(out)


def check_template(template: str, groups: frozenset[str]) -> None:
    """Raise BadPattern when a template asks for a group that its pattern does not have."""
    for name in PLACE.findall(template):
        if name not in groups:
            offered = ", ".join(f"{{{each}}}" for each in sorted(groups))
            raise BadPattern(f"The pattern has no group {{{name}}}. It has: {offered}.")


def filled(template: str, groups: Mapping[str, str]) -> str:
    """Return a template with its places filled from a match."""
    return PLACE.sub(lambda place: groups.get(place[1], ""), template).strip()[:LONGEST_NAME]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a name means here; see the model MappingRule. `source` None is every source."""

    kind: str
    pattern: str
    role: str = ""
    service: str = ""
    environment: str = ""
    tier: str = ""
    severity: str = ""
    source: int | None = None

    def concerns(self, severity: str) -> bool:
        """Say whether the rule is about alerts of this severity."""
        wanted = {each.strip().lower() for each in self.severity.split(",") if each.strip()}
        return not wanted or severity.strip().lower() in wanted


@dataclass(frozen=True, slots=True)
class Found:
    """The rule that decided about a name, with its names filled in."""

    rule: Rule
    service: str
    environment: str


@dataclass(slots=True)
class Rules:
    """The rules in their order, asked many times: what was answered for a name is remembered."""

    rules: list[Rule] = field(default_factory=list)
    _known: dict[tuple[str, str, str, int | None], Found | None] = field(default_factory=dict, init=False)

    def find(self, kind: str, name: str, source: int | None = None, severity: str = "") -> Found | None:
        """Return what the first fitting rule says about a name, or None."""
        if not name or not self.rules:
            return None
        asked = (kind, name, severity, source)
        if asked not in self._known:
            self._known[asked] = next(self._fitting(*asked), None)
        return self._known[asked]

    def _fitting(self, kind: str, name: str, severity: str, source: int | None) -> Iterator[Found]:
        for rule in self.rules:
            if rule.kind != kind or rule.source not in (None, source) or not rule.concerns(severity):
                continue
            try:
                groups = pattern(rule.pattern)[0](name[:LONGEST_SEEN])
            except BadPattern:  # kept by an older version: it fits nothing, and its page says so
                continue
            if groups is None:
                continue
            found = Found(rule, filled(rule.service, groups), filled(rule.environment, groups))
            # A deployment to nowhere is none: a template that stayed empty does not fit.
            if rule.role in (DEPLOY, ACCEPTANCE) and not found.environment:
                continue
            yield found


@dataclass(slots=True)
class Mapped:
    """Facts after all rules, the names that they used before, and the tiers that rules give to environments."""

    facts: list[Seen] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)
    tiers: dict[str, str] = field(default_factory=dict)


def apply(facts: Iterable[Seen], rules: Rules, source: int | None = None) -> Mapped:
    """Return these facts as the rules of a source mean them.

    A fact that a rule changed keeps the names it came with in `original_names`; one that a rule leaves out becomes LeftOut, which
    makes no row and remembers the names.
    """
    done = Mapped()
    for fact in facts:
        names = names_of(fact)
        done.names |= {(kind, name[:LONGEST_SEEN]) for kind, name in names.items()}
        mapped = _mapped(fact, names, rules, source, done.tiers)
        if mapped is not fact:
            mapped = replace(mapped, original_names=tuple(sorted(names.items())))
        done.facts.append(mapped)
    return done


def names_of(fact: Seen) -> dict[str, str]:
    """Return the names that a fact uses, by kind."""
    names: dict[str, str] = {}
    if isinstance(fact, DeploymentSeen | RunSeen | AcceptanceSeen | AlertSeen | IncidentSeen):
        names[SERVICE] = fact.service
    if isinstance(fact, DeploymentSeen | AcceptanceSeen | AlertSeen | IncidentSeen | FlagSeen):
        names[ENVIRONMENT] = fact.environment
    if isinstance(fact, EnvironmentSeen):
        names[ENVIRONMENT] = fact.key
    if isinstance(fact, RunSeen):
        names[PIPELINE] = fact.pipeline
    if isinstance(fact, AlertSeen):
        names[ALERT] = fact.title
    return {kind: name for kind, name in names.items() if name.strip()}


def _mapped(fact: Seen, names: Mapping[str, str], rules: Rules, source: int | None, tiers: dict[str, str]) -> Seen:
    severity = fact.severity if isinstance(fact, AlertSeen) else ""
    found = {
        kind: answer
        for kind, name in names.items()
        if (answer := rules.find(kind, name, source, severity if kind == ALERT else "")) is not None
    }
    if any(each.rule.role == IGNORED for each in found.values()):
        return LeftOut(key=f"{fact.kind}:{fact.key}", at=fact.at)
    changes: dict[str, Any] = {}
    if SERVICE in found and found[SERVICE].service:
        changes["service"] = found[SERVICE].service
    if ENVIRONMENT in found:
        place = found[ENVIRONMENT].environment or names[ENVIRONMENT]
        changes["key" if isinstance(fact, EnvironmentSeen) else "environment"] = place
        if found[ENVIRONMENT].rule.tier:
            tiers[place] = found[ENVIRONMENT].rule.tier
    if ALERT in found:
        changes["incident"] = found[ALERT].rule.role == INCIDENT
        changes |= _given(found[ALERT])
    changes = {name: value for name, value in changes.items() if getattr(fact, name) != value}
    mapped: Seen = replace(fact, **changes) if changes else fact
    if isinstance(mapped, RunSeen) and PIPELINE in found:
        return _run(mapped, found[PIPELINE], tiers)
    return mapped


def _given(found: Found) -> dict[str, str]:
    names = {"service": found.service, "environment": found.environment}
    return {name: value for name, value in names.items() if value}


def _run(run: RunSeen, found: Found, tiers: dict[str, str]) -> Seen:
    """Return what a run of a pipeline is, as its rule says: still a run, a deployment, or an acceptance run."""
    service = found.service or run.service
    if found.rule.role not in (DEPLOY, ACCEPTANCE):
        return run if service == run.service else replace(run, service=service)
    if found.rule.tier:
        tiers[found.environment] = found.rule.tier
    shared = {
        each.name: getattr(run, each.name)
        for each in fields(AcceptanceSeen if found.rule.role == ACCEPTANCE else DeploymentSeen)
        if each.name in RUN_FIELDS
    }
    # A deployment of the same system may have the same key.
    shared |= {"key": f"run:{run.key}", "service": service, "environment": found.environment}
    if found.rule.role == ACCEPTANCE:
        return AcceptanceSeen(name=run.pipeline, **shared)
    return DeploymentSeen(**shared)


RUN_FIELDS = {each.name for each in fields(RunSeen)} - {"original_names"}


def fits(rule: Rule, names: Iterable[str], severity: str = "") -> list[str]:
    """Return those of these names that a rule's pattern fits; raise BadPattern."""
    match = pattern(rule.pattern)[0]
    return [name for name in names if match(name[:LONGEST_SEEN]) is not None]
