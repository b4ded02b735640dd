"""Incidents over the API; the same verbs as the pages call."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import User
from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, YesNoFilter, named_by
from portal.kernel.request_fields import Body
from releases.environments.models import Environment
from releases.incident_settings.models import Severity
from releases.incidents import actions, queries
from releases.incidents.effective import ROLES, TIME_FIELDS
from releases.incidents.incident_clock import compare, lengths, out_of_order
from releases.incidents.models import Incident, IncidentCorrection, IncidentReport, IncidentUpdate
from squads.models import Service
from squads.teams.permissions import check_planner


class LengthOut(serializers.Serializer):
    """A length between two times. `problem` says why it can’t be; then it counts in no mean."""

    measure = serializers.CharField()
    clock = serializers.CharField()
    seconds = serializers.FloatField(allow_null=True)
    problem = serializers.CharField()


class StatedOut(serializers.Serializer):
    """A length that was written down elsewhere. `differs` is null where the times give none to compare with."""

    measure = serializers.CharField()
    minutes = serializers.IntegerField(allow_null=True)
    words = serializers.CharField()
    differs = serializers.BooleanField(allow_null=True)


class IncidentOut(serializers.ModelSerializer):
    """An incident: what is known of it now, from reports and from people."""

    key = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(["open", "mitigated", "resolved", "merged", "withdrawn"], read_only=True)
    severity = named_by("name", allow_null=True)
    services = serializers.SlugRelatedField("slug", many=True, read_only=True)
    environments = serializers.SlugRelatedField("slug", many=True, read_only=True)
    commander = named_by("username", allow_null=True)
    scribe = named_by("username", allow_null=True)
    liaison = named_by("username", allow_null=True)
    merged_into = serializers.SerializerMethodField()
    lengths = serializers.SerializerMethodField()
    stated = serializers.SerializerMethodField()
    out_of_order = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Incident
        fields = [
            "id",
            "key",
            "title",
            "state",
            "severity",
            "services",
            "environments",
            *TIME_FIELDS,
            *ROLES,
            "is_maintenance",
            "merged_into",
            "lengths",
            "stated",
            "out_of_order",
            "url",
        ]
        read_only_fields = fields

    def get_merged_into(self, row: Incident) -> str | None:
        """Return the key of the incident that it was merged into."""
        return row.merged_into.key if row.merged_into else None

    @extend_schema_field(LengthOut(many=True))
    def get_lengths(self, row: Incident) -> list[dict[str, Any]]:
        """Return the lengths between its times, each with its clock."""
        return [
            {
                "measure": each.measure,
                "clock": each.clock,
                "seconds": each.value.total_seconds() if each.value is not None else None,
                "problem": each.problem,
            }
            for each in lengths(row.exact_times)
        ]

    @extend_schema_field(StatedOut(many=True))
    def get_stated(self, row: Incident) -> list[dict[str, Any]]:
        """Return the lengths that were written down elsewhere."""
        return [
            {"measure": each.measure, "minutes": each.minutes, "words": each.words, "differs": each.differs}
            for each in compare(row.stated, row.exact_times)
        ]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_out_of_order(self, row: Incident) -> list[str]:
        """Return a sentence for each two times that came the other way round than one expects."""
        return out_of_order(row.exact_times)


def _moment() -> Any:
    return serializers.DateTimeField(required=False, allow_null=True)


def _person() -> Any:
    people = User.objects.filter(is_active=True, program_of=None)
    return Chosen("username", queryset=people, required=False, allow_null=True)


class IncidentIn(Body):
    """What you know of an incident. Times in any order are kept. Without any time it is declared now."""

    title = serializers.CharField(max_length=actions.LONGEST_TITLE)
    severity = Chosen("name", queryset=Severity.objects.all(), required=False, allow_null=True)
    services = serializers.ListField(
        child=Chosen("slug", queryset=Service.objects.all()), required=False, max_length=200
    )
    environments = serializers.ListField(
        child=Chosen("slug", queryset=Environment.objects.all()), required=False, max_length=200
    )
    impact_started_at = _moment()
    detected_at = _moment()
    declared_at = _moment()
    mitigated_at = _moment()
    resolved_at = _moment()
    commander = _person()
    scribe = _person()
    liaison = _person()
    is_maintenance = serializers.BooleanField(required=False)
    because = serializers.CharField(max_length=actions.LONGEST_REASON, required=False, allow_blank=True)


class UpdateOut(serializers.ModelSerializer):
    """An update of an incident. `added_later` says that it was written after the fact."""

    by = named_by("username")
    added_later = serializers.BooleanField(read_only=True)

    class Meta:
        model = IncidentUpdate
        fields = ["id", "text", "public", "happened_at", "written_at", "added_later", "by"]
        read_only_fields = fields


class UpdateIn(Body):
    """What happened, and one line that customers may read. Without `happened_at`, now."""

    text = serializers.CharField(max_length=actions.LONGEST_TEXT)
    public = serializers.CharField(max_length=actions.LONGEST_LINE, required=False, allow_blank=True)
    happened_at = _moment()


class MergeIn(Body):
    """The key of the incident that this one is the same as, and why."""

    into = serializers.CharField(max_length=20)
    because = serializers.CharField(max_length=actions.LONGEST_REASON)

    def validate_into(self, key: str) -> Incident:
        """Return the incident with this key."""
        match = queries.KEY.fullmatch(key.strip())
        found = Incident.objects.filter(number=int(match[1])).first() if match else None
        if found is None:
            raise serializers.ValidationError("There’s no such incident. A key looks like INC-12.")
        return found


class UnmergeIn(Body):
    """Why it is an incident of its own after all."""

    because = serializers.CharField(max_length=actions.LONGEST_REASON)


class SplitIn(Body):
    """The ids of the reports that are another incident, its title, and why."""

    reports = serializers.ListField(child=serializers.UUIDField(), max_length=500)
    title = serializers.CharField(max_length=actions.LONGEST_TITLE)
    because = serializers.CharField(max_length=actions.LONGEST_REASON)


class UnsplitIn(Body):
    """Why it is the same incident after all."""

    because = serializers.CharField(max_length=actions.LONGEST_REASON)


class IncidentStateIn(Body):
    """Whether an incident is mitigated or resolved now, or goes on after all, and why."""

    state = serializers.ChoiceField(list(actions.STATES))
    because = serializers.CharField(max_length=actions.LONGEST_REASON, required=False, allow_blank=True)


class CorrectionOut(serializers.ModelSerializer):
    """What somebody said of one field, and what it was before. Rows are named by their numbers."""

    by = named_by("username")
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)

    class Meta:
        model = IncidentCorrection
        fields = ["id", "field", "before", "after", "because", "by", "at"]
        read_only_fields = fields


class ReportOut(serializers.ModelSerializer):
    """What one source says of an incident."""

    source = serializers.CharField(source="event.source.key", read_only=True)
    service = named_by("slug", allow_null=True)
    environment = named_by("slug", allow_null=True)

    class Meta:
        model = IncidentReport
        fields = [
            "id",
            "title",
            "source",
            "service",
            "environment",
            "detected_at",
            "declared_at",
            "resolved_at",
            "url",
            "event",
        ]
        read_only_fields = fields


class IncidentFilter(django_filters.FilterSet):
    """?open=true leaves those that go on, ?maintenance=true shows planned work instead of incidents."""

    open = YesNoFilter(field_name="resolved_at", lookup_expr="isnull")
    maintenance = YesNoFilter(field_name="is_maintenance")
    service = django_filters.CharFilter(method="of_service", max_length=130)
    environment = django_filters.CharFilter(method="of_environment", max_length=130)
    severity = django_filters.CharFilter(field_name="severity__name", max_length=60)
    year = django_filters.NumberFilter(field_name="starts_at__year", min_value=1970, max_value=9999)

    class Meta:
        model = Incident
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Incident]) -> QuerySet[Incident]:
        """Leave maintenance out unless it is asked for: it is no incident."""
        rows: QuerySet[Incident] = super().filter_queryset(queryset)
        asked = self.form.cleaned_data.get("maintenance")
        return rows if asked is not None else rows.filter(is_maintenance=False)

    def of_service(self, rows: QuerySet[Incident], _: str, slug: str) -> QuerySet[Incident]:
        """Leave those of a service."""
        return rows.filter(pk__in=Incident.services.through.objects.filter(service__slug=slug).values("incident"))

    def of_environment(self, rows: QuerySet[Incident], _: str, slug: str) -> QuerySet[Incident]:
        """Leave those of an environment."""
        return rows.filter(
            pk__in=Incident.environments.through.objects.filter(environment__slug=slug).values("incident")
        )


class Incidents(mixins.ListModelMixin, Endpoint):
    """Incidents. Anyone can read them; members of squads, project managers and squads’ tokens write."""

    marks = dict.fromkeys(
        ("create", "partial_update", "write_update", "move", "merge", "undo_merge", "split", "undo_split"),
        "planners",
    )
    serializer_class = IncidentOut
    filterset_class = IncidentFilter
    lookup_field = "key"
    lookup_value_regex = "[Ii][Nn][Cc]-[1-9][0-9]{0,8}"

    def get_queryset(self) -> QuerySet[Incident]:
        rows: QuerySet[Incident] = queries.detailed().filter(merged_into=None, withdrawn_at=None).order_by("-number")
        return rows

    def get_object(self) -> Incident:
        return queries.incident_named(self.kwargs["key"])

    def retrieve(self, request: Request, key: str) -> Response:
        """Get an incident. One that was merged names the incident it was merged into."""
        return Response(IncidentOut(self.get_object()).data)

    @extend_schema(request=IncidentIn, responses={201: IncidentOut})
    def create(self, request: Request) -> Response:
        """Open an incident."""
        check_planner(request.user, actions.WHO)
        said = IncidentIn(data=request.data)
        said.is_valid(raise_exception=True)
        made = actions.open_incident(by=actor_of(request), **said.validated_data)
        return Response(IncidentOut(queries.incident_named(made.key)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=IncidentIn(partial=True), responses=IncidentOut)
    def partial_update(self, request: Request, key: str) -> Response:
        """Correct an incident. What you say counts more than what sources report; the history keeps both."""
        check_planner(request.user, actions.WHO)
        incident = self.get_object()
        said = IncidentIn(data=request.data, partial=True, context={"present": lambda: IncidentOut(incident).data})
        said.is_valid(raise_exception=True)
        actions.correct(incident, by=actor_of(request), **said.validated_data)
        return Response(IncidentOut(self.get_object()).data)

    @extend_schema(responses=UpdateOut(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def updates(self, request: Request, key: str) -> Response:
        """List the updates of an incident and of those merged into it, by when things happened."""
        page = self.paginate_queryset(queries.updates_of(queries.with_merged(self.get_object())))
        return self.get_paginated_response(UpdateOut(page, many=True).data)

    @extend_schema(request=UpdateIn, responses={201: UpdateOut})
    @updates.mapping.post
    def write_update(self, request: Request, key: str) -> Response:
        """Write an update of an incident."""
        check_planner(request.user, actions.WHO)
        said = UpdateIn(data=request.data)
        said.is_valid(raise_exception=True)
        made = actions.write_update(self.get_object(), by=actor_of(request), **said.validated_data)
        return Response(UpdateOut(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=CorrectionOut(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def corrections(self, request: Request, key: str) -> Response:
        """List what people said of an incident, oldest first."""
        page = self.paginate_queryset(self.get_object().corrections.select_related("by").order_by("at", "pk"))
        return self.get_paginated_response(CorrectionOut(page, many=True).data)

    @extend_schema(responses=ReportOut(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def reports(self, request: Request, key: str) -> Response:
        """List what sources report of an incident and of those merged into it, with the event behind each."""
        page = self.paginate_queryset(queries.reports_of(queries.with_merged(self.get_object())))
        return self.get_paginated_response(ReportOut(page, many=True).data)

    def _asked(self, request: Request, kind: type[Body]) -> tuple[Incident, dict[str, Any]]:
        """Return the incident, and what a planner wants of it."""
        check_planner(request.user, actions.WHO)
        incident = self.get_object()
        said = kind(data=request.data)
        said.is_valid(raise_exception=True)
        return incident, dict(said.validated_data)

    @extend_schema(request=IncidentStateIn, responses=IncidentOut)
    @action(detail=True, methods=["post"], filterset_class=None, url_path="state")
    def move(self, request: Request, key: str) -> Response:
        """Say that an incident is mitigated or resolved now, or goes on. 409 names who said so before you; to give another time,
        correct the incident."""
        incident, said = self._asked(request, IncidentStateIn)
        actions.move_now(incident, by=actor_of(request), **said)
        return Response(IncidentOut(self.get_object()).data)

    @extend_schema(request=MergeIn, responses=IncidentOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def merge(self, request: Request, key: str) -> Response:
        """Merge an incident into another, and get that one. What is written on it stays; its address leads on."""
        incident, said = self._asked(request, MergeIn)
        into = actions.merge(incident, by=actor_of(request), **said)
        return Response(IncidentOut(queries.incident_named(into.key)).data)

    @extend_schema(request=UnmergeIn, responses=IncidentOut)
    @action(detail=True, methods=["post"], filterset_class=None, url_path="undo-merge")
    def undo_merge(self, request: Request, key: str) -> Response:
        """Make an incident of its own again of one that was merged."""
        incident, said = self._asked(request, UnmergeIn)
        actions.unmerge(incident, by=actor_of(request), **said)
        return Response(IncidentOut(self.get_object()).data)

    @extend_schema(request=SplitIn, responses={201: IncidentOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def split(self, request: Request, key: str) -> Response:
        """Make another incident of some reports of one, and get it. They stay there, also when all events are read again."""
        incident, said = self._asked(request, SplitIn)
        wanted = set(said.pop("reports"))
        reports = list(incident.reports.filter(pk__in=wanted))
        if len(reports) != len(wanted):
            problem = f"Some of these aren’t reports of {incident.key}. GET …/reports/ lists their ids."
            raise serializers.ValidationError({"reports": problem})
        made = actions.split(incident, reports, by=actor_of(request), **said)
        return Response(IncidentOut(queries.incident_named(made.key)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=UnsplitIn, responses=IncidentOut)
    @action(detail=True, methods=["post"], filterset_class=None, url_path="undo-split")
    def undo_split(self, request: Request, key: str) -> Response:
        """Undo a split, and get the incident that it is part of again. The reports go back there."""
        incident, said = self._asked(request, UnsplitIn)
        into = actions.unsplit(incident, by=actor_of(request), **said)
        return Response(IncidentOut(queries.incident_named(into.key)).data)
