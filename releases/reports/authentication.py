"""Who may report: a source by its token, or a squad by one of its API tokens."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal.accounts.authentication import opened
from releases.inbox.models import Source
from releases.providers.signatures import token_digest, token_in
from releases.reports.squad_tokens import source_of

WHO_MAY_REPORT = (
    "Reports need Authorization: Bearer <token>, with the token of a report source (from an administrator, under "
    "/sources/) or a squad’s token with the scope report (from its lead, on the squad’s page)."
)


class ReporterAuthentication(BaseAuthentication):
    """The token of an active source of kind "report", or a squad's API token with the scope report; nobody else."""

    def authenticate(self, request: Request) -> tuple[Any, Source] | None:
        acting = opened(request, "report")
        if acting is not None:
            return acting[0], source_of(acting[1])
        token = token_in({"authorization": request.headers.get("Authorization", "")})
        if not token:
            return None
        source = (
            Source.objects.filter(token_digest=token_digest(token), kind="report", state=Source.State.ACTIVE)
            .defer("cursor", "progress")
            .first()
        )
        # The digest finds the source; the secret proves that it can still be read, and so was not lost.
        if source is None or not source.secret:
            raise exceptions.AuthenticationFailed(f"This token is wrong, or its source is paused. {WHO_MAY_REPORT}")
        return None, source

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="reports"'


class ReporterScheme(OpenApiAuthenticationExtension):
    """How the schema describes it."""

    target_class = ReporterAuthentication
    name = "reportToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": WHO_MAY_REPORT}


class Reporter(BasePermission):
    """A source that reports."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Source):
            raise exceptions.NotAuthenticated(WHO_MAY_REPORT)
        return True
