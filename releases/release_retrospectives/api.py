"""Beginning a retrospective about a release over the API; the same verb as the page calls."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.planning.models import Release
from releases.release_retrospectives.actions import review_release
from releases.release_retrospectives.queries import RETROSPECTIVES
from squads.models import Retrospective
from squads.teams.models import Squad


class ReleaseRetrospectiveIn(Body):
    """The squad that writes it; `kind` is release, or success for what went well."""

    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())
    kind = serializers.ChoiceField(list(RETROSPECTIVES), default="release")


class ReleaseRetrospectiveOut(serializers.ModelSerializer):
    """The retrospective. Everything else about it is under `/retrospectives/`, by its slug."""

    squad = named_by("slug")
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Retrospective
        fields = ["slug", "kind", "state", "title", "squad", "began_at", "ended_at", "subject_key", "url"]
        read_only_fields = fields


class ReleaseRetrospectives(Endpoint):
    """Retrospectives about a release. `GET /retrospectives/?subject=release:<id of the release>` lists them."""

    marks = {"create": "members"}
    serializer_class = ReleaseRetrospectiveOut
    pagination_class = None
    filter_backends: list[Any] = []
    queryset = Retrospective.objects.none()

    @extend_schema(
        request=ReleaseRetrospectiveIn,
        responses={201: ReleaseRetrospectiveOut},
        operation_id="releases_retrospective_create",
    )
    def create(self, request: Request, slug: str) -> Response:
        """Begin one for a squad, with the times and services of the release. If the squad has one of this kind about it, you get
        that one."""
        release, said = get_object_or_404(Release, slug=slug), ReleaseRetrospectiveIn(data=request.data)
        said.is_valid(raise_exception=True)
        row = review_release(release, by=actor_of(request), **said.validated_data)
        return Response(ReleaseRetrospectiveOut(row).data, status=status.HTTP_201_CREATED)
