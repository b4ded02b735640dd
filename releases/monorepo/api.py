"""Monorepo paths over the API: folders of a repository that make a service of their own."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.mappings.actions import check_mapper
from releases.monorepo import actions
from releases.pipelines.models import Repository, RepositoryPart


class PartOut(serializers.ModelSerializer):
    """A folder of a repository that is a service of its own."""

    repository = named_by("key")
    folder = serializers.CharField(source="prefix", read_only=True)
    service = named_by("slug")
    by = named_by("username", allow_null=True)

    class Meta:
        model = RepositoryPart
        fields = ["id", "repository", "folder", "service", "by"]
        read_only_fields = fields


class PartIn(Body):
    """A folder, from the repository's root, and the name of its service. A new service is created."""

    repository = Chosen(slug_field="key", queryset=Repository.objects.all())
    folder = serializers.CharField(max_length=250, help_text="Such as services/checkout.")
    service = serializers.CharField(max_length=120)


class PartFilter(django_filters.FilterSet):
    """?repository= and ?service= are a repository's key and a service's slug."""

    repository = django_filters.CharFilter(field_name="repository__key")
    service = django_filters.CharFilter(field_name="service__slug")

    class Meta:
        model = RepositoryPart
        fields: list[str] = []


class RepositoryParts(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Monorepo paths: folders that are a service of their own. A change also applies to the repository's past."""

    marks = {"create": "managers", "destroy": "managers"}
    serializer_class = PartOut
    filterset_class = PartFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[RepositoryPart]:
        rows = RepositoryPart.objects.select_related("repository", "service", "by")
        return rows.order_by("repository__key", "prefix")

    @extend_schema(request=PartIn, responses={201: PartOut})
    def create(self, request: Request) -> Response:
        """Add a monorepo path. For administrators and project managers."""
        check_mapper(request.user)
        serializer = PartIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        row = actions.add_part(data["repository"], data["folder"], data["service"], by=actor_of(request))
        return Response(PartOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a monorepo path. For administrators and project managers."""
        row = self.get_object()
        check_mapper(request.user)
        actions.remove_part(row, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
