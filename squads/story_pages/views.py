"""Pages of stories, and the one question: is it rodeo done?"""

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal, words_of
from portal.kernel.markdown import KEY
from portal.kernel.paging import page_of
from portal.kernel.policy import may_read, members, public, reading
from portal.kernel.text_input import given, plain
from portal.kernel.transitions import AlreadyMoved
from squads.stories import actions, history, queries
from squads.stories.models import Story
from squads.story_pages.forms import EvidenceForm, StoryForm
from squads.story_pages.lookup import address_now, own_story, story_at
from squads.story_pages.page import Typed, story_page
from squads.teams.models import Squad


@reading
@require_safe
def story_detail(request: HttpRequest, key: str) -> HttpResponse:
    """One story: the honest answer, its ladder, and the evidence. A key it had before leads to its address of now."""
    story = story_at(key)
    elsewhere = address_now(request, story, key)
    return redirect(elsewhere) if elsewhere else story_page(request, story)


@reading
@require_safe
def story_changes(request: HttpRequest, key: str) -> HttpResponse:
    """Every change linked to a story, or with ?mentions=1 those that only mention it."""
    story, only_mentions = story_at(key), given(request.GET, "mentions") == "1"
    page = page_of(request, queries.mentions(story) if only_mentions else queries.changes(story))
    context = {
        "story": story,
        "page": page,
        "links": [] if only_mentions else queries.linked(page.object_list),
        "mentions": page.object_list if only_mentions else [],
        "only_mentions": only_mentions,
        "writable": story.squad.is_writable_by(request.user),
    }
    return render(request, "squads/stories/changes.html", context)


@reading
@require_safe
def story_history(request: HttpRequest, key: str) -> HttpResponse:
    """Everything people did to a story, newest first."""
    story = story_at(key)
    page = page_of(request, history.rows(story))
    entries = history.entries(story, list(page.object_list))
    return render(request, "squads/stories/history.html", {"story": story, "page": page, "entries": entries})


@members
def story_create(request: HttpRequest) -> HttpResponse:
    """Write a story for one of the person's squads."""
    if not Squad.objects.writable_by(request.user).exists():
        raise PermissionDenied("Stories belong to squads. Join or create one first.")
    asked = given(request.GET, "squad")
    initial = {"squad": Squad.objects.filter(slug=asked).first(), "release": given(request.GET, "release")}
    form = StoryForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        try:
            story = actions.create_story(fields.pop("squad"), by=actor_of(request), **fields)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(
                request, f"{story.key} created. Mention {story.key} in a commit message to link the commit."
            )
            return redirect(story)
    return render(request, "squads/stories/form.html", {"form": form}, status=400 if form.errors else 200)


@members
@require_POST
def progress(request: HttpRequest, key: str) -> HttpResponse:
    """Move a story to do, in progress or dev done; everything beyond follows from evidence. 409 as the API answers."""
    story = own_story(key, request.user)
    try:
        story.move_progress(request.POST.get("to", ""), by=actor_of(request), because=given(request.POST, "because"))
    except (AlreadyMoved, ValidationError) as error:
        said, status = refusal(error)
        return story_page(request, story, typed=Typed("progress", said, {}), status=status)
    messages.success(request, f"{story.key}: {story.get_progress_display()}.")
    return redirect(story)


@members
@require_POST
def evidence(request: HttpRequest, key: str) -> HttpResponse:
    """Keep evidence that a person supplies."""
    story = own_story(key, request.user)
    form = EvidenceForm(request.POST, story=story)
    if form.is_valid():
        try:
            actions.record_by_hand(story, by=actor_of(request), **form.said())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Evidence added.")
            return redirect(story)
    return story_page(request, story, form=form, status=400)


@members
@require_POST
def evidence_take_back(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Take evidence by hand back that was a mistake; it stays on the page, struck out."""
    story = own_story(key, request.user)
    row = story.evidence.filter(pk=pk).first()
    if row is None:
        raise Http404(f"{story.key} has no such evidence.")
    because = given(request.POST, "because")
    try:
        actions.take_back(row, by=actor_of(request), because=because)
    except ValidationError as error:
        typed = Typed(str(row.pk), words_of(error), {"because": because})
        return story_page(request, story, typed=typed, status=400)
    messages.success(request, "Evidence withdrawn.")
    return redirect(f"{story.get_absolute_url()}#evidence-title")


FORMATS = {"text": "text/plain", "json": "application/json", "html": "text/html"}
PLAIN = "text/plain; charset=utf-8"


def _format(request: HttpRequest) -> str:
    """Return text, json or html: as ?format= asks, else as Accept prefers. curl, which takes anything, gets text."""
    asked = request.GET.get("format", "")
    if asked in FORMATS:
        return asked
    preferred = request.get_preferred_type(list(FORMATS.values()))
    return next((name for name, kind in FORMATS.items() if kind == preferred), "text")


def _programs_user(request: HttpRequest) -> Any:
    """Return who a program signs in as, by the means the API knows; nobody when its credentials are wrong."""
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    authenticators = [each() for each in classes]
    try:
        return Request(request, authenticators=authenticators).user
    except APIException:
        return AnonymousUser()


def _plainly(form: str, said: dict[str, Any], status: int) -> HttpResponse:
    if form == "json":
        return JsonResponse(said, status=status, json_dumps_params={"ensure_ascii": False})
    return HttpResponse(said["answer"] + "\n", content_type=PLAIN, status=status)


@reading
def _is_page(request: HttpRequest, key: str) -> HttpResponse:
    story = Story.objects.select_related("squad").called(key)
    said = queries.answer(story) if story else queries.why_unknown(key)
    rungs = queries.rungs(story) if story else []
    context = {"story": story, "answer": said, "key": key, "rungs": rungs}
    return render(request, "squads/stories/is.html", context, status=200 if story else 404)


@require_safe
def is_it(request: HttpRequest, key: str) -> HttpResponseBase:
    """Answer in one sentence whether a story is rodeo done: to people as a page, to programs as text or JSON."""
    key, form = plain(key).upper(), _format(request)
    if form == "html":
        response: HttpResponseBase = _is_page(request, key)
    elif not may_read(_programs_user(request)):
        said = "Sign in to read this: send a user name and password (curl -u NAME)."
        response = _plainly(form, {"answer": said}, 401)
        response["WWW-Authenticate"] = 'Basic realm="Rodeo"'
    else:
        story = Story.objects.select_related("squad").called(key)
        if story is None:
            response = _plainly(form, {"key": key, "answer": queries.why_unknown(key)}, 404)
        else:
            response = _plainly(
                form, {**queries.told(story), "url": request.build_absolute_uri(story.get_absolute_url())}, 200
            )
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response


# Checked above in two ways: people are sent to sign in, programs are told 401.
is_it.policy = "reading"  # type: ignore[attr-defined]


@public
@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """Take the key typed into "Is … rodeo done?" to its answer; "pay 12" and "pay12" mean PAY-12."""
    typed = given(request.GET, "key")
    said = re.sub(r"^([A-Z]+)[\s_-]*([0-9]+)$", r"\1-\2", typed.upper())
    # A pasted address holds the story it leads to. Any other part of an address is no key and has no answer.
    key = next((part for part in reversed(said.split("/")) if KEY.fullmatch(part)), said)
    if "/" in key or not key.strip("."):
        return redirect(f"{reverse('search:search')}?{urlencode({'q': typed})}" if typed else "home")
    return redirect("is", key=key)
