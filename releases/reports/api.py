"""Reports from scripts over the API: deployments, runs, acceptance runs and flag states, as JSON or JUnit XML.

A report is validated while the sender waits; its raw body is then stored and read like every other event.
"""

from collections.abc import Iterable, Mapping
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
from portal.kernel.api import Endpoint, SpelledFilter, named_by
from portal.kernel.policy import ReadingAllowed
from portal.kernel.problems import TooBig
from portal.kernel.request_body import TooLarge, body_of
from portal.kernel.request_fields import check_names
from releases.deployments.models import AcceptanceRun, Deployment
from releases.flags.models import FlagState
from releases.inbox.actions import store
from releases.inbox.models import Source
from releases.mappings import engine
from releases.mappings.fact_mapper import current_rules
from releases.pipelines.models import Run
from releases.providers.base import Message
from releases.providers.facts import AcceptanceSeen, LeftOut, Seen, Unreadable
from releases.providers.payloads import NotJson, parse_json
from releases.providers.report.junit import Case, read_cases
from releases.providers.report.webhook import ACCEPTANCE, DEPLOYMENT, FLAG, JUNIT, RUN
from releases.reading import queries
from releases.reports import serializers as report_serializers
from releases.reports import squad_tokens
from releases.reports.authentication import Reporter, ReporterAuthentication
from releases.reports.queries import delivery_of, read_report
from squads.models import Story

XML = ("application/xml", "text/xml")
MULTIPART = "multipart/form-data"
# Bytes that a multipart body may hold beside the file.
MULTIPART_OVERHEAD = 64 * 1024


class Reports(mixins.ListModelMixin, Endpoint):
    """One kind of report: read by people who may read, written by sources."""

    marks = {"create": "reports"}
    reads_chunks = True
    kind: ClassVar[str]
    input: ClassVar[type[serializers.Serializer]]
    moments: ClassVar[tuple[str, ...]] = ("started_at", "finished_at")

    def _is_report(self) -> bool:
        method = getattr(getattr(self, "request", None), "method", None)
        return method == "POST" or (method is None and getattr(self, "action", "") == "create")

    def get_authenticators(self) -> list[Any]:
        reporting = self._is_report() or getattr(self, "action", "") == "create"
        return [ReporterAuthentication()] if reporting else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [Reporter()] if self._is_report() or self.action == "create" else [ReadingAllowed()]

    def report(self, request: Request) -> Response:
        """Check a JSON report, store it, and answer with its receipt."""
        body = limited_body(request)
        try:
            payload = parse_json(body)
        except NotJson as error:
            raise exceptions.ParseError(f"The body is not JSON: {error}.") from None
        if not isinstance(payload, dict):
            raise exceptions.ParseError("The body isn’t a JSON object.")
        source: Source = request.auth
        self.input(data=payload, context={"config": source.config}).is_valid(raise_exception=True)
        timed = any(payload.get(name) for name in self._time_fields(payload))
        return store_report(
            request, self.kind, body, request.headers.get("Content-Type", ""), id_=payload.get("id"), timed=timed
        )

    def _time_fields(self, payload: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the field with the reported time; without it, the time of receipt is part of the event's identity."""
        if self.kind == FLAG:
            return ("at",)
        return ("finished_at",) if payload.get("phase", "finished") == "finished" else ("started_at",)


def limited_body(request: Request) -> bytes:
    """Return the raw body; 413 when it is over the limit."""
    limit = settings.RODEO_HOOK_MAX_BYTES
    try:
        return body_of(request._request, limit)
    except TooLarge:
        raise TooBig(f"The body is over {limit:,} bytes. Send less at a time.") from None


def store_report(
    request: Request,
    kind: str,
    body: bytes,
    content_type: str,
    *,
    id_: Any,
    timed: bool,
    query: str = "",
    notes: Iterable[str] = (),
) -> Response:
    """Store a validated report and answer 202, or 200 for a repeat of a stored one.

    An Idempotency-Key, where given, identifies the report. Else its id and content do, since the same id may come again
    with more (running, then finished). Without an id the content does, and without a time in it also the time of receipt:
    two deployments that look alike are two.
    """
    source: Source = request.auth
    at = clock.now()
    delivery = delivery_of(request, kind, query.encode() + b"\0" + body, id_, "" if timed else str(clock.iso(at)))
    headers = {"source": source.key, "delivery": delivery, "received-at": str(clock.iso(at))}
    if query:
        headers["query"] = query
    message = Message(headers=headers, body=body, content_type=content_type)
    facts, said = read_report(kind, message, source, at)
    notes = [*said, *notes]
    squad_tokens.check_reported(request.user, facts, source)
    event, new = store(
        source, delivery=delivery, kind=kind, body=body, headers=headers, content_type=content_type, at=at
    )
    return Response(
        {
            "id": str(event.pk),
            "state": event.state,
            "url": request.build_absolute_uri(event.get_absolute_url()),
            "notes": [*notes, *notes_on(facts, source)],
        },
        status=status.HTTP_202_ACCEPTED if new else status.HTTP_200_OK,
    )


def notes_on(reported: list[Seen], source: Source) -> list[str]:
    """Return notes on names that the portal does not know yet, as its mapping rules read them. The evidence is stored all
    the same."""
    facts = engine.apply_rules(reported, current_rules(), source.pk).facts
    found = queries.unknown(
        services={name for each in facts if (name := getattr(each, "service", ""))},
        environments={name for each in facts if (name := getattr(each, "environment", ""))},
        stories={each.story for each in facts if isinstance(each, AcceptanceSeen) and each.story},
    )
    if any(isinstance(each, AcceptanceSeen) and not each.story for each in facts):
        found.append("No “story” field or property, so this accepts no story. A key looks like PAY-12.")
    if any(isinstance(each, LeftOut) for each in facts):
        found.append("A mapping rule ignores this. See /sources/mapping/.")
    return found


def notes_on_cases(cases: list[Case]) -> list[str]:
    """Say which test cases of a JUnit file prove nothing though they look as if they did."""
    found = []
    alike = dict.fromkeys(key for case in cases for key in case.looks_like)
    stories = Story.objects.filter(key__in=list(alike)[:500]).values_list("key", flat=True) if alike else ()
    for key in sorted(stories)[:20]:
        found.append(
            f"A test’s name mentions {key}, which doesn’t count. Give the test a “story” property with the value {key}, or "
            "send keys_in_names=true if your test names contain keys in capitals."
        )
    unnamed = sum(1 for case in cases if not case.stories)
    if unnamed and unnamed != len(cases):
        found.append(f"{unnamed} of {len(cases)} test cases name no story and were skipped.")
    return found


RECEIPTS = {202: report_serializers.Receipt, 200: report_serializers.Receipt}
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A second report with the same key is a repeat, whatever its body says.",
)


class DeploymentOut(serializers.ModelSerializer):
    """A deployment. `event` is the last event about it."""

    service = named_by("name")
    environment = named_by("key")
    artifact = named_by("purl", allow_null=True)
    commit = serializers.CharField(source="sha", read_only=True)
    words = serializers.CharField(
        source="raw_status", read_only=True, help_text="The status as the other system calls it."
    )
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

    service = SpelledFilter(field_name="service")
    environment = SpelledFilter(field_name="environment")
    tier = django_filters.CharFilter(field_name="environment__tier")

    class Meta:
        model = Deployment
        fields = ["outcome", "phase", "kind"]


class Deployments(Reports):
    """Deployments of services to environments."""

    kind, input = DEPLOYMENT, report_serializers.DeploymentIn
    serializer_class = DeploymentOut
    filterset_class = DeploymentFilter

    def get_queryset(self) -> QuerySet[Deployment]:
        rows = Deployment.objects.select_related("service", "environment", "artifact")
        return rows.newest_first()

    @extend_schema(request=report_serializers.DeploymentIn, responses=RECEIPTS, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Report a deployment."""
        return self.report(request)


class RunOut(serializers.ModelSerializer):
    """A CI run."""

    service = named_by("name", allow_null=True)
    repository = named_by("key", allow_null=True)
    artifact = named_by("purl", allow_null=True)
    commit = serializers.CharField(source="sha", read_only=True)
    words = serializers.CharField(
        source="raw_status", read_only=True, help_text="The status as the other system calls it."
    )
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
            "trigger",
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

    service = SpelledFilter(field_name="service")
    repository = django_filters.CharFilter(field_name="repository__key", lookup_expr="iexact")
    commit = django_filters.CharFilter(field_name="sha", lookup_expr="startswith")

    class Meta:
        model = Run
        fields = ["outcome", "phase"]


class Runs(Reports):
    """Runs of CI pipelines."""

    kind, input = RUN, report_serializers.RunIn
    serializer_class = RunOut
    filterset_class = RunFilter

    def get_queryset(self) -> QuerySet[Run]:
        rows = Run.objects.select_related("service", "repository", "artifact")
        return rows.newest_first()

    @extend_schema(request=report_serializers.RunIn, responses=RECEIPTS, parameters=[KEY_HEADER])
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
    words = serializers.CharField(
        source="raw_status", read_only=True, help_text="The status as the other system calls it."
    )
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

    story = django_filters.CharFilter(method="of_story")
    service = SpelledFilter(field_name="service")
    environment = SpelledFilter(field_name="environment")

    class Meta:
        model = AcceptanceRun
        fields = ["outcome", "release"]

    def of_story(self, rows: QuerySet[AcceptanceRun], name: str, value: str) -> QuerySet[AcceptanceRun]:
        story = Story.objects.called(value.upper())
        return rows.filter(story_key__in={value.upper(), *(Story.objects.keys_of([story]) if story else ())})


class AcceptanceRuns(Reports):
    """Checks of stories and services."""

    kind, input = ACCEPTANCE, report_serializers.AcceptanceRunIn
    serializer_class = AcceptanceRunOut
    filterset_class = AcceptanceRunFilter

    def known_parameters(self) -> tuple[str, ...]:
        """What stands beside a JUnit file is part of the report."""
        is_junit = self.request.method == "POST" and _media_type(self.request) in (*XML, MULTIPART)
        return tuple(report_serializers.JUnitIn().fields) if is_junit else ()

    def get_queryset(self) -> QuerySet[AcceptanceRun]:
        rows = AcceptanceRun.objects.select_related("service", "environment", "artifact")
        return rows.newest_first()

    @extend_schema(
        request={
            "application/json": report_serializers.AcceptanceRunIn,
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
                OpenApiParameter(str(name), str, description="Only with a JUnit XML file.")
                for name in report_serializers.JUnitIn().fields
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        """Report a check as JSON, or as a JUnit XML file with story keys in its “story” properties."""
        content_type = _media_type(request)
        if content_type in XML:
            return self._junit(request, limited_body(request), request.query_params.dict())
        if content_type == MULTIPART:
            return self._junit(request, *_uploaded(request))
        return self.report(request)

    def _junit(self, request: Request, body: bytes, parameters: Mapping[str, str]) -> Response:
        serializer = report_serializers.JUnitIn(data={name: value for name, value in parameters.items() if value})
        serializer.is_valid(raise_exception=True)
        by_name = serializer.validated_data.get("keys_in_names") == "true"
        try:
            # Whether it names times at all does not depend on their zone.
            cases = read_cases(body, {"zone": "UTC"}, keys_in_names=by_name)
        except Unreadable as error:
            raise exceptions.ValidationError({"file": f"{str(error)[:1].upper()}{str(error)[1:]}."}) from None
        query = urlencode(sorted(serializer.validated_data.items()))
        return store_report(
            request,
            JUNIT,
            body,
            "application/xml",
            id_=serializer.validated_data.get("id"),
            timed=all(case.finished_at for case in cases),
            query=query,
            notes=notes_on_cases(cases),
        )


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _uploaded(request: Request) -> tuple[bytes, dict[str, str]]:
    """Return the file of a multipart body, and its parameters, from the address or from fields of the form."""
    limit = settings.RODEO_HOOK_MAX_BYTES
    django_request = request._request
    if int(django_request.META.get("CONTENT_LENGTH") or 0) > limit + MULTIPART_OVERHEAD:
        raise TooBig(f"The body is over {limit:,} bytes. Send the file in parts.")
    try:
        files, fields = django_request.FILES, django_request.POST
    except MultiPartParserError as error:
        raise exceptions.ParseError(f"The form can’t be read: {error}") from None
    file = files.get("file")
    if file is None:
        raise exceptions.ValidationError({"file": "Send the JUnit XML in a form field called file."})
    check_names(list(files), ["file"])
    if (file.size or 0) > limit:
        raise TooBig(f"The file is over {limit:,} bytes. Send it in parts.")
    return file.read(), {**request.query_params.dict(), **fields.dict()}


class FlagStateOut(serializers.ModelSerializer):
    """The last known state of a flag."""

    environment = named_by("key")
    event = serializers.UUIDField(source="event_id", read_only=True)

    class Meta:
        model = FlagState
        fields = ["id", "flag", "environment", "on", "audience", "at", "event"]
        read_only_fields = fields


class FlagStateFilter(django_filters.FilterSet):
    """?environment= takes its key."""

    environment = SpelledFilter(field_name="environment")

    class Meta:
        model = FlagState
        fields = ["flag", "audience"]


class FlagStates(Reports):
    """Feature flags, on or off."""

    kind, input = FLAG, report_serializers.FlagStateIn
    serializer_class = FlagStateOut
    filterset_class = FlagStateFilter

    def get_queryset(self) -> QuerySet[FlagState]:
        return FlagState.objects.select_related("environment").order_by("-at", "pk")

    @extend_schema(request=report_serializers.FlagStateIn, responses=RECEIPTS, parameters=[KEY_HEADER])
    def create(self, request: Request) -> Response:
        """Report that a flag is on or off."""
        return self.report(request)
