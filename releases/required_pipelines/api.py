"""Which pipelines of a service must be green, over the API."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.pipelines.models import RequiredPipelines
from releases.required_pipelines import actions
from squads.models import Service
from squads.teams.permissions import check_member


class RequiredPipelinesOut(serializers.ModelSerializer):
    """A service and the pipelines that must be green on a commit before it counts as integrated."""

    service = named_by("slug")
    pipelines = serializers.ListField(source="names", child=serializers.CharField(), read_only=True)
    by = named_by("username", allow_null=True)

    class Meta:
        model = RequiredPipelines
        fields = ["service", "pipelines", "by", "at"]
        read_only_fields = fields


class RequiredPipelinesIn(Body):
    """The required pipelines of a service. They replace the previous ones."""

    service = Chosen(slug_field="slug", queryset=Service.objects.select_related("squad"))
    pipelines = serializers.ListField(
        child=serializers.CharField(max_length=actions.LONGEST_NAME),
        allow_empty=False,
        max_length=actions.MOST_PIPELINES,
        help_text="Names as in their runs. Upper and lower case don't matter. To require none, delete the rule.",
    )


class RequiredPipelinesRules(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Required pipelines. Without any, all runs of a commit that a push, merge queue or tag started count together."""

    marks = {"create": "members", "destroy": "members"}
    serializer_class = RequiredPipelinesOut
    lookup_field = "service__slug"
    lookup_url_kwarg = "slug"
    lookup_value_regex = "[-a-zA-Z0-9_]+"

    def get_queryset(self) -> QuerySet[RequiredPipelines]:
        return RequiredPipelines.objects.select_related("service__squad", "by").order_by("service__name")

    @extend_schema(request=RequiredPipelinesIn, responses={201: RequiredPipelinesOut})
    def create(self, request: Request) -> Response:
        """Set the required pipelines of a service. For members of its squad."""
        serializer = RequiredPipelinesIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        service = serializer.validated_data["service"]
        check_member(service.squad, request.user, f"service {service}")
        actions.require_pipelines(service, serializer.validated_data["pipelines"], by=actor_of(request))
        rule = self.get_queryset().get(service=service)
        return Response(RequiredPipelinesOut(rule).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, slug: str) -> Response:
        """Remove a service's required pipelines. For members of its squad."""
        service = self.get_object().service
        check_member(service.squad, request.user, f"service {service}")
        actions.require_pipelines(service, [], by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
