"""The page of a squad's people: members and their roles, invitations, and the squad's API tokens."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import may_invite
from portal.accounts.actions import MOST_OF_SQUAD, make_token, revoke_token
from portal.accounts.forms import TokenForm
from portal.accounts.models import ApiToken
from portal.accounts.queries import tokens_of
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import words_of
from portal.kernel.paging import page_of
from portal.kernel.policy import leads, reading
from portal.kernel.text_input import given
from squads.teams import actions, queries
from squads.teams.forms import InvitationForm, MemberForm
from squads.teams.invitations import MOST_OPEN
from squads.teams.models import Membership, Squad
from squads.teams.permissions import check_lead
from squads.teams.views import led

SCOPES = ("read", "report", "write")


def page_of_people(request: HttpRequest, squad: Squad, status: int = 200, **forms: Any) -> HttpResponse:
    """Answer with the people of a squad; its leads also see invitations and tokens."""
    leading = squad.is_led_by(request.user)
    context: dict[str, Any] = {
        "squad": squad,
        "leads": leading,
        "page": page_of(request, queries.people_of(squad)),
        "roles": Membership.Role.choices,
    }
    if leading:
        context |= {
            "member_form": forms.get("member_form") or MemberForm(),
            "form": forms.get("form") or InvitationForm(),
            "token_form": forms.get("token_form") or TokenForm(scopes=SCOPES),
            "invitations": queries.open_invitations(squad=squad)[:MOST_OPEN],
            "tokens": tokens_of(squad=squad)[:MOST_OF_SQUAD],
            "mails": settings.RODEO_MAIL,
            "invites": may_invite(request.user),
        }
    return render(request, "squads/teams/people.html", context, status=status)


@reading
@require_safe
def people(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is in a squad, leads first."""
    return page_of_people(request, get_object_or_404(Squad, slug=slug))


@leads
@require_POST
def member_add(request: HttpRequest, slug: str) -> HttpResponse:
    """Add somebody who has an account to the squad, by user name."""
    squad = led(slug, request.user)
    form = MemberForm(request.POST)
    if form.is_valid():
        try:
            membership = actions.add_member(squad, form.cleaned_data["username"], by=actor_of(request))
        except ValidationError as error:
            form.add_error("username" if hasattr(error, "error_dict") else None, error.messages)
        else:
            messages.success(request, f"Added {membership.user.name} to {squad}.")
            return redirect("squads:teams:people", slug)
    return page_of_people(request, squad, 400, member_form=form)


@leads
@require_POST
def member_change(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Make a person member or lead, and accepter or not."""
    squad = led(slug, request.user)
    membership = get_object_or_404(squad.memberships.select_related("user"), pk=pk)
    try:
        actions.change_member(
            membership, by=actor_of(request), role=given(request.POST, "role"), accepts="accepts" in request.POST
        )
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        accepting = ", accepts its stories" if membership.accepts else ""
        messages.success(request, f"{membership.user.name}: {membership.get_role_display()} of {squad}{accepting}.")
    return redirect("squads:teams:people", slug)


@leads
@require_POST
def member_remove(request: HttpRequest, slug: str) -> HttpResponse:
    """End a person's membership: a lead anybody's, everybody their own."""
    squad = get_object_or_404(Squad, slug=slug)
    username = given(request.POST, "username")[:200]
    own = username.lower() == str(getattr(request.user, "username", "")).lower()
    if not own:
        check_lead(squad, request.user)
    try:
        actions.remove_member(squad, username, by=actor_of(request))
    except ValidationError as error:
        messages.error(request, words_of(error))
    else:
        messages.success(request, f"{'You are' if own else username + ' is'} no longer in {squad}.")
    return redirect("squads:teams:people", slug)


@leads
@require_POST
@never_cache
def token_create(request: HttpRequest, slug: str) -> HttpResponse:
    """Create an API token of the squad; the answer shows it, this once."""
    squad = led(slug, request.user)
    form = TokenForm(request.POST, scopes=SCOPES)
    if form.is_valid():
        try:
            token, secret = make_token(by=actor_of(request), squad=squad, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            context = {"token": token, "secret": secret, "squad": squad}
            return render(request, "portal/accounts/token.html", context, status=201)
    return page_of_people(request, squad, 400, token_form=form)


@leads
@require_POST
def token_revoke(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Revoke one of the squad's tokens for good."""
    squad = led(slug, request.user)
    token = get_object_or_404(ApiToken, pk=pk, squad=squad)
    revoke_token(token, by=actor_of(request))
    messages.success(request, f"Token {token.name} revoked.")
    return redirect("squads:teams:people", slug)
