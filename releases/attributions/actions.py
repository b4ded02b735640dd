"""Proposing attributions, and answering them. Pages and the API call these; only people answer."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Min, Q

from portal.kernel import clock, outbox
from portal.kernel.actors import Actor
from portal.kernel.transitions import move
from releases.attributions.models import Attribution
from releases.attributions.proposals import propose
from releases.attributions.queries import began_at, places_of
from releases.deployments.models import Deployment
from releases.events import IncidentSaved
from releases.inbox.affected import Affected
from releases.incident_settings.models import incident_settings
from releases.incidents import threads
from releases.incidents.actions import WHO, check_standing
from releases.incidents.models import Incident
from releases.incidents.queries import merged_into
from squads.teams.permissions import check_person, check_planner

State = Attribution.State
LONGEST_REASON = 500


def follow(affected: Affected) -> None:
    """Propose anew for all incidents that changed or that affected deployments may concern, and note the deployments whose
    stories a person's answer may concern now."""
    if threads.are_put_off():
        return
    near = _near(affected)
    for incident in Incident.objects.filter(pk__in=affected.incidents | near).order_by("number"):
        propose_for(incident)
    ids = set(affected.incidents)
    for incident in Incident.objects.filter(pk__in=affected.incidents):
        ids |= {each.pk for each in merged_into(incident)}
    answered = Attribution.objects.filter(incident__in=ids).exclude(state=State.PROPOSED)
    affected.deployments |= {pk for pk in answered.values_list("deployment_id", flat=True) if pk is not None}
    affected.incidents.clear()


def _near(affected: Affected) -> set[UUID]:
    """Return the incidents for which affected deployments may be a cause or an end."""
    if not affected.deployments and not affected.services:
        return set()
    found = set(Attribution.objects.filter(deployment__in=affected.deployments).values_list("incident_id", flat=True))
    window = incident_settings().attribution_window
    moved = Deployment.objects.filter(pk__in=affected.deployments, finished_at__isnull=False).order_by()
    rows = Incident.objects.standing()
    for service, first in moved.values_list("service_id").annotate(first=Min("finished_at")):
        # It may be the cause of what began soon after it, or end whatever was open then.
        may = Q(resolved_at=None) | Q(resolved_at__gte=first) | Q(starts_at__gte=first - window)
        found |= set(rows.filter(may, services=service).values_list("pk", flat=True))
    if affected.services:
        found |= set(rows.filter(services__in=affected.services).values_list("pk", flat=True))
    return found


def propose_for(incident: Incident) -> None:
    """Make the proposals of an incident exactly those that the rules make now. What people answered or added stays."""
    wanted = {}
    began = began_at(incident)
    if began is not None and not incident.is_maintenance and incident.state not in ("merged", "withdrawn"):
        window = incident_settings().attribution_window
        found = propose(places_of(incident), began, incident.resolved_at, window)
        wanted = {each.deployment: each for each in found}
    known = {each.deployment_id: each for each in Attribution.objects.filter(incident=incident)}
    stale = [row.pk for pk, row in known.items() if row.state == State.PROPOSED and pk not in wanted]
    Attribution.objects.filter(pk__in=stale, state=State.PROPOSED).delete()
    for pk, proposal in wanted.items():
        values = {"method": proposal.method, "confidence": proposal.confidence, "because": proposal.because[:500]}
        row = known.get(pk)  # type: ignore[call-overload]
        if row is None:
            Attribution.objects.create(incident=incident, deployment_id=UUID(str(pk)), **values)
        elif row.state == State.PROPOSED:
            Attribution.objects.filter(pk=row.pk, state=State.PROPOSED).update(**values)


def follow_all(affected: Affected) -> None:
    """Propose anew for all incidents."""
    affected.incidents |= set(Incident.objects.values_list("pk", flat=True))
    follow(affected)


@transaction.atomic
def answer(attribution: Attribution, *, by: Actor, accepted: bool, reason: str) -> Attribution:
    """Accept or reject an attribution; a person may change their mind. Raises AlreadyMoved, ValidationError naming the field, or
    PermissionDenied."""
    check_planner(by, WHO)
    check_person(by, "say which deployment an incident came from")
    reason = _checked(reason)
    check_standing(attribution.incident)
    to = State.ACCEPTED if accepted else State.REJECTED
    leaving = [State.PROPOSED, State.REJECTED if accepted else State.ACCEPTED]
    move(
        attribution,
        "state",
        to,
        leaving=leaving,
        by=by,
        because=reason,
        answered_by=by,
        reason=reason,
        state_at=clock.now(),
    )
    outbox.publish(IncidentSaved(ids=[str(attribution.incident_id)]))
    return attribution


@transaction.atomic
def attribute(incident: Incident, deployment: Deployment, *, by: Actor, reason: str) -> Attribution:
    """Say that an incident came from a deployment that no rule proposed. It is accepted at once, and marked as said by a person.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    check_person(by, "say which deployment an incident came from")
    reason = _checked(reason)
    check_standing(incident)
    known = Attribution.objects.filter(incident=incident, deployment=deployment).first()
    if known is not None:
        return known if known.state == State.ACCEPTED else answer(known, by=by, accepted=True, reason=reason)
    made = Attribution.objects.create(
        incident=incident,
        deployment=deployment,
        method=Attribution.Method.PERSON,
        confidence=Attribution.Confidence.SAID,
        state=State.ACCEPTED,
        state_at=clock.now(),
        answered_by=by,
        reason=reason,
    )
    outbox.publish(IncidentSaved(ids=[str(incident.pk)]))
    return made


def _checked(reason: str) -> str:
    reason = reason.replace("\0", "").strip()
    if not reason:
        raise ValidationError({"reason": "Say why, for whoever reads it later."})
    if len(reason) > LONGEST_REASON:
        raise ValidationError({"reason": f"This has over {LONGEST_REASON} characters. Shorten it."})
    return reason
