"""Proposing attributions, and answering them. Pages and the API call these; only people answer."""

from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min, Q
from django.db.models.functions import Coalesce, Least

from portal.kernel import clock, outbox
from portal.kernel.actors import Actor
from portal.kernel.transitions import move
from releases.attributions.models import Attribution
from releases.attributions.proposals import Proposal, Put, may_be_cause, propose
from releases.attributions.queries import TELLING, in_steps, places_of
from releases.deployments.models import Deployment
from releases.environments.models import Environment
from releases.events import IncidentSaved
from releases.inbox.affected import Affected
from releases.incident_settings.models import incident_settings
from releases.incidents import threads
from releases.incidents.actions import WHO, bring_back, check_standing
from releases.incidents.models import Incident
from releases.incidents.queries import homes
from squads.teams.permissions import check_person, check_planner

State = Attribution.State
LONGEST_REASON = 500
# How much one statement is about.
INCIDENTS_AT_ONCE, SERVICES_AT_ONCE, ROWS_AT_ONCE = 100, 50, 500


def follow(affected: Affected) -> None:
    """Propose anew for all incidents that changed or that affected deployments may concern, and note the deployments whose
    stories a person's answer may concern now."""
    if threads.are_put_off():
        return
    _propose(affected.incidents | _near(affected))
    answered = Attribution.objects.filter(incident__in=homes(affected.incidents)).exclude(state=State.PROPOSED)
    affected.deployments |= {pk for pk in answered.values_list("deployment_id", flat=True) if pk is not None}
    affected.incidents.clear()


def _near(affected: Affected) -> set[UUID]:
    """Return the incidents for which affected deployments may be a cause or an end.

    Where nothing is proposed yet, only a deployment that may be the cause makes a difference; a rollback, say, tells of
    what is proposed. So an incident that has been open for long without any proposal isn't looked at again.
    """
    if not affected.deployments and not affected.services:
        return set()
    found = set(Attribution.objects.filter(deployment__in=affected.deployments).values_list("incident_id", flat=True))
    rows = Incident.objects.standing()
    if affected.services:
        found |= set(rows.filter(services__in=affected.services).values_list("pk", flat=True))
    moved = Deployment.objects.filter(pk__in=affected.deployments, finished_at__isnull=False).order_by()
    spans = list(
        moved.values_list("service_id").annotate(
            first=Min(Least(Coalesce("started_at", "finished_at"), "finished_at")), last=Max("finished_at")
        )
    )
    window = incident_settings().attribution_window
    for some in in_steps(spans, SERVICES_AT_ONCE):
        may = Q()
        for service, first, last in some:
            begun = Q(starts_at__gte=first, starts_at__lte=last + window)
            # What began longer after it may have gone back to it; what had begun may have ended with it.
            told = Q(starts_at__gt=last + window) | (
                Q(starts_at__gte=first - TELLING, starts_at__lt=first)
                & (Q(resolved_at=None) | Q(resolved_at__gte=first))
            )
            may |= Q(services=service) & (begun | (told & Q(attributions__isnull=False)))
        found |= set(rows.filter(may).values_list("pk", flat=True))
    return found


def propose_for(incident: Incident) -> None:
    """Make the proposals of an incident exactly those that the rules make now. What people answered or added stays."""
    _propose([incident.pk])


def _propose(ids: Iterable[UUID]) -> None:
    """Make the proposals of incidents those that the rules make now, so many at once, with a fixed number of queries."""
    rows = Incident.objects.filter(pk__in=list(ids)).order_by("starts_at", "number")
    window = incident_settings().attribution_window
    for some in in_steps(rows, INCIDENTS_AT_ONCE):
        proposed = [each for each in some if not each.is_maintenance and each.state not in ("merged", "withdrawn")]
        wanted = {
            (pk, proposal.deployment): proposal
            for pk, places in places_of(proposed, window).items()
            for proposal in _proposals(pk, places, proposed, window)
        }
        _write(some, wanted)


def _proposals(
    pk: UUID, places: Mapping[Hashable, list[Put]], incidents: Iterable[Incident], window: timedelta
) -> list[Proposal]:
    incident = next(each for each in incidents if each.pk == pk)
    assert incident.starts_at is not None
    return propose(places, incident.starts_at, incident.resolved_at, window)


def _write(incidents: Iterable[Incident], wanted: Mapping[tuple[UUID, Hashable], Proposal]) -> None:
    known: dict[tuple[UUID, Hashable], Attribution] = {
        (each.incident_id, each.deployment_id): each
        for each in Attribution.objects.filter(incident__in=list(incidents))
    }
    proposed = Attribution.objects.filter(state=State.PROPOSED)
    stale = [row.pk for key, row in known.items() if row.state == State.PROPOSED and key not in wanted]
    for some in in_steps(stale, ROWS_AT_ONCE):
        proposed.filter(pk__in=some).delete()
    fresh, changed = [], []
    for (incident, deployment), proposal in wanted.items():
        values = {"method": proposal.method, "confidence": proposal.confidence, "because": proposal.because[:500]}
        row = known.get((incident, deployment))
        if row is None:
            fresh.append(Attribution(incident_id=incident, deployment_id=UUID(str(deployment)), **values))
        elif row.state == State.PROPOSED and any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
    # A person may have answered meanwhile, or said the same.
    Attribution.objects.bulk_create(fresh, batch_size=ROWS_AT_ONCE, ignore_conflicts=True)
    proposed.bulk_update(changed, ["method", "confidence", "because"], batch_size=ROWS_AT_ONCE)


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
    if accepted and attribution.deployment is not None:
        _check_may_be_cause(attribution.incident, attribution.deployment)
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
    bring_back(attribution.incident)
    outbox.publish(IncidentSaved(ids=[str(attribution.incident_id)]))
    return attribution


@transaction.atomic
def attribute(incident: Incident, deployment: Deployment, *, by: Actor, reason: str) -> Attribution:
    """Say that an incident came from a deployment that no rule proposed. It is accepted at once, and marked as said by a person.

    Also a person's word can't make a cause of what came after the incident began, or outside the window.

    Raises ValidationError naming the field, or PermissionDenied.
    """
    check_planner(by, WHO)
    check_person(by, "say which deployment an incident came from")
    reason = _checked(reason)
    check_standing(incident)
    _check_may_be_cause(incident, deployment)
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
    bring_back(incident)
    outbox.publish(IncidentSaved(ids=[str(incident.pk)]))
    return made


def _check_may_be_cause(incident: Incident, deployment: Deployment) -> None:
    """Refuse a deployment that wasn't to production, or not within the window before the incident began."""
    what, began = f"This deployment of {deployment.service}", incident.starts_at
    said = ""
    if deployment.environment.tier != Environment.Tier.PRODUCTION:
        said = f"{what} was to {deployment.environment}, which isn’t production. Choose one to production."
    elif deployment.finished_at is None:
        said = f"{what} hasn’t finished. Add it once it has."
    elif began is not None:
        settings = incident_settings()
        started = deployment.started_at or deployment.finished_at
        if min(started, deployment.finished_at) > began:
            said = (
                f"{what} began {_utc(started)}, after {incident.key} did, {_utc(began)}. "
                "Choose an earlier one, or correct the times of the incident."
            )
        elif not may_be_cause(started, deployment.finished_at, began, settings.attribution_window):
            hours = settings.attribution_hours
            said = (
                f"{what} finished {_utc(deployment.finished_at)}, over {hours} hour{'' if hours == 1 else 's'} before "
                f"{incident.key} began. Project managers can widen that window under Severities → Edit times."
            )
    if said:
        raise ValidationError({"deployment": said})


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _checked(reason: str) -> str:
    reason = reason.replace("\0", "").strip()
    if not reason:
        raise ValidationError({"reason": "Say why, for whoever reads it later."})
    if len(reason) > LONGEST_REASON:
        raise ValidationError({"reason": f"This has over {LONGEST_REASON} characters. Shorten it."})
    return reason
