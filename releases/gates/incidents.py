"""The gate of incidents: none is open on the services, and somebody would notice if one were."""

from collections.abc import Mapping
from typing import Any

from portal.kernel import clock
from portal.kernel.sentences import counted
from releases.gates.facts import IncidentFact, ReleaseFacts, ServiceFact
from releases.gates.findings import FAILED, UNKNOWN, Blocker, Passed, latest
from releases.gates.runs import no_services
from releases.gates.stories import Judged


def _open(incident: IncidentFact, owner: ServiceFact | None, facts: ReleaseFacts) -> Blocker:
    on = f"on {incident.service}" if incident.service else "on a service nobody named"
    key = f"incident {incident.id} {incident.service} {clock.iso(incident.since)}"
    text, remedy, state = f"Open incident {on}: {incident.title or incident.id}.", "Resolve it.", FAILED
    if not incident.classified:
        text = f"{text[:-1]}, in {incident.environment}. Nobody said whether that’s production."
        remedy, state = f"Resolve it, or say which tier {incident.environment} is.", UNKNOWN
    who, squad = (owner.owner if owner else "") or facts.planner, owner.squad_slug if owner else ""
    return Blocker(state, key, text, remedy, who, squad, incident.since, incident.url)


def incidents(facts: ReleaseFacts, values: Mapping[str, Any]) -> Judged:
    """No incident is open on its services in production, and a monitoring system watches each of them."""
    owners = {service.name: service for service in facts.services}
    blockers = no_services(facts)
    blockers += [_open(incident, owners.get(incident.service), facts) for incident in facts.incidents]
    for service in facts.concerned:
        if service.watched_at is None:
            text = f"No monitoring system that watches {service.name} is connected, so an incident wouldn’t be seen."
            remedy, who = (
                "Connect one, or report incidents.",
                service.owner or facts.planner,
            )
            key = f"monitoring of {service.name}"
            blockers.append(Blocker(UNKNOWN, key, text, remedy, who, service.squad_slug, url=service.url))
    heard = {service.name: service.watched_at for service in facts.concerned if service.watched_at}
    calm = latest(service.calm_since for service in facts.concerned)
    said = f"No open incident on {counted(len(facts.concerned), 'service', 'services')}."
    silent = [service for service in facts.concerned if service.watched_at is None]
    summed = ""
    if len(blockers) == len(facts.incidents):
        summed = f"{len(blockers)} incidents are open."
    elif len(blockers) == len(silent):
        summed = f"{len(blockers)} services aren’t watched."
    return blockers, Passed(said, calm, heard, facts.url), summed
