"""The plain door for scripts: deployments, runs, acceptance runs and flag states, as JSON or JUnit XML.

Fields are checked while the sender waits; what was sent is then stored as it was sent and read like every other event.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

import django_filters
from django.conf import settings
from django.db.models import QuerySet
from django.http.multipartparser import MultiPartParserError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import clock
from portal.kernel.api import Endpoint, TooBig, named_by
from portal.kernel.policy import ReadingAllowed
from portal.kernel.request_body import TooLarge, body_of
from releases.deployments.models import AcceptanceRun, Deployment
from releases.flags.models import FlagState
from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.pipelines.models import Run
from releases.providers.base import Message
from releases.providers.envelope import NotJson, document
from releases.providers.facts import AcceptanceSeen, Seen, Unreadable, check_past
from releases.providers.report.junit import read_cases
from releases.providers.report.webhook import ACCEPTANCE, DEPLOYMENT, FLAG, JUNIT, RUN, translate
from releases.reading import queries
from releases.reports import serializers as reports_serializers
from releases.reports import squad_tokens
from releases.reports.authentication import Reporter, ReporterAuthentication

XML = ("application/xml", "text/xml")
MULTIPART = "multipart/form-data"
# What a multipart body may hold beside the file.
ENVELOPE = 64 * 1024


class Reports(mixins.ListModelMixin, Endpoint):
    """One kind of report: read by people who may read, written by sources."""

    marks = {"create": "reports"}
    kind: ClassVar[str]
    input: ClassVar[type[serializers.Serializer]]
    moments: ClassVar[tuple[str, ...]] = ("started_at", "finished_at")

    def _reporting(self) -> bool:
        method = getattr(getattr(self, "request", None), "method", None)
        return method == "POST" or (method is None and getattr(self, "action", "") == "create")

    def get_authenticators(self) -> list[Any]:
        reporting = self._reporting() or getattr(self, "action", "") == "create"
        return [ReporterAuthentication()] if reporting else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [Reporter()] if self._reporting() or self.action == "create" else [ReadingAllowed()]

    def report(self, request: Request) -> Response:
        """Check a JSON report, store it, and answer with its receipt."""
        body = limited(request)
        try:
            said = document(body)
        except NotJson as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}.") from None
        if not isinstance(said, dict):
            raise exceptions.ParseError("The body is not a JSON object.")
        self.input(data=said).is_valid(raise_exception=True)
        timed = any(said.get(name) for name in self._needed(said))
        return keep(request, self.kind, body, request.headers.get("Content-Type", ""), id_=said.get("id"), timed=timed)

    def _needed(self, said: Mapping[str, Any]) -> tuple[str, ...]:
        """The field that says when it was so; without it, the moment of arrival is part of what was reported."""
        if self.kind == FLAG:
            return ("at",)
        return ("finished_at",) if said.get("phase", "finished") == "finished" else ("started_at",)


def limited(request: Request) -> bytes:
    """Return the raw body; 413 when it is over the limit."""
    most = settings.RODEO_HOOK_MAX_BYTES
    try:
        return body_of(request._request, most)
    except TooLarge:
        raise TooBig(f"The body is larger than {most:,} bytes. Send less at a time.") from None


def keep(
    request: Request, kind: str, body: bytes, content_type: str, *, id_: Any, timed: bool, query: str = ""
) -> Response:
    """Store a checked report and answer 202, or 200 when the same was stored before.

    The same id may come again with more to say (running, then finished); the same id with the same content is a repeat.
    Without an id the content is what it is known by, and with no time in it, so is the moment it came: two deployments
    that look alike are two. An Idempotency-Key takes the place of all that.
    """
    source: Source = request.auth
    at = clock.now()
    content = hashlib.sha256(query.encode() + b"\0" + body)
    given = request.headers.get("Idempotency-Key", "").strip()[:200]
    if given:
        delivery = f"{kind} key {given}"
    elif id_:
        delivery = f"{kind} {id_}:{content.hexdigest()[:32]}"
    else:
        if not timed:
            content.update(str(clock.iso(at)).encode())
        delivery = f"{kind} {content.hexdigest()}"
    headers = {"source": source.key, "delivery": delivery, "received-at": str(clock.iso(at))}
    if query:
        headers["query"] = query
    try:
        seen = translate(kind, Message(headers=headers, body=body, content_type=content_type), {}) or []
        check_past(seen, at)
    except Unreadable as error:
        raise exceptions.ValidationError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
    squad_tokens.check(request.user, seen, source)
    event, new = store(
        source, delivery=delivery, kind=kind, body=body, headers=headers, content_type=content_type, at=at
    )
    return Response(
        {
            "id": str(event.pk),
            "state": event.state,
            "url": request.build_absolute_uri(event.get_absolute_url()),
            "notes": notes(seen),
        },
        status=status.HTTP_202_ACCEPTED if new else status.HTTP_200_OK,
    )


def notes(seen: list[Seen]) -> list[str]:
    """Say what the portal does not know yet. The evidence is kept all the same."""
    said = queries.unknown(
        services={name for each in seen if (name := getattr(each, "service", ""))},
        environments={name for each in seen if (name := getattr(each, "environment", ""))},
        stories={each.story for each in seen if isinstance(each, AcceptanceSeen) and each.story},
    )
    if any(isinstance(each, AcceptanceSeen) and not each.story for each in seen):
        said.append("No test case or field names a story, so this proves no story accepted. A key looks like PAY-12.")
    return said


RECEIPTS = {202: reports_serializers.Receipt, 200: reports_serializers.Receipt}
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key again is a repeat, whatever the body says.",
)


class DeploymentOut(serializers.ModelSerializer):
    """A deployment. `event` is the inbound event that had the last word."""

    service = named_by("name")
    environment = named_by("key")
    artifact = named_by("purl", allow_null=True)
    commit = serializers.CharField(source="sha", read_only=True)
    words = serializers.CharField(source="raw_status", read_only=True, help_text="the provider's own")
    event = serializers.UUIDField(source="event_id", read_only=True)

    class Meta:
        model = Deployment
        fields = [
            "id",
            "service",
            "environment",
            "kind",
            "commit",
            "version",
            "artifact",
            "phase",
            "outcome",
            "healthy",
            "words",
            "started_at",
            "finished_at",
            "url",
            "event",
        ]
        read_only_fields = fields


class DeploymentFilter(django_filters.FilterSet):
    """?service= and ?environment= take names as events call them; ?tier= such as production."""

    service = django_filters.CharFilter(field_name="service__name")
    environment = django_filters.CharFilter(field_name="environment__key")
    tier = django_filters.CharFilter(field_name="environment__tier")

    class Meta:
        model = Deployment
        fields = ["outcome", "phase", "kind"]


class Deployments(Reports):
    """Attempts to put a service on an environment."""

    kind, input = DEPLOYMENT, reports_serializers.DeploymentIn
    serializer_class = DeploymentOut
    filterset_class = DeploymentFilter

    def get_queryset(self) -> QuerySet[Deployment]:
        rows = Deployment.objects.select_related("service", "environment", "artifact")
        return rows.newest_first()

    @extend_schema(request=reports_serializers.DeploymentIn, responses=RECEIPTS, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Report a deployment."""
        return self.report(request)


class RunOut(serializers.ModelSerializer):
    """A CI run."""

    service = named_by("name", allow_null=True)
    repository = named_by("key", allow_null=True)
    artifact = named_by("purl", allow_null=True)
    commit = serializers.CharField(source="sha", read_only=True)
    words = serializers.CharField(source="raw_status", read_only=True, help_text="the provider's own")
    event = serializers.UUIDField(source="event_id", read_only=True)

    class Meta:
        model = Run
        fields = [
            "id",
            "service",
            "repository",
            "pipeline",
            "commit",
            "branch",
            "artifact",
            "phase",
            "outcome",
            "words",
            "started_at",
            "finished_at",
            "url",
            "event",
        ]
        read_only_fields = fields


class RunFilter(django_filters.FilterSet):
    """?service= and ?repository= take names as events call them; ?commit= the start of a sha."""

    service = django_filters.CharFilter(field_name="service__name")
    repository = django_filters.CharFilter(field_name="repository__key")
    commit = django_filters.CharFilter(field_name="sha", lookup_expr="startswith")

    class Meta:
        model = Run
        fields = ["outcome", "phase"]


class Runs(Reports):
    """CI executions."""

    kind, input = RUN, reports_serializers.RunIn
    serializer_class = RunOut
    filterset_class = RunFilter

    def get_queryset(self) -> QuerySet[Run]:
        rows = Run.objects.select_related("service", "repository", "artifact")
        return rows.newest_first()

    @extend_schema(request=reports_serializers.RunIn, responses=RECEIPTS, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Report a run."""
        return self.report(request)


class AcceptanceRunOut(serializers.ModelSerializer):
    """A check of a story, or of a service, in an environment."""

    story = serializers.CharField(source="story_key", read_only=True)
    service = named_by("name", allow_null=True)
    environment = named_by("key")
    artifact = named_by("purl", allow_null=True)
    commit = serializers.CharField(source="sha", read_only=True)
    by = serializers.CharField(source="performed_by", read_only=True)
    words = serializers.CharField(source="raw_status", read_only=True, help_text="the provider's own")
    event = serializers.UUIDField(source="event_id", read_only=True)

    class Meta:
        model = AcceptanceRun
        fields = [
            "id",
            "name",
            "story",
            "service",
            "environment",
            "commit",
            "artifact",
            "release",
            "phase",
            "outcome",
            "words",
            "started_at",
            "finished_at",
            "by",
            "url",
            "event",
        ]
        read_only_fields = fields


class AcceptanceRunFilter(django_filters.FilterSet):
    """?story= takes a key, ?service= and ?environment= names as events call them."""

    story = django_filters.CharFilter(field_name="story_key")
    service = django_filters.CharFilter(field_name="service__name")
    environment = django_filters.CharFilter(field_name="environment__key")

    class Meta:
        model = AcceptanceRun
        fields = ["outcome", "release"]


class AcceptanceRuns(Reports):
    """Checks of stories and services."""

    kind, input = ACCEPTANCE, reports_serializers.AcceptanceRunIn
    serializer_class = AcceptanceRunOut
    filterset_class = AcceptanceRunFilter

    def get_queryset(self) -> QuerySet[AcceptanceRun]:
        rows = AcceptanceRun.objects.select_related("service", "environment", "artifact")
        return rows.newest_first()

    @extend_schema(
        request={
            "application/json": reports_serializers.AcceptanceRunIn,
            "application/xml": OpenApiTypes.STR,
            "multipart/form-data": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            },
        },
        responses=RECEIPTS,
        parameters=[
            KEY_HEADER,
            *(
                OpenApiParameter(str(name), str, description="With a JUnit XML file only.")
                for name in reports_serializers.JUnitIn().fields
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        """Report a check as JSON, or send a JUnit XML file whose test cases name stories by key."""
        content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type in XML:
            return self._junit(request, limited(request), request.query_params.dict())
        if content_type == MULTIPART:
            return self._junit(request, *_uploaded(request))
        return self.report(request)

    def _junit(self, request: Request, body: bytes, asked: Mapping[str, str]) -> Response:
        said = reports_serializers.JUnitIn(data={name: value for name, value in asked.items() if value})
        said.is_valid(raise_exception=True)
        try:
            timed = all(case.finished_at for case in read_cases(body))
        except Unreadable as error:
            raise exceptions.ValidationError({"file": f"{str(error)[:1].upper()}{str(error)[1:]}."}) from None
        query = urlencode(sorted(said.validated_data.items()))
        return keep(
            request, JUNIT, body, "application/xml", id_=said.validated_data.get("id"), timed=timed, query=query
        )


def _uploaded(request: Request) -> tuple[bytes, dict[str, str]]:
    """Return the file of a multipart body, and its parameters, from the address or from fields of the form."""
    most = settings.RODEO_HOOK_MAX_BYTES
    plain = request._request
    if int(plain.META.get("CONTENT_LENGTH") or 0) > most + ENVELOPE:
        raise TooBig(f"The body is larger than {most:,} bytes. Send the file in parts.")
    try:
        files, fields = plain.FILES, plain.POST
    except MultiPartParserError as error:
        raise exceptions.ParseError(f"The form cannot be read: {error}") from None
    file = files.get("file")
    if file is None:
        raise exceptions.ValidationError({"file": "Send the JUnit XML in a form field called file."})
    if (file.size or 0) > most:
        raise TooBig(f"The file is larger than {most:,} bytes. Send it in parts.")
    return file.read(), {**request.query_params.dict(), **fields.dict()}


class FlagStateOut(serializers.ModelSerializer):
    """A flag as it was seen."""

    environment = named_by("key")
    event = serializers.UUIDField(source="event_id", read_only=True)

    class Meta:
        model = FlagState
        fields = ["id", "flag", "environment", "on", "audience", "at", "event"]
        read_only_fields = fields


class FlagStateFilter(django_filters.FilterSet):
    """?environment= takes its key."""

    environment = django_filters.CharFilter(field_name="environment__key")

    class Meta:
        model = FlagState
        fields = ["flag", "audience"]


class FlagStates(Reports):
    """Flags, on or off."""

    kind, input = FLAG, reports_serializers.FlagStateIn
    serializer_class = FlagStateOut
    filterset_class = FlagStateFilter

    def get_queryset(self) -> QuerySet[FlagState]:
        return FlagState.objects.select_related("environment").order_by("-at", "pk")

    @extend_schema(request=reports_serializers.FlagStateIn, responses=RECEIPTS, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Report that a flag is on or off."""
        return self.report(request)
