"""Giving a meaning to what is unmapped, a row at a time. Each answers with what was done, and the past follows."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.outbox import publish
from releases.environments.actions import edit_environment
from releases.environments.models import Environment
from releases.environments.queries import WRITERS
from releases.inbox.models import Source
from releases.mappings import rules
from releases.mappings.actions import EXACT_ORDER, check_mapper, create_rule, may_map
from releases.pipelines.models import Repository
from squads.models import Service, Squad
from squads.teams.actions import claim_service, create_service
from squads.teams.permissions import check_planner

AGAIN = "What was said so far is read again now."
Said = Mapping[str, str]


def mend(kind: str, name: str, said: Said, *, by: Actor) -> str:
    """Give the thing of this kind and name the meaning in `said`; return what was done, in a sentence.

    Raises ValidationError naming the field, or PermissionDenied naming who may.
    """
    verb = VERBS.get(kind)
    if verb is None:
        raise ValidationError(f"Nothing of kind “{kind[:40]}” can be unmapped. Choose one of {', '.join(VERBS)}.")
    if not name:
        raise ValidationError("Say which one is meant: its name is missing.")
    with transaction.atomic():
        return verb(name, said, by)


def _repository(name: str, said: Said, by: Actor) -> str:
    row = Repository.objects.filter(key=name).first()
    if row is None:
        raise ValidationError(f"No repository is called {name[:100]} any more.")
    wanted = said.get("service", "")
    if not wanted or len(wanted) > 120:
        raise ValidationError({"service": "Name the service that is made from it, in at most 120 characters."})
    service = Service.objects.select_related("squad").filter(name=wanted).first()
    if service is None:
        squad = _squad(said, f"There is no service {wanted} yet. Choose the squad that shall own it.")
        _writes(squad, by)
        service = create_service(by=by, name=wanted, squad=squad)
    elif service.squad is not None:
        _writes(service.squad, by)
        if said.get("squad", service.squad.slug) not in ("", service.squad.slug):
            raise ValidationError({"squad": f"{wanted} is owned by squad {service.squad}. Leave the squad out."})
    elif said.get("squad"):
        squad = _squad(said, "There is no such squad. Choose the squad that owns it, or leave it out.")
        _writes(squad, by)
        claim_service(service, squad, by=by)
    else:
        check_mapper(by)
    if not Repository.objects.filter(pk=row.pk, service=None).update(service=service):
        row.refresh_from_db()
        if row.service != service:
            raise ValidationError({"service": f"{name} belongs to the service {row.service} by now."})
    publish("service.changed", id=service.pk, name=service.name, repositories=[row.pk])
    return f"{name} makes the service {service.name}. {AGAIN}"


def _squad(said: Said, otherwise: str) -> Squad:
    squad = Squad.objects.filter(slug=said.get("squad", "")).first()
    if squad is None:
        raise ValidationError({"squad": otherwise})
    return squad


def _writes(squad: Squad, by: Actor) -> None:
    if not (may_map(by) or squad.is_writable_by(by)):
        raise PermissionDenied(f"Only members of squad {squad}, project managers and administrators may do this.")


def _service(name: str, said: Said, by: Actor) -> str:
    row = Service.objects.filter(name=name).first()
    if row is None:
        raise ValidationError(f"No service is called {name[:100]} any more.")
    other = said.get("service", "")
    if other and other != name:
        create_rule(by=by, kind="service", pattern=rules.exactly(name), service=other, order=EXACT_ORDER)
        return f"{name} is another name of {other}. {AGAIN}"
    squad = _squad(said, "Choose the squad that owns it, or name the service that is meant.")
    _writes(squad, by)
    claim_service(row, squad, by=by)
    return f"Squad {squad} owns {name}."


def _environment(name: str, said: Said, by: Actor) -> str:
    row = Environment.objects.filter(key=name).first()
    if row is None:
        raise ValidationError(f"No environment is called {name[:100]} any more.")
    other = said.get("environment", "")
    if other and other != name:
        create_rule(by=by, kind="environment", pattern=rules.exactly(name), environment=other, order=EXACT_ORDER)
        return f"{name} is another name of {other}. {AGAIN}"
    tier = said.get("tier", "")
    if tier not in Environment.Tier.values:
        raise ValidationError({"tier": "Choose its tier, or name the environment that is meant."})
    check_planner(by, WRITERS)
    if tier == Environment.Tier.OTHER:
        create_rule(by=by, kind="environment", pattern=rules.exactly(name), tier=tier, order=EXACT_ORDER)
        return f"{name} is of no tier that counts, and is no longer listed here."
    edit_environment(row, by=by, tier=tier)
    return f"{name} is a {row.get_tier_display()} environment. What happened there is judged again now."


def _pipeline(name: str, said: Said, by: Actor) -> str:
    role = said.get("role", "")
    if not role:
        raise ValidationError({"role": "Choose what this pipeline does."})
    rule = create_rule(
        by=by,
        kind="pipeline",
        pattern=rules.exactly(name),
        role=role,
        service=_plain(said, "service"),
        environment=_plain(said, "environment"),
        source=_source(said),
        order=EXACT_ORDER,
    )
    place = f" to {rule.environment}" if role == "deploy" else f" in {rule.environment}" if rule.environment else ""
    words = {"ci": "CI", "deploy": "a deployment", "acceptance": "an acceptance run", "ignored": "left out"}
    return f"A run of {name} is {words[role]}{place}. {AGAIN}"


def _alert(name: str, said: Said, by: Actor) -> str:
    role = said.get("role", "")
    if role not in ("incident", "ignored"):
        raise ValidationError({"role": "Choose whether it is an incident."})
    create_rule(
        by=by,
        kind="alert",
        pattern=rules.exactly(name),
        role=role,
        service=_plain(said, "service"),
        source=_source(said),
        order=EXACT_ORDER,
    )
    return f"{name} is {'an incident' if role == 'incident' else 'left out'}. {AGAIN}"


def _plain(said: Said, name: str) -> str:
    """Return a name typed in a row. It is no template there: its braces would ask for groups of the pattern."""
    text = said.get(name, "")
    if rules.PLACE.search(text):
        raise ValidationError({name: "A name with braces can only be given on the page of rules."})
    return text


def _source(said: Said) -> Source | None:
    key = said.get("source", "")
    if not key:
        return None
    source = Source.objects.filter(key=key).first()
    if source is None:
        raise ValidationError({"source": f"No source is called {key[:60]}."})
    return source


VERBS: dict[str, Callable[[str, Said, Any], str]] = {
    "pipeline": _pipeline,
    "environment": _environment,
    "service": _service,
    "repository": _repository,
    "alert": _alert,
}
