"""Pages of releases: the list with its batch chart, the board, and the changes of a release."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from portal.kernel import days
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.paging import page_of
from portal.kernel.policy import answers, planners, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from releases.evidence.links import mentioned_in
from releases.planning import actions, queries
from releases.planning.board import Board, BoardFilter, board, chips
from releases.planning.forms import AbandonForm, ReleaseForm
from releases.planning.lookup import moved
from releases.planning.members import state_now
from releases.planning.models import Release
from releases.planning.state import NAMES
from squads.models import Squad, Story
from squads.teams.permissions import answers_for, check_planner, may_plan
from squads.teams.queries import squads_of

NONE_PLANNED = "Nothing was changed."


def at_former_addresses(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Lead from an address that a release had before it was renamed to the same page at its address now."""

    @wraps(view)
    def shown(request: HttpRequest, slug: str, **others: str) -> HttpResponse:
        try:
            return view(request, slug, **others)
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
    state = given(request.GET, "state") if given(request.GET, "state") in NAMES else ""
    page = page_of(request, queries.newest_first(line, state))
    charts, no_chart = queries.batch_charts(line, lines) if page.number == 1 and not state else ([], "")
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
            "state": state,
            "states": NAMES.items(),
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
    rows = Release.objects.with_last_verdict(days.today()).select_related("owner", "abandoned_by")
    release = get_object_or_404(rows, slug=slug)
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
                "state": state_now(release, made.shipped),
                "board": made,
                "fragment": _fragment(release, made, only, request),
                "only": only,
                "url": release.get_absolute_url(),
                "chips": chips(only, made.types, made.labels, signed_in=request.user.is_authenticated),
                "unlinked": queries.unlinked(release).count(),
                "writable": may_plan(request.user),
                "answers": answers_for(release, request.user),
                "wall": request.GET.get("wall") == "1",
            },
        )
    )


@reading
@require_safe
@at_former_addresses
def release_changes(request: HttpRequest, slug: str) -> HttpResponse:
    """Every change of a release; of one that no tag gave any, those that are known of its stories."""
    release = get_object_or_404(Release, slug=slug)
    own = queries.changes(release)
    tagged = release.tagged_at is not None or own.exists()
    page = page_of(request, own if tagged else queries.changes_of_stories(release))
    context = {
        "release": release,
        "tagged": tagged,
        "page": page,
        "stories": queries.keys_of(page.object_list),
        "mentioned": mentioned_in(page.object_list),
        "unlinked": False,
        "writable": may_plan(request.user),
    }
    return render(request, "releases/planning/changes.html", context)


@reading
@require_safe
@at_former_addresses
def release_unlinked(request: HttpRequest, slug: str) -> HttpResponse:
    """The changes of a release that belong to no story."""
    release = get_object_or_404(Release, slug=slug)
    page = page_of(request, queries.unlinked(release))
    writable = may_plan(request.user)
    context = {
        "release": release,
        "tagged": release.tagged_at is not None or queries.changes(release).exists(),
        "page": page,
        "stories": {},
        "mentioned": mentioned_in(page.object_list),
        "unlinked": True,
        "linkable": writable,
        "writable": writable,
    }
    return render(request, "releases/planning/changes.html", context)


@planners
def release_create(request: HttpRequest) -> HttpResponse:
    """Plan a release."""
    check_planner(request.user)
    form = ReleaseForm(request.POST or None, by=request.user, initial={"line": request.GET.get("line", "")})
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
    form, meanwhile = ReleaseForm(request.POST or None, by=request.user, instance=release), list[tuple[str, str]]()
    if request.method == "POST" and form.is_valid():
        try:
            actions.edit_release(release, by=actor_of(request), **form.cleaned_data)
        except AlreadyMoved:
            now = Release.objects.select_related("owner").get(pk=release.pk)
            meanwhile = form.beside(now)
            # Saving again is saving over what the page shows.
            if not meanwhile:
                return redirect(now)
            again = request.POST.copy()
            again["revision"] = str(now.revision)
            form = ReleaseForm(again, by=request.user, instance=now)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved.")
            return redirect(release)
    state = state_now(Release.objects.select_related("abandoned_by").get(pk=release.pk))
    answers = answers_for(release, request.user)
    context = {"form": form, "release": release, "state": state, "answers": answers, "meanwhile": meanwhile}
    status = 400 if form.errors else 409 if meanwhile else 200
    return render(request, "releases/planning/form.html", context, status=status)


@answers
@at_former_addresses
def release_abandon(request: HttpRequest, slug: str) -> HttpResponse:
    """Say that a release won't go out, and why."""
    release = get_object_or_404(Release, slug=slug)
    actions.check_may_abandon(release, request.user)
    form, status = AbandonForm(request.POST if request.method == "POST" else None), 200
    if request.method == "POST" and form.is_valid():
        try:
            actions.abandon_release(release, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        except AlreadyMoved as error:
            form.add_error(None, str(error))
            status = 409
        else:
            messages.success(request, f"{release} abandoned.")
            return redirect(release)
    context = {"form": form, "release": release}
    return render(request, "releases/planning/abandon.html", context, status=max(status, 400 if form.errors else 200))


@answers
@require_POST
@at_former_addresses
def release_resume(request: HttpRequest, slug: str) -> HttpResponse:
    """Go on with a release that was abandoned."""
    release = get_object_or_404(Release, slug=slug)
    try:
        actions.resume_release(release, by=actor_of(request))
    except AlreadyMoved as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{release} resumed.")
    return redirect(release)


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
        "over": queries.over_limit(release, squad) if squad else None,
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
    if request.POST.getlist("keys") or not request.POST.get("key"):
        return _put_many(request, release)
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
    return _back_to_plan(request, release, f"#story-{story.key}")


def _put_many(request: HttpRequest, release: Release) -> HttpResponse:
    """Plan the selected stories for the release, or take them out of it: all or none."""
    to, said = given(request.POST, "to"), list[str]()
    changed, status = list[Story](), 200
    try:
        if to not in ("in", "out"):
            raise ValidationError("Choose whether the selected stories go into the release or out of it.")
        keys = request.POST.getlist("keys")
        changed = actions.plan_stories(release, keys, by=actor_of(request), planned=to == "in")
    except PermissionDenied:
        if not _by_script(request):
            raise
        said, status = ["You can only plan stories of your own squads."], 403
    except ValidationError as error:
        said, status = [*error.messages], 400
    if _by_script(request):
        shown = {"message": " ".join([*said, NONE_PLANNED] if len(said) > 1 else said)} if said else {}
        return JsonResponse(shown or {"keys": [story.key for story in changed]}, status=status)
    for words in said:
        messages.error(request, words)
    if changed:
        verb = "Added" if to == "in" else "Removed"
        messages.success(request, f"{verb} {_listed([story.key for story in changed])}.")
    return _back_to_plan(request, release)


def _listed(keys: list[str]) -> str:
    if len(keys) > 5:
        return f"{len(keys)} stories"
    return " and ".join([", ".join(keys[:-1]), keys[-1]]) if len(keys) > 1 else keys[0]


def _back_to_plan(request: HttpRequest, release: Release, at: str = "") -> HttpResponse:
    query = given(request.POST, "back")
    address = reverse("releases:planning:plan", args=[release.slug])
    return redirect(f"{address}{'?' if query else ''}{QueryDict(query).urlencode()}{at}")


def _by_script(request: HttpRequest) -> bool:
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"
