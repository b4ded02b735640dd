"""Asking for acceptance, the list of what waits for a person, and their answers."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import members, planners, writing
from portal.kernel.text_input import given
from squads.acceptance import actions, queries
from squads.acceptance.models import AcceptanceRequest
from squads.stories.models import Story
from squads.story_pages.lookup import own_story, story_at
from squads.story_pages.page import Typed, story_page

PER_PAGE = 20
ANSWERS = ("accepted", "declined")


def _request(story: Story, pk: int) -> AcceptanceRequest:
    rows = AcceptanceRequest.objects.select_related("asked_by", "accepter", "answered_by")
    request = rows.filter(story=story, pk=pk).first()
    if request is None:
        raise Http404(f"{story.key} has no such request.")
    request.story = story
    return request


@writing
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """What waits for this person's acceptance, with where it runs and what to look at."""
    page = page_of(request, queries.waiting_for(actor_of(request)), per_page=PER_PAGE)
    context = {"page": page, "waiting": queries.waiting(page.object_list)}
    return render(request, "squads/acceptance/list.html", context)


# Not only for members: project managers plan as well. The verb checks who may.
@planners
@require_POST
def plan(request: HttpRequest, key: str) -> HttpResponse:
    """Say who is to accept a story once it is in production, or nobody."""
    story, username = story_at(key), given(request.POST, "person")
    try:
        person = actions.find_accepter(username) if username else None
        actions.plan_accepter(story, person, by=actor_of(request))
    except ValidationError as error:
        typed = Typed("plan", words_of(error), {"person": username})
        return story_page(request, story, typed=typed, status=400)
    messages.success(request, f"{person.name} is to accept {story.key}." if person else "Saved.")
    return redirect(story)


@members
@require_POST
def ask(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for a story to be accepted in production."""
    story = own_story(key, request.user)
    username, note = given(request.POST, "accepter"), given(request.POST, "note")
    try:
        accepter = actions.find_accepter(username) if username else None
        actions.ask(story, by=actor_of(request), accepter=accepter, note=note)
    except ValidationError as error:
        typed = Typed("acceptance", words_of(error), {"accepter": username, "note": note})
        return story_page(request, story, typed=typed, status=400)
    whom = accepter.name if accepter else f"the accepters of {story.squad}"
    messages.success(request, f"Asked {whom}. It’s in their inbox.")
    return redirect(story)


# Not only for members: a person asked by name may be outside of the squad. The verb checks who may answer.
@writing
@require_POST
def answer(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Accept a story in production, or decline it, with a note."""
    story = story_at(key)
    asked, verdict = _request(story, pk), given(request.POST, "answer")
    values = {name: given(request.POST, name) for name in ("note", "link")}
    try:
        if verdict not in ANSWERS:
            raise ValidationError("Choose accept or decline.")
        if len(values["link"]) > 1000:
            raise ValidationError({"link": "Links can have up to 1000 characters."})
        actions.answer(asked, by=actor_of(request), accepted=verdict == "accepted", **values)
    except actions.AlreadyAnswered as first:
        messages.error(request, str(first))
        return redirect("squads:acceptance:waiting" if given(request.POST, "back") else story)
    except ValidationError as error:
        return story_page(request, story_at(key), typed=Typed("answer", words_of(error), values), status=400)
    done = "accepted" if verdict == "accepted" else "declined"
    messages.success(request, f"{story.key} {done}.")
    return redirect("squads:acceptance:waiting" if given(request.POST, "back") else story)


@members
@require_POST
def withdraw(request: HttpRequest, key: str, pk: int) -> HttpResponse:
    """Withdraw the request."""
    story = own_story(key, request.user)
    try:
        actions.withdraw(_request(story, pk), by=actor_of(request))
    except actions.AlreadyAnswered as first:
        messages.error(request, str(first))
    else:
        messages.success(request, "Request withdrawn.")
    return redirect(story)
