"""The pages on which administrators manage accounts."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import ROLES, User
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import refusal
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators
from portal.kernel.text_input import given
from portal.kernel.transitions import AlreadyMoved
from portal.people import actions, queries


def _account(pk: int) -> User:
    return get_object_or_404(User, pk=pk, program_of=None)


def _page(request: HttpRequest, person: User, status: int = 200) -> HttpResponse:
    context = {
        "account": queries.account_of(person),
        "roles": ROLES,
        "did": actions.audit_address(person),
        "is_me": person.pk == request.user.pk,
    }
    return render(request, "portal/people/person.html", context, status=status)


def _refused(request: HttpRequest, person: User, error: AlreadyMoved | ValidationError) -> HttpResponse:
    """Say what a verb objects to, with the account's page as it is now; without it, if the account is gone."""
    words, status = refusal(error)
    messages.error(request, words)
    now = User.objects.filter(pk=person.pk).first()
    return redirect("people:list") if now is None else _page(request, now, status)


def _done(request: HttpRequest, person: User, do: Callable[[], Any], said: str) -> HttpResponse:
    """Do something to an account and lead back to its page; say what was objected to, with the page as it is now."""
    try:
        do()
    except (AlreadyMoved, ValidationError) as error:
        return _refused(request, person, error)
    messages.success(request, said)
    return redirect("people:person", person.pk)


@administrators
@require_safe
def people_list(request: HttpRequest) -> HttpResponse:
    """Everyone with an account, with role, squads, second factor and when they were last seen."""
    asked = {name: given(request.GET, name)[:150] for name in ("text", "role", "state")}
    context = {
        "page": page_of(request, queries.people(**asked)),
        "asked": asked,
        "roles": ROLES,
        "states": queries.STATES,
    }
    return render(request, "portal/people/list.html", context | {"filtered": any(asked.values())})


@administrators
@require_safe
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: role, squads, sessions, tokens, second factor."""
    return _page(request, _account(pk))


@administrators
@require_POST
def role(request: HttpRequest, pk: int) -> HttpResponse:
    """Change somebody's role, unless it is no longer the one that the page showed."""
    row, wanted = _account(pk), given(request.POST, "role")
    was = given(request.POST, "was")[:20] or None

    def change() -> None:
        actions.change_role(row, wanted, by=actor_of(request), was=was)

    return _done(request, row, change, f"{row.name}: {ROLES.get(wanted, wanted)}.")


@administrators
@require_POST
def email(request: HttpRequest, pk: int) -> HttpResponse:
    """Set somebody's e-mail address."""
    row, by, address = _account(pk), actor_of(request), given(request.POST, "email")
    return _done(request, row, lambda: actions.change_email(row, address, by=by), f"Address changed to {address}.")


@administrators
@require_POST
def state(request: HttpRequest, pk: int) -> HttpResponse:
    """Deactivate an account, or activate it again."""
    row, by = _account(pk), actor_of(request)
    if given(request.POST, "state") == actions.ACTIVE:
        return _done(request, row, lambda: actions.activate(row, by=by), f"{row.name}’s account is active again.")
    said = f"{row.name}’s account is inactive: signed out everywhere, and API tokens stopped working."
    return _done(request, row, lambda: actions.deactivate(row, by=by), said)


@administrators
@require_POST
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete an inactive account that never did anything."""
    row = _account(pk)
    try:
        actions.delete(row, by=actor_of(request))
    except (AlreadyMoved, ValidationError) as error:
        return _refused(request, row, error)
    messages.success(request, f"{row.name}’s account is deleted.")
    return redirect("people:list")


@administrators
@require_POST
def sign_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign somebody out everywhere."""
    row, by = _account(pk), actor_of(request)
    return _done(request, row, lambda: actions.sign_out(row, by=by), f"{row.name} is signed out everywhere.")


@administrators
@require_POST
def second_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """Take away two-step sign-in and passkeys of somebody who lost them."""
    row, by = _account(pk), actor_of(request)
    said = f"{row.name} signs in without a second step now. They can set it up again under their account."
    return _done(request, row, lambda: actions.reset_second_factor(row, by=by), said)


@administrators
@require_POST
@never_cache
@sensitive_variables("link")
def password(request: HttpRequest, pk: int) -> HttpResponse:
    """Have somebody set a new password: by mail, or by a link that this page shows once."""
    row = _account(pk)
    try:
        link = actions.make_password_link(row, by=actor_of(request))
    except (AlreadyMoved, ValidationError) as error:
        return _refused(request, row, error)
    if link.mailed_to:
        messages.success(request, f"{row.name} gets a link by e-mail, at {link.mailed_to}.")
        return redirect("people:person", row.pk)
    context = {"person": row, "url": link.url, "mails": settings.RODEO_MAIL}
    return render(request, "portal/people/password_link.html", context, status=201)
