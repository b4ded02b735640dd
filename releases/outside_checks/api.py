"""Outside checks over the API; the same verbs as the pages call."""

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.policy import check_manager
from portal.kernel.request_fields import Body
from releases.outside_checks import actions
from releases.outside_checks.actions import LONGEST
from releases.outside_checks.models import OutsideCheck
from releases.planning.models import Release
from squads.teams.permissions import check_planner


class OutsideCheckOut(serializers.ModelSerializer):
    """An address that is asked about a release, or about every release of a line. Its secret is never shown."""

    release = named_by("slug", allow_null=True)
    by = named_by("username")

    class Meta:
        model = OutsideCheck
        fields = ["id", "release", "line", "name", "url", "path", "expected", "header", "by", "at"]
        read_only_fields = fields


class OutsideCheckIn(Body):
    """A new check: of a release, or else of every release of a line."""

    release = Chosen(slug_field="slug", queryset=Release.objects.all(), required=False, allow_null=True)
    line = serializers.CharField(max_length=120, required=False, allow_blank=True)
    name = serializers.CharField(max_length=LONGEST["name"])
    url = serializers.CharField(max_length=LONGEST["url"])
    path = serializers.CharField(max_length=LONGEST["path"], required=False, allow_blank=True)
    expected = serializers.CharField(max_length=LONGEST["expected"], required=False, allow_blank=True)
    header = serializers.CharField(max_length=LONGEST["header"], required=False, allow_blank=True)
    secret = serializers.CharField(max_length=LONGEST["secret"], required=False, allow_blank=True)


class OutsideCheckFilter(django_filters.FilterSet):
    """?release= is a slug, ?line= is exact."""

    release = django_filters.CharFilter(field_name="release__slug")
    line = django_filters.CharFilter(field_name="line")

    class Meta:
        model = OutsideCheck
        fields: list[str] = []


class OutsideChecks(mixins.ListModelMixin, Endpoint):
    """Addresses of other systems that are asked whether a release may go out. For project managers and administrators."""

    marks = {"create": "managers", "destroy": "managers"}
    without_fields = frozenset({"destroy"})
    serializer_class = OutsideCheckOut
    filterset_class = OutsideCheckFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[OutsideCheck]:
        rows = OutsideCheck.objects.filter(removed_at=None).select_related("release", "by").defer("secret")
        return rows.order_by("name", "pk")

    @extend_schema(request=OutsideCheckIn, responses={201: OutsideCheckOut})
    def create(self, request: Request) -> Response:
        """Add a check. It is asked within seconds, then every five minutes."""
        check_manager(request.user, actions.CHANGE)
        said = OutsideCheckIn(data=request.data)
        said.is_valid(raise_exception=True)
        row = actions.add_check(by=actor_of(request), **said.validated_data)
        return Response(OutsideCheckOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a check. Its secret is deleted."""
        check_manager(request.user, actions.CHANGE)
        actions.remove_check(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class OutsideAsking(Endpoint):
    """Asking outside checks at once."""

    marks = {"create": "planners"}
    without_fields = frozenset({"create"})
    serializer_class = OutsideCheckOut
    pagination_class = None
    queryset = OutsideCheck.objects.none()

    @extend_schema(request=None, responses={202: None}, operation_id="releases_outside_checks_ask_create")
    def create(self, request: Request, slug: str) -> Response:
        """Have the outside checks of a release asked within seconds. The readiness then has their answers."""
        check_planner(request.user)
        actions.want(get_object_or_404(Release, slug=slug))
        return Response(status=status.HTTP_202_ACCEPTED)
