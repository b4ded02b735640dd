"""What every endpoint of /api/v1/ shares: who is let in, and how objections of verbs become answers."""

import json
from typing import Any, ClassVar, Literal

import django_filters
from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.exceptions import ValidationError as Objection
from django.db import InterfaceError, OperationalError
from drf_spectacular.authentication import BasicScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from portal.kernel.names import fold_name
from portal.kernel.request_fields import check_names
from portal.kernel.transitions import AlreadyMoved


class Conflict(exceptions.APIException):
    """Somebody was first: the thing is no longer in a state this may leave."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "Someone else changed this first. Read it again."
    default_code = "conflict"


class Away(exceptions.APIException):
    """The database does not answer; trying again helps."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database is unavailable or busy. Nothing was saved. Try again."
    default_code = "away"
    wait = 5


class TooBig(exceptions.APIException):
    """The body is larger than allowed."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large."
    default_code = "too_large"


class SpelledFilter(django_filters.CharFilter):
    """Leaves the rows of what a name means, however it is spelled (see portal.kernel.names). `field_name` refers to it."""

    def filter(self, qs: Any, value: str) -> Any:
        """Filter by what all spellings of the name have in common."""
        return qs.filter(**{f"{self.field_name}__folded": fold_name(value)}) if value else qs


class YesOrNo(forms.Field):
    """Yes, no or not said; nothing else is taken for any of them."""

    def to_python(self, value: Any) -> bool | None:
        """Read what the query of an address says."""
        said = str(value or "").strip().lower()
        if said not in ("", "1", "0", "true", "false"):
            raise Objection("Write true or false.")
        return said in ("1", "true") if said else None


class YesNoFilter(django_filters.BooleanFilter):
    """Leaves the rows that are so, or those that are not; a value that is neither is refused, never passed over."""

    field_class = YesOrNo


def named_by(slug_field: str, **options: Any) -> Any:
    """Return a read-only field that shows what a row refers to by one of its columns, such as its slug."""
    return serializers.SlugRelatedField(slug_field=slug_field, read_only=True, **options)


def answerable(error: Exception) -> Exception:
    """Return the API's answer to what a verb raised; other errors come back as they are."""
    if isinstance(error, AlreadyMoved):
        return Conflict(str(error))
    if isinstance(error, Objection):
        return exceptions.ValidationError(error.message_dict if hasattr(error, "error_dict") else error.messages)
    if isinstance(error, PermissionDenied) and str(error):
        return exceptions.PermissionDenied(str(error))
    if isinstance(error, OperationalError | InterfaceError):
        return Away()
    if isinstance(error, TooManyFieldsSent | TooManyFilesSent):
        return exceptions.ParseError("The form has too many fields or files.")
    if isinstance(error, RequestDataTooBig):
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // (1024 * 1024)
        return TooBig(f"The body is over {most} MB. Split it into several requests.")
    return error


class Objected(serializers.Serializer):
    """One error. `attr` is the field it is about, if any."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(allow_null=True)


class Problem(serializers.Serializer):
    """Why a request was refused."""

    type = serializers.CharField(help_text="validation_error, client_error or server_error.")
    errors = Objected(many=True)


class Schema(AutoSchema):
    """Describes refusals once, with one shape, instead of anew for each endpoint."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        codes = ["401", "403"]
        if self.method in ("POST", "PATCH") or self.get_filter_backends():
            codes.insert(0, "400")
        if "{" in self.path or getattr(self.view, "action", "") == "list":
            codes.append("404")
        if self.method in ("POST", "PATCH"):
            codes.append("409")
        for code in codes:
            bodies.setdefault(code, self._get_response_for_code(Problem, code))
        return bodies


class Chosen(serializers.SlugRelatedField):
    """A row that the sender names by one of its columns, such as its slug."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or "\0" in data:
            self.fail("does_not_exist", slug_name=self.slug_field, value=str(data).replace("\0", "\ufffd"))
        return super().to_internal_value(data)


HALVES = "This contains an invalid character (a lone surrogate). Remove it."


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


class Json(JSONParser):
    """JSON, nested no deeper than can be read, of characters that can be kept and answered with."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            if _is_whole(data):
                return data
        except RecursionError:
            raise exceptions.ParseError("The body is nested too deeply.") from None
        broken = [name for name, value in data.items() if not _is_whole(value)] if isinstance(data, dict) else []
        raise exceptions.ValidationError({name: HALVES for name in broken if _is_whole(name)} or HALVES)


class PasswordScheme(BasicScheme):
    """How the schema describes signing in with a password."""

    target_class = "portal.accounts.authentication.Passwords"


class TokenScheme(OpenApiAuthenticationExtension):
    """How the schema describes signing in with an API token."""

    target_class = "portal.accounts.authentication.Tokens"
    name = "apiToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API token. Create one under Your account, or ask a lead for a squad's token.",
        }


def _parameters(request: Request) -> list[str]:
    """Return what the query of an address names, but for the form of the answer."""
    return [name for name in request.query_params if name != api_settings.URL_FORMAT_OVERRIDE]


def _names_sent(request: Request) -> list[str]:
    """Return the fields that a request sends, to an action that takes none."""
    kind = (request.content_type or "").partition(";")[0].strip().lower()
    if kind != JSONParser.media_type:
        return [*request._request.POST, *request._request.FILES]
    if request.data and not isinstance(request.data, dict):
        raise exceptions.ParseError("This takes no body.")
    return list(request.data or ())


class Endpoint(GenericViewSet):
    """A set of endpoints. `marks` says of every action that changes something who may: a word of portal.kernel.policy.

    Whoever signs in how is said once, in REST_FRAMEWORK. The check against the object is the action's own; what only
    administrators may is refused here already.
    """

    marks: ClassVar[dict[str, str]] = {}
    # What the query of an address may say beside filters and pages, and which actions take no fields.
    parameters: ClassVar[tuple[str, ...]] = ()
    without_fields: ClassVar[frozenset[str]] = frozenset()
    parser_classes = [Json]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\0" in str(value) for value in kwargs.values()):
            raise exceptions.NotFound
        if self.marks.get(self.action or "") == "administrators" and not request.user.is_staff:
            raise exceptions.PermissionDenied("Only administrators can do this.")
        if request.method not in SAFE_METHODS:
            check_names(_parameters(request), self.known_parameters(), "parameter")
            if request.method == "DELETE" or self.action in self.without_fields:
                check_names(_names_sent(request), ())

    def known_parameters(self) -> tuple[str, ...]:
        """Return what the query of this request may say beside filters and pages."""
        return self.parameters

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return one page of a list, unless the request asks for it by something that nobody reads."""
        filters = getattr(self, "filterset_class", None) if self.filter_backends else None
        known = [*(filters.base_filters if filters else ()), *self.known_parameters()]
        pages: Any = self.paginator
        check_names(_parameters(self.request), [*known, *pages.names], "parameter")
        return super().paginate_queryset(queryset)

    def handle_exception(self, exc: Exception) -> Any:
        return super().handle_exception(answerable(exc))
