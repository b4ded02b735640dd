"""Pages of releases: the list with its batch chart, the board, and the changes of a release."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.paging import page_of
from portal.kernel.policy import planners, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.evidence.links import mentioned_in
from releases.planning import actions, queries
from releases.planning.board import Board, BoardFilter, board, chips
from releases.planning.forms import ReleaseForm
from releases.planning.lookup import moved
from releases.planning.models import Release
from squads.models import Squad, Story
from squads.teams.permissions import check_planner, may_plan
from squads.teams.queries import squads_of


def at_former_addresses(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Lead from an address that a release had before it was renamed to the same page at its address now."""

    @wraps(view)
    def shown(request: HttpRequest, slug: str) -> HttpResponse:
        try:
            return view(request, slug)
        except Http404:
            elsewhere = moved(request, slug)
            if elsewhere is None:
                raise
            return elsewhere

    return shown


@reading
@require_safe
def release_list(request: HttpRequest) -> HttpResponse:
    """Releases, newest first, with the batch chart of each line."""
    lines, asked = queries.lines_of_releases(), request.GET.get("line")
    line = asked if asked in lines else None
    page = page_of(request, queries.newest_first(line))
    charts, no_chart = queries.batch_charts(line, lines) if page.number == 1 else ([], "")
    return render(
        request,
        "releases/planning/list.html",
        {
            "page": page,
            "rows": queries.rows_of(list(page.object_list)),
            "charts": charts,
            "no_chart": no_chart,
            "line": line,
            "lines": lines if len(lines) > 1 else [],
            "series": queries.SERIES,
            "writable": may_plan(request.user),
        },
    )


def _asked(request: HttpRequest) -> BoardFilter:
    squad, stage, type_, label = (given(request.GET, name)[:200] for name in ("squad", "stage", "type", "label"))
    flags = {name: request.GET.get(name) == "1" for name in ("dark", "found", "blocked", "stalled")}
    return BoardFilter(squad, stage, type_, label, mine=request.GET.get("assignee") == "me", **flags)


def _fragment(release: Release, made: Board, only: BoardFilter, request: HttpRequest) -> str:
    query = request.GET.copy()
    query.pop("version", None)
    context = {
        "board": made,
        "only": only,
        "release": release,
        "url": release.get_absolute_url(),
        "query": query.urlencode(),
    }
    return render_to_string("releases/planning/_board.jinja", context, using="jinja2")


@reading
@require_safe
@at_former_addresses
def release_board(request: HttpRequest, slug: str) -> HttpResponse:
    """The board of a release. Asked by htmx with the version it shows, it answers 204 while nothing changed."""
    release = get_object_or_404(Release, slug=slug)
    only = _asked(request)
    made = board(release.pk, only, me=request.user)
    if wants_fragment(request):
        if request.GET.get("version") == made.version:
            return varied(HttpResponse(status=204))
        return varied(HttpResponse(_fragment(release, made, only, request)))
    return varied(
        render(
            request,
            "releases/planning/board.html",
            {
                "release": release,
                "board": made,
                "fragment": _fragment(release, made, only, request),
                "only": only,
                "url": release.get_absolute_url(),
                "chips": chips(only, made.types, made.labels, signed_in=request.user.is_authenticated),
                "unlinked": queries.unlinked(release).count(),
                "writable": may_plan(request.user),
                "wall": request.GET.get("wall") == "1",
            },
        )
    )


@reading
@require_safe
@at_former_addresses
def release_changes(request: HttpRequest, slug: str) -> HttpResponse:
    """Every change of a release."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.changes(release))
    context = {
        "release": release,
        "page": page,
        "stories": queries.keys_of(page.object_list),
        "mentioned": mentioned_in(page.object_list),
        "unlinked": False,
    }
    return render(request, "releases/planning/changes.html", context)


@reading
@require_safe
@at_former_addresses
def release_unlinked(request: HttpRequest, slug: str) -> HttpResponse:
    """The changes of a release that belong to no story."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.unlinked(release))
    context = {
        "release": release,
        "page": page,
        "stories": {},
        "mentioned": mentioned_in(page.object_list),
        "unlinked": True,
        "linkable": may_plan(request.user),
    }
    return render(request, "releases/planning/changes.html", context)


@planners
def release_create(request: HttpRequest) -> HttpResponse:
    """Plan a release."""
    check_planner(request.user)
    form = ReleaseForm(request.POST or None, initial={"line": request.GET.get("line", "")})
    if request.method == "POST" and form.is_valid():
        try:
            release = actions.create_release(by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"Release {release} created. Add stories.")
            return redirect(release)
    return render(request, "releases/planning/form.html", {"form": form}, status=400 if form.errors else 200)


@planners
@at_former_addresses
def release_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change what people say about a release."""
    check_planner(request.user)
    release = get_object_or_404(Release, slug=slug)
    form = ReleaseForm(request.POST or None, instance=release)
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_release(release, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved.")
            return redirect(release)
    status = 400 if form.errors else 200
    return render(request, "releases/planning/form.html", {"form": form, "release": release}, status=status)


@planners
@at_former_addresses
def release_plan(request: HttpRequest, slug: str) -> HttpResponse:
    """Plan the stories of a squad: what is in the release, and what the squad has beside it, both in the squad's order."""
    check_planner(request.user)
    release = get_object_or_404(Release, slug=slug)
    if request.method == "POST":
        return _put(request, release)
    squads, asked = queries.plannable(request.user), given(request.GET, "squad")
    squad = next((each for each in squads if each.slug == asked), None) or _first(request, squads)
    text = given(request.GET, "q")[:200]
    page = page_of(request, queries.backlog(squad, text) if squad else [])
    planned = list(queries.planned(release, squad)[: queries.MOST_PLANNED]) if squad else []
    context = {
        "release": release,
        "squads": squads,
        "squad": squad,
        "q": text,
        "planned": queries.places(planned),
        "page": page,
        "backlog": queries.places(page.object_list),
        "ordering": squad is not None and squad.is_writable_by(request.user),
        "most": queries.MOST_PLANNED,
        "back": request.GET.urlencode(),
    }
    return render(request, "releases/planning/plan.html", context)


def _first(request: HttpRequest, squads: list[Squad]) -> Squad | None:
    """Return the squad whose stories are shown at first: the person's own, if they are in one."""
    own = {each.pk for each in squads_of(request.user)}
    return next((each for each in squads if each.pk in own), squads[0] if squads else None)


def _put(request: HttpRequest, release: Release) -> HttpResponse:
    """Plan or unplan a story, or put it behind or before another one, and lead back to it."""
    key, to = given(request.POST, "key").upper(), given(request.POST, "to")
    story = Story.objects.select_related("squad").called(key)
    if story is None:
        raise Http404(f"There’s no story {key[:40]}.")
    after, before = given(request.POST, "after"), given(request.POST, "before")
    planned, status = {"in": True, "out": False}.get(to), 200
    try:
        if planned is None and (to or not (after or before)):
            raise ValidationError("Choose where the story goes: into the release, out of it, or next to another story.")
        actions.put_story(story, release, by=actor_of(request), planned=planned, after=after, before=before)
    except (AlreadyMoved, ValidationError) as error:
        said, status = refusal(error)
        if not _by_script(request):
            messages.error(request, said)
    if _by_script(request):
        return JsonResponse({"message": said} if status != 200 else {"key": story.key}, status=status)
    query = given(request.POST, "back")
    address = reverse("releases:planning:plan", args=[release.slug])
    return redirect(f"{address}{'?' if query else ''}{QueryDict(query).urlencode()}#story-{story.key}")


def _by_script(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
