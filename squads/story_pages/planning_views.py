"""Planning a story for a release, for members of its squad and for project managers in any squad; and taking a story."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.policy import members, planners
from squads.stories import actions
from squads.stories.editing import put
from squads.stories.models import Story
from squads.story_pages.forms import RELEASES_OFFERED
from squads.story_pages.lookup import own_story, story_at
from squads.story_pages.page import Typed, story_page
from squads.teams.permissions import may_plan_for


class PlanForm(forms.ModelForm):
    """The release a story is planned for."""

    class Meta:
        model = Story
        fields = ["release"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["release"]
        rows = field.queryset.order_by("-released_at", "-created_at")
        coming, gone = rows.filter(released_at=None), rows.exclude(released_at=None)
        offered = [*coming[:RELEASES_OFFERED], *gone[:RELEASES_OFFERED]]
        chosen = self.instance.release
        if chosen is not None and chosen not in offered:
            offered.append(chosen)
        field.widget.choices = [("", "none yet"), *((row.pk, str(row)) for row in offered)]


@planners
def story_release(request: HttpRequest, key: str) -> HttpResponse:
    """Plan a story for a release, or for none."""
    story = story_at(key)
    if not may_plan_for(story.squad, request.user):
        raise PermissionDenied(f"Only project managers and members of {story.squad} can plan {story.key}.")
    form = PlanForm(request.POST or None, instance=story)
    if request.method == "POST" and form.is_valid():
        actions.edit_story(story, by=actor_of(request), release=form.cleaned_data["release"])
        messages.success(
            request,
            f"{story.key} is planned for {story.release}."
            if story.release
            else f"{story.key} is no longer planned for a release.",
        )
        return redirect(story)
    status = 400 if form.errors else 200
    return render(request, "squads/stories/release.html", {"form": form, "story": story}, status=status)


@members
@require_POST
def take(request: HttpRequest, key: str) -> HttpResponse:
    """Assign a story to oneself, or, with `off`, to oneself no longer. Whoever else is assigned stays."""
    story, me = own_story(key, request.user), actor_of(request)
    try:
        put(story, "assignees", me, "off" not in request.POST, by=me)
    except ValidationError as error:
        return story_page(request, story, typed=Typed("assignees", words_of(error), {}), status=400)
    return redirect(f"{story.get_absolute_url()}#field-assignees")
