"""The comparison of two environments, over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.kernel.request_fields import check_names
from releases.comparison import queries
from releases.environments.models import Environment

MOST_SERVICES = 100


class DifferenceOut(serializers.Serializer[Any]):
    """One service in both environments."""

    service = serializers.CharField(source="service.slug")
    here = serializers.CharField(
        source="here.carries", default=None, allow_null=True, help_text="Null if it doesn't run."
    )
    there = serializers.CharField(
        source="there.carries", default=None, allow_null=True, help_text="Null if it doesn't run."
    )
    same = serializers.BooleanField(source="is_same")
    only_here = serializers.SerializerMethodField(help_text="Keys of stories that run here but not there.")
    only_there = serializers.SerializerMethodField(help_text="Keys of stories that run there but not here.")
    why_not = serializers.CharField(help_text="Why the stories can't be compared, if they can't.")
    more = serializers.BooleanField(help_text="Only the newest stories of the service were compared.")

    def get_only_here(self, row: queries.Difference) -> list[str]:
        return [story.key for story in row.only_here]

    def get_only_there(self, row: queries.Difference) -> list[str]:
        return [story.key for story in row.only_there]


class ComparisonOut(serializers.Serializer[Any]):
    """What two environments run."""

    here = serializers.CharField()
    there = serializers.CharField()
    services = DifferenceOut(many=True, help_text="Those that differ come first; at most 100.")
    left_out = serializers.IntegerField(help_text="Services beyond the first 100.")


class Comparisons(Endpoint):
    """Two environments, service by service."""

    serializer_class = ComparisonOut
    parameters = ("with",)
    pagination_class = None
    filter_backends = []

    @extend_schema(
        responses=ComparisonOut,
        parameters=[
            OpenApiParameter("with", str, description="The slug of the other environment. The default is production.")
        ],
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Compare what two environments run, and the stories that only one of them has."""
        check_names(list(request.query_params), [*self.parameters, "format"], "parameter")
        known = Environment.objects.unmerged()
        here = get_object_or_404(known, slug=slug)
        wanted = request.query_params.get("with", "")
        there = known.exclude(pk=here.pk).filter(slug=wanted).first() if wanted else queries.usual_other(here)
        if there is None:
            raise ValidationError({"with": "Enter the slug of another environment. /api/v1/environments/ lists them."})
        rows = queries.differences(here, there)
        shown = rows[:MOST_SERVICES]
        queries.add_stories(shown, here, there)
        left_out = len(rows) - len(shown)
        return Response(
            ComparisonOut({"here": here.slug, "there": there.slug, "services": shown, "left_out": left_out}).data
        )
