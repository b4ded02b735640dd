"""The retrospectives about a release, and where one begins."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.release_retrospectives.actions import review_release
from releases.release_retrospectives.queries import about_release
from squads.teams.models import Squad
from squads.teams.permissions import may_plan


@reading
@require_safe
@at_former_addresses
def retrospective_list(request: HttpRequest, slug: str) -> HttpResponse:
    """The retrospectives about a release that this person can read, and buttons for those they can begin."""
    release = get_object_or_404(Release, slug=slug)
    context = {
        "release": release,
        "retrospectives": about_release(release, request.user),
        "writable": may_plan(request.user),
    }
    return render(request, "releases/release_retrospectives/list.html", context)


@members
@require_POST
def review(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a squad's retrospective about a release; if there is one of this kind, lead there."""
    release = get_object_or_404(Release, slug=slug)
    squad = Squad.objects.filter(slug=given(request.POST, "squad")[:60]).first()
    if squad is None:
        messages.error(request, "Choose the squad that writes it.")
        return redirect("releases:release_retrospectives:list", release.slug)
    try:
        row = review_release(release, squad, by=actor_of(request), kind=given(request.POST, "kind") or "release")
    except ValidationError as error:
        messages.error(request, words_of(error))
        return redirect("releases:release_retrospectives:list", release.slug)
    return redirect(row)
