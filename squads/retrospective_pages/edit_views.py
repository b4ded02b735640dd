"""Beginning, writing, reviewing and publishing retrospectives, and who can read and write them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import User
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, refusal
from portal.kernel.policy import leads, members
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from squads.discussions.queries import people_called
from squads.retrospective_pages.forms import CreateForm, EditForm, PersonForm, ReopenForm, TemplateForm
from squads.retrospective_pages.page import retrospective_page
from squads.retrospectives import actions, queries, roles
from squads.retrospectives.actions import Subject
from squads.retrospectives.editing import ROLE, TEXT, Conflict, edit
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import check_member, check_writer, retrospective_at
from squads.retrospectives.sections import KINDS, PLANS
from squads.teams.models import Squad
from squads.teams.permissions import check_lead, in_a_squad

MOST_ROLES = 8
JOIN = "Only squad members can write retrospectives. Join or create a squad first."


@members
@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """Begin a retrospective."""
    if not in_a_squad(request.user):
        raise PermissionDenied(JOIN)
    initial = {name: given(request.GET, name) for name in ("squad", "kind", "title") if given(request.GET, name)}
    form = CreateForm(request.POST or None, user=request.user, initial=initial)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        subject = Subject(
            severity=said["severity"],
            began_at=said["began_at"],
            ended_at=said["ended_at"],
            services=list(said["services"]),
        )
        more = {name: said[name] for name in ("kind", "title", "themes", "facilitator", "restricted")}
        try:
            row = actions.create(said["squad"], by=actor_of(request), subject=subject, **more)
        except ValidationError as error:
            add_errors(form, error)
        else:
            found = row.timeline.count()
            messages.success(
                request, f"Draft created, with {found} entr{'y' if found == 1 else 'ies'} in its timeline."
            )
            return redirect(row)
    status = 400 if request.method == "POST" else 200
    return render(request, "squads/retrospective_pages/create.html", {"form": form}, status=status)


@members
@require_POST
def begin_sprint(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a squad's sprint retrospective, or lead to the one that isn't published yet."""
    squad = get_object_or_404(Squad, slug=slug)
    try:
        row, is_new = actions.begin_sprint(squad, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, refusal(error)[0])
        return redirect(squad)
    if not is_new:
        messages.info(request, "This one isn’t published yet, so you can go on with it.")
    return redirect(row)


def _initial(row: Retrospective) -> dict[str, Any]:
    return {
        "title": row.title,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
        "severity": row.severity,
        "services": list(row.services.all()),
        "themes": [each.name for each in row.themes.all()],
        "facilitator": row.facilitator,
        "restricted": row.restricted,
        "version": row.version,
        **{f"{TEXT}{section.key}": section.source("text") for section in row.sections.all()},
        **{f"{ROLE}{handle}": words for handle, words in roles.roles_of(row).items()},
    }


@members
@never_cache
def edit_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Write a retrospective. Two people's changes of different lines are merged; of the same lines both are shown, 409."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    member = queries.around(row, request.user).member
    form = EditForm(request.POST or None, row=row, member=member, initial=_initial(row))
    status, clashes = 200, []
    if request.method == "POST":
        status = 400
        if form.is_valid():
            said = form.cleaned_data
            try:
                edit(row, by=actor_of(request), base_version=said["version"], because=said["because"], **form.said())
            except Conflict as conflict:
                status, clashes = 409, conflict.clashes
                # What others wrote in the fields this person left alone, and this person's own in the others.
                row = retrospective_at(slug, request.user)
                initial = {**_initial(row), **conflict.mine, "version": conflict.version}
                form = EditForm(row=row, member=member, initial=initial)
            except ValidationError as error:
                add_errors(form, error)
            else:
                messages.success(request, f"Saved. {roles.told(row)}".strip())
                return redirect(row)
    context = {"row": row, "form": form, "clashes": clashes, "locked": row.is_locked()}
    context["roles"] = roles.offered(row, request.user)
    return render(request, "squads/retrospective_pages/edit.html", context, status=status)


@members
@require_safe
def mentions(request: HttpRequest, slug: str) -> HttpResponse:
    """What somebody may mean who typed @ and some letters (`q`), as options of a list: roles first, then people."""
    row = retrospective_at(slug, request.user)
    check_writer(row, request.user)
    typed = given(request.GET, "q")
    found = {"roles": roles.offered(row, request.user, typed)[:MOST_ROLES], "people": people_called(typed)}
    return render(request, "squads/retrospective_pages/_mentions.html", found)


def _moved(request: HttpRequest, slug: str, verb: Any, told: str) -> HttpResponse:
    row = retrospective_at(slug, request.user)
    try:
        verb(row, by=actor_of(request))
    except (AlreadyMoved, ValidationError) as error:
        said, status = refusal(error)
        return retrospective_page(request, retrospective_at(slug, request.user), status, refused=said)
    messages.success(request, told)
    return redirect(row)


@members
@require_POST
def review(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a draft to everyone, so that they can add what is missing."""
    return _moved(request, slug, actions.ask_for_review, "In review: everyone can read it now.")


@members
@require_POST
def back_to_draft(request: HttpRequest, slug: str) -> HttpResponse:
    """Take it out of review."""
    return _moved(request, slug, actions.back_to_draft, "It’s a draft again.")


@members
@require_POST
def publish(request: HttpRequest, slug: str) -> HttpResponse:
    """Publish it."""
    return _moved(request, slug, actions.publish, "Published.")


@members
def reopen(request: HttpRequest, slug: str) -> HttpResponse:
    """Open locked text again, with the reason."""
    row = retrospective_at(slug, request.user)
    check_member(row, request.user, "reopen this")
    form = ReopenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            actions.reopen(row, by=actor_of(request), because=form.cleaned_data["because"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Reopened. You can edit it for 30 days.")
            return redirect(row)
    status = 400 if request.method == "POST" else 200
    return render(request, "squads/retrospective_pages/reopen.html", {"row": row, "form": form}, status=status)


@members
@require_POST
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Delete a draft."""
    row = retrospective_at(slug, request.user)
    try:
        actions.delete_draft(row, by=actor_of(request))
    except ValidationError as error:
        said, status = refusal(error)
        return retrospective_page(request, row, status, refused=said)
    messages.success(request, f"Deleted the draft “{row.title}”.")
    return redirect("squads:retrospective_pages:list")


@members
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Who outside the squad can read and write it; adding somebody."""
    row = retrospective_at(slug, request.user)
    check_member(row, request.user, "choose who can read and write this")
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        person = form.cleaned_data["person"]
        try:
            actions.add_participant(row, person, by=actor_of(request))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"Added {person.name}.")
            return redirect("squads:retrospective_pages:people", row.slug)
    rows = row.participants.select_related("person", "added_by").order_by("person__first_name", "person__username")
    context = {"row": row, "form": form, "participants": rows[: actions.MOST_PEOPLE]}
    return render(
        request, "squads/retrospective_pages/people.html", context, status=400 if request.method == "POST" else 200
    )


@members
@require_POST
def person_remove(request: HttpRequest, slug: str, username: str) -> HttpResponse:
    """Remove somebody who was added."""
    row = retrospective_at(slug, request.user)
    person = get_object_or_404(User, username=username)
    actions.remove_participant(row, person, by=actor_of(request))
    messages.success(request, f"Removed {person.name}.")
    return redirect("squads:retrospective_pages:people", row.slug)


@leads
def template(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """The sections that new retrospectives of a kind begin with in a squad."""
    squad = get_object_or_404(Squad, slug=slug)
    check_lead(squad, request.user, f"the templates of {squad}")
    if kind not in KINDS:
        raise Http404(f"There’s no kind of retrospective called {kind}. There are: {', '.join(KINDS)}.")
    plans = actions.sections_for(squad, kind)
    form = TemplateForm(request.POST or None, initial={"sections": TemplateForm.text_of(plans)})
    if request.method == "POST":
        own = given(request.POST, "own")
        try:
            if own or form.is_valid():
                wanted = None if own else form.plans([*plans, *PLANS[kind]])
                actions.set_template(squad, kind, wanted, by=actor_of(request))
                messages.success(request, "Back to Rodeo’s own sections." if own else "Saved.")
                return redirect("squads:retrospective_pages:template", squad.slug, kind)
        except ValidationError as error:
            add_errors(form, error)
    context = {"squad": squad, "kind": kind, "kinds": KINDS.items(), "form": form, "is_own": plans is not PLANS[kind]}
    status = 400 if request.method == "POST" else 200
    return render(request, "squads/retrospective_pages/template.html", context, status=status)
