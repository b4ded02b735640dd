"""The board of a squad: its page and fragment, writing several stories, saved views, and how the squad works."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import Anyone, actor_of
from portal.kernel.htmx import varied, wants_fragment
from portal.kernel.policy import leads, members, reading, writing
from portal.kernel.text_input import given
from squads.boards import actions, filters, queries
from squads.boards.cards import card_html
from squads.boards.forms import RulesForm
from squads.boards.models import SavedView
from squads.boards.queries import Board
from squads.stories.cards import rows_of
from squads.stories.models import STAYS, Story
from squads.teams.models import Membership, Squad
from squads.teams.permissions import check_lead, check_member
from squads.teams.queries import with_left_out


def by_script(request: HttpRequest) -> bool:
    """Say whether a script asks, which wants JSON."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def came_from(request: HttpRequest, squad: Squad) -> str:
    """Return the address of the squad's board, as it was when the person came from it."""
    url, came = reverse("squads:boards:board", args=[squad.slug]), request.headers.get("referer", "")
    if not url_has_allowed_host_and_scheme(came, {request.get_host()}, require_https=request.is_secure()):
        return url
    parts = urlsplit(came)
    return f"{url}?{parts.query}" if parts.path == url and parts.query else url


def _fragment(request: HttpRequest, squad: Squad, made: Board, url: str) -> str:
    query = "&".join(each for each in (made.asked.query, f"version={made.version}") if each)
    context = {
        "board": made,
        "squad": squad,
        "url": url,
        "query": query,
        # Columns that this browser keeps folded (board-fold.js).
        "folded": request.COOKIES.get("rodeo_folded", "").split("."),
        "stories": f"{reverse('squads:stories:list')}?squad={squad.slug}&stage=",
    }
    return render_to_string("squads/boards/_board.jinja", context, using="jinja2")


def _roles(user: Anyone, people: list[Membership]) -> tuple[bool, bool]:
    """Say whether a person may write for the squad, and whether they lead it, from the memberships at hand."""
    if not user.is_authenticated:
        return False, False
    own = next((each for each in people if each.user_id == user.pk), None)
    return user.is_staff or own is not None, user.is_staff or (own is not None and own.role == Membership.Role.LEAD)


@reading
@require_safe
def squad_board(request: HttpRequest, slug: str) -> HttpResponse:
    """The board of a squad. Asked by htmx with the version it shows, it answers 204 while nothing changed."""
    squad = get_object_or_404(with_left_out(Squad.objects.with_notice()), slug=slug)
    url = reverse("squads:boards:board", args=[squad.slug])
    made = queries.board(squad, filters.read(dict(request.GET.lists())), me=request.user)
    if wants_fragment(request):
        if request.GET.get("version") == made.version:
            return varied(HttpResponse(status=204))
        return varied(HttpResponse(_fragment(request, squad, made, url)))
    return board_page(request, squad, made)


def board_page(
    request: HttpRequest, squad: Squad, made: Board, *, typed: str = "", errors: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    """Show a board. `typed` are the titles that could not be written, and `errors` why not."""
    url = reverse("squads:boards:board", args=[squad.slug])
    people = queries.people(squad)
    writable, leading = _roles(request.user, people)
    options = queries.options(squad, request.user)
    names = {each.user_id: each.user.name for each in people}
    return varied(
        render(
            request,
            "squads/boards/board.html",
            {
                "squad": squad,
                "board": made,
                "only": made.only,
                "asked": made.asked,
                "chips": filters.chips(made.asked, options.labels, signed_in=request.user.is_authenticated),
                "lanes": filters.lane_chips(made.asked),
                "url": url,
                "fragment": _fragment(request, squad, made, url),
                "people": people,
                "accounts": [each.user for each in people if each.user.is_active],
                "options": options,
                "types": Story.Type.choices,
                "priorities": Story.Priority.choices,
                "saved": any(view.query == made.asked.kept for view in options.views),
                "views": [
                    (view, "" if view.owner_id == request.user.pk else names.get(view.owner_id, "shared"))
                    for view in options.views
                ],
                "writable": writable,
                "leading": leading,
                "typed": typed,
                "errors": errors,
                "stays": STAYS,
            },
            status=status,
        )
    )


@members
@require_POST
def add(request: HttpRequest, slug: str) -> HttpResponse:
    """Write a story for each line; when one is wrong, say which, keep what was typed, and write none."""
    squad = get_object_or_404(Squad, slug=slug)
    check_member(squad, request.user, "its stories")
    text = request.POST.get("lines", "").replace("\0", "")
    try:
        made = actions.add_stories(squad, text, by=actor_of(request), to=given(request.POST, "to") or "todo")
    except ValidationError as error:
        if by_script(request):
            return JsonResponse({"message": " ".join(error.messages)}, status=400)
        board = queries.board(squad, me=request.user)
        return board_page(request, squad, board, typed=text, errors=error.messages, status=400)
    first, last = made[0].key, made[-1].key
    said = f"Added {first}." if len(made) == 1 else f"Added {first} to {last}."
    if by_script(request):
        [row] = rows_of([made[-1].pk])
        return JsonResponse(
            {"key": last, "stage": row.stage, "rank": row.rank, "message": said, "html": card_html([row])[last]}
        )
    messages.success(request, said)
    return redirect(f"{came_from(request, squad)}#card-{last}")


@leads
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    """How the squad works: limits per stage, who accepts, and whether one may accept one's own."""
    squad = get_object_or_404(Squad, slug=slug)
    check_lead(squad, request.user, "its board settings")
    form = RulesForm(request.POST if request.method == "POST" else None, squad=squad, people=queries.people(squad))
    if request.method == "POST" and form.is_valid():
        try:
            actions.set_rules(squad, by=actor_of(request), **form.said())
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved.")
            return redirect("squads:boards:board", slug=squad.slug)
    return render(
        request,
        "squads/boards/settings.html",
        {"squad": squad, "form": form, "batch_limits": queries.batch_limits(squad)},
        status=400 if form.errors else 200,
    )


@writing
@require_POST
def save_view(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep the filter under a name."""
    squad = get_object_or_404(Squad, slug=slug)
    url, query = reverse("squads:boards:board", args=[squad.slug]), given(request.POST, "query")
    try:
        view = actions.save_view(
            squad,
            by=actor_of(request),
            name=given(request.POST, "name"),
            query=query,
            shared=bool(request.POST.get("shared")),
        )
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return redirect(f"{url}?{filters.read_query(query).query}")
    messages.success(request, f"Saved “{view}”.")
    return redirect(f"{url}?{view.query}")


@writing
@require_POST
def remove_view(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Forget a saved view."""
    mine = SavedView.objects.select_related("squad", "owner")
    view = next(
        (each for each in mine.filter(squad__slug=slug, pk=pk) if each.shared or each.owner == request.user), None
    )
    if view is not None:
        actions.remove_view(view, by=actor_of(request))
        messages.success(request, f"Deleted “{view}”.")
    return redirect("squads:boards:board", slug=slug)
