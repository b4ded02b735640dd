"""How programs sign in to the API: with an API token, or with a user name and password. Named in REST_FRAMEWORK."""

from typing import Any

from allauth.core.internal import ratelimit
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, BasicAuthentication, SessionAuthentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from portal.accounts import actions, queries
from portal.accounts.models import ApiToken, User

FAILED = {"app": "allauth.account", "action": "login_failed", "limit_get": True}
# Seconds until as many sign-ins may fail again.
WAIT = 300


def bearer(request: Request) -> str:
    """Return the API token that a request carries; nothing if it carries none, or one of another kind."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    return secret if scheme.lower() == "bearer" and secret.startswith(queries.PREFIX) else ""


def opened(request: Request, scope: str) -> tuple[User, ApiToken] | None:
    """Return who acts with the request's API token, and the token, if it may do `scope`; nothing without a token."""
    secret = bearer(request)
    if not secret:
        return None
    token = queries.token_behind(secret)
    if token is None:
        raise exceptions.AuthenticationFailed(
            "This token is wrong, revoked or expired. Create a new one under /account/."
        )
    if scope not in token.scopes:
        raise exceptions.PermissionDenied(
            f"The token “{token.name}” can {' and '.join(token.scopes)}, not {scope}. Create one with the scope {scope}."
        )
    actions.note_use(token)
    return queries.acting(token), token


class Slowed(exceptions.Throttled):
    """Too many sign-ins failed. The answer says how many seconds to wait."""

    default_detail = "Too many failed sign-ins. Wait five minutes, or use an API token."
    extra_detail_singular = extra_detail_plural = "Next try in {wait} seconds."

    def __init__(self) -> None:
        super().__init__(wait=WAIT)


class Tokens(BaseAuthentication):
    """An API token: Authorization: Bearer rodeo_… Reading needs the scope read, everything else write."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return opened(request, "read" if request.method in SAFE_METHODS else "write")

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Rodeo"'


class Passwords(BasicAuthentication):
    """A user name and password, of people without a second factor; guessing is slowed as on the sign-in page."""

    www_authenticate_realm = "Rodeo"

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> Any:
        if not settings.RODEO_PASSWORD_SIGN_IN:
            raise exceptions.AuthenticationFailed("Passwords are off here. Use an API token.")
        # Names with characters that no database holds belong to nobody.
        if "\0" in userid:
            raise exceptions.AuthenticationFailed("Invalid username/password.")
        plain: Any = getattr(request, "_request", request)
        key = f"{plain.get_host()}:{userid.lower()}"
        if not ratelimit.consume(plain, key=key, dry_run=True, **FAILED):
            raise Slowed
        try:
            user, _ = super().authenticate_credentials(userid, password, request)
        except exceptions.AuthenticationFailed:
            ratelimit.consume(plain, key=key, **FAILED)
            raise
        if is_mfa_enabled(user):
            raise exceptions.AuthenticationFailed(
                "This account uses two-step sign-in. Create an API token under /account/."
            )
        return user, None


class Sessions(SessionAuthentication):
    """The session of a browser, with its CSRF token for everything but reading."""

    def enforce_csrf(self, request: Request) -> None:
        """Refuse what another site may have had the browser send."""
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            raise exceptions.PermissionDenied(
                "The CSRF token is missing or wrong. Send the cookie csrftoken as the header X-CSRFToken, or use an API token."
            ) from None
