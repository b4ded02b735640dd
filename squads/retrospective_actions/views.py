"""Pages of actions: all that are open, proposing one, making its story, declining it, and whether it helped."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.paging import page_of
from portal.kernel.policy import members, reading
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.retrospective_actions import actions, queries
from squads.retrospective_actions.forms import ActionForm, DeclineForm, HelpedForm
from squads.retrospective_actions.models import RetrospectiveAction
from squads.retrospectives.permissions import check_writer, retrospective_at
from squads.teams.models import Squad


def _at(action: RetrospectiveAction) -> str:
    return f"{action.retrospective.get_absolute_url()}#actions"


def _action(request: HttpRequest, pk: int) -> RetrospectiveAction:
    found = queries.visible(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404("There’s no such action, or you can’t read its retrospective.")
    return found


@reading
@require_safe
def action_list(request: HttpRequest) -> HttpResponse:
    """Every open action, what is due first on top, or those that people are asked about; and how many were done in time."""
    squad = given(request.GET, "squad")
    asks = given(request.GET, "show") == "asked"
    wanted = queries.asked_of if asks else queries.open_actions
    page = page_of(request, wanted(request.user, squad))
    context = {
        "page": page,
        "rows": queries.shown(list(page.object_list), request.user),
        "asks": asks,
        "asked": page.paginator.count if asks else queries.asked_of(request.user, squad).count(),
        "squad": squad,
        "squads": Squad.objects.filter(pk__in=queries.visible(request.user).order_by().values("squad")).order_by(
            "name"
        )[:200],
        "share": queries.share_done(request.user),
    }
    return render(request, "squads/retrospective_actions/list.html", context)


@members
def propose(request: HttpRequest, slug: str) -> HttpResponse:
    """Propose an action of a retrospective."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    days = queries.due_days(row.severity)
    form = ActionForm(request.POST or None, days=days, initial={"squad": row.squad.slug})
    if request.method == "POST" and form.is_valid():
        try:
            action = actions.propose(row, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Action added. Its story is offered in two days.")
            return redirect(_at(action))
    many = row.actions.filter(declined_at=None).count() >= actions.SUGGESTED
    context = {"row": row, "form": form, "title": "Add an action", "button": "Add", "many": many}
    return _form(request, context)


@members
@require_POST
def start(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the story of an action."""
    action = _action(request, pk)
    try:
        story = actions.start(action, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
        return redirect(_at(action))
    messages.success(request, f"Created {story.key}. The action closes once it’s rodeo done.")
    return redirect(_at(action))


@members
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide not to do an action."""
    action = _action(request, pk)
    actions.check_decider(action, actor_of(request))
    form = DeclineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.decline(action, by=actor_of(request), because=form.cleaned_data["because"])
        except ValidationError as error:
            add_errors(form, error)
        except AlreadyMoved as error:
            messages.error(request, str(error))
            return redirect(_at(action))
        else:
            messages.success(request, "Declined.")
            return redirect(_at(action))
    return _form(
        request, {"row": action.retrospective, "form": form, "title": f"Decline “{action.title}”", "button": "Decline"}
    )


@members
@require_POST
def take_up_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Take up an action that was declined."""
    action = _action(request, pk)
    try:
        actions.take_up_again(action, by=actor_of(request))
    except AlreadyMoved as error:
        messages.error(request, str(error))
    return redirect(_at(action))


@members
def helped(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whether a done action helped, or answer otherwise than before; what was answered so far."""
    action = _action(request, pk)
    actions.check_decider(action, actor_of(request))
    form = HelpedForm(request.POST or None, initial={"helped": action.helped, "note": action.helped_note})
    if request.method == "POST" and form.is_valid():
        try:
            actions.say_whether_it_helped(action, by=actor_of(request), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        except AlreadyMoved as error:
            messages.error(request, str(error))
            return redirect(_at(action))
        else:
            messages.success(request, "Saved.")
            return redirect(_at(action))
    answers = page_of(request, queries.answers_of(action))
    context = {"row": action.retrospective, "form": form, "button": "Save", "page": answers}
    return _form(request, {**context, "title": f"Did “{action.title}” help?"})


def _form(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    status = 400 if request.method == "POST" else 200
    return render(request, "squads/retrospective_actions/form.html", context, status=status)
