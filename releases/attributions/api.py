"""Attributions over the API: what is proposed, and the answers of people."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.attributions import actions
from releases.attributions.models import Attribution
from releases.deployments.models import Deployment
from releases.incidents.actions import WHO
from releases.incidents.models import Incident
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


class AttributionIn(Body):
    """The key of an incident, the id of the deployment that it came from, and why."""

    incident = serializers.CharField(max_length=20)
    deployment = serializers.UUIDField()
    reason = serializers.CharField(max_length=actions.LONGEST_REASON)

    def validate_incident(self, key: str) -> Incident:
        """Return the incident with this key."""
        match = KEY.fullmatch(key.strip())
        found = Incident.objects.filter(number=int(match[1])).first() if match else None
        if found is None:
            raise serializers.ValidationError("There’s no such incident. A key looks like INC-12.")
        return found

    def validate_deployment(self, pk: UUID) -> Deployment:
        """Return the deployment with this id."""
        found = Deployment.objects.filter(pk=pk).first()
        if found is None:
            raise serializers.ValidationError("There’s no such deployment. GET /api/v1/deployments/ lists their ids.")
        return found


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

    marks = {"create": "planners", "answer": "planners"}
    serializer_class = AttributionOut
    filterset_class = AttributionFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Attribution]:
        return Attribution.objects.select_related("incident__merged_into", "answered_by").order_by("-pk")

    @extend_schema(request=AttributionIn, responses={201: AttributionOut})
    def create(self, request: Request) -> Response:
        """Say that an incident came from a deployment. It is accepted at once, as said by you; one that is there already is
        accepted."""
        check_planner(request.user, WHO)
        said = AttributionIn(data=request.data)
        said.is_valid(raise_exception=True)
        made = actions.attribute(by=actor_of(request), **said.validated_data)
        return Response(AttributionOut(made).data, status=status.HTTP_201_CREATED)

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
