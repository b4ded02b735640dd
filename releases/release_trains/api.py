"""Release trains over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body, LimitedList
from releases.planning.models import Release
from releases.release_trains import actions, queries
from releases.release_trains.models import LONGEST_PATTERN, Departure, ReleaseTrain
from releases.release_trains.timetable import WEEKDAYS
from squads.teams.permissions import check_planner


class ComingOut(serializers.Serializer[Any]):
    """A departure whose release isn't created yet."""

    day = serializers.DateField()
    version = serializers.CharField()


class TrainOut(serializers.ModelSerializer):
    """A line of releases that goes every so many weeks. `problem` says why the next release can't be created, if it can't."""

    created_by = named_by("username", allow_null=True)
    coming = serializers.SerializerMethodField()

    class Meta:
        model = ReleaseTrain
        fields = [
            "id",
            "line",
            "pattern",
            "weekday",
            "weeks",
            "starts_on",
            "zone",
            "ahead",
            "next_number",
            "state",
            "problem",
            "version",
            "created_by",
            "created_at",
            "coming",
        ]
        read_only_fields = fields

    @extend_schema(responses=ComingOut(many=True))
    def get_coming(self, train: ReleaseTrain) -> list[dict[str, Any]]:
        if train.state != ReleaseTrain.State.RUNNING:
            return []
        return [{"day": each.day.isoformat(), "version": each.version} for each in queries.coming(train)]


class DepartureOut(serializers.ModelSerializer):
    """A day of a train that has a release; null if someone deleted it since."""

    release = named_by("slug", allow_null=True)

    class Meta:
        model = Departure
        fields = ["day", "number", "release", "at"]
        read_only_fields = fields


class TrainIn(Body):
    """When a train goes, and what its releases are called."""

    line = serializers.CharField(max_length=120, required=False, allow_blank=True, help_text="Empty: company-wide.")
    pattern = serializers.CharField(
        max_length=LONGEST_PATTERN, help_text="Such as 2026.{n}; {n}, {yyyy}, {yy}, {ww}, {mm} and {dd} are filled in."
    )
    weekday = serializers.ChoiceField(choices=list(enumerate(WEEKDAYS)), help_text="0 is Monday.")
    weeks = serializers.IntegerField(min_value=1, max_value=actions.MOST_WEEKS)
    starts_on = serializers.DateField()
    zone = serializers.CharField(max_length=64, required=False)
    ahead = serializers.IntegerField(min_value=1, max_value=actions.MOST_AHEAD, required=False)
    next_number = serializers.IntegerField(min_value=0, max_value=actions.MOST_NUMBER, required=False)


class TrainChangesIn(TrainIn):
    """What changes about a train, and the version that you read."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class TrainStateIn(Body):
    """What to do with a train."""

    state = serializers.ChoiceField(choices=ReleaseTrain.State.choices)


class MissedIn(Body):
    """Stories that move to a later release of the line: all of them, or none."""

    to = serializers.CharField(max_length=340, help_text="The slug of the later release.")
    stories = LimitedList(child=serializers.CharField(max_length=40), most=queries.MOST_MOVED)


class MovedOut(serializers.Serializer[Any]):
    """The keys of the stories that moved."""

    to = serializers.CharField()
    stories = serializers.ListField(child=serializers.CharField())


class ReleaseTrains(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Lines of releases that go every so many weeks."""

    marks = {"create": "planners", "partial_update": "planners", "state": "planners", "existing": "planners"}
    without_fields = frozenset({"existing"})
    serializer_class = TrainOut
    filter_backends: list[Any] = []
    lookup_value_regex = "[0-9]{1,18}"
    queryset = ReleaseTrain.objects.none()

    def get_queryset(self) -> QuerySet[ReleaseTrain]:
        return queries.trains().select_related("created_by").order_by("pk")

    @extend_schema(request=TrainIn, responses={201: TrainOut})
    def create(self, request: Request) -> Response:
        """Set up a train. Its first releases are created at once."""
        check_planner(request.user)
        said = TrainIn(data=request.data)
        said.is_valid(raise_exception=True)
        train = actions.create_train(by=actor_of(request), **said.validated_data)
        return Response(TrainOut(train).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TrainChangesIn(partial=True), responses=TrainOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a train. Releases that are there stay as they are."""
        train = self.get_object()
        check_planner(request.user)
        said = TrainChangesIn(data=request.data, partial=True, context={"present": lambda: TrainOut(train).data})
        said.is_valid(raise_exception=True)
        return Response(TrainOut(actions.edit_train(train, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=TrainStateIn, responses=TrainOut)
    @action(detail=True, methods=["post"])
    def state(self, request: Request, pk: str) -> Response:
        """Pause, resume or end a train. 409 if it can't go to that state."""
        train = self.get_object()
        check_planner(request.user)
        said = TrainStateIn(data=request.data)
        said.is_valid(raise_exception=True)
        verbs = {"paused": actions.pause, "running": actions.resume, "ended": actions.end}
        verbs[said.validated_data["state"]](train, by=actor_of(request))
        return Response(TrainOut(self.get_object()).data)

    @extend_schema(request=None, responses=TrainOut)
    @action(detail=True, methods=["post"])
    def existing(self, request: Request, pk: str) -> Response:
        """Take the release that is in the next one's way for that departure."""
        train = self.get_object()
        check_planner(request.user)
        actions.take_existing(train, by=actor_of(request))
        return Response(TrainOut(self.get_object()).data)

    @extend_schema(responses=DepartureOut(many=True))
    @action(detail=True, methods=["get"])
    def departures(self, request: Request, pk: str) -> Response:
        """List the departures that have a release, the latest first."""
        page = self.paginate_queryset(queries.departures(self.get_object()))
        return self.get_paginated_response(DepartureOut(page, many=True).data)


class MissedStories(Endpoint):
    """Stories that miss their release."""

    marks = {"create": "planners"}
    serializer_class = MissedIn
    queryset = Release.objects.none()

    @extend_schema(request=MissedIn, responses=MovedOut, operation_id="releases_missed_create")
    def create(self, request: Request, slug: str) -> Response:
        """Plan stories of a release for a later one of its line instead. If any can't be, none is."""
        check_planner(request.user)
        release = get_object_or_404(Release, slug=slug)
        said = MissedIn(data=request.data)
        said.is_valid(raise_exception=True)
        to = Release.objects.filter(slug=said.validated_data["to"]).first()
        if to is None:
            raise serializers.ValidationError({"to": "There’s no such release. Enter its slug."})
        moved = actions.move_missed(release, to, by=actor_of(request), keys=said.validated_data["stories"])
        return Response({"to": to.slug, "stories": [story.key for story in moved]})
