"""Editing a story: the whole form, one field in its place, the ticks of a checklist, and the preview of Markdown."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.policy import members, writing
from portal.kernel.text_input import given
from squads.discussions.queries import render_texts
from squads.stories.editing import CHECKLISTS, Conflict, edit_story, tick
from squads.stories.models import Story
from squads.story_pages.forms import StoryForm
from squads.story_pages.lookup import own_story
from squads.story_pages.page import FIELDS, Field, Typed, field_of, story_page

LONGEST_PREVIEW = 50_000
# Tells the page that other parts of it show something else now.
CHANGED = "rodeo:changed"


def saved(request: HttpRequest, story: Story, only: tuple[str, ...] = ()) -> tuple[StoryForm, Conflict | None, int]:
    """Write what a form of a story says. Return the form to show, what it ran into, and 200, or the status of the objection."""
    form = StoryForm(request.POST, user=request.user, instance=story, only=only)
    if not form.is_valid():
        return form, None, 400
    try:
        edit_story(story, by=actor_of(request), base_version=form.cleaned_data["version"], **form.said())
    except Conflict as conflict:
        fresh = own_story(story.key, request.user)
        initial = {**conflict.mine, "version": conflict.version}
        return StoryForm(user=request.user, instance=fresh, only=only, initial=initial), conflict, 409
    except ValidationError as error:
        form.add_error(None, error) if not hasattr(error, "error_dict") else _objected(form, error)
        return form, None, 400
    return form, None, 200


def _objected(form: StoryForm, error: ValidationError) -> None:
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


@members
def story_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change what people wrote about a story. What somebody else changed meanwhile is shown beside it, 409."""
    story = own_story(key, request.user)
    form, conflict, status = StoryForm(user=request.user, instance=story), None, 200
    if request.method == "POST":
        form, conflict, status = saved(request, story)
        if status == 200:
            messages.success(request, "Saved.")
            return redirect(story)
    context = {"form": form, "story": story, "clashes": conflict.clashes if conflict else []}
    return render(request, "squads/stories/form.html", context, status=status)


@members
def field_edit(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Edit one field where it stands. Without JavaScript, the field has a page of its own."""
    story = own_story(key, request.user)
    if name not in FIELDS:
        raise Http404(f"A story has no field called {name}.")
    if request.method == "POST":
        form, conflict, status = saved(request, story, FIELDS[name].fields)
        if status == 200:
            if wants_fragment(request):
                return _field(request, own_story(key, request.user), field_of(story, name, focused=True), changed=True)
            messages.success(request, "Saved.")
            return redirect(story)
        return _field(
            request, story, field_of(story, name, form=form, clashes=conflict.clashes if conflict else []), status
        )
    if "shown" in request.GET:
        if not wants_fragment(request):
            return redirect(story)
        return _field(request, story, field_of(story, name, focused=True))
    form = StoryForm(user=request.user, instance=story, only=FIELDS[name].fields)
    return _field(request, story, field_of(story, name, form=form))


def _field(request: HttpRequest, story: Story, field: Field, status: int = 200, changed: bool = False) -> HttpResponse:
    context = {"story": story, "field": field, "writable": True, "form": field.form, "clashes": field.clashes}
    if not wants_fragment(request):
        return varied(render(request, "squads/stories/form.html", context, status=status))
    if field.form is not None:
        control = next(each for each in field.form.visible_fields())
        control.field.widget.attrs["autofocus"] = True
        field.form.auto_id = "edit_%s"
    answer = render(request, "squads/stories/_field.html", context, status=status)
    if changed:
        answer["HX-Trigger"] = CHANGED
    return varied(answer)


@members
@require_POST
def checklist(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """Tick a line of a checklist (`on`), or take its tick away (`off`)."""
    story = own_story(key, request.user)
    if name not in CHECKLISTS:
        raise Http404(f"A story has no list called {name}.")
    on = "on" in request.POST
    try:
        tick(story, name, given(request.POST, "on" if on else "off"), on, by=actor_of(request))
    except ValidationError as error:
        if not wants_fragment(request):
            return story_page(request, story, typed=Typed(name, error.messages[0], {}), status=400)
        context: dict[str, Any] = {"error": error.messages[0]}
    else:
        context = {}
    if not wants_fragment(request):
        return redirect(f"{story.get_absolute_url()}#field-{name}")
    context |= {"story": story, "field": field_of(story, name), "writable": True}
    answer = render(request, "squads/stories/_field.html", context, status=400 if "error" in context else 200)
    answer["HX-Trigger"] = CHANGED
    return varied(answer)


@writing
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Show what Markdown will look like, as a piece of the page or, without JavaScript, as a page."""
    text = (request.POST.get("body") or request.POST.get("description") or "")[:LONGEST_PREVIEW]
    (html,) = render_texts([text])
    name = "_preview" if wants_fragment(request) else "preview"
    return varied(render(request, f"squads/stories/{name}.html", {"html": html}))
