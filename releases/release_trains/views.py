"""Pages of release trains, and of the stories that miss their release."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.planning.models import Release
from releases.planning.views import at_former_addresses
from releases.release_trains import actions, queries
from releases.release_trains.forms import TrainForm
from releases.release_trains.models import ReleaseTrain
from squads.teams.permissions import check_planner, may_plan

PAGE = "releases:release_trains:detail"
MOVES: dict[str, tuple[Callable[..., Any], str]] = {
    "pause": (actions.pause, "Paused. No releases are created until you resume it."),
    "resume": (actions.resume, "Resumed."),
    "end": (actions.end, "Ended. Its releases stay."),
}


@reading
@require_safe
def train_list(request: HttpRequest) -> HttpResponse:
    """All release trains."""
    page = page_of(request, queries.trains())
    context = {"page": page, "writable": may_plan(request.user)}
    return render(request, "releases/release_trains/list.html", context)


@planners
@never_cache
def train_create(request: HttpRequest) -> HttpResponse:
    """Set up a train."""
    check_planner(request.user)
    today = clock.now().date()
    initial = {"weeks": 2, "ahead": 2, "next_number": 1, "starts_on": today, "weekday": 1, "zone": "UTC"}
    form = TrainForm(request.POST or None, initial={**initial, "line": given(request.GET, "line")})
    if request.method == "POST" and form.is_valid():
        try:
            train = actions.create_train(by=actor_of(request), **form.said())
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Release train set up.")
            return redirect(train)
    return render(request, "releases/release_trains/form.html", {"form": form}, status=400 if form.errors else 200)


@reading
@require_safe
def train_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """A train: its departures, those to come, and what was changed about it."""
    train = get_object_or_404(ReleaseTrain, pk=pk)
    context = {
        "train": train,
        "page": page_of(request, queries.departures(train)),
        "coming": queries.coming(train) if train.state == ReleaseTrain.State.RUNNING else [],
        "edits": queries.edits(train)[:20],
        "takeable": queries.takeable(train),
        "writable": may_plan(request.user),
    }
    return render(request, "releases/release_trains/detail.html", context)


@planners
@never_cache
def train_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a train. What somebody else changed meanwhile is not overwritten."""
    check_planner(request.user)
    train = get_object_or_404(ReleaseTrain, pk=pk)
    form, status = TrainForm(request.POST or None, train=train), 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            version = form.cleaned_data["version"]
            try:
                actions.edit_train(train, by=actor_of(request), version=version, **form.said())
            except AlreadyMoved as error:
                messages.warning(request, f"{error} Nothing was saved: below are the values as they are now.")
                form, status = TrainForm(train=get_object_or_404(ReleaseTrain, pk=pk)), 409
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, "Saved.")
                return redirect(train)
    return render(request, "releases/release_trains/form.html", {"form": form, "train": train}, status=status)


@planners
@require_POST
def train_state(request: HttpRequest, pk: int) -> HttpResponse:
    """Pause, resume or end a train (`do`)."""
    check_planner(request.user)
    train = get_object_or_404(ReleaseTrain, pk=pk)
    verb, done = MOVES.get(given(request.POST, "do"), (None, ""))
    if verb is None:
        messages.error(request, "Choose whether to pause, resume or end it.")
        return redirect(train)
    try:
        verb(train, by=actor_of(request))
    except AlreadyMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done)
    return redirect(train)


@planners
@require_POST
def train_take(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the release that is in the next one's way for that departure."""
    check_planner(request.user)
    train = get_object_or_404(ReleaseTrain, pk=pk)
    try:
        found = actions.take_existing(train, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, f"{found} is now part of this train.")
    return redirect(train)


@planners
@never_cache
@at_former_addresses
def missed_stories(request: HttpRequest, slug: str) -> HttpResponse:
    """The stories that miss a release, and planning them for a later one."""
    check_planner(request.user)
    release = get_object_or_404(Release, slug=slug)
    later, said, status = list(queries.next_releases(release)[:50]), "", 200
    if request.method == "POST":
        to = next((each for each in later if each.slug == given(request.POST, "to")), None)
        try:
            if to is None:
                raise ValidationError("Choose the release they move to.")
            moved = actions.move_missed(release, to, by=actor_of(request), keys=request.POST.getlist("keys"))
        except ValidationError as error:
            said, status = words_of(error), 400
        else:
            messages.success(request, f"Moved {len(moved)} {'story' if len(moved) == 1 else 'stories'} to {to}.")
            return redirect(to)
    page = page_of(request, queries.missed(release), queries.MOST_MOVED)
    stories = list(page.object_list)
    allowed = queries.movable(stories, request.user)
    context = {
        "release": release,
        "later": later,
        "page": page,
        "rows": [(story, allowed[story.squad_id]) for story in stories],
        "said": said,
    }
    return render(request, "releases/release_trains/missed.html", context, status=status)
