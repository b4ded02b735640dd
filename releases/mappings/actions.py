"""What people do to mapping rules. The pages and the API call these same verbs.

A rule decides what names mean for every squad, what is production among them: administrators and project managers make
them (docs/adr/0020). What events said so far is read again by the worker, a piece at a time.
"""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from releases.environments.actions import retier, tier_of
from releases.environments.models import Environment
from releases.inbox.actions import replay
from releases.inbox.models import Source
from releases.mappings import rules as mappings_rules
from releases.mappings.apply import in_force, plain, using
from releases.mappings.models import MappingRule, SeenName

FIELDS = ("source", "kind", "pattern", "role", "service", "environment", "tier", "severity", "order")
ROLES = {
    "service": ("", "ignored"),
    "environment": ("", "ignored"),
    "pipeline": ("ci", "deploy", "acceptance", "ignored"),
    "alert": ("incident", "ignored"),
}
WHO = (
    "Only administrators and project managers say what names of outside systems mean, since it holds for all squads. "
    "Ask one of them."
)
# Events sent back to the inbox in one go, so that nobody waits long for the inbox.
AT_ONCE = 1000
NAMES_AT_ONCE = 200
MOST_NAMES = 20_000
FIRST_ORDER, LAST_ORDER = 100, 1_000_000
EXACT_ORDER = 50


def may_map(user: Anyone | None) -> bool:
    """Administrators and project managers may change rules."""
    return bool(user is not None and user.is_authenticated and (user.is_staff or user.is_project_manager))


def check_mapper(user: Anyone | None) -> None:
    """Refuse everybody else, with the remedy."""
    if not may_map(user):
        raise PermissionDenied(WHO)


def checked(fields: dict[str, Any]) -> mappings_rules.Rule:
    """Return a rule as it would be, or raise ValidationError naming the field and the remedy."""
    texts = [name for name in FIELDS if name not in ("source", "order")]
    said = {name: str(fields.get(name) or "").replace("\0", "").strip() for name in texts}
    kind, role = said["kind"], said["role"]
    if kind not in ROLES:
        raise ValidationError({"kind": f"Choose one of {', '.join(ROLES)}."})
    if role not in ROLES[kind]:
        words = ", ".join(each or "(empty)" for each in ROLES[kind])
        raise ValidationError({"role": f"For this kind of name, choose one of {words}."})
    _check_pattern(said)
    _check_says_something(said)
    if said["tier"] and said["tier"] not in Environment.Tier.values:
        raise ValidationError({"tier": f"Choose one of {', '.join(Environment.Tier.values)}."})
    source = fields.get("source")
    return mappings_rules.Rule(**said, source=source.pk if isinstance(source, Source) else source)


def _check_pattern(said: dict[str, str]) -> None:
    try:
        groups = mappings_rules.pattern(said["pattern"])[1]
    except mappings_rules.BadPattern as error:
        raise ValidationError({"pattern": str(error)}) from None
    for name, longest in (("service", 120), ("environment", 120), ("severity", 60)):
        if len(said[name]) > longest:
            raise ValidationError({name: f"Use at most {longest} characters."})
        try:
            mappings_rules.check_template(said[name], groups)
        except mappings_rules.BadPattern as error:
            raise ValidationError({name: str(error)}) from None


def _check_says_something(said: dict[str, str]) -> None:
    kind, role = said["kind"], said["role"]
    if kind == "service" and not role and not said["service"]:
        raise ValidationError({"service": "Name the service that is meant, or choose to leave it out."})
    if kind == "environment" and not role and not (said["environment"] or said["tier"]):
        raise ValidationError({"environment": "Name the environment that is meant, or choose a tier."})
    if kind == "pipeline" and role in ("deploy", "acceptance") and not said["environment"]:
        raise ValidationError({"environment": "Name the environment that this pipeline deploys to or checks."})
    if said["severity"] and kind != "alert":
        raise ValidationError({"severity": "Only alerts have a severity. Leave it empty."})
    if said["tier"] and kind not in ("environment", "pipeline"):
        raise ValidationError({"tier": "Only environments have a tier. Leave it empty."})


@transaction.atomic
def create_rule(*, by: Actor, order: int | None = None, source: Source | None = None, **fields: Any) -> MappingRule:
    """Make a rule; what events said so far with a name that fits is read again. Last in order, unless told."""
    check_mapper(by)
    rule = checked({**fields, "source": source})
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
    _changed(row, "", "in force", by, [rule])
    return row


@transaction.atomic
def edit_rule(row: MappingRule, *, by: Actor, **fields: Any) -> MappingRule:
    """Change a rule; events with names that fitted before or fit now are read again."""
    check_mapper(by)
    if strange := fields.keys() - set(FIELDS):
        raise TypeError(f"not for people to set: {', '.join(sorted(strange))}")
    before = MappingRule.objects.select_for_update().get(pk=row.pk)
    now = {name: getattr(before, name) for name in FIELDS} | fields
    rule = checked(now)
    row.order = before.order if now["order"] is None else now["order"]
    row.source = now["source"]
    for name in ("kind", "pattern", "role", "service", "environment", "tier", "severity"):
        setattr(row, name, getattr(rule, name))
    row.save(update_fields=list(FIELDS))
    if plain(before) != plain(row) or before.order != row.order:
        _changed(row, "in force", "in force", by, [plain(before), rule])
    return row


@transaction.atomic
def remove_rule(row: MappingRule, *, by: Actor) -> None:
    """Take a rule away; names that it fitted mean again what the other rules, or the systems, say."""
    check_mapper(by)
    before = MappingRule.objects.select_for_update().filter(pk=row.pk).first()
    if before is None:
        return
    _changed(before, "in force", "removed", by, [plain(before)])
    before.delete()


@transaction.atomic
def move_rule(row: MappingRule, *, up: bool, by: Actor) -> None:
    """Let a rule change places with the one above or below it."""
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
        _changed(row, "in force", "in force", by, [plain(rows[at]), plain(rows[other])])


def _changed(row: MappingRule, before: str, after: str, by: Actor, rules: list[mappings_rules.Rule]) -> None:
    StateChange.objects.create(
        kind="mapping rule",
        key=str(row.pk),
        from_state=before,
        to_state=after,
        by=by,
        at=clock.now(),
        because="; ".join(in_words(rule) for rule in rules),
    )
    publish(
        "mapping.changed",
        patterns=[[rule.kind, rule.pattern, rule.source, rule.environment] for rule in rules],
        after=None,
    )


def in_words(rule: mappings_rules.Rule) -> str:
    """Say a rule in one line, for its history."""
    said = ("role", "service", "environment", "tier", "severity")
    parts = [f"{name} {value}" for name in said if (value := getattr(rule, name))]
    return f"{rule.kind} {rule.pattern}: {', '.join(parts)}"


def names_of(kind: str, pattern: str, source: int | None) -> list[str]:
    """Return the names seen so far that a pattern fits; raise mapping.BadPattern."""
    rows = SeenName.objects.filter(kind=kind, **({"source": source} if source is not None else {}))
    names = rows.order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES]
    return mappings_rules.fits(mappings_rules.Rule(kind, pattern), names)


def mapping_changed(payload: dict[str, Any]) -> None:
    """Have events read again whose names fit one of the patterns that changed: a piece now, the rest in further messages.

    The lane of the inbox is held, so that a batch under way, which may have read with the rules of before, is seen.
    """
    hold("inbox")
    patterns, after = payload["patterns"], payload["after"]
    if after is None:
        _retier(patterns)
        after = {"pattern": 0, "last": "", "names": [], "event": None}
    if not after["names"]:
        after = _next_names(patterns, after)
    if not after["names"]:
        return
    kind, _, source, _ = patterns[after["pattern"]]
    facts = using(kind, after["names"]).order_by("event_id")
    if source is not None:
        facts = facts.filter(event__source=source)
    if after["event"] is not None:
        facts = facts.filter(event_id__gt=after["event"])
    ids = list(facts.values_list("event_id", flat=True).distinct()[:AT_ONCE])
    replay(ids)
    rest = {"event": str(ids[-1])} if len(ids) == AT_ONCE else {"event": None, "last": after["names"][-1], "names": []}
    publish("mapping.changed", patterns=patterns, after=after | rest)


def _next_names(patterns: list[list[Any]], after: dict[str, Any]) -> dict[str, Any]:
    """Return where to go on: the next names that the present pattern fits, else those of the next one."""
    last = after["last"]
    for place in range(after["pattern"], len(patterns)):
        kind, text, source, _ = patterns[place]
        try:
            names = sorted(name for name in names_of(kind, text, source) if name > last)
        except mappings_rules.BadPattern:
            names = []
        if names:
            return {"pattern": place, "last": last, "names": names[:NAMES_AT_ONCE], "event": None}
        last = ""
    return {"pattern": len(patterns), "last": "", "names": [], "event": None}


def _retier(patterns: list[list[Any]]) -> None:
    """Give the environments that these patterns are about the tier that the rules, or else their names, give them now."""
    concerned: set[str] = set()
    for kind, text, source, environment in patterns:
        if kind in ("environment", "pipeline"):
            concerned |= _environments(kind, text, source, environment or ("{0}" if kind == "environment" else ""))
    if not concerned:
        return
    given = _tiers_given(in_force())
    for place in Environment.objects.filter(discovered=True).order_by("pk")[:MOST_NAMES]:
        if place.key in concerned:
            retier(place, given.get(place.key) or tier_of(place.key))


def _environments(kind: str, text: str, source: int | None, template: str) -> set[str]:
    """Return the environments that a pattern gives, by the names seen so far."""
    try:
        match = mappings_rules.pattern(text)[0]
        names = names_of(kind, text, source)
    except mappings_rules.BadPattern:
        return set()
    return {mappings_rules.filled(template, groups) for name in names if (groups := match(name)) is not None}


def _tiers_given(rules: mappings_rules.Rules) -> dict[str, str]:
    """Return the tier that rules give to environments by their final names."""
    given: dict[str, str] = {}
    seen = SeenName.objects.filter(kind__in=("environment", "pipeline")).order_by("kind", "name", "source_id")
    for kind, name, source in seen.values_list("kind", "name", "source_id")[:MOST_NAMES]:
        found = rules.find(kind, name, source)
        if found is None or not found.rule.tier:
            continue
        place = found.environment or (name if kind == "environment" else "")
        if place:
            given.setdefault(place, found.rule.tier)
    return given
