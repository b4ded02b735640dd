"""Where a retrospective about a release begins."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.policy import members
from portal.kernel.text_input import given
from releases.planning.models import Release
from releases.release_retrospectives.actions import review_release
from squads.teams.models import Squad


@members
@require_POST
def review(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a squad's retrospective about a release; if there is one of this kind, lead there."""
    release = get_object_or_404(Release, slug=slug)
    squad = Squad.objects.filter(slug=given(request.POST, "squad")[:60]).first()
    if squad is None:
        messages.error(request, "Choose the squad that writes it.")
        return redirect(release)
    try:
        row = review_release(release, squad, by=actor_of(request), kind=given(request.POST, "kind") or "release")
    except ValidationError as error:
        messages.error(request, words_of(error))
        return redirect(release)
    return redirect(row)
