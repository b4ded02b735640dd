"""The page on which a story is handed to another squad."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.policy import planners
from portal.kernel.transitions import AlreadyMoved
from squads.handovers.actions import check_may_move, move_to_squad, moves_any, squads_for
from squads.handovers.forms import SquadForm
from squads.story_pages.lookup import story_at
from squads.teams.models import Squad
from squads.teams.permissions import check_member


@planners
def story_squad(request: HttpRequest, key: str) -> HttpResponse:
    """Give a story to another squad. For members of both, project managers and administrators."""
    story = story_at(key)
    if not moves_any(request.user):
        check_member(story.squad, request.user, story.key)
    form, status = SquadForm(request.POST or None, squads=Squad.objects.active().exclude(pk=story.squad_id)), 200
    if request.method == "POST" and form.is_valid():
        check_may_move(story, form.cleaned_data["squad"], request.user)
        before = story.key
        try:
            move_to_squad(story, form.cleaned_data["squad"], by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        except AlreadyMoved as error:
            said, status = refusal(error)
            form.add_error(None, said)
        else:
            messages.success(request, f"Moved to {story.squad}: {before} is now {story.key}. The old key still works.")
            return redirect(story)
    form.fields["squad"].queryset = offered = squads_for(story, request.user)  # type: ignore[attr-defined]
    context = {"form": form, "story": story, "offered": offered.exists()}
    status = 400 if form.errors and status == 200 else status
    return render(request, "squads/handovers/form.html", context, status=status)
