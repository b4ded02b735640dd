"""The pages of sessions. Cards have one address for writing, changing and removing: an address tells nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal, words_of
from portal.kernel.policy import BY_SCRIPT, members
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.retrospective_sessions import actions, contributing, moves, queries, voting
from squads.retrospective_sessions.forms import OpenForm, RulesForm, TimerForm, as_identity, identity, whole_number
from squads.retrospective_sessions.models import RetrospectiveSession
from squads.retrospective_sessions.page import Typed, Writing, parts_of, session_page
from squads.retrospective_sessions.permissions import check_participant, check_steering, session_at
from squads.retrospectives.permissions import check_writer, retrospective_at
from squads.teams.permissions import check_person

MOST_OWN = 100


def unnoted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Have a request leave no time at the person's session (portal/accounts/middleware.py)."""

    @wraps(view)
    def quiet(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.is_unnoted = True  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return quiet


def _by_script(request: HttpRequest) -> bool:
    return request.get_preferred_type(BY_SCRIPT) == BY_SCRIPT[1]


def _answer(request: HttpRequest, session: RetrospectiveSession, verb: Callable[[], Any]) -> HttpResponse:
    """Do it, and answer with the page, or in a word where a script asks; with the refusal where it can't be done."""
    try:
        verb()
    except (AlreadyMoved, ValidationError) as error:
        said, status = refusal(error)
        if _by_script(request):
            return JsonResponse({"message": said}, status=status)
        fresh = session_at(session.retrospective.slug, request.user)
        few = isinstance(error, contributing.FewContributors)
        return session_page(request, fresh, typed=Typed(said, request.POST, few), status=status)
    return HttpResponse(status=204) if _by_script(request) else redirect(session)


@members
@require_safe
@never_cache
@unnoted
def session(request: HttpRequest, slug: str) -> HttpResponse:
    """The session of a retrospective, for those who take part; where there is none yet, how to open one."""
    row = retrospective_at(slug, request.user)
    check_person(request.user, "take part in a session")
    found = queries.session_of(row)
    if found is not None:
        found.retrospective = row
        check_participant(found, request.user)
        return session_page(request, found)
    check_writer(row, request.user)
    form = OpenForm(initial={"facilitator": row.facilitator, "anonymous": True})
    return render(request, "squads/retrospective_sessions/open.html", {"row": row, "form": form})


@members
@require_safe
@never_cache
@unnoted
def parts(request: HttpRequest, slug: str) -> HttpResponse:
    """The parts of a session's page that follow what others do, for pages that are open."""
    found = session_at(slug, request.user)
    return render(request, "squads/retrospective_sessions/_parts.html", parts_of(found, request))


@members
@require_safe
@unnoted
def anonymity(request: HttpRequest, slug: str) -> HttpResponse:
    """What anonymous cards protect from, and what they don't."""
    found = session_at(slug, request.user)
    return render(
        request, "squads/retrospective_sessions/anonymity.html", {"row": found.retrospective, "session": found}
    )


@members
@require_POST
@unnoted
def opening(request: HttpRequest, slug: str) -> HttpResponse:
    """Open a session, and ask somebody to facilitate. Says first how the retrospective shows them involved."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    form = OpenForm(request.POST)
    involved: list[str] = []
    if form.is_valid():
        said = form.cleaned_data
        facilitator = said["facilitator"]
        involved = queries.involvement(row, facilitator)
        if not involved or given(request.POST, "asked") == facilitator.username:
            try:
                actions.open_session(row, by=actor_of(request), **said)
            except ValidationError as error:
                form.add_error("facilitator" if hasattr(error, "error_dict") else None, words_of(error))
            else:
                return redirect("squads:retrospective_sessions:session", row.slug)
    context = {"row": row, "form": form, "involved": involved, "asked": form.cleaned_data.get("facilitator")}
    return render(request, "squads/retrospective_sessions/open.html", context, status=400)


@members
@require_POST
@unnoted
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """Change the rules of a session."""
    found = session_at(slug, request.user)
    check_steering(found, request.user)
    form = RulesForm(request.POST, choosable="choosable" in request.POST)

    def change() -> None:
        if not form.is_valid():
            raise ValidationError({name: [str(each) for each in said] for name, said in form.errors.items()})
        actions.change_rules(found, by=actor_of(request), **form.cleaned_data)

    return _answer(request, found, change)


@members
@require_POST
@unnoted
def phase(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to the next phase, or one back."""
    found = session_at(slug, request.user)
    to, even_so = given(request.POST, "to"), bool(given(request.POST, "even_so"))
    return _answer(request, found, lambda: actions.move_phase(found, to, by=actor_of(request), even_so=even_so))


@members
@require_POST
@unnoted
def timer(request: HttpRequest, slug: str) -> HttpResponse:
    """Start, extend or stop the timer."""
    found = session_at(slug, request.user)
    check_steering(found, request.user)
    by, do = actor_of(request), given(request.POST, "do")

    def change() -> None:
        if do == "stop":
            actions.stop_timer(found, by=by)
        elif do == "extend":
            actions.extend_timer(found, by=by, minutes=whole_number(request.POST, "more"))
        else:
            form = TimerForm(request.POST)
            if not form.is_valid():
                raise ValidationError({name: [str(each) for each in said] for name, said in form.errors.items()})
            minutes, until = form.cleaned_data["minutes"], form.cleaned_data["until"]
            actions.start_timer(found, by=by, minutes=None if until else minutes, until=until)

    return _answer(request, found, change)


@members
@require_POST
@never_cache
@unnoted
@sensitive_post_parameters()
def cards(request: HttpRequest, slug: str) -> HttpResponse:
    """Write, change or remove a card. All answers to scripts are of one length, and so are all pages."""
    found = session_at(slug, request.user)
    by, said = actor_of(request), request.POST
    do, secret = given(said, "do") or "write", given(said, "card")
    own = [each for each in said.getlist("mine") if len(each) <= contributing.LONGEST_SECRET][:MOST_OWN]
    contributor = given(said, "contributor") or contributing.new_secret()
    made = ""
    try:
        if do == "write" and found.phase == RetrospectiveSession.Phase.REFLECT:
            text, section = said.get("text", ""), given(said, "section")
            made = contributing.write_card(found, by=by, section=section, text=text, contributor=contributor)
            own.append(made)
        elif do == "write":
            contributing.add_card(found, by=by, section=given(said, "section"), text=said.get("text", ""))
        elif do == "change":
            contributing.change_card(found, by=by, secret=secret, text=said.get("text", ""))
        elif do == "remove":
            own = [each for each in own if each != secret]
            last = contributor if given(said, "last") or (not own and not _by_script(request)) else ""
            contributing.remove_card(found, by=by, secret=secret, contributor=last)
        else:
            raise ValidationError({"do": "Send “do” as write, change or remove."})
    except ValidationError as error:
        return _refused(request, found, error, contributor, own)
    if _by_script(request):
        return JsonResponse({"card": made or "-" * len(contributing.new_secret())})
    if found.phase != RetrospectiveSession.Phase.REFLECT:
        return redirect(found)
    return session_page(request, found, writing=Writing(contributor, own))


def _refused(
    request: HttpRequest, found: RetrospectiveSession, error: ValidationError, contributor: str, own: list[str]
) -> HttpResponse:
    if _by_script(request):
        answer: HttpResponse = JsonResponse({"message": words_of(error)}, status=400)
    else:
        fresh = session_at(found.retrospective.slug, request.user)
        typed = Typed(words_of(error), request.POST)
        answer = session_page(request, fresh, typed=typed, writing=Writing(contributor, own), status=400)
    # Django would log the address with the time.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


@members
@require_POST
@unnoted
def groups(request: HttpRequest, slug: str) -> HttpResponse:
    """Move cards from the groups they were seen in to another, or into a new one together."""
    found = session_at(slug, request.user)
    by = actor_of(request)

    def move() -> None:
        to = None if given(request.POST, "to") == "own" else identity(request.POST, "to")
        chosen = (each.partition(":") for each in request.POST.getlist("card"))
        seen = {as_identity(card, "card"): as_identity(group, "card") for card, _, group in chosen}
        moves.move_cards(found, seen, by=by, to=to)

    return _answer(request, found, move)


@members
@require_POST
@unnoted
def group_name(request: HttpRequest, slug: str) -> HttpResponse:
    """Give a group a name."""
    found = session_at(slug, request.user)
    by, said = actor_of(request), request.POST
    return _answer(
        request,
        found,
        lambda: moves.name_group(
            found, identity(said, "group"), by=by, name=said.get("name", ""), before=said.get("before")
        ),
    )


@members
@require_POST
@unnoted
def votes(request: HttpRequest, slug: str) -> HttpResponse:
    """Have your votes for a group be so many."""
    found = session_at(slug, request.user)
    by, said = actor_of(request), request.POST
    return _answer(
        request,
        found,
        lambda: voting.vote(found, identity(said, "group"), by=by, votes=whole_number(said, "votes")),
    )


@members
@require_POST
@unnoted
def notes(request: HttpRequest, slug: str) -> HttpResponse:
    """Add the cards of a group to a section of the retrospective."""
    found = session_at(slug, request.user)
    by, said = actor_of(request), request.POST
    section = given(said, "section")
    return _answer(
        request, found, lambda: actions.add_to_section(found, identity(said, "group"), by=by, section=section)
    )
