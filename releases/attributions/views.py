"""Answering which deployment an incident came from. What is proposed is shown on the incident's page."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.policy import planners
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.attributions import actions
from releases.attributions.models import Attribution
from releases.deployments.models import Deployment
from releases.incidents.actions import WHO
from releases.incidents.queries import incident_named
from squads.teams.permissions import check_planner


@planners
@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept or reject what is proposed."""
    check_planner(request.user, WHO)
    attribution = get_object_or_404(Attribution.objects.select_related("incident__merged_into"), pk=pk)
    said = given(request.POST, "answer")
    if said not in ("accepted", "rejected"):
        messages.error(request, "Choose accept or reject.")
        return redirect(attribution.incident)
    try:
        actions.answer(
            attribution, by=actor_of(request), accepted=said == "accepted", reason=given(request.POST, "reason")
        )
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, f"{said.capitalize()}.")
    return redirect(attribution.incident)


@planners
@require_POST
def attribute(request: HttpRequest, key: str) -> HttpResponse:
    """Say which deployment it came from, where no rule proposed it."""
    check_planner(request.user, WHO)
    incident = incident_named(key)
    try:
        deployment = Deployment.objects.filter(pk=UUID(given(request.POST, "deployment"))).first()
    except ValueError:
        deployment = None
    if deployment is None:
        messages.error(request, "Choose a deployment.")
        return redirect(incident)
    try:
        actions.attribute(incident, deployment, by=actor_of(request), reason=given(request.POST, "reason"))
    except (AlreadyMoved, ValidationError) as error:
        messages.error(request, refusal(error)[0])
    else:
        messages.success(request, "Added.")
    return redirect(incident)
