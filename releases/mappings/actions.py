"""What people do to mapping rules, called by the pages and the API.

A rule decides what names mean for every squad, and what is production: only administrators and project managers make them
(docs/adr/0020). Past events with matching names are replayed by the worker, a piece at a time.
"""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from releases.environments.actions import update_tier
from releases.environments.models import Environment
from releases.events import MappingChanged
from releases.inbox.actions import replay
from releases.inbox.models import Source
from releases.mappings import engine
from releases.mappings.fact_mapper import as_rule, current_rules, facts_using
from releases.mappings.models import MappingRule, SeenName

FIELDS = ("source", "kind", "pattern", "role", "service", "environment", "tier", "severity", "order")
ROLES = {
    "service": ("", "ignored"),
    "environment": ("", "ignored"),
    "pipeline": ("ci", "deploy", "acceptance", "ignored"),
    "alert": ("incident", "ignored"),
}
# The fields of a rule that are used for names of each kind; one that is not used is refused, never dropped in silence.
USED_FIELDS = {
    "service": frozenset({"service"}),
    "environment": frozenset({"environment", "tier", "service"}),
    "pipeline": frozenset({"environment", "tier", "service"}),
    "alert": frozenset({"environment", "service", "severity"}),
}
UNUSED_FIELDS = {
    "service": "Leave the service empty here.",
    "environment": "Leave this empty, except for environments, alerts, and pipelines that deploy or check.",
    "tier": "Leave this empty, except for environments.",
    "severity": "Leave this empty, except for alerts.",
}
WHO_MAY_MAP = "Only administrators and project managers can change mapping, because it affects all squads."
# Events replayed per message, so that nobody waits long for the inbox.
EVENTS_PER_MESSAGE = 1000
NAMES_PER_MESSAGE = 200
NAME_LIMIT = 20_000
FIRST_ORDER, LAST_ORDER = 100, 1_000_000
EXACT_ORDER = 50


def may_map(user: Anyone | None) -> bool:
    """Administrators and project managers may change rules."""
    return bool(user is not None and user.is_authenticated and (user.is_staff or user.is_project_manager))


def check_mapper(user: Anyone | None) -> None:
    """Refuse everybody else, with the remedy."""
    if not may_map(user):
        raise PermissionDenied(WHO_MAY_MAP)


def validate_rule(fields: dict[str, Any]) -> engine.Rule:
    """Return the rule that these fields make, or raise ValidationError naming the field and the remedy."""
    texts = [name for name in FIELDS if name not in ("source", "order")]
    values = {name: str(fields.get(name) or "").replace("\0", "").strip() for name in texts}
    kind, role = values["kind"], values["role"]
    if kind not in ROLES:
        raise ValidationError({"kind": f"Choose one of {', '.join(ROLES)}."})
    if role not in ROLES[kind]:
        allowed = ", ".join(each or "(empty)" for each in ROLES[kind])
        raise ValidationError({"role": f"For this kind of name, choose one of {allowed}."})
    _check_pattern(values)
    _check_has_effect(values)
    if values["tier"] and values["tier"] not in Environment.Tier.values:
        raise ValidationError({"tier": f"Choose one of {', '.join(Environment.Tier.values)}."})
    source = fields.get("source")
    return engine.Rule(**values, source=source.pk if isinstance(source, Source) else source)


def _check_pattern(values: dict[str, str]) -> None:
    try:
        groups = engine.compile_pattern(values["pattern"])[1]
    except engine.BadPattern as error:
        raise ValidationError({"pattern": str(error)}) from None
    for name, longest in (("service", 120), ("environment", 120), ("severity", 60)):
        if len(values[name]) > longest:
            raise ValidationError({name: f"Use at most {longest} characters."})
        try:
            engine.check_template(values[name], groups)
        except engine.BadPattern as error:
            raise ValidationError({name: str(error)}) from None


def _check_has_effect(values: dict[str, str]) -> None:
    kind, role = values["kind"], values["role"]
    if kind == "service" and not role and not values["service"]:
        raise ValidationError({"service": "Enter a service, or choose “ignored”."})
    if kind == "environment" and not role and not any(values[name] for name in ("environment", "tier", "service")):
        raise ValidationError({"environment": "Enter an environment, or choose a tier or service."})
    if kind == "pipeline" and role in ("deploy", "acceptance") and not values["environment"]:
        raise ValidationError({"environment": "Enter the environment this pipeline deploys to or checks."})
    used = USED_FIELDS[kind]
    if role == engine.IGNORED:
        used = used & {"severity"}
    elif kind == "pipeline" and role not in (engine.DEPLOY, engine.ACCEPTANCE):
        used = used & {"service"}
    unused = {name: words for name, words in UNUSED_FIELDS.items() if values[name] and name not in used}
    if unused and role == engine.IGNORED:
        unused = dict.fromkeys(unused, "Leave this empty when ignored.")
    if unused:
        raise ValidationError(unused)


@transaction.atomic
def create_rule(*, by: Actor, order: int | None = None, source: Source | None = None, **fields: Any) -> MappingRule:
    """Create a rule and replay past events with matching names. It comes last unless `order` is given."""
    check_mapper(by)
    rule = validate_rule({**fields, "source": source})
    if order is None:
        last = MappingRule.objects.order_by("-order").values_list("order", flat=True).first()
        order = min(max(FIRST_ORDER, (last or 0) + 10), LAST_ORDER)
    row = MappingRule.objects.create(
        source=source,
        kind=rule.kind,
        pattern=rule.pattern,
        role=rule.role,
        service=rule.service,
        order=order,
        environment=rule.environment,
        tier=rule.tier,
        severity=rule.severity,
        by=by,
    )
    _record_change(row, "", "in force", by, [rule])
    return row


@transaction.atomic
def edit_rule(row: MappingRule, *, by: Actor, **fields: Any) -> MappingRule:
    """Change a rule and replay events with names that it matched before or matches now."""
    check_mapper(by)
    if strange := fields.keys() - set(FIELDS):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    before = MappingRule.objects.select_for_update().get(pk=row.pk)
    now = {name: getattr(before, name) for name in FIELDS} | fields
    rule = validate_rule(now)
    row.order = before.order if now["order"] is None else now["order"]
    row.source = now["source"]
    for name in ("kind", "pattern", "role", "service", "environment", "tier", "severity"):
        setattr(row, name, getattr(rule, name))
    row.save(update_fields=list(FIELDS))
    if as_rule(before) != as_rule(row) or before.order != row.order:
        _record_change(row, "in force", "in force", by, [as_rule(before), rule])
    return row


@transaction.atomic
def remove_rule(row: MappingRule, *, by: Actor) -> None:
    """Delete a rule and replay events with names that it matched."""
    check_mapper(by)
    before = MappingRule.objects.select_for_update().filter(pk=row.pk).first()
    if before is None:
        return
    _record_change(before, "in force", "removed", by, [as_rule(before)])
    before.delete()


@transaction.atomic
def move_rule(row: MappingRule, *, up: bool, by: Actor) -> None:
    """Swap a rule with the one above or below it."""
    check_mapper(by)
    rows = list(MappingRule.objects.select_for_update().order_by("order", "pk"))
    at = next((place for place, each in enumerate(rows) if each.pk == row.pk), None)
    other = None if at is None else at - 1 if up else at + 1
    if at is None or other is None or not 0 <= other < len(rows):
        return
    rows[at], rows[other] = rows[other], rows[at]
    for place, each in enumerate(rows):
        each.order = 10 * (place + 1)
    MappingRule.objects.bulk_update(rows, ["order"], batch_size=500)
    if rows[at].kind == rows[other].kind:
        _record_change(row, "in force", "in force", by, [as_rule(rows[at]), as_rule(rows[other])])


def _record_change(row: MappingRule, before: str, after: str, by: Actor, rules: list[engine.Rule]) -> None:
    StateChange.objects.create(
        kind="mapping rule",
        key=str(row.pk),
        from_state=before,
        to_state=after,
        by=by,
        at=clock.now(),
        because="; ".join(describe(rule) for rule in rules),
    )
    verb = {"": "added", "removed": "removed"}.get(before or after, "changed")
    audit.record(by=by, did=f"{verb} the mapping rule {describe(rules[-1])}", kind="mapping", key=str(row.pk))
    publish(MappingChanged(patterns=[[rule.kind, rule.pattern, rule.source, rule.environment] for rule in rules]))


def describe(rule: engine.Rule) -> str:
    """Describe a rule in one line, for its history."""
    names = ("role", "service", "environment", "tier", "severity")
    parts = [f"{name} {value}" for name in names if (value := getattr(rule, name))]
    return f"{rule.kind} {rule.pattern}: {', '.join(parts)}"


def seen_names_matching(kind: str, pattern: str, source: int | None) -> list[str]:
    """Return the names seen so far that a pattern matches; raise engine.BadPattern."""
    kinds = [kind, engine.JOB] if kind == engine.PIPELINE else [kind]
    rows = SeenName.objects.filter(kind__in=kinds, **({"source": source} if source is not None else {}))
    names = rows.order_by("name").values_list("name", flat=True).distinct()[:NAME_LIMIT]
    return engine.matching_names(engine.Rule(kind, pattern), names)


def mapping_changed(event: MappingChanged) -> None:
    """Replay events with names that match one of the changed patterns: a piece now, the rest in further messages.

    The lock of the inbox is held, so that a batch under way, which may use the old rules, has ended before.
    """
    hold("inbox")
    patterns, after = event.patterns, event.after
    if after is None:
        _update_tiers(patterns)
        after = {"pattern": 0, "last": "", "names": [], "event": None}
    if not after["names"]:
        after = _next_names(patterns, after)
    if not after["names"]:
        return
    kind, _, source, _ = patterns[after["pattern"]]
    # The facts of an event without contents can't be made anew.
    facts = facts_using(kind, after["names"]).filter(event__contents_deleted_at__isnull=True).order_by("event_id")
    if source is not None:
        facts = facts.filter(event__source=source)
    if after["event"] is not None:
        facts = facts.filter(event_id__gt=after["event"])
    ids = list(facts.values_list("event_id", flat=True).distinct()[:EVENTS_PER_MESSAGE])
    replay(ids)
    rest = (
        {"event": str(ids[-1])}
        if len(ids) == EVENTS_PER_MESSAGE
        else {"event": None, "last": after["names"][-1], "names": []}
    )
    publish(MappingChanged(patterns=patterns, after=after | rest))


def _next_names(patterns: list[list[Any]], after: dict[str, Any]) -> dict[str, Any]:
    """Return where to continue: the next names that the present pattern matches, else those of the next pattern."""
    last = after["last"]
    for place in range(after["pattern"], len(patterns)):
        kind, text, source, _ = patterns[place]
        try:
            names = sorted(name for name in seen_names_matching(kind, text, source) if name > last)
        except engine.BadPattern:
            names = []
        if names:
            return {"pattern": place, "last": last, "names": names[:NAMES_PER_MESSAGE], "event": None}
        last = ""
    return {"pattern": len(patterns), "last": "", "names": [], "event": None}


def _update_tiers(patterns: list[list[Any]]) -> None:
    """Update the tiers of environments that these patterns name: from the current rules, else from their names."""
    affected: set[str] = set()
    for kind, text, source, environment in patterns:
        if kind in ("environment", "pipeline"):
            affected |= _environments_named(kind, text, source, environment or ("{0}" if kind == "environment" else ""))
    if not affected:
        return
    tiers = _tiers_from_rules(current_rules())
    for environment in Environment.objects.unmerged().filter(discovered=True).order_by("pk")[:NAME_LIMIT]:
        if environment.folded in affected:
            update_tier(environment, tiers.get(environment.folded, ""))


def _environments_named(kind: str, text: str, source: int | None, template: str) -> set[str]:
    """Return the environments that a rule's template names for the names seen so far, as `fold_name` has them."""
    try:
        match = engine.compile_pattern(text)[0]
        names = seen_names_matching(kind, text, source)
    except engine.BadPattern:
        return set()
    filled = (engine.fill_template(template, groups) for name in names if (groups := match(name)) is not None)
    return {fold_name(name) for name in filled}


def _tiers_from_rules(rules: engine.RuleSet) -> dict[str, str]:
    """Return the tiers that rules give to environments, by what all spellings of their final names have in common."""
    tiers: dict[str, str] = {}
    seen = SeenName.objects.filter(kind__in=("environment", "pipeline", engine.JOB))
    names = seen.order_by("kind", "name", "source_id").values_list("kind", "name", "source_id")
    for kind, name, source in names[:NAME_LIMIT]:
        found = rules.find(engine.PIPELINE if kind == engine.JOB else kind, name, source)
        if found is None or not found.rule.tier:
            continue
        environment = found.environment or (name if kind == "environment" else "")
        if environment:
            tiers.setdefault(fold_name(environment), found.rule.tier)
    return tiers
