"""What people do to one card of a board: place it, block it, and record evidence for it by hand."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.policy import members
from portal.kernel.text_input import given, plain
from portal.kernel.transitions import AlreadyMoved
from squads.boards import cards, queries
from squads.boards.filters import read_query
from squads.boards.forms import BlockForm
from squads.boards.views import board_page, by_script, came_from
from squads.stories import ranking
from squads.stories.actions import record_by_hand
from squads.stories.cards import row_from, version_of
from squads.stories.models import Story
from squads.stories.queries import rungs
from squads.story_pages.edit_views import saved
from squads.story_pages.forms import EvidenceForm, StoryForm
from squads.story_pages.lookup import own_story, owned
from squads.teams.models import Squad

RUNG_OF = {kind: rung for rung, kind in cards.KINDS.items()}


def _layout(request: HttpRequest) -> str:
    """Return the template around a form: nothing when a script puts it into a dialog, else the whole page."""
    return "components/_part.html" if "X-Part" in request.headers else "base.html"


def _back(request: HttpRequest, story: Story) -> HttpResponse:
    """Lead back to the card on the squad's board, filtered as it was."""
    return redirect(f"{came_from(request, story.squad)}#card-{story.key}")


def _shown(story: Story, *, drawn: bool = True) -> JsonResponse:
    """Answer a script with the card as it is now; without `drawn` only with where it stands, which needs no query."""
    said: dict[str, Any] = {"key": story.key, "stage": story.stage, "rank": story.rank}
    if drawn:
        row = row_from(story)
        said["html"] = cards.card_html([row], versions={row.key: version_of(row)})[row.key]
    return JsonResponse(said)


def _refused(request: HttpRequest, story: Story, error: AlreadyMoved | ValidationError) -> HttpResponse:
    """Answer a script with the reason, and a person with the board, filtered as it was, and the reason on it."""
    said, status = refusal(error)
    if by_script(request):
        return JsonResponse({"message": said}, status=status)
    messages.error(request, said)
    squad = Squad.objects.with_notice().get(pk=story.squad_id)
    asked = read_query(came_from(request, squad).partition("?")[2])
    return board_page(request, squad, queries.board(squad, asked, me=request.user), status=status)


@members
@require_POST
def place(request: HttpRequest, key: str) -> HttpResponse:
    """Put a story somewhere else on its squad's board; to do, in progress or dev done as `to` says.

    A script that hears of the card by the stream anyway does not ask for it (X-Card).
    """
    said = {name: given(request.POST, name) or None for name in ("to", "after", "before", "where")}
    key = plain(key).upper()
    try:
        with transaction.atomic():
            story = owned(key, *ranking.held(key, request.user))
            ranking.place_held(story, by=actor_of(request), because=given(request.POST, "because"), **said)
    except (AlreadyMoved, ValidationError) as error:
        return _refused(request, story, error)
    return _shown(story, drawn="X-Card" in request.headers) if by_script(request) else _back(request, story)


@members
def block(request: HttpRequest, key: str) -> HttpResponse:
    """Ask what a story waits for, and mark it blocked."""
    story = own_story(key, request.user)
    form = BlockForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            ranking.block(story, by=actor_of(request), because=form.cleaned_data["because"])
        except (AlreadyMoved, ValidationError) as error:
            return _refused(request, story, error)
        return _shown(story) if by_script(request) else _back(request, story)
    context = {"story": story, "form": form, "layout": _layout(request)}
    return render(request, "squads/boards/block.html", context, status=400 if form.errors else 200)


@members
def assign(request: HttpRequest, key: str) -> HttpResponse:
    """Say who works on a story. What somebody else said meanwhile is shown beside it, 409."""
    story = own_story(key, request.user)
    form, conflict, status = StoryForm(user=request.user, instance=story, only=("assignees",)), None, 200
    if request.method == "POST":
        form, conflict, status = saved(request, story, ("assignees",))
        if status == 200:
            return _shown(story) if by_script(request) else _back(request, story)
    context = {
        "story": story,
        "form": form,
        "clashes": conflict.clashes if conflict else [],
        "layout": _layout(request),
    }
    return render(request, "squads/boards/assign.html", context, status=status)


@members
@require_POST
def unblock(request: HttpRequest, key: str) -> HttpResponse:
    """Say that a story waits for nothing any more."""
    story = own_story(key, request.user)
    try:
        ranking.unblock(story, by=actor_of(request))
    except AlreadyMoved as error:
        return _refused(request, story, error)
    return _shown(story) if by_script(request) else _back(request, story)


@members
def by_hand(request: HttpRequest, key: str) -> HttpResponse:
    """Say what a rung lacks, and take evidence by hand for it: this is where dropping a card on it leads."""
    story = own_story(key, request.user)
    kind = given(request.POST or request.GET, "kind")
    rung = next((each for each in rungs(story) if each.rung == RUNG_OF.get(kind, "rodeo_done")), None)
    assert rung is not None
    holds = rung.state in ("held", "by_hand")
    form = EvidenceForm(
        request.POST if request.method == "POST" else None, story=story, initial={"kind": cards.KINDS[rung.rung]}
    )
    if request.method == "POST" and form.is_valid():
        try:
            record_by_hand(story, by=actor_of(request), **form.said())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            if by_script(request):
                story.refresh_from_db(fields=["stage_at"])
                return _shown(story)
            messages.success(request, "Evidence added.")
            return _back(request, story)
    context = {"story": story, "form": form, "rung": rung, "holds": holds, "layout": _layout(request)}
    return render(request, "squads/boards/by_hand.html", context, status=400 if form.errors else 200)
