"""Inviting people, and accepting an invitation."""

from allauth.account.adapter import get_adapter
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from portal.accounts.forms import PASSWORD_HELP
from portal.accounts.models import Invitation
from portal.kernel.actors import actor_of
from portal.kernel.form_errors import add_errors, words_of
from portal.kernel.mail import send_soon
from portal.kernel.paging import page_of
from portal.kernel.policy import administrators, leads, public
from squads.teams import invitations as verbs
from squads.teams import queries
from squads.teams.forms import InvitationForm, PortalInvitationForm
from squads.teams.people_views import page_of_people
from squads.teams.views import led


class NewcomerForm(forms.Form):
    """The account of somebody who was invited."""

    first_name = forms.CharField(max_length=150)
    last_name = forms.CharField(max_length=150, required=False)
    username = forms.CharField(
        label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"})
    )
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text=PASSWORD_HELP
    )


def _mailed(invitation: Invitation, link: str) -> bool:
    """Have the link mailed if mail is set up; say whether it will be."""
    if not settings.RODEO_MAIL:
        return False
    text = render_to_string("squads/teams/invitation.txt", {"invitation": invitation, "link": link})
    about = f"{invitation.invited_by.name} invites you to Rodeo"
    send_soon(EmailMessage(" ".join(about.split()), text, to=[invitation.email]))
    return True


@sensitive_variables("secret", "link")
def _shown(request: HttpRequest, invitation: Invitation, secret: str) -> HttpResponse:
    link = settings.RODEO_BASE_URL + reverse("squads:teams:invitation", args=[secret])
    context = {"invitation": invitation, "link": link, "mailed": _mailed(invitation, link)}
    return render(request, "squads/teams/invited.html", context, status=201)


@leads
@require_POST
@never_cache
def invite_to_squad(request: HttpRequest, slug: str) -> HttpResponse:
    """Invite somebody to a squad; the answer shows the link, this once."""
    squad = led(slug, request.user)
    form = InvitationForm(request.POST)
    if form.is_valid():
        try:
            return _shown(request, *verbs.invite(by=actor_of(request), squad=squad, **form.cleaned_data))
        except ValidationError as error:
            add_errors(form, error)
    return page_of_people(request, squad, 400, form=form)


@leads
@require_POST
def revoke_of_squad(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Withdraw an invitation to a squad."""
    squad = led(slug, request.user)
    invitation = get_object_or_404(Invitation, pk=pk, squad=squad)
    verbs.revoke(invitation, by=actor_of(request))
    messages.success(request, f"Invitation for {invitation.email} withdrawn.")
    return redirect("squads:teams:people", slug)


@administrators
@never_cache
def invitations(request: HttpRequest) -> HttpResponse:
    """Every open invitation, and inviting anybody to any squad or to none."""
    form = PortalInvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _shown(request, *verbs.invite(by=actor_of(request), **form.cleaned_data))
        except ValidationError as error:
            add_errors(form, error)
    context = {"form": form, "page": page_of(request, queries.open_invitations()), "mails": settings.RODEO_MAIL}
    return render(request, "squads/teams/invitations.html", context, status=400 if form.errors else 200)


@administrators
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw any invitation."""
    invitation = get_object_or_404(Invitation, pk=pk)
    verbs.revoke(invitation, by=actor_of(request))
    messages.success(request, f"Invitation for {invitation.email} withdrawn.")
    return redirect("squads:teams:invitations")


@public
@never_cache
@sensitive_post_parameters("password")
@sensitive_variables("secret")
def accept(request: HttpRequest, secret: str) -> HttpResponse:
    """Accept an invitation, as the person signed in or as a new one. Whoever holds the link was let in by a lead."""
    invitation = queries.invitation_behind(secret)
    if invitation is None:
        return render(request, "squads/teams/invitation.html", {"invitation": None}, status=404)
    person = request.user if request.user.is_authenticated else None
    form = None if person else NewcomerForm(request.POST or None)
    if request.method == "POST":
        try:
            if person is not None:
                verbs.accept(invitation, by=person)
                return _welcome(request, invitation)
            if form is not None and form.is_valid() and settings.RODEO_PASSWORD_SIGN_IN:
                made = verbs.accept_as_new(invitation, **form.cleaned_data)
                get_adapter(request).login(request, made)
                return _welcome(request, invitation)
        except ValidationError as error:
            if form is None:
                messages.error(request, words_of(error))
                return redirect("home")
            add_errors(form, error)
    context = {
        "invitation": invitation,
        "form": form,
        "link": request.path,
        "passwords": settings.RODEO_PASSWORD_SIGN_IN,
    }
    status = 400 if form is not None and form.errors else 200
    return render(request, "squads/teams/invitation.html", context, status=status)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    if invitation.squad is None:
        messages.success(request, "Welcome to Rodeo.")
        return redirect("home")
    messages.success(request, f"You’re now in {invitation.squad}.")
    return redirect(invitation.squad)
