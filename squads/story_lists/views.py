"""The list of all stories: filters and order in its address, views that people keep, and doing one thing to many stories."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading, writing
from portal.kernel.text_input import given
from squads.assignments.queries import offered
from squads.stories import queries as stories
from squads.stories.models import Story
from squads.stories.querysets import SORTS
from squads.story_lists import actions, many, queries, undoing
from squads.story_lists.listing import DUE, ENDED, Asked
from squads.story_lists.models import ManyChange, StoryView
from squads.teams.models import Squad
from squads.teams.permissions import check_planner
from squads.teams.queries import left_out

MOST_LISTED, MOST_PEOPLE = 10_000, 200
# The address of all stories, for those whose list shows something else at first.
ALL = "all"


@reading
@require_safe
def story_list(request: HttpRequest) -> HttpResponse:
    """Stories, filtered and ordered as the address says; without a word in it, the person's default view."""
    views = queries.views_of(request.user)
    if not request.GET and (default := next((each for each in views if each.is_default), None)):
        return redirect(f"{reverse('squads:stories:list')}?{default.query}")
    asked = Asked.read(request.GET)
    releases = queries.releases_offered(asked.release)
    if asked.release not in ("", stories.NO_RELEASE, *(each.slug for each in releases)):
        renamed = stories.releases_called(asked.release).first()
        if renamed is not None:
            return redirect(f"{request.path}?{_with(request.GET, release=renamed.slug).urlencode()}")
    squad = get_object_or_404(Squad, slug=asked.squad) if asked.squad else None
    page = page_of(request, asked.found(request.user).values_list("pk", flat=True), most=MOST_LISTED)
    people = [squad] if squad else Squad.objects.filter(members=request.user.pk)
    context = {
        "page": page,
        "lines": stories.lines(queries.in_order(page.object_list)),
        "asked": asked,
        "squads": Squad.objects.archived_last().values_list("slug", "name")[:500],
        "stages": Story.Stage.choices,
        "progresses": Story.Progress.choices,
        "types": Story.Type.choices,
        "priorities": Story.Priority.choices,
        "endings": ENDED.items(),
        "dues": DUE.items(),
        "sorts": SORTS.items(),
        "no_release": stories.NO_RELEASE,
        "releases": releases,
        "left_out": "" if asked.ended else left_out(asked.however_ended(request.user), archived=not asked.is_named),
        "people": offered(people)[:MOST_PEOPLE],
        "views": views,
        "view": next((each for each in views if each.query == asked.query), None),
        "has_default": any(each.is_default for each in views),
        "selecting": queries.selecting(request.user),
        "chosen": request.GET.getlist("chosen"),
        "told": queries.told_to(request.user, done) if (done := given(request.GET, "done")) else None,
        "back": _without(request.GET, "done", "chosen").urlencode(),
    }
    return render(request, "squads/story_lists/list.html", context)


def _with(query: QueryDict, **said: str) -> QueryDict:
    changed = query.copy()
    for name, value in said.items():
        changed[name] = value
    return changed


def _without(query: QueryDict, *names: str) -> QueryDict:
    rest = query.copy()
    for name in names:
        rest.pop(name, None)
    return rest


def _list(query: QueryDict | str, **more: str | list[str]) -> HttpResponse:
    """Lead back to the list as it was."""
    rest = _without(QueryDict(query) if isinstance(query, str) else query, "done", "chosen")
    for name, value in more.items():
        rest.setlist(name, value if isinstance(value, list) else [value])
    address = reverse("squads:stories:list")
    return redirect(f"{address}?{rest.urlencode()}" if rest else f"{address}?{ALL}=1")


@planners
@require_POST
def change_many(request: HttpRequest) -> HttpResponse:
    """Do one thing to the stories that were selected, and tell on the list what became of them."""
    check_planner(request.user)
    back, keys, act = given(request.POST, "back"), request.POST.getlist("key"), given(request.POST, "act")
    try:
        wanted = many.wanted_of(act, given(request.POST, many.FIELD.get(act, "")), by=actor_of(request))
        change = many.change_many(keys, wanted, by=actor_of(request))
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return _list(back, chosen=keys[: many.MOST_AT_ONCE])
    return _list(back, done=str(change.pk))


@planners
@require_POST
def undo_many(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Undo what one did to many stories, and tell on the list which could not be given back."""
    change = get_object_or_404(ManyChange, pk=pk, by=actor_of(request))
    undoing.undo_many(change, by=actor_of(request))
    return _list(given(request.POST, "back"), done=str(change.pk))


@writing
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the list as it is under a name."""
    query = given(request.POST, "query")
    is_default = bool(given(request.POST, "default"))
    try:
        view = actions.save_view(
            by=actor_of(request), name=given(request.POST, "name"), query=query, is_default=is_default
        )
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return _list(query)
    messages.success(request, f"Saved “{view}”.")
    return _list(view.query)


@writing
@require_POST
def change_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename a view of one's own, or have the list show it at first."""
    view = get_object_or_404(StoryView, pk=pk, owner=actor_of(request))
    try:
        if name := given(request.POST, "name"):
            actions.rename_view(view, name)
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
    else:
        if "default" in request.POST:
            actions.set_default(view, given(request.POST, "default") == "1")
        messages.success(request, "Saved.")
    return _list(view.query)


@writing
@require_POST
def remove_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a view of one's own."""
    view = get_object_or_404(StoryView, pk=pk, owner=actor_of(request))
    view.delete()
    messages.success(request, f"Deleted “{view}”.")
    return _list(view.query)
