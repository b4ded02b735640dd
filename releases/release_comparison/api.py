"""The comparison of two releases or artifacts, over the API."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.kernel.request_fields import check_names
from releases.planning.models import Release
from releases.release_comparison import queries
from releases.release_comparison.sides import sides_of

MOST_SERVICES = 50
UNKNOWN = "There’s no release or artifact called so. Enter a release’s slug, or an artifact’s purl."


class ComparedChangeOut(serializers.Serializer[Any]):
    """A change that only one side has."""

    sha = serializers.CharField()
    subject = serializers.CharField()
    repository = serializers.IntegerField(source="repository_id")
    url = serializers.CharField()


class ComparedSchemaOut(serializers.Serializer[Any]):
    """A schema change that only one side has. `kind` is empty while nobody named it."""

    sha = serializers.CharField()
    path = serializers.CharField()
    kind = serializers.CharField()


class OnlyOut(serializers.Serializer[Any]):
    """What one side has that the other lacks: the first 100 of each, and how many there are."""

    counts = serializers.DictField(child=serializers.IntegerField())
    stories = serializers.SerializerMethodField()
    changes = ComparedChangeOut(many=True)
    schema_changes = serializers.SerializerMethodField()
    flags = serializers.ListField(child=serializers.CharField())
    schema_unknown = serializers.IntegerField(help_text="Changes of which no file is known.")

    def get_stories(self, only: queries.Only) -> list[str]:
        return [story.key for story in only.stories]

    @extend_schema(responses=ComparedSchemaOut(many=True))
    def get_schema_changes(self, only: queries.Only) -> list[dict[str, str]]:
        return [{"sha": change.sha, "path": path, "kind": kind} for change, path, kind in only.schema]


class ComparedServiceOut(serializers.Serializer[Any]):
    """One service of both sides. `this_sha` and `other_sha` are null if a side doesn't ship it, empty if it isn't known."""

    service = serializers.CharField(source="name")
    this_sha = serializers.CharField(source="here.sha", default=None, allow_null=True)
    other_sha = serializers.CharField(source="there.sha", default=None, allow_null=True)
    same = serializers.BooleanField(source="is_same")
    why_not = serializers.CharField(help_text="Why it can't be compared, if it can't.")
    unknown = serializers.IntegerField(help_text="Changes of which git tells nothing.")
    only_this = OnlyOut(source="only_here")
    only_other = OnlyOut(source="only_there")


class ReleaseComparisonOut(serializers.Serializer[Any]):
    """Two releases or artifacts, service by service, by what their commits contain."""

    this = serializers.CharField(source="here.name")
    other = serializers.CharField(source="there.name")
    services = ComparedServiceOut(source="rows", many=True, help_text="Those that differ come first; at most 50.")
    left_out = serializers.IntegerField(default=0, help_text="Services beyond the first 50.")
    more = serializers.BooleanField(help_text="Only the newest 2,000 changes were looked at.")
    without_change = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Stories planned for this and the other without a change: no commit can contain them.",
    )


class ReleaseComparisons(Endpoint):
    """Two releases or artifacts, side by side."""

    serializer_class = ReleaseComparisonOut
    parameters = ("this", "other")
    pagination_class = None
    filter_backends = []
    queryset = Release.objects.none()

    @extend_schema(
        responses=ReleaseComparisonOut,
        operation_id="release_comparison_retrieve",
        parameters=[
            OpenApiParameter("this", str, description="A release’s slug or an artifact’s purl.", required=True),
            OpenApiParameter("other", str, description="Another one.", required=True),
        ],
    )
    def retrieve(self, request: Request) -> Response:
        """Compare what two releases or artifacts contain."""
        check_names(list(request.query_params), [*self.parameters, "format"], "parameter")
        asked = {name: request.query_params.get(name, "")[:500] for name in self.parameters}
        sides = sides_of(each for each in asked.values() if "\0" not in each)
        if wrong := {name: UNKNOWN for name, each in asked.items() if each not in sides}:
            raise ValidationError(wrong)
        if asked["this"] == asked["other"]:
            raise ValidationError({"other": "Enter another release or artifact."})
        compared = queries.compare(sides[asked["this"]], sides[asked["other"]])
        left_out = len(compared.rows) - MOST_SERVICES
        compared.rows = compared.rows[:MOST_SERVICES]
        return Response({**ReleaseComparisonOut(compared).data, "left_out": max(0, left_out)})
