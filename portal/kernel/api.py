"""What every endpoint of /api/v1/ shares: who is let in, and what a request may say."""

import json
from collections.abc import Callable
from typing import Any, ClassVar

import django_filters
from django import forms
from django.core.exceptions import ValidationError as Objection
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.viewsets import GenericViewSet

from portal.kernel.actors import actor_of
from portal.kernel.issued_secrets import IssuedSecret
from portal.kernel.names import fold_name
from portal.kernel.problems import NoLength
from portal.kernel.request_fields import check_lengths, check_names


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
    # Whether the endpoint reads a body that comes in chunks by itself.
    reads_chunks = False
    parser_classes = [Json]
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if self.action is None:
            # Before anything else is objected to: nothing sent with this method could be right.
            raise exceptions.MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)
        if any("\0" in str(value) for value in kwargs.values()):
            raise exceptions.NotFound
        check_lengths(request.query_params)
        if self.marks.get(self.action or "") == "administrators" and not request.user.is_staff:
            raise exceptions.PermissionDenied("Only administrators can do this.")
        if request.method not in SAFE_METHODS:
            if not self.reads_chunks and "chunked" in request.headers.get("Transfer-Encoding", "").lower():
                raise NoLength
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


def secrets_schema(
    body: type[serializers.Serializer[Any]],
    shown_once: type[serializers.Serializer[Any]],
    *,
    create: str,
    destroy: str,
    operation: str | None = None,
) -> Callable[[type["Secrets"]], type["Secrets"]]:
    """Describe in the API's schema what `Secrets` does: creating and revoking, each in a sentence. `operation` begins their ids,
    where the address doesn't give good ones."""
    ids = {verb: f"{operation}_{verb}" if operation else None for verb in ("create", "destroy")}
    return extend_schema_view(
        create=extend_schema(request=body, responses={201: shown_once}, operation_id=ids["create"], description=create),
        destroy=extend_schema(responses={204: None}, operation_id=ids["destroy"], description=destroy),
    )


class Secrets(mixins.ListModelMixin, Endpoint):
    """Secrets (portal.kernel.issued_secrets) of one thing: the list, one more, shown this once, and revoking one.

    `body` is what is sent for one more, `shown_once` what is answered. Subclasses say in `of` which thing they are of, after
    refusing who may change it, and issue one in `issue`.
    """

    body: ClassVar[type[serializers.Serializer[Any]]]
    shown_once: ClassVar[type[serializers.Serializer[Any]]]
    without_fields = frozenset({"destroy"})
    filter_backends: list[Any] = []
    lookup_value_regex = "[0-9]{1,18}"

    def of(self) -> Any:
        """Return what the secrets are of. Raises PermissionDenied."""
        raise NotImplementedError

    def issue(self, of: Any, **said: Any) -> tuple[IssuedSecret, str]:
        """Issue one more; return it and its secret."""
        raise NotImplementedError

    def create(self, request: Request, **named: str) -> Response:
        """Create one. The answer has it, shown only once."""
        of = self.of()
        said = self.body(data=request.data)
        said.is_valid(raise_exception=True)
        row, secret = self.issue(of, **said.validated_data)
        shown = self.shown_once(row, context={"secret": secret}).data
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def destroy(self, request: Request, pk: str, **named: str) -> Response:
        """Revoke one."""
        self.of()
        get_object_or_404(self.get_queryset(), pk=pk).revoke(by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
