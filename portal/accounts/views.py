"""A person's own account, and the doors of django-allauth that are open here, each with its mark."""

from typing import Any

from allauth.account import views as account
from allauth.account.models import EmailAddress, get_emailconfirmation_model
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect import views as openid
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts import actions, queries, sessions
from portal.accounts.adapters import tell_taken
from portal.accounts.forms import NameForm, TokenForm
from portal.accounts.models import ApiToken, User, UserSession
from portal.kernel.actors import actor_of
from portal.kernel.paging import page_of
from portal.kernel.policy import public, writing
from portal.kernel.text_input import given

# Signing in and out, and what a person without a session needs for it.
login, logout, inactive, signup = map(public, (account.login, account.logout, account.account_inactive, account.signup))
password_reset, password_reset_done = map(public, (account.password_reset, account.password_reset_done))
password_reset_from_key_done = public(account.password_reset_from_key_done)
email_verification_sent = public(account.email_verification_sent)
mfa_authenticate, login_webauthn = map(public, (mfa.authenticate, webauthn.login_webauthn))
openid_login, openid_callback = map(public, (openid.login, openid.callback))
social_cancelled, social_error, social_signup = map(public, (social.login_cancelled, social.login_error, social.signup))

# One's own account.
reauthenticate, email = map(writing, (account.reauthenticate, account.email))
password_change, password_set = map(writing, (account.password_change, account.password_set))
mfa_index, mfa_reauthenticate = map(writing, (mfa.index, mfa.reauthenticate))
activate_totp, deactivate_totp = map(writing, (totp.activate_totp, totp.deactivate_totp))
recovery_codes, download_codes, new_codes = map(
    writing, (recovery.view_recovery_codes, recovery.download_recovery_codes, recovery.generate_recovery_codes)
)
passkeys, add_passkey, edit_passkey, remove_passkey, reauthenticate_passkey = map(
    writing,
    (
        webauthn.list_webauthn,
        webauthn.add_webauthn,
        webauthn.edit_webauthn,
        webauthn.remove_webauthn,
        webauthn.reauthenticate_webauthn,
    ),
)
connections = writing(social.connections)


class NewPassword(account.PasswordResetFromKeyView):  # type: ignore[misc]
    """A new password by the link in a mail; what it took away from whoever held the account before is said."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        tell_taken(self.request, form.taken)
        return answer


password_reset_from_key = public(NewPassword.as_view())


@public
def confirm_email(request: HttpRequest, key: str) -> HttpResponse:
    """Confirm an address, as the person of its account: nobody vouches for an account that somebody else opened."""
    confirmation = get_emailconfirmation_model().from_key(key)
    if confirmation is not None and confirmation.email_address.user_id != request.user.pk:
        if request.user.is_authenticated:
            raise PermissionDenied("This link is for another account. Sign in to that one.")
        return redirect_to_login(request.get_full_path())
    answer: HttpResponse = account.confirm_email(request, key=key)
    return answer


@public
def admin_login(request: HttpRequest) -> HttpResponse:
    """Send whoever opens the admin pages to the one sign-in; somebody signed in who is no administrator is told so."""
    if request.user.is_authenticated:
        raise PermissionDenied("Only administrators can open these pages.")
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


@writing
@require_safe
def admin_password(request: HttpRequest) -> HttpResponse:
    """Send whoever changes their password from the admin pages to the one page for it, where guesses are counted."""
    return redirect("account_change_password")


def _page(request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
    user = actor_of(request)
    kinds = list(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    return render(
        request,
        "portal/accounts/account.html",
        {
            "form": forms.get("form") or NameForm(instance=User.objects.get(pk=user.pk)),
            "token_form": forms.get("token_form") or TokenForm(),
            "page": page_of(request, queries.tokens_of(user=user)),
            "has_app": Authenticator.Type.TOTP in kinds,
            "passkey_count": kinds.count(Authenticator.Type.WEBAUTHN),
            "has_codes": Authenticator.Type.RECOVERY_CODES in kinds,
            "connections": SocialAccount.objects.filter(user=user).count(),
            "session_count": sessions.sessions_of(user).count(),
            "waiting": EmailAddress.objects.filter(user=user, verified=False).first(),
            "memberships": user.memberships.select_related("squad").order_by("squad__name"),
        },
        status=status,
    )


@writing
def account_page(request: HttpRequest) -> HttpResponse:
    """One's own account: name, ways to sign in, squads and API tokens."""
    user = actor_of(request)
    form = NameForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST":
        if form.is_valid():
            actions.rename(form.instance, **form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("account:page")
        return _page(request, 400, form=form)
    return _page(request)


@writing
@require_POST
@never_cache
def token_create(request: HttpRequest) -> HttpResponse:
    """Make a token for oneself; the answer shows it, this once."""
    user = actor_of(request)
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            token, secret = actions.make_token(by=user, user=user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            context = {"token": token, "secret": secret}
            return render(request, "portal/accounts/token.html", context, status=201)
    return _page(request, 400, token_form=form)


@writing
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one of one's own tokens for good."""
    user = actor_of(request)
    token = get_object_or_404(ApiToken, pk=pk, user=user)
    actions.revoke_token(token, by=user)
    messages.success(request, f"Token {token.name} revoked.")
    return redirect("account:page")


@writing
@require_safe
def session_list(request: HttpRequest) -> HttpResponse:
    """Where one is signed in."""
    page = page_of(request, sessions.sessions_of(actor_of(request)))
    context = {"page": page, "this": UserSession(pk=request.session.session_key).public_id}
    return render(request, "portal/accounts/sessions.html", context)


@writing
@require_POST
def session_end(request: HttpRequest) -> HttpResponse:
    """Sign one of one's own browsers out."""
    row = sessions.own_session(actor_of(request), given(request.POST, "session"))
    if row is None:
        messages.warning(request, "That session has already ended.")
    else:
        sessions.end(row)
        messages.success(request, f"{row.device} signed out.")
    return redirect("account:sessions")


@writing
@require_POST
def sessions_end(request: HttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    sessions.end_all(User.objects.get(pk=actor_of(request).pk), but=request)
    messages.success(request, "Signed out everywhere else. API tokens keep working until you revoke them.")
    return redirect("account:sessions")
