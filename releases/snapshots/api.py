"""Snapshots over the API; the same verbs as the pages call."""

import json
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.planning.models import Release
from releases.snapshots import actions, queries
from releases.snapshots.models import Snapshot
from releases.snapshots.views import download
from squads.teams.permissions import check_planner


class SnapshotOut(serializers.ModelSerializer):
    """A judgement that was kept. `sha256` is of the bytes of its document."""

    release = serializers.CharField(source="release_slug", read_only=True)
    by = named_by("username", allow_null=True)

    class Meta:
        model = Snapshot
        fields = ["sha256", "release", "release_name", "reason", "note", "by", "at", "verdict", "sentence"]
        read_only_fields = fields


class DifferenceOut(serializers.Serializer):
    """One thing that was otherwise then. Empty texts: it was not there then, or isn't now."""

    kind = serializers.CharField(help_text="verdict, gate, story, commit, artifact, tag or configuration.")
    name = serializers.CharField()
    was = serializers.CharField()
    now = serializers.CharField()


class WholeSnapshotOut(SnapshotOut):
    """A snapshot with its document, and what is different now; null if the release is gone."""

    document = serializers.SerializerMethodField()
    different_now = serializers.SerializerMethodField()

    class Meta(SnapshotOut.Meta):
        fields = [*SnapshotOut.Meta.fields, "document", "different_now"]
        read_only_fields = fields

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get_document(self, snapshot: Snapshot) -> dict[str, Any]:
        return dict(json.loads(snapshot.document))

    def get_different_now(self, snapshot: Snapshot) -> list[dict[str, str]] | None:
        found = queries.difference_to_now(snapshot)
        return None if found is None else list(DifferenceOut(found, many=True).data)


class SnapshotIn(Body):
    """What it is for."""

    note = serializers.CharField(max_length=300, required=False, allow_blank=True)


class ReleaseSnapshots(mixins.ListModelMixin, Endpoint):
    """Snapshots of a release. They are taken when it goes out to production; people who plan releases take others."""

    marks = {"create": "planners"}
    serializer_class = SnapshotOut
    filter_backends: list[Any] = []
    queryset = Snapshot.objects.none()

    def get_queryset(self) -> QuerySet[Snapshot]:
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return queries.snapshots_of(self._release())

    def _release(self) -> Release:
        return get_object_or_404(Release.objects.select_related("owner"), slug=self.kwargs["slug"])

    @extend_schema(request=SnapshotIn, responses={201: SnapshotOut}, operation_id="releases_snapshots_create")
    def create(self, request: Request, slug: str) -> Response:
        """Take a snapshot of a release now."""
        release = self._release()
        check_planner(request.user)
        said = SnapshotIn(data=request.data)
        said.is_valid(raise_exception=True)
        taken = actions.take_snapshot(release, by=actor_of(request), **said.validated_data)
        return Response(SnapshotOut(taken).data, status=status.HTTP_201_CREATED)


class Snapshots(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Snapshots of all releases, and one by its SHA-256. They stay when their release is deleted."""

    filter_backends: list[Any] = []
    lookup_field = "sha256"
    lookup_value_regex = "[0-9a-f]{64}"
    queryset = Snapshot.objects.select_related("by")

    def get_queryset(self) -> QuerySet[Snapshot]:
        rows = super().get_queryset()
        return rows.defer("document") if self.action == "list" else rows

    def get_serializer_class(self) -> type[SnapshotOut]:
        return SnapshotOut if self.action == "list" else WholeSnapshotOut

    @extend_schema(
        responses={(200, "application/json"): OpenApiTypes.OBJECT}, operation_id="snapshots_document_retrieve"
    )
    def document(self, request: Request, sha256: str) -> HttpResponseBase:
        """Return the document: the bytes whose SHA-256 is in the address."""
        return download(request._request, sha256)
