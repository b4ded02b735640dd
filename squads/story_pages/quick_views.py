"""Creating a story from any page: a title, a squad and perhaps a release, in a dialog or as a small page."""

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors
from portal.kernel.policy import members
from portal.kernel.text_input import given
from squads.stories import actions
from squads.stories.models import Story
from squads.story_pages.forms import StoryForm
from squads.teams.models import Squad

PAGE = re.compile(r"/(?P<part>squads|stories|releases)/(?P<name>[^/]+)/")


def _initial(request: HttpRequest) -> dict[str, object]:
    """Return what the page that the person is on (`page`, its path) suggests: its squad, else the person's, and its release."""
    found: dict[str, object] = {"title": given(request.GET, "title")[:200]}
    page = PAGE.match(given(request.GET, "page"))
    if page and page["part"] == "squads":
        found["squad"] = Squad.objects.filter(slug=page["name"]).first()
    elif page and page["part"] == "stories":
        story = Story.objects.filter(key=page["name"].upper()).select_related("squad").first()
        found["squad"] = story.squad if story else None
    elif page:
        # A story names its release; squads imports no code of releases (docs/adr/0002).
        releases: Any = Story._meta.get_field("release").related_model
        found["release"] = releases.objects.filter(slug=page["name"]).values_list("pk", flat=True).first()
    if not found.get("squad"):
        found["squad"] = Squad.objects.filter(members=request.user.pk).order_by("name").first()
    return found


@members
def story_quick(request: HttpRequest) -> HttpResponse:
    """Write a story for one of the person's squads. A script is answered with the form or, once it is created, with JSON."""
    if not Squad.objects.writable_by(request.user).exists():
        raise PermissionDenied("Stories belong to squads. Join or create one first.")
    by_script = "X-Part" in request.headers
    form = StoryForm(request.POST or None, user=request.user, only=("title", "release"), initial=_initial(request))
    form.order_fields(["title", "squad", "release"])
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        try:
            story = actions.create_story(fields.pop("squad"), by=actor_of(request), **fields)
        except ValidationError as error:
            add_errors(form, error)
        else:
            if by_script:
                said = {"key": story.key, "title": story.title, "url": story.get_absolute_url()}
                return JsonResponse(said, status=201)
            messages.success(request, f"Created {story.key}.")
            return redirect(story)
    context = {"form": form, "layout": "components/_part.html" if by_script else "base.html"}
    return render(request, "squads/stories/quick.html", context, status=400 if form.errors else 200)
