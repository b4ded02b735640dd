"""What people, events and mapping rules do to environments."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.outbox import publish
from releases.environments import queries
from releases.environments.models import Environment
from releases.events import EnvironmentChanged, EnvironmentSaved
from squads.teams.actions import free_slug

# What in a name tells its tier, the most specific first: pre-prod is staging, not production.
TIER_PATTERNS = (
    (Environment.Tier.STAGING, r"stag(e|ing)?\d*|stg\d*|uat\d*|pre[-_ ]?prod(uction)?|preview|acceptance"),
    (Environment.Tier.PRODUCTION, r"prod(uction)?\d*|prd\d*|live"),
    (Environment.Tier.TESTING, r"test(ing|s)?\d*|qa\d*|int(egration)?|ci"),
    (Environment.Tier.DEVELOPMENT, r"dev(elop(ment)?)?\d*|local|sandbox"),
)
TIER_ORDER = {
    Environment.Tier.DEVELOPMENT: 10,
    Environment.Tier.TESTING: 20,
    Environment.Tier.STAGING: 30,
    Environment.Tier.PRODUCTION: 40,
    Environment.Tier.OTHER: 100,
}

EDITABLE = ("name", "tier", "order", "location", "cluster", "realm", "url")


def tier_of(name: str) -> Environment.Tier:
    """Guess an environment's tier from its name: prod-eu is production, pre-prod staging, qa2 testing; else other."""
    for tier, pattern in TIER_PATTERNS:
        if re.search(rf"(?<![a-z])({pattern})(?![a-z])", name.lower()):
            return tier
    return Environment.Tier.OTHER


def environment_named(key: str, tier: str = "") -> Environment:
    """Return the environment that events call by this key, created if it is new, of this tier or of the one that its name
    suggests."""
    key = key.strip()[:120] or "unnamed"
    known = Environment.objects.filter(key=key).first()
    if known is not None:
        return known
    tier = Environment.Tier(tier) if tier else tier_of(key)
    defaults = {
        "slug": free_slug(Environment, key, "environment"),
        "name": key,
        "tier": tier,
        "order": TIER_ORDER[tier],
        "discovered": True,
    }
    environment, is_new = Environment.objects.get_or_create(key=key, defaults=defaults)
    if is_new:
        publish(EnvironmentSaved(ids=[environment.pk]))
    return environment


@transaction.atomic
def create_environment(*, by: Actor, key: str, name: str = "", **fields: Any) -> Environment:
    """Create an environment before any event names it; ValidationError names the field when the key exists."""
    hold("names of environments")  # so that of two created at the same moment the second gets the ValidationError
    key = key.strip()
    environment = Environment(key=key, name=name.strip() or key, **_editable(fields))
    environment.slug = free_slug(Environment, key, "environment")
    _validate(environment)
    environment.save(force_insert=True)
    publish(EnvironmentSaved(ids=[environment.pk]))
    return environment


@transaction.atomic
def edit_environment(environment: Environment, *, by: Actor, **fields: Any) -> Environment:
    """Change an environment; its key, which events use, stays. Evidence is derived again where its tier changes."""
    fields = _editable(fields)
    before = Environment.objects.select_for_update().get(pk=environment.pk)
    tier, production = fields.get("tier", before.tier), Environment.Tier.PRODUCTION
    if tier != before.tier and production in (tier, before.tier) and not (by.is_staff or by.is_project_manager):
        raise ValidationError(
            {
                "tier": "What is production decides what is rodeo done, for all squads. "
                "Ask an administrator or a project manager to change it."
            }
        )
    for name, value in fields.items():
        setattr(environment, name, value)
    _validate(environment)
    environment.save(update_fields=list(fields))
    publish(EnvironmentSaved(ids=[environment.pk]))
    if before.tier != environment.tier:
        StateChange.objects.create(
            kind="environment",
            key=environment.key,
            from_state=before.tier,
            to_state=environment.tier,
            by=by,
            at=clock.now(),
        )
        publish(
            EnvironmentChanged(
                id=environment.pk,
                services=queries.services_at(environment),
                stories=queries.stories_checked_at(environment),
            )
        )
    return environment


def update_tier(environment: Environment, tier: str) -> bool:
    """Set the tier of a discovered environment, from a rule or its name; return whether it changed.

    One whose tier a person chose keeps it.
    """
    chosen = StateChange.objects.filter(kind="environment", key=environment.key, by__isnull=False)
    if not environment.discovered or environment.tier == tier or chosen.exists():
        return False
    before, environment.tier = environment.tier, tier
    environment.order = TIER_ORDER[Environment.Tier(tier)]
    environment.save(update_fields=["tier", "order"])
    StateChange.objects.create(
        kind="environment",
        key=environment.key,
        from_state=before,
        to_state=tier,
        by=None,
        because="by a mapping rule",
        at=clock.now(),
    )
    publish(EnvironmentSaved(ids=[environment.pk]))
    publish(
        EnvironmentChanged(
            id=environment.pk,
            services=queries.services_at(environment),
            stories=queries.stories_checked_at(environment),
        )
    )
    return True


def _editable(fields: dict[str, Any]) -> dict[str, Any]:
    if unknown := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(unknown))}")
    return fields


def _validate(environment: Environment) -> None:
    if environment.url and not environment.url.startswith(("https://", "http://")):
        raise ValidationError({"url": "Give a full address that starts with https:// or http://."})
    environment.clean_fields()
    if Environment.objects.filter(key=environment.key).exclude(pk=environment.pk).exists():
        raise ValidationError(
            {
                "key": f"There is an environment {environment.key} already, perhaps discovered by an event. Edit that one."
            }
        )
