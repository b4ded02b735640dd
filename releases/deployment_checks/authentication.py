"""How pipelines sign in to ask: with a token that can do nothing else."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal.kernel.policy import may_read
from releases.deployment_checks import queries
from releases.deployment_checks.models import CheckToken

WHO_MAY_ASK = "Sign in first, or send a token of the service’s deployment checks: “Authorization: Bearer check_…”."
WRONG = "This token is wrong, revoked or expired. Create a new one on the page of the service’s deployment checks."


class CheckTokens(BaseAuthentication):
    """A token of deployment checks: Authorization: Bearer check_… Others are left to the API's own doors."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return nobody and the token, which says what may be asked."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret.startswith(CheckToken.PREFIX):
            return None
        token = queries.token_behind(secret)
        if token is None:
            raise exceptions.AuthenticationFailed(WRONG)
        token.note_use()
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Rodeo"'


class CheckTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = CheckTokens
    name = "checkToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": WHO_MAY_ASK}


class MayAsk(BasePermission):
    """Tokens that ask, and whoever may read."""

    message = WHO_MAY_ASK

    def has_permission(self, request: Request, view: Any) -> bool:
        return isinstance(request.auth, CheckToken) or may_read(request.user)
