"""Attributions over the API: what is proposed, and the answers of people."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.attributions import actions
from releases.attributions.models import Attribution
from releases.incidents.actions import WHO
from releases.incidents.queries import KEY
from squads.teams.permissions import check_planner


class AttributionOut(serializers.ModelSerializer):
    """A deployment that an incident may have come from: by which method, how sure, why, and what a person answered."""

    incident = serializers.CharField(source="incident.key", read_only=True)
    deployment = serializers.UUIDField(source="deployment_id", read_only=True)
    answered_by = named_by("username", allow_null=True)

    class Meta:
        model = Attribution
        fields = [
            "id",
            "incident",
            "deployment",
            "method",
            "confidence",
            "because",
            "state",
            "state_at",
            "answered_by",
            "reason",
        ]
        read_only_fields = fields


class AttributionAnswerIn(Body):
    """Whether the incident came from the deployment, and why."""

    accepted = serializers.BooleanField()
    reason = serializers.CharField(max_length=actions.LONGEST_REASON)


class AttributionFilter(django_filters.FilterSet):
    """?incident= is the key of an incident."""

    incident = django_filters.CharFilter(method="of_incident", max_length=20)
    state = django_filters.ChoiceFilter(choices=Attribution.State.choices)

    class Meta:
        model = Attribution
        fields: list[str] = []

    def of_incident(self, rows: QuerySet[Attribution], _: str, key: str) -> QuerySet[Attribution]:
        """Leave those of one incident."""
        match = KEY.fullmatch(key)
        return rows.filter(incident__number=int(match[1])) if match else rows.none()


class Attributions(mixins.ListModelMixin, Endpoint):
    """Which deployments incidents may have come from. Rules propose; only people answer."""

    marks = {"answer": "planners"}
    serializer_class = AttributionOut
    filterset_class = AttributionFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Attribution]:
        return Attribution.objects.select_related("incident__merged_into", "answered_by").order_by("-pk")

    @extend_schema(request=AttributionAnswerIn, responses=AttributionOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def answer(self, request: Request, pk: str) -> Response:
        """Accept or reject that an incident came from a deployment. An open incident withdraws *rodeo done* of its stories."""
        check_planner(request.user, WHO)
        attribution: Any = self.get_object()
        said = AttributionAnswerIn(data=request.data)
        said.is_valid(raise_exception=True)
        answered = actions.answer(attribution, by=actor_of(request), **said.validated_data)
        return Response(AttributionOut(answered).data)
