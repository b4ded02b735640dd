"""Links to releases over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.planning.models import Release
from releases.sharing import actions, queries
from releases.sharing.models import ReleaseLink
from releases.sharing.views import address_of
from squads.teams.permissions import check_planner


class ReleaseLinkOut(serializers.ModelSerializer):
    """A read-only link to a release. `start` is how its secret begins; `revoked_at` and `expires_at` say until when it works."""

    release = named_by("slug")
    created_by = named_by("username")
    revoked_by = named_by("username", allow_null=True)

    class Meta:
        model = ReleaseLink
        fields = [
            "id",
            "release",
            "name",
            "start",
            "created_by",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "revoked_by",
        ]
        read_only_fields = fields


class NewReleaseLinkOut(ReleaseLinkOut):
    """A new link, with its address, which is shown only once."""

    url = serializers.SerializerMethodField()

    class Meta(ReleaseLinkOut.Meta):
        fields = [*ReleaseLinkOut.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, link: ReleaseLink) -> str:
        return address_of(self.context["secret"])


class ReleaseLinkIn(Body):
    """Who a link is for, and when it expires."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    days = serializers.ChoiceField(choices=list(actions.LIFETIMES))


class ReleaseLinks(mixins.ListModelMixin, Endpoint):
    """Read-only links to a release, for people without an account. For people who can edit the release."""

    marks = {"list": "planners", "create": "planners", "destroy": "planners"}
    without_fields = frozenset({"destroy"})
    serializer_class = ReleaseLinkOut
    filter_backends: list[Any] = []
    queryset = ReleaseLink.objects.none()

    def get_queryset(self) -> QuerySet[ReleaseLink]:
        return queries.links_of(self._release())

    def _release(self) -> Release:
        check_planner(self.request.user)
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    @extend_schema(request=ReleaseLinkIn, responses={201: NewReleaseLinkOut}, operation_id="releases_links_create")
    def create(self, request: Request, slug: str) -> Response:
        """Create a link. The answer has its address, shown only once."""
        release = self._release()
        said = ReleaseLinkIn(data=request.data)
        said.is_valid(raise_exception=True)
        link, secret = actions.share(release, by=actor_of(request), **said.validated_data)
        shown = NewReleaseLinkOut(link, context={"secret": secret}).data
        return Response(shown, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: None}, operation_id="releases_links_destroy")
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Revoke a link. It stays in the list."""
        actions.revoke(get_object_or_404(self.get_queryset(), pk=pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
