"""Environments over the API; the same verbs as the pages call."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, YesNoFilter
from portal.kernel.request_fields import Body
from releases.environments import actions
from releases.environments.models import Environment
from releases.environments.queries import WHO_MAY_EDIT
from squads.teams.permissions import check_planner


class EnvironmentOut(serializers.ModelSerializer):
    """An environment."""

    url = serializers.CharField(source="get_absolute_url", read_only=True)
    web = serializers.CharField(source="url", read_only=True, help_text="The environment's own address.")

    class Meta:
        model = Environment
        fields = [
            "slug",
            "key",
            "name",
            "tier",
            "tier_confirmed",
            "order",
            "location",
            "cluster",
            "realm",
            "web",
            "discovered",
            "gone_at",
            "url",
        ]
        read_only_fields = fields


class EnvironmentChange(Body):
    """The fields of an environment that people can change."""

    instead = {
        "key": "It’s the name in your deployment system, so it can’t change. A mapping rule can map other names to it.",
        "gone_at": "It follows from events. A deployment brings the environment back.",
    }

    name = serializers.CharField(max_length=120, required=False)
    tier = serializers.ChoiceField(Environment.Tier.choices, required=False)
    order = serializers.IntegerField(min_value=0, max_value=2_147_483_647, required=False)
    location = serializers.CharField(max_length=80, required=False, allow_blank=True)
    cluster = serializers.CharField(max_length=80, required=False, allow_blank=True)
    realm = serializers.CharField(max_length=80, required=False, allow_blank=True)
    web = serializers.URLField(max_length=1000, required=False, allow_blank=True, source="url")


class EnvironmentIn(EnvironmentChange):
    """A new environment. Its key is the name in your deployment system, and can't be changed later."""

    key = serializers.CharField(max_length=120)


class TierConfirmation(Body):
    """The tier of the environment. If you leave it out, the tier that its name suggests."""

    tier = serializers.ChoiceField(Environment.Tier.choices, required=False)


class EnvironmentFilter(django_filters.FilterSet):
    """?text= looks in names and keys."""

    text = django_filters.CharFilter(field_name="name", lookup_expr="icontains")
    key = django_filters.CharFilter(field_name="key", lookup_expr="iexact")
    tier_confirmed = YesNoFilter()
    discovered = YesNoFilter()

    class Meta:
        model = Environment
        fields = ["tier"]


class Environments(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Environments: where services run."""

    marks = {"create": "planners", "partial_update": "planners", "confirmation": "planners"}
    serializer_class = EnvironmentOut
    lookup_field = "slug"
    filterset_class = EnvironmentFilter

    def get_queryset(self) -> QuerySet[Environment]:
        return Environment.objects.unmerged().order_by("order", "name", "pk")

    @extend_schema(request=EnvironmentIn, responses={201: EnvironmentOut})
    def create(self, request: Request) -> Response:
        """Create an environment before any event mentions it."""
        check_planner(request.user, WHO_MAY_EDIT)
        serializer = EnvironmentIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        environment = actions.create_environment(by=actor_of(request), **serializer.validated_data)
        return Response(EnvironmentOut(environment).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=EnvironmentChange, responses=EnvironmentOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change an environment. A new tier can change the stages of its stories."""
        environment = self.get_object()
        check_planner(request.user, WHO_MAY_EDIT)
        present = {"present": lambda: EnvironmentOut(environment).data}
        serializer = EnvironmentChange(data=request.data, partial=True, context=present)
        serializer.is_valid(raise_exception=True)
        if serializer.validated_data:
            actions.edit_environment(environment, by=actor_of(request), **serializer.validated_data)
        return Response(EnvironmentOut(environment).data)

    @extend_schema(request=TierConfirmation, responses=EnvironmentOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def confirmation(self, request: Request, slug: str) -> Response:
        """Confirm the tier that its name suggests, or set another. For leads, project managers and administrators."""
        environment = self.get_object()
        check_planner(request.user, WHO_MAY_EDIT)
        serializer = TierConfirmation(data=request.data)
        serializer.is_valid(raise_exception=True)
        actions.confirm_tier(environment, by=actor_of(request), **serializer.validated_data)
        return Response(EnvironmentOut(environment).data)
