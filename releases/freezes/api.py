"""Freezes over the API; the same verbs as the pages call."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import clock
from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.environments.models import Environment
from releases.freezes import actions, calendar_files, occurrences, queries
from releases.freezes.models import Freeze, FreezeLift
from releases.planning.models import Release
from squads.models import Service
from squads.teams.permissions import check_answers_for, check_planner


class FreezeOut(serializers.ModelSerializer):
    """A time in which nothing goes to production. Days and times are those of `zone`; without times, whole days."""

    lines = serializers.ListField(child=serializers.CharField())
    exceptions = serializers.ListField(child=serializers.DateField())
    services = serializers.SlugRelatedField("slug", many=True, read_only=True)
    environments = serializers.SlugRelatedField("slug", many=True, read_only=True)
    created_by = named_by("username")
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Freeze
        fields = [
            "id",
            "uid",
            "name",
            "reason",
            "zone",
            "starts_on",
            "starts_at",
            "ends_on",
            "ends_at",
            "rule",
            "holidays",
            "exceptions",
            "lines",
            "services",
            "environments",
            "version",
            "created_by",
            "created_at",
            "changed_at",
            "url",
        ]
        read_only_fields = fields


class WindowOut(serializers.Serializer):
    """One time that a freeze holds. `day` is the day it begins on in the freeze's zone; `ends` is not part of it."""

    freeze = serializers.IntegerField(source="key")
    name = serializers.CharField()
    day = serializers.DateField()
    starts = serializers.DateTimeField()
    ends = serializers.DateTimeField()


class FreezeIn(Body):
    """When a freeze holds, and what it covers. `version` is the one you read, so that nobody's change is overwritten."""

    name = serializers.CharField(max_length=120)
    reason = serializers.CharField(max_length=actions.LONGEST_REASON, required=False, allow_blank=True)
    zone = serializers.CharField(max_length=64, required=False, help_text="Such as Europe/Berlin. UTC without it.")
    starts_on = serializers.DateField()
    starts_at = serializers.TimeField(required=False, allow_null=True)
    ends_on = serializers.DateField()
    ends_at = serializers.TimeField(required=False, allow_null=True)
    rule = serializers.CharField(
        max_length=300, required=False, allow_blank=True, help_text="An iCalendar RRULE, such as FREQ=WEEKLY;BYDAY=FR."
    )
    holidays = serializers.CharField(
        max_length=20, required=False, allow_blank=True, help_text="NL or DE-BY: on each public holiday there."
    )
    exceptions = serializers.ListField(child=serializers.DateField(), required=False, max_length=actions.LONGEST_LIST)
    lines = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, max_length=actions.LONGEST_LIST
    )
    services = serializers.ListField(
        child=Chosen("slug", queryset=Service.objects.all()), required=False, max_length=200
    )
    environments = serializers.ListField(
        child=Chosen("slug", queryset=Environment.objects.all()), required=False, max_length=200
    )
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class LiftOut(serializers.ModelSerializer):
    """Something that was lifted of a freeze. Without `day` each of its times, without `release` for all releases."""

    release = named_by("slug", allow_null=True)
    by = named_by("username")
    withdrawn_by = named_by("username", allow_null=True)

    class Meta:
        model = FreezeLift
        fields = ["id", "freeze", "day", "release", "reason", "by", "at", "expires_at", "withdrawn_at", "withdrawn_by"]
        read_only_fields = fields


class FreezeNumber(serializers.PrimaryKeyRelatedField):
    """A freeze that the sender names by its number."""

    def to_internal_value(self, data: Any) -> Freeze:
        """Read a number, and nothing else."""
        if not isinstance(data, int) or isinstance(data, bool) or not 0 < data < 2**31:
            self.fail("incorrect_type", data_type=type(data).__name__)
        freeze: Freeze = super().to_internal_value(data)
        return freeze


class LiftIn(Body):
    """What to lift: one time, by the day it begins on, for one release, or both; why, and until when."""

    freeze = FreezeNumber(queryset=Freeze.objects.all(), help_text="The number of the freeze.")
    day = serializers.DateField(required=False, allow_null=True)
    release = Chosen("slug", queryset=Release.objects.all(), required=False, allow_null=True)
    reason = serializers.CharField(max_length=actions.LONGEST_REASON)
    expires_at = serializers.DateTimeField()


class CalendarIn(Body):
    """An iCalendar file, as text. `zone` is for days, and for times that name none."""

    calendar = serializers.CharField(max_length=calendar_files.LARGEST)
    zone = serializers.CharField(max_length=64, required=False)


IMPORTED = inline_serializer(
    "ImportedFreezes",
    {
        **{name: serializers.IntegerField() for name in ("created", "changed", "unchanged")},
        "left_out": serializers.ListField(
            child=serializers.CharField(), help_text="What of the file has no effect, as sentences."
        ),
    },
)


class Freezes(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Times in which nothing goes to production."""

    marks = {
        "create": "planners",
        "partial_update": "managers",
        "destroy": "managers",
        "read_calendar": "planners",
    }
    serializer_class = FreezeOut
    filter_backends: list[Any] = []
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Freeze]:
        return queries.listed()

    @extend_schema(request=FreezeIn, responses={201: FreezeOut})
    def create(self, request: Request) -> Response:
        """Create a freeze."""
        check_planner(request.user, actions.WHO)
        said = FreezeIn(data=request.data)
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        values.pop("version", None)
        made = actions.create_freeze(by=actor_of(request), **_plain(values))
        return Response(FreezeOut(self.get_queryset().get(pk=made.pk)).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=FreezeIn(partial=True), responses=FreezeOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a freeze. For project managers and administrators. 409 if `version` is not the newest."""
        freeze = self.get_object()
        context = {"present": lambda: FreezeOut(freeze).data}
        check_answers_for(None, request.user, actions.CHANGE)
        said = FreezeIn(data=request.data, partial=True, context=context)
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        actions.edit_freeze(freeze, by=actor_of(request), version=values.pop("version", None), **_plain(values))
        return Response(FreezeOut(self.get_object()).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a freeze. For project managers and administrators."""
        actions.delete_freeze(self.get_object(), by=actor_of(request), version=None)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=WindowOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def times(self, request: Request, pk: str) -> Response:
        """List the next ten times that a freeze holds, one that is on included."""
        found = occurrences.upcoming(self.get_object().times, clock.now(), 10)
        return Response(WindowOut(found, many=True).data)

    @extend_schema(responses=WindowOut(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def soon(self, request: Request) -> Response:
        """List every time that any freeze holds in the next 30 days, those on now included, whatever is lifted of them."""
        at = clock.now()
        rows = self.get_queryset()[: queries.MOST_FREEZES]
        found = occurrences.windows((each.times for each in rows), at, at + timedelta(days=30))
        return Response(WindowOut(found, many=True).data)

    @extend_schema(request=CalendarIn, responses=IMPORTED)
    @action(detail=False, methods=["post"], url_path="import")
    def read_calendar(self, request: Request) -> Response:
        """Import an iCalendar file: each event becomes a freeze, or changes the one it made before. All of it or nothing."""
        check_planner(request.user, actions.WHO)
        said = CalendarIn(data=request.data)
        said.is_valid(raise_exception=True)
        body, zone = said.validated_data["calendar"].encode(), said.validated_data.get("zone", "UTC")
        return Response(actions.import_calendar(body, by=actor_of(request), zone=zone)._asdict())


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    if "exceptions" in values:
        values["exceptions"] = [str(each) for each in values["exceptions"]]
    return values


class LiftFilter(django_filters.FilterSet):
    """?freeze= is the number of a freeze."""

    freeze = django_filters.NumberFilter(field_name="freeze", min_value=1, max_value=2**31 - 1)

    class Meta:
        model = FreezeLift
        fields: list[str] = []


class FreezeLifts(mixins.ListModelMixin, Endpoint):
    """What people lifted of freezes, newest first."""

    marks = {"create": "answers", "destroy": "answers"}
    without_fields = frozenset({"destroy"})
    serializer_class = LiftOut
    filterset_class = LiftFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[FreezeLift]:
        return FreezeLift.objects.select_related("by", "withdrawn_by", "release", "freeze")

    @extend_schema(request=LiftIn, responses={201: LiftOut})
    def create(self, request: Request) -> Response:
        """Lift a freeze at one time, for one release, or both. Your name and reason are shown with it.

        For people: for one release its owner, for all releases project managers and administrators.
        """
        check_planner(request.user, actions.WHO)
        said = LiftIn(data=request.data)
        said.is_valid(raise_exception=True)
        lift = actions.lift_freeze(by=actor_of(request), **said.validated_data)
        return Response(LiftOut(lift).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Withdraw it: the freeze holds again. It stays in the list."""
        actions.withdraw_lift(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
