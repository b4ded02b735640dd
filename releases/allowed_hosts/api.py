"""Hosts inside the company's network that sources may ask, over the API."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.allowed_hosts import actions
from releases.allowed_hosts.models import AllowedHost


class HostOut(serializers.ModelSerializer):
    """A host inside your network that sources can reach."""

    by = named_by("username", allow_null=True)

    class Meta:
        model = AllowedHost
        fields = ["host", "note", "by", "at"]
        read_only_fields = fields


class HostIn(Body):
    """A host to allow: a name or IP address, without scheme and port."""

    host = serializers.CharField(max_length=253)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="What it is for.")


class AllowedHosts(mixins.ListModelMixin, Endpoint):
    """Hosts inside your network that sources can reach. For administrators only."""

    marks = {"list": "administrators", "create": "administrators", "destroy": "administrators"}
    serializer_class = HostOut
    lookup_field = "host"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[AllowedHost]:
        return actions.listed_hosts()

    @extend_schema(request=HostIn, responses={201: HostOut})
    def create(self, request: Request) -> Response:
        """Allow a host."""
        serializer = HostIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = actions.allow(by=actor_of(request), **serializer.validated_data)
        return Response(HostOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, host: str) -> Response:
        """Remove a host."""
        actions.close(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
