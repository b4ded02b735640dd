"""Where a retrospective about an incident begins."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.policy import members
from portal.kernel.text_input import given
from releases.incidents.queries import incident_named
from releases.timelines.actions import review_incident
from squads.teams.models import Squad


@members
@require_POST
def review(request: HttpRequest, key: str) -> HttpResponse:
    """Begin a squad's review of an incident; if there is one, lead there."""
    incident = incident_named(key)
    squad = Squad.objects.filter(slug=given(request.POST, "squad")).first()
    if squad is None:
        messages.error(request, "Choose the squad that writes it.")
        return redirect(incident)
    try:
        row = review_incident(incident, squad, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
        return redirect(incident)
    return redirect(row)
