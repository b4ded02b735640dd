"""Applying mapping rules to facts: names of outside systems become ours. Pure: no database, no Django.

The first rule of a kind whose pattern matches a name decides. The name it gives is final and is not looked up again, so
rules form no chains, and the order of events changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

import re2

from releases.providers import triggers
from releases.providers.facts import (
    FINISHED,
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
# A job in a folder: its pipeline is the folder where that has a job for each branch. Rules for pipelines may name either.
JOB = "job"
CI, DEPLOY, ACCEPTANCE, INCIDENT, IGNORED = "ci", "deploy", "acceptance", "incident", "ignored"
LONGEST_PATTERN = 200
LONGEST_SEEN = 300
LONGEST_NAME = 120
PLACEHOLDER = re.compile(r"\{(\w+)\}")
SPECIAL = "*?["
# Linear time whatever the expression, and little memory: rules are typed by people and meet names that others send.
EXPRESSIONS = re2.Options()
EXPRESSIONS.log_errors = False
EXPRESSIONS.case_sensitive = False
EXPRESSIONS.max_mem = 1 << 20
Matcher = Callable[[str], Mapping[str, str] | None]


class BadPattern(ValueError):
    """A pattern or template cannot be used. The text says why and what to write instead."""


def exact_pattern(name: str) -> str:
    """Return the pattern that matches this name alone, in any case; for a very long name, all that begin like it."""
    # The rest is never part of the pattern, however long a name somebody sends.
    chars = [f"[{char}]" if char in SPECIAL else char for char in name[: LONGEST_PATTERN + 1]]
    if name.startswith("/"):
        chars[0] = "[/]"
    if sum(map(len, chars)) <= LONGEST_PATTERN:
        return "".join(chars)
    while sum(map(len, chars)) >= LONGEST_PATTERN:
        chars.pop()
    return "".join(chars) + "*"


@lru_cache(maxsize=2000)
def compile_pattern(text: str) -> tuple[Matcher, frozenset[str]]:
    """Return a matcher of whole names, which gives the texts of the pattern's groups, and the names of those groups.

    A pattern is a glob such as deploy-* (each * and ? is a group: {1}, {2}), or an RE2 expression between slashes. Case is
    ignored. Raises BadPattern.
    """
    if not text.strip():
        raise BadPattern("Enter a pattern, such as deploy-* or /deploy-(\\w+)/.")
    if len(text) > LONGEST_PATTERN:
        raise BadPattern(f"The pattern is over {LONGEST_PATTERN} characters.")
    is_expression = len(text) > 1 and text.startswith("/") and text.endswith("/")
    try:
        compiled = re2.compile(text[1:-1] if is_expression else _glob(text), EXPRESSIONS)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadPattern(f"This isn’t a valid RE2 regular expression: {text}.") from None
    names: dict[str, int] = dict(compiled.groupindex)

    def match(name: str) -> Mapping[str, str] | None:
        try:
            found = compiled.fullmatch(name)
        except UnicodeEncodeError:  # RE2 takes UTF-8 only, and a lone surrogate has none
            return None
        if found is None:
            return None
        groups = {str(number): found[number] or "" for number in range(compiled.groups + 1)}
        return groups | {each: groups[str(number)] for each, number in names.items()}

    return match, frozenset({*(str(each) for each in range(compiled.groups + 1)), *names})


def _glob(text: str) -> str:
    parts, at = [], 0
    while at < len(text):
        char = text[at]
        end = text.find("]", at + 2) if char == "[" else -1
        if char == "*":
            parts.append("(.*)")
        elif char == "?":
            parts.append("(.)")
        elif end > 0:
            inside = text[at + 1 : end]
            negated = inside[0] in "!^" and len(inside) > 1
            body = inside[1:] if negated else inside
            parts.append("[" + "^" * negated + re.sub(r"([\\\[\]^])", r"\\\1", body) + "]")
            at = end
        else:
            parts.append(re.escape(char))
        at += 1
    return "(?s)" + "".join(parts)


def check_template(template: str, groups: frozenset[str]) -> None:
    """Raise BadPattern when a template asks for a group that its pattern does not have."""
    for name in PLACEHOLDER.findall(template):
        if name not in groups:
            offered = ", ".join(f"{{{each}}}" for each in sorted(groups))
            raise BadPattern(f"The pattern has no group {{{name}}}. It has: {offered}.")


def fill_template(template: str, groups: Mapping[str, str]) -> str:
    """Return a template with its placeholders filled from a match."""
    return PLACEHOLDER.sub(lambda placeholder: groups.get(placeholder[1], ""), template).strip()[:LONGEST_NAME]


@dataclass(frozen=True, slots=True)
class Rule:
    """A mapping rule; see the model MappingRule. `source` None is every source."""

    kind: str
    pattern: str
    role: str = ""
    service: str = ""
    environment: str = ""
    tier: str = ""
    severity: str = ""
    source: int | None = None

    def covers_severity(self, severity: str) -> bool:
        """Say whether the rule holds for alerts of this severity."""
        wanted = {each.strip().lower() for each in self.severity.split(",") if each.strip()}
        return not wanted or severity.strip().lower() in wanted


@dataclass(frozen=True, slots=True)
class MatchedRule:
    """The rule that decided about a name, with its templates filled."""

    rule: Rule
    service: str
    environment: str


@dataclass(slots=True)
class RuleSet:
    """Rules in their order. Answers are cached, since the same names are looked up for many facts."""

    rules: list[Rule] = field(default_factory=list)
    _cache: dict[tuple[str, str, str, int | None], MatchedRule | None] = field(default_factory=dict, init=False)

    def find(self, kind: str, name: str, source: int | None = None, severity: str = "") -> MatchedRule | None:
        """Return the first rule that matches a name, or None."""
        if not name or not self.rules:
            return None
        lookup = (kind, name, severity, source)
        if lookup not in self._cache:
            self._cache[lookup] = next(self._matching(*lookup), None)
        return self._cache[lookup]

    def _matching(self, kind: str, name: str, severity: str, source: int | None) -> Iterator[MatchedRule]:
        for rule in self.rules:
            if rule.kind != kind or rule.source not in (None, source) or not rule.covers_severity(severity):
                continue
            try:
                groups = compile_pattern(rule.pattern)[0](name[:LONGEST_SEEN])
            except BadPattern:  # saved by an older version: it matches nothing, and its page says so
                continue
            if groups is None:
                continue
            found = MatchedRule(rule, fill_template(rule.service, groups), fill_template(rule.environment, groups))
            # Without an environment there is no deployment: a template that stays empty does not match.
            if rule.role in (DEPLOY, ACCEPTANCE) and not found.environment:
                continue
            yield found


@dataclass(slots=True)
class MappedFacts:
    """Facts after all rules, the names that they used before, and the tiers that the rules give to environments."""

    facts: list[Seen] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)
    tiers: dict[str, str] = field(default_factory=dict)


def apply_rules(facts: Iterable[Seen], rules: RuleSet, source: int | None = None) -> MappedFacts:
    """Return facts of a source with the rules applied.

    A fact that a rule changed keeps its names of before in `original_names`; one that a rule leaves out becomes LeftOut,
    which makes no row and remembers the names.
    """
    result = MappedFacts()
    for fact in facts:
        names = names_of(fact)
        told = {kind: name for kind, name in names.items() if kind != PIPELINE or _is_told(fact)}
        result.names |= {(kind, name[:LONGEST_SEEN]) for kind, name in told.items()}
        mapped = _map_fact(fact, names, rules, source, result.tiers)
        if mapped is not fact:
            mapped = replace(mapped, original_names=tuple(sorted(names.items())))
        result.facts.append(mapped)
    return result


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
        names[JOB] = fact.job
    if isinstance(fact, AlertSeen):
        names[ALERT] = fact.title
    return {kind: name for kind, name in names.items() if name.strip()}


def _map_fact(fact: Seen, names: Mapping[str, str], rules: RuleSet, source: int | None, tiers: dict[str, str]) -> Seen:
    severity = fact.severity if isinstance(fact, AlertSeen) else ""
    found = {
        kind: answer
        for kind, name in names.items()
        if (answer := rules.find(kind, name, source, severity if kind == ALERT else "")) is not None
    }
    if isinstance(fact, RunSeen) and (of_pipeline := _rule_of_pipeline(fact, rules, source)):
        found[PIPELINE] = of_pipeline
    if any(each.rule.role == IGNORED for each in found.values()):
        return LeftOut(key=f"{fact.kind}:{fact.key}", at=fact.at)
    changes: dict[str, Any] = {}
    if SERVICE in found and found[SERVICE].service:
        changes["service"] = found[SERVICE].service
    if ENVIRONMENT in found:
        environment = found[ENVIRONMENT].environment or names[ENVIRONMENT]
        changes["key" if isinstance(fact, EnvironmentSeen) else "environment"] = environment
        if found[ENVIRONMENT].rule.tier:
            tiers[environment] = found[ENVIRONMENT].rule.tier
        # What happens in an environment of one part of a repository is of that part's service.
        if found[ENVIRONMENT].service and not isinstance(fact, EnvironmentSeen | FlagSeen):
            changes["service"] = found[ENVIRONMENT].service
    if ALERT in found:
        changes["incident"] = found[ALERT].rule.role == INCIDENT
        changes |= _names_given(found[ALERT])
    changes = {name: value for name, value in changes.items() if getattr(fact, name) != value}
    mapped: Seen = replace(fact, **changes) if changes else fact
    if isinstance(mapped, RunSeen) and PIPELINE in found:
        return _map_run(mapped, found[PIPELINE], tiers)
    return mapped


def _rule_of_pipeline(run: RunSeen, rules: RuleSet, source: int | None) -> MatchedRule | None:
    """Return the rule of a run's own job, else of its pipeline, else of the folder that may be its pipeline."""
    folder = run.job.rpartition("/")[0] if run.job == run.pipeline else ""
    return next(
        (each for name in (run.job, run.pipeline, folder) if (each := rules.find(PIPELINE, name, source))), None
    )


def _is_told(run: Seen) -> bool:
    """Whether a run tells its pipeline: one that has not checked anything out knows no branch, so it may be its folder."""
    return not (isinstance(run, RunSeen) and run.job and run.job == run.pipeline and run.phase != FINISHED)


def _names_given(found: MatchedRule) -> dict[str, str]:
    names = {"service": found.service, "environment": found.environment}
    return {name: value for name, value in names.items() if value}


def _map_run(run: RunSeen, found: MatchedRule, tiers: dict[str, str]) -> Seen:
    """Return a run of a pipeline as what its rule says it is: still a run, a deployment, or an acceptance run."""
    service = found.service or run.service
    # A fork's run has no say here, and nothing to deploy with.
    if found.rule.role not in (DEPLOY, ACCEPTANCE) or run.trigger == triggers.FORK:
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


def matching_names(rule: Rule, names: Iterable[str], severity: str = "") -> list[str]:
    """Return those of the names that a rule's pattern matches; raise BadPattern."""
    match = compile_pattern(rule.pattern)[0]
    return [name for name in names if match(name[:LONGEST_SEEN]) is not None]
