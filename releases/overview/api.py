"""The overview of open releases over the API; the same verbs as the pages call."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body
from portal.kernel.sentences import listed
from releases.gates.readiness import VERDICTS
from releases.overview import actions, queries
from releases.overview.filters import Asked
from releases.overview.models import ReadinessView
from releases.planning.models import Release


class BlockersOut(serializers.Serializer[Any]):
    """How many blockers someone can act on. `squad` is a slug, or empty if it's no squad."""

    who = serializers.CharField()
    squad = serializers.CharField()
    count = serializers.IntegerField()


class OverviewOut(serializers.Serializer[Any]):
    """An open release: its verdict now, its newest forecast, who can act, and what changed since `since`."""

    release = serializers.CharField(source="release.slug")
    owner = serializers.CharField(source="release.owner.username", default=None, allow_null=True)
    target = serializers.DateField(source="release.planned_for", allow_null=True)
    verdict = serializers.ChoiceField(list(VERDICTS), source="readiness.verdict")
    sentence = serializers.CharField(source="readiness.sentence")
    rodeo_done = serializers.IntegerField()
    total = serializers.IntegerField()
    p85 = serializers.DateField(source="forecast.p85", default=None, allow_null=True)
    forecast_of = serializers.DateField(
        allow_null=True, help_text="The day whose forecast `p85` is from, if that isn’t today’s."
    )
    late_days = serializers.IntegerField(help_text="How many days the 85 % date is after the target.")
    blockers = serializers.SerializerMethodField()
    since = serializers.DateField(allow_null=True, help_text="Null if nothing was kept of yesterday or before.")
    changes = serializers.ListField(child=serializers.CharField())

    @extend_schema_field(BlockersOut(many=True))
    def get_blockers(self, row: queries.Row) -> list[dict[str, Any]]:
        return [{"who": who, "squad": squad, "count": count} for who, squad, count in row.blockers]


class Overviews(Endpoint):
    """The readiness of all open releases, judged now."""

    serializer_class = OverviewOut
    parameters = ("squad", "line", "verdict", "owner")
    filter_backends = []
    queryset = Release.objects.none()

    @extend_schema(
        responses=OverviewOut(many=True),
        operation_id="readiness_list",
        parameters=[
            OpenApiParameter("squad", str, description="The slug of a squad with stories in it."),
            OpenApiParameter("line", str),
            OpenApiParameter("verdict", str, enum=list(VERDICTS)),
            OpenApiParameter("owner", str, description="A user name, or `me`."),
        ],
    )
    def list(self, request: Request) -> Response:
        """List open releases with verdict, share rodeo done, forecast, blockers, and what changed since yesterday."""
        said = request.query_params.get("verdict", "")
        if said and said not in VERDICTS:
            raise serializers.ValidationError({"verdict": f"Use {listed(list(VERDICTS), 'or')}."})
        asked = Asked.read(request.query_params)
        rows = list(queries.open_releases(asked, request.user))
        found = queries.with_verdict(rows, asked.verdict) if asked.verdict else rows
        page = self.paginate_queryset(found)
        return self.get_paginated_response(OverviewOut(queries.rows_of(page), many=True).data)


class ReadinessViewOut(serializers.ModelSerializer):
    """A saved view of the overview. `query` follows the question mark in its address, such as `verdict=not_ready`."""

    class Meta:
        model = ReadinessView
        fields = ["id", "name", "query"]
        read_only_fields = fields


class ReadinessViewIn(Body):
    """A view to save. A name you already have replaces that view."""

    name = serializers.CharField(max_length=actions.LONGEST_NAME)
    query = serializers.CharField(max_length=1000)


class ReadinessViews(mixins.ListModelMixin, Endpoint):
    """Your saved views of the overview of releases. Only you can see them."""

    marks = {"create": "writing", "destroy": "writing"}
    without_fields = frozenset({"destroy"})
    serializer_class = ReadinessViewOut
    filter_backends = []
    lookup_value_regex = "[0-9]{1,18}"
    queryset = ReadinessView.objects.none()

    def get_queryset(self) -> Any:
        user = self.request.user
        return ReadinessView.objects.filter(owner=user) if user.is_authenticated else ReadinessView.objects.none()

    @extend_schema(request=ReadinessViewIn, responses={201: ReadinessViewOut})
    def create(self, request: Request) -> Response:
        """Save a view."""
        said = ReadinessViewIn(data=request.data)
        said.is_valid(raise_exception=True)
        view = actions.save_view(by=actor_of(request), **said.validated_data)
        return Response(ReadinessViewOut(view).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a view."""
        self.get_object().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class DigestBody(Body):
    """Whether you get the overview by mail on Mondays."""

    wanted = serializers.BooleanField()


class Digests(Endpoint):
    """The weekly mail with the overview of releases: yours alone."""

    marks = {"partial_update": "writing"}
    serializer_class = DigestBody
    pagination_class = None
    filter_backends = []

    @extend_schema(responses=DigestBody, operation_id="readiness_digest_retrieve")
    def retrieve(self, request: Request) -> Response:
        """Say whether you get it."""
        return Response({"wanted": queries.wants_digest(request.user)})

    @extend_schema(request=DigestBody, responses=DigestBody, operation_id="readiness_digest_update")
    def partial_update(self, request: Request) -> Response:
        """Turn it on or off. The first one comes on the next Monday, which may be today."""
        said = DigestBody(data=request.data)
        said.is_valid(raise_exception=True)
        actions.set_digest(by=actor_of(request), wanted=said.validated_data["wanted"])
        return Response({"wanted": queries.wants_digest(request.user)})
