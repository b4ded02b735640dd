"""What django-allauth asks of us: who may come in, how mail goes out, and how secrets of second factors are kept."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import httpkit, ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import reverse

from portal.accounts import actions, devices, queries
from portal.kernel.mail import send_soon
from portal.kernel.secrets import box
from portal.kernel.sentences import listed

# From a browser that the account was signed in with before; all others are counted by address and by account.
FAILED_HERE = {"login_failed_here": "10/300s/key"}
WRONG = "Wrong user name or password. Check both. An administrator can reset your password."


def tell_taken(request: HttpRequest, taken: list[str]) -> None:
    """Tell the owner of an account what of it was taken away when they proved its address."""
    if taken:
        messages.warning(
            request,
            "You confirmed this account’s e-mail address, so its earlier ways to sign in no longer work: "
            f"{listed(taken)}. Set up yours again under Account. If you didn’t set them up, tell an administrator.",
        )


class Backend(AuthenticationBackend):
    """Compares a password once with each account: allauth compares twice with whoever has the address that was typed,
    and the time that takes would tell who has an account."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        self._compared: set[Any] = set()
        return super().authenticate(request, **credentials)

    def _check_password(self, user: Any, password: str) -> Any:
        if user is None or user.pk in self._compared:
            return None
        self._compared.add(user.pk)
        return super()._check_password(user, password)


class Accounts(DefaultAccountAdapter):
    """Accounts come by invitation or from the company's own sign-in, unless signing up is opened to all."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "invalid_login": WRONG,
        "account_inactive": "This account is disabled. An administrator can enable it again.",
        "too_many_login_attempts": "Too many failed sign-ins. Wait five minutes, then try again.",
        "incorrect_password": "Wrong password. Try again.",
        "enter_current_password": "That’s not your current password.",
        "username_taken": "This user name is taken. Choose another.",
        "email_taken": "There’s already an account with this address. Sign in, or use another address.",
        "rate_limited": "Too many attempts. Wait a minute, then try again.",
        "username_blacklisted": "This user name is reserved. Choose another.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.RODEO_SIGN_UP and settings.RODEO_PASSWORD_SIGN_IN)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        if not settings.RODEO_PASSWORD_SIGN_IN:
            raise self.validation_error("invalid_login")
        login = credentials.get("email", credentials.get("username", ""))
        if not (here := devices.known(request, login)):
            super().pre_authenticate(request, **credentials)
            return
        # Counted apart, so that whoever guesses elsewhere does not keep the owner out.
        self._login_failed_rl_usage = ratelimit.consume(
            request, app="portal.accounts", action="login_failed_here", config=FAILED_HERE, key=here
        )
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account:page")

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return reverse("account:page")

    def get_client_ip(self, request: HttpRequest) -> str:
        # A server that speaks over a Unix socket names no address.
        return httpkit.get_client_ip(request) or "unknown"

    def should_send_confirmation_mail(self, request: HttpRequest, email_address: Any, signup: bool) -> bool:
        return bool(settings.RODEO_MAIL)

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Let messages know whether mail reaches people, so that none says it was sent where it was not."""
        context = {**(message_context or {}), "mails": settings.RODEO_MAIL}
        super().add_message(request, level, message_template, context, *args, **kwargs)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Tell a person that something about the account changed, where mail reaches people."""
        if settings.RODEO_MAIL:
            super().send_notification_mail(*args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Have it sent after the request: nobody learns from its duration whether the address has an account."""
        send_soon(self.render_mail(template_prefix, email, context))


class OpenId(DefaultSocialAccountAdapter):
    """The company's own sign-in. Whoever it vouches for may come in, within RODEO_OIDC_DOMAINS if they are set."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def authenticate_by_email(self, sociallogin: Any) -> tuple[Any, str] | None:
        """Return the one account that a verified address opens; an address that waits to be confirmed opens none."""
        for each in sociallogin.email_addresses:
            if each.verified and self.can_authenticate_by_email(sociallogin, each.email):
                holders = queries.holders_of(each.email)
                if len(holders) == 1:
                    return holders[0], each.email
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        self._keep_to_domains(request, sociallogin)
        for each in sociallogin.email_addresses:
            if each.verified:
                actions.forget_waiting(each.email)
        address = sociallogin._did_authenticate_by_email
        signs_in = sociallogin.state.get("process", "login") == "login"
        if not (address and signs_in and sociallogin.user.is_active) or queries.is_proven(sociallogin.user):
            return
        taken = actions.claim(sociallogin.user, address=address, by_mail=False)
        tell_taken(request, taken)

    def _keep_to_domains(self, request: HttpRequest, sociallogin: Any) -> None:
        domains = settings.RODEO_OIDC_DOMAINS
        if not domains:
            return
        verified = [each.email for each in sociallogin.email_addresses if each.verified]
        if not any(address.rpartition("@")[2].lower() in domains for address in verified):
            context = {"domains": domains}
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", context, status=403))


class SecondFactor(DefaultMFAAdapter):
    """Second factors, with their secrets encrypted by RODEO_FIELD_KEYS."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "Wrong or expired code. Enter the one your app shows now.",
    }

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        """Suggest what to call the next passkey."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def encrypt(self, text: str) -> str:
        return box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return box().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return "Rodeo"
