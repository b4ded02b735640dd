"""Resolving unmapped names: giving one a meaning, by a rule or an owner. Past events are replayed with it."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from releases.environments.actions import confirm_tier
from releases.environments.models import Environment
from releases.environments.queries import WHO_MAY_EDIT
from releases.inbox.models import Source
from releases.inbox.queries import reprocessed
from releases.mappings import engine
from releases.mappings.actions import EXACT_ORDER, check_mapper, create_rule, may_map
from releases.mappings.merging import merge_twins
from releases.pipelines.models import Repository
from squads.events import ServiceChanged
from squads.models import Service, Squad
from squads.teams.actions import claim_service, create_service
from squads.teams.permissions import check_planner

Meaning = Mapping[str, str]


def resolve_unmapped(kind: str, name: str, meaning: Meaning, *, by: Actor) -> str:
    """Give an unmapped name of a kind its meaning; return a sentence that says what was done.

    Raises ValidationError naming the field, or PermissionDenied naming who may.
    """
    resolver = RESOLVERS.get(kind)
    if resolver is None:
        raise ValidationError(f"There’s no kind “{kind[:40]}”.  Choose one of {', '.join(RESOLVERS)}.")
    if not name:
        raise ValidationError("The name is missing.")
    with transaction.atomic():
        return resolver(name, meaning, by)


def _resolve_repository(name: str, meaning: Meaning, by: Actor) -> str:
    row = Repository.objects.filter(key=name).first()
    if row is None:
        raise ValidationError(f"There’s no repository {name[:100]} any more.")
    wanted = meaning.get("service", "")
    if not wanted or len(wanted) > 120:
        raise ValidationError({"service": "Enter its service, in at most 120 characters."})
    service = Service.objects.select_related("squad").find(wanted)
    if service is None:
        squad = _squad(meaning, f"There’s no service {wanted} yet. Choose a squad to own it.")
        _check_writes_for(squad, by)
        service = create_service(by=by, name=wanted, squad=squad)
    elif service.squad is not None:
        _check_writes_for(service.squad, by)
        if meaning.get("squad", service.squad.slug) not in ("", service.squad.slug):
            raise ValidationError({"squad": f"{wanted} is owned by {service.squad}. Leave the squad empty."})
    elif meaning.get("squad"):
        squad = _squad(meaning, "There’s no such squad. Choose the owner, or leave it empty.")
        _check_writes_for(squad, by)
        claim_service(service, squad, by=by)
    else:
        check_mapper(by)
    if not Repository.objects.filter(pk=row.pk, service=None).update(service=service):
        row.refresh_from_db()
        if row.service != service:
            raise ValidationError({"service": f"{name} already belongs to the service {row.service}."})
    publish(ServiceChanged(id=service.pk, repositories=[row.pk]))
    return f"{name} now belongs to the service {service.name}. {reprocessed()}"


def _squad(meaning: Meaning, message: str) -> Squad:
    squad = Squad.objects.filter(slug=meaning.get("squad", "")).first()
    if squad is None:
        raise ValidationError({"squad": message})
    return squad


def _check_writes_for(squad: Squad, by: Actor) -> None:
    if not (may_map(by) or squad.is_writable_by(by)):
        raise PermissionDenied(f"Only members of {squad}, project managers and administrators can do this.")


def _resolve_service(name: str, meaning: Meaning, by: Actor) -> str:
    row = Service.objects.filter(name=name).first()
    if row is None:
        raise ValidationError(f"There’s no service {name[:100]} any more.")
    other = meaning.get("service", "")
    if other and other != name:
        create_rule(by=by, kind="service", pattern=engine.exact_pattern(name), service=other, order=EXACT_ORDER)
        return f"{name} now maps to {other}. {reprocessed()}"
    squad = _squad(meaning, "Choose an owner, or enter the service it’s the same as.")
    _check_writes_for(squad, by)
    claim_service(row, squad, by=by)
    return f"{squad} now owns {name}."


def _resolve_environment(name: str, meaning: Meaning, by: Actor) -> str:
    row = Environment.objects.filter(key=name).first()
    if row is None:
        raise ValidationError(f"There’s no environment {name[:100]} any more.")
    other = meaning.get("environment", "")
    if other and other != name:
        create_rule(by=by, kind="environment", pattern=engine.exact_pattern(name), environment=other, order=EXACT_ORDER)
        return f"{name} now maps to {other}. {reprocessed()}"
    tier = meaning.get("tier", "")
    if tier not in Environment.Tier.values:
        raise ValidationError({"tier": "Choose a tier, or enter the environment it’s the same as."})
    check_planner(by, WHO_MAY_EDIT)
    confirm_tier(row, by=by, tier=tier)
    if tier == Environment.Tier.OTHER:
        return f"{name} now has the tier other, so checks there don’t count."
    return f"{name} is now a {row.get_tier_display()} environment. Its stories update now."


def _resolve_pipeline(name: str, meaning: Meaning, by: Actor) -> str:
    role = meaning.get("role", "")
    if not role:
        raise ValidationError({"role": "Choose how to treat this pipeline."})
    rule = create_rule(
        by=by,
        kind="pipeline",
        pattern=engine.exact_pattern(name),
        role=role,
        service=_literal_name(meaning, "service"),
        environment=_literal_name(meaning, "environment"),
        source=_source(meaning),
        order=EXACT_ORDER,
    )
    target = f" to {rule.environment}" if role == "deploy" else f" in {rule.environment}" if rule.environment else ""
    roles = {"ci": "CI", "deploy": "a deployment", "acceptance": "an acceptance run", "ignored": "ignored"}
    counted = "are now ignored" if role == "ignored" else f"now count as {roles[role]}{target}"
    return f"Runs of {name} {counted}. {reprocessed()}"


def _resolve_alert(name: str, meaning: Meaning, by: Actor) -> str:
    role = meaning.get("role", "")
    if role not in ("incident", "ignored"):
        raise ValidationError({"role": "Choose how to treat this alert."})
    create_rule(
        by=by,
        kind="alert",
        pattern=engine.exact_pattern(name),
        role=role,
        service=_literal_name(meaning, "service"),
        source=_source(meaning),
        order=EXACT_ORDER,
    )
    return f"{name} is now {'an incident' if role == 'incident' else 'ignored'}. {reprocessed()}"


def _resolve_twin(name: str, meaning: Meaning, by: Actor) -> str:
    return merge_twins(meaning.get("source", ""), name, meaning.get("same_as", ""), by=by)


def _literal_name(meaning: Meaning, name: str) -> str:
    """Return a name typed in a row, where it is no template: braces would stand for groups of the pattern."""
    text = meaning.get(name, "")
    if engine.PLACEHOLDER.search(text):
        raise ValidationError({name: "Names with braces can only be set in a rule."})
    return text


def _source(meaning: Meaning) -> Source | None:
    key = meaning.get("source", "")
    if not key:
        return None
    source = Source.objects.filter(key=key).first()
    if source is None:
        raise ValidationError({"source": f"There’s no source {key[:60]}."})
    return source


RESOLVERS: dict[str, Callable[[str, Meaning, Any], str]] = {
    "pipeline": _resolve_pipeline,
    "environment": _resolve_environment,
    "service": _resolve_service,
    "repository": _resolve_repository,
    "alert": _resolve_alert,
    "twin": _resolve_twin,
}
