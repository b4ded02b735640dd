"""The forecast of a release over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.kernel.request_fields import check_names
from releases.forecasts import queries, sentences
from releases.forecasts.picture import curve
from releases.forecasts.throughput import Record
from releases.planning.models import Release


class HeldOut(serializers.Serializer[Any]):
    """How many past releases were rodeo done by the 85 % date that was forecast first, of how many."""

    held = serializers.IntegerField()
    checked = serializers.IntegerField()


class ChanceOut(serializers.Serializer[Any]):
    """How likely the release is rodeo done by the end of a day (0 to 1)."""

    day = serializers.DateField()
    share = serializers.FloatField()


class SquadThroughputOut(serializers.Serializer[Any]):
    """What a squad has left in the release, and what it finished in each of the weeks, the oldest first."""

    squad = serializers.CharField(help_text="Its slug.")
    left = serializers.IntegerField()
    finished = serializers.IntegerField()
    weeks = serializers.ListField(child=serializers.IntegerField())
    unknown = serializers.IntegerField(help_text="Stories finished at a time that nobody knows. They don’t count.")


class GrowthOut(serializers.Serializer[Any]):
    """How the scope of a past release grew: stories left halfway, and stories finished after that."""

    release = serializers.CharField(source="slug")
    left = serializers.IntegerField()
    finished = serializers.IntegerField()
    factor = serializers.FloatField()


class WithoutOut(serializers.Serializer[Any]):
    """The forecast without some stories."""

    stories = serializers.ListField(child=serializers.CharField())
    sentence = serializers.CharField()
    p50 = serializers.DateField(allow_null=True)
    p85 = serializers.DateField(allow_null=True)
    later_than = serializers.DateField(allow_null=True)


class ForecastOut(serializers.Serializer[Any]):
    """When a release will be rodeo done. If there's no forecast, its dates are null and `refusals` say why."""

    sentence = serializers.CharField()
    state = serializers.ChoiceField(
        [queries.UNFINISHED, queries.DONE, queries.EMPTY, queries.ABANDONED],
        help_text="`done`: every story is rodeo done.",
    )
    p50 = serializers.DateField(allow_null=True, help_text="50 % by the model.")
    p85 = serializers.DateField(allow_null=True, help_text="85 % by the model.")
    later_than = serializers.DateField(allow_null=True, help_text="If the 85 % date is later than this day.")
    target = serializers.DateField(allow_null=True, help_text="What the release is planned for.")
    chance = serializers.FloatField(allow_null=True, help_text="How likely it is by the target (0 to 1).")
    refusals = serializers.ListField(child=serializers.CharField())
    held = HeldOut()
    total = serializers.IntegerField()
    rodeo_done = serializers.IntegerField()
    left = serializers.IntegerField()
    trials = serializers.IntegerField()
    seed = serializers.IntegerField(help_text="The same inputs with the same seed give the same dates.")
    squads = SquadThroughputOut(many=True)
    growth = GrowthOut(many=True, help_text="Past releases that the scope’s growth is learned from.")
    grows = serializers.BooleanField(help_text="Whether enough releases are finished to learn from them.")
    chances = ChanceOut(many=True)
    without = WithoutOut(allow_null=True)


class Forecasts(Endpoint):
    """When a release will be rodeo done."""

    serializer_class = ForecastOut
    parameters = ("without",)
    pagination_class = None
    filter_backends = []

    @extend_schema(
        responses=ForecastOut,
        operation_id="releases_forecast_retrieve",
        parameters=[
            OpenApiParameter(
                "without", str, description="Keys of unfinished stories to leave out, separated by commas."
            )
        ],
    )
    def retrieve(self, request: Request, slug: str) -> Response:
        """Forecast when a release will be rodeo done, from the throughput of its squads."""
        check_names(list(request.query_params), [*self.parameters, "format"], "parameter")
        release = get_object_or_404(Release, slug=slug)
        found = queries.forecast_of(release)
        choice = queries.chosen(request.query_params.getlist("without"), found.scope)
        if choice.wrong:
            raise ValidationError({"without": choice.wrong})
        shown = {
            "sentence": sentences.headline(found),
            "held": found.held,
            "left": len(found.scope.left),
            "squads": [_squad(found, record) for record in found.records],
            "grows": bool(found.factors),
            "chances": [{"day": day, "share": share} for day, share in curve(found)],
            "without": _without(release, found, choice.keys),
            "total": found.scope.total,
        }
        names = ("state", "p50", "p85", "later_than", "target", "chance", "refusals", "rodeo_done", "trials", "seed")
        shown |= {name: getattr(found, name) for name in (*names, "growth")}
        return Response(ForecastOut(shown).data)


def _squad(found: queries.Forecast, record: Record) -> dict[str, Any]:
    weeks = [sum(week) for week in record.weeks(found.today, found.weeks)]
    return {
        "squad": record.slug,
        "left": record.left,
        "finished": sum(weeks),
        "weeks": weeks,
        "unknown": record.unknown,
    }


def _without(release: Release, found: queries.Forecast, keys: tuple[str, ...]) -> dict[str, Any] | None:
    if not keys:
        return None
    instead = queries.forecast_of(release, found.today, keys)
    return {
        "stories": keys,
        "sentence": sentences.difference(found, instead, keys),
        "p50": instead.p50,
        "p85": instead.p85,
        "later_than": instead.later_than,
    }
