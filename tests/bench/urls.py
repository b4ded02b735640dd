"""The yardsticks: the least that a Django view can do for the same purpose, under the same server and middleware."""

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template import Engine, RequestContext
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from portal.kernel import clock
from portal.kernel.models import Message, StateChange
from portal.kernel.policy import members, public
from portal.urls import urlpatterns as ours
from squads.models import StageChange, Story

PLAIN = Engine().from_string(
    """<!doctype html><title>Cards</title><ul>{% for story in stories %}
<li class="card" id="{{ story.key }}"><a href="/stories/{{ story.key }}/">{{ story.key }}</a> <b>{{ story.title }}</b>
<span>{{ story.get_type_display }}</span> <span>{{ story.get_stage_display }}</span>
{% if story.flag %}<i>{{ story.flag }}</i>{% endif %}<time>{{ story.created_at|date:"Y-m-d" }}</time></li>
{% endfor %}</ul>"""
)


@csrf_exempt
@public
def one_insert(request: HttpRequest) -> HttpResponse:
    """Read the body and insert one row."""
    StateChange.objects.create(
        kind="bench",
        key=request.headers.get("X-Key", ""),
        from_state="a",
        to_state="b",
        because=request.body.decode(),
        at=clock.now(),
    )
    return HttpResponse("ok", status=202)


@public
def plain_cards(request: HttpRequest) -> HttpResponse:
    """Select rows and render as many plain cards with Django's templates: 200, or those of a squad."""
    stories = Story.objects.order_by("pk")
    if squad := request.GET.get("squad"):
        stories = stories.filter(squad=squad)
    shown = stories[: int(request.GET.get("most", 200))]
    return HttpResponse(PLAIN.render(RequestContext(request, {"stories": shown})))


@csrf_exempt
@members
def bare_move(request: HttpRequest) -> HttpResponse:
    """Select one row of a person signed in, write it, and write a row of history, in one transaction.

    With `news`, also what a move leaves behind for others: a row of the history of stages, and a message.
    """
    with transaction.atomic():
        story = Story.objects.get(key=request.POST["key"])
        Story.objects.filter(pk=story.pk).update(progress_at=clock.now())
        StateChange.objects.create(
            kind="bench", key=story.key, from_state="a", to_state="b", by=request.user, at=clock.now()
        )
        if "news" in request.POST:
            change = {"story": story, "from_stage": "a", "to_stage": "b", "at": clock.now(), "why": ""}
            StageChange.objects.create(id=uuid4(), cause=uuid4(), person=request.user, **change)
            Message.objects.create(topic="bench", payload={"story": story.pk, "key": story.key}, handled_at=clock.now())
    return HttpResponse("ok")


urlpatterns: list[Any] = [
    path("bench/insert/", one_insert),
    path("bench/cards/", plain_cards),
    path("bench/move/", bare_move),
    *ours,
]
