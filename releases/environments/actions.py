"""What people, events and mapping rules do to environments."""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet

from portal.kernel import audit, clock
from portal.kernel.actors import Actor, Anyone
from portal.kernel.locks import hold
from portal.kernel.models import StateChange
from portal.kernel.names import fold_name
from portal.kernel.outbox import publish
from releases.environments import queries
from releases.environments.models import Environment
from releases.environments.tiers import guess_tier
from releases.events import EnvironmentChanged, EnvironmentSaved
from squads.teams.actions import free_slug
from squads.teams.permissions import leads_a_squad

TIER_ORDER = {
    Environment.Tier.DEVELOPMENT: 10,
    Environment.Tier.TESTING: 20,
    Environment.Tier.STAGING: 30,
    Environment.Tier.PRODUCTION: 40,
    Environment.Tier.OTHER: 100,
}

WHO_SAYS_PRODUCTION = "Changing production affects all squads. Ask an administrator or project manager."
WHO_CONFIRMS = "Confirming production affects all squads. Ask an administrator, a project manager or a squad’s lead."
EDITABLE = ("name", "tier", "order", "location", "cluster", "realm", "url")


def tier_of(name: str) -> Environment.Tier:
    """Guess an environment's tier from its name: prod-eu is production, pre-prod staging, non-prod other (see tiers.py)."""
    return Environment.Tier(guess_tier(name))


def environment_named(key: str, tier: str = "") -> Environment:
    """Return the environment that events call by this key, created if it is new.

    `tier` is what a mapping rule says; without one, the tier is what its name suggests, until somebody confirms it.
    """
    key = key.strip()[:120] or "unnamed"
    known: Environment | None = Environment.objects.find(key)
    if known is not None:
        if tier and not known.tier_confirmed:
            update_tier(known, tier)
        return known
    confirmed = bool(tier)
    tier = Environment.Tier(tier) if tier else tier_of(key)
    defaults = {
        "slug": free_slug(Environment, key, "environment"),
        "name": key,
        "tier": tier,
        "order": TIER_ORDER[tier],
        "discovered": True,
        "tier_confirmed": confirmed,
    }
    environment, is_new = Environment.objects.get_or_create(key=key, defaults=defaults)
    if is_new:
        publish(EnvironmentSaved(ids=[environment.pk]))
    return environment


@transaction.atomic
def create_environment(*, by: Actor | None, key: str, name: str = "", **fields: Any) -> Environment:
    """Create an environment before any event names it; ValidationError names the field when the key exists."""
    hold("names of environments")  # so that of two created at the same moment the second gets the ValidationError
    key = key.strip()
    environment = Environment(key=key, name=name.strip() or key, **_editable(fields))
    environment.slug = free_slug(Environment, key, "environment")
    # Whoever may not say of one that is there that it is production may not make one either: it waits to be confirmed.
    environment.tier_confirmed = by is None or may_say_tier(environment, environment.tier, by)
    _validate(environment)
    environment.save(force_insert=True)
    publish(EnvironmentSaved(ids=[environment.pk]))
    return environment


@transaction.atomic
def edit_environment(environment: Environment, *, by: Actor, **fields: Any) -> Environment:
    """Change an environment; its key, which events use, stays. Evidence is derived again where its tier changes."""
    fields = _editable(fields)
    before = Environment.objects.select_for_update().get(pk=environment.pk)
    tier = fields.get("tier", before.tier)
    may_say = may_say_tier(before, tier, by)
    if tier != before.tier and not may_say:
        raise ValidationError({"tier": WHO_SAYS_PRODUCTION})
    for name, value in fields.items():
        setattr(environment, name, value)
    environment.tier_confirmed = before.tier_confirmed or ("tier" in fields and may_say)
    _validate(environment)
    environment.save(update_fields=[*fields, "tier_confirmed"])
    publish(EnvironmentSaved(ids=[environment.pk]))
    _record_tier(before, environment, by, "" if before.tier != environment.tier else "confirmed")
    return environment


@transaction.atomic
def confirm_tier(environment: Environment, *, by: Actor, tier: str = "") -> Environment:
    """Say that an environment is of this tier, or that it is of the one its name suggests; it is a guess no longer.

    Raises PermissionDenied for who may not say what is production.
    """
    before = Environment.objects.select_for_update().get(pk=environment.pk)
    tier = tier or before.tier
    if tier not in Environment.Tier.values:
        raise ValidationError({"tier": f"Choose one of {', '.join(Environment.Tier.values)}."})
    if before.tier_confirmed and tier == before.tier:
        return environment
    if not may_say_tier(before, tier, by):
        raise PermissionDenied(WHO_CONFIRMS if before.is_guess and tier == before.tier else WHO_SAYS_PRODUCTION)
    return edit_environment(environment, by=by, tier=tier)


def may_say_tier(environment: Environment, tier: str, user: Anyone) -> bool:
    """Say whether this person may say that an environment is of this tier.

    Who plans for all squads decides what is production. Who leads a squad may confirm a guessed production, or say that it
    is none; everybody else who describes environments says the other tiers.
    """
    if Environment.Tier.PRODUCTION not in (tier, environment.tier):
        return True
    if not user.is_authenticated:
        return False
    return user.is_staff or user.is_project_manager or (environment.is_guess and leads_a_squad(user))


def _record_tier(before: Environment, after: Environment, by: Actor | None, because: str) -> None:
    """Write down that an environment is of another tier now, or that its tier is no guess any more, and tell."""
    if (before.tier, before.tier_confirmed) == (after.tier, after.tier_confirmed):
        return
    StateChange.objects.create(
        kind="environment",
        key=after.key,
        from_state=before.tier,
        to_state=after.tier,
        by=by,
        because=because,
        at=clock.now(),
    )
    if by is not None:
        was = "" if before.tier == after.tier else f", which was {before.get_tier_display()}"
        did = f"said that the environment {after.key} is {after.get_tier_display()}{was}"
        audit.record(by=by, did=did, kind="environment", key=after.key)
    if before.judged_tier != after.judged_tier:
        publish(
            EnvironmentChanged(
                id=after.pk, services=queries.services_at(after), stories=queries.stories_checked_at(after)
            )
        )


def update_tier(environment: Environment, tier: str) -> bool:
    """Set the tier of a discovered environment to what a rule says, or without one to what its name suggests.

    Return whether it changed. One whose tier a person said keeps it.
    """
    confirmed, tier = bool(tier), tier or tier_of(environment.key)
    said = StateChange.objects.filter(kind="environment", key=environment.key, by__isnull=False)
    same = (environment.tier, environment.tier_confirmed) == (tier, confirmed)
    if not environment.discovered or same or said.exists():
        return False
    before = Environment(tier=environment.tier, tier_confirmed=environment.tier_confirmed)
    environment.tier, environment.tier_confirmed = tier, confirmed
    environment.order = TIER_ORDER[Environment.Tier(tier)]
    environment.save(update_fields=["tier", "order", "tier_confirmed"])
    _record_tier(before, environment, None, "by a mapping rule")
    publish(EnvironmentSaved(ids=[environment.pk]))
    return True


def update_from_events(environment: Environment, **fields: Any) -> None:
    """Write what events say of an environment (its name, address, removals), and tell where it shows."""
    before = {name: getattr(environment, name) for name in fields}
    for name, value in fields.items():
        setattr(environment, name, value)
    if before != fields:
        environment.save(update_fields=list(fields))
        publish(EnvironmentSaved(ids=[environment.pk]))


def forget_removals(environments: "QuerySet[Environment]") -> None:
    """Take these environments for never deleted."""
    if ids := list(environments.values_list("pk", flat=True)):
        Environment.objects.filter(pk__in=ids).update(gone_at=None, emptied_at=None, removals=[])
        publish(EnvironmentSaved(ids=ids))


def _editable(fields: dict[str, Any]) -> dict[str, Any]:
    if unknown := fields.keys() - set(EDITABLE):
        raise TypeError(f"not for people to set: {', '.join(sorted(unknown))}")
    return fields


def _validate(environment: Environment) -> None:
    if environment.url and not environment.url.startswith(("https://", "http://")):
        raise ValidationError({"url": "Enter a full address starting with https:// or http://."})
    environment.clean_fields()
    same = Environment.objects.filter(folded=fold_name(environment.key)).exclude(pk=environment.pk).first()
    if same is not None and environment.pk is None:
        raise ValidationError({"key": f"There’s already an environment {same.key}. Edit that one."})
