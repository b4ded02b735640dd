"""The pages of sessions. Cards have one address for writing, changing and removing: an address tells nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import Actor, actor_of
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
    """Have a request leave no time: at the person's session (portal/accounts/middleware.py), or in a log where it's refused."""

    @wraps(view)
    def quiet(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.is_unnoted = True  # type: ignore[attr-defined]
        answer = view(request, *args, **kwargs)
        # Django would log the address of what is refused.
        answer._has_been_logged = True  # type: ignore[attr-defined]
        return answer

    return quiet


def _by_script(request: HttpRequest) -> bool:
    return request.get_preferred_type(BY_SCRIPT) == BY_SCRIPT[1]


def asking(verb: Callable[[RetrospectiveSession, QueryDict, Actor], Any]) -> Callable[..., HttpResponse]:
    """Make a view of what is done to a session: it gets the session, what was sent, and who asks.

    The view answers with the page, or in a word where a script asks; with the refusal where it can't be done.
    """

    @wraps(verb)
    def view(request: HttpRequest, slug: str) -> HttpResponse:
        found = session_at(slug, request.user)
        try:
            verb(found, request.POST, actor_of(request))
        except (AlreadyMoved, ValidationError) as error:
            said, status = refusal(error)
            if _by_script(request):
                return JsonResponse({"message": said}, status=status)
            fresh = session_at(slug, request.user)
            few = isinstance(error, contributing.FewContributors)
            return session_page(request, fresh, typed=Typed(said, request.POST, few), status=status)
        return HttpResponse(status=204) if _by_script(request) else redirect(found)

    return require_POST(unnoted(view))


def _check(form: Form) -> None:
    """Raise what a form says is wrong."""
    if not form.is_valid():
        raise ValidationError({name: [str(each) for each in said] for name, said in form.errors.items()})


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
@asking
def rules(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Change the rules of a session."""
    check_steering(found, by)
    form = RulesForm(said, choosable="choosable" in said)
    _check(form)
    actions.change_rules(found, by=by, **form.cleaned_data)


@members
@asking
def phase(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Go to the next phase, or one back."""
    actions.move_phase(found, given(said, "to"), by=by, even_so=bool(given(said, "even_so")))


@members
@asking
def timer(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Start, extend or stop the timer."""
    check_steering(found, by)
    do = given(said, "do")
    if do == "stop":
        actions.stop_timer(found, by=by)
    elif do == "extend":
        actions.extend_timer(found, by=by, minutes=whole_number(said, "more"))
    else:
        form = TimerForm(said)
        _check(form)
        minutes, until = form.cleaned_data["minutes"], form.cleaned_data["until"]
        actions.start_timer(found, by=by, minutes=None if until else minutes, until=until)


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
    signed = bool(given(said, "signed"))
    made = ""
    try:
        if do == "write" and found.phase == RetrospectiveSession.Phase.REFLECT:
            text, section = said.get("text", ""), given(said, "section")
            made = contributing.write_card(found, by=by, section=section, text=text, signed=signed)
            own.append(made)
        elif do == "write":
            section = given(said, "section")
            contributing.add_card(found, by=by, section=section, text=said.get("text", ""), signed=signed)
        elif do == "change":
            contributing.change_card(found, by=by, secret=secret, text=said.get("text", ""))
        elif do == "remove":
            own = [each for each in own if each != secret]
            contributing.remove_card(found, by=by, secret=secret)
        else:
            raise ValidationError({"do": "Send “do” as write, change or remove."})
    except ValidationError as error:
        return _refused(request, found, error, own)
    if _by_script(request):
        return JsonResponse({"card": made or "-" * len(contributing.new_secret())})
    if found.phase != RetrospectiveSession.Phase.REFLECT:
        return redirect(found)
    return session_page(request, found, writing=Writing(own))


def _refused(request: HttpRequest, found: RetrospectiveSession, error: ValidationError, own: list[str]) -> HttpResponse:
    if _by_script(request):
        return JsonResponse({"message": words_of(error)}, status=400)
    fresh = session_at(found.retrospective.slug, request.user)
    typed = Typed(words_of(error), request.POST)
    return session_page(request, fresh, typed=typed, writing=Writing(own), status=400)


@members
@asking
def groups(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Move cards from the groups they were seen in to another, or into a new one together."""
    to = None if given(said, "to") == "own" else identity(said, "to")
    chosen = (each.partition(":") for each in said.getlist("card"))
    seen = {as_identity(card, "card"): as_identity(group, "card") for card, _, group in chosen}
    moves.move_cards(found, seen, by=by, to=to)


@members
@asking
def group_name(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Give a group a name."""
    group, name = identity(said, "group"), said.get("name", "")
    moves.name_group(found, group, by=by, name=name, before=said.get("before"))


@members
@asking
def votes(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Have your votes for a group be so many."""
    voting.vote(found, identity(said, "group"), by=by, votes=whole_number(said, "votes"))


@members
@asking
def notes(found: RetrospectiveSession, said: QueryDict, by: Actor) -> None:
    """Add the cards of a group to a section of the retrospective."""
    actions.add_to_section(found, identity(said, "group"), by=by, section=given(said, "section"))
