"""The status of a release over the API."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint
from portal.kernel.request_fields import check_names
from releases.planning.models import Release
from releases.status import queries
from squads.models import Story


class StatusStageOut(serializers.Serializer[Any]):
    """How many stories are on a stage."""

    stage = serializers.ChoiceField(Story.Stage.choices)
    count = serializers.IntegerField()


class WaitingOut(serializers.Serializer[Any]):
    """A story that isn't rodeo done, and what it waits for."""

    key = serializers.CharField(source="line.story.key")
    waits_for = serializers.CharField(source="line.brief")
    blocked = serializers.SerializerMethodField()
    since = serializers.DateTimeField(allow_null=True)

    def get_blocked(self, row: Any) -> bool:
        return bool(row.line.story.blocked_because)


class WaitingGroupOut(serializers.Serializer[Any]):
    """What a squad, a person or the owner of a service can act on: the first four, the oldest first, and how many."""

    kind = serializers.CharField(help_text="squad, person (asked to accept) or service (it has no owner yet).")
    name = serializers.CharField()
    count = serializers.IntegerField()
    stories = WaitingOut(source="waiting", many=True)


class StatusChangeOut(serializers.Serializer[Any]):
    """Something that changed in the last seven days."""

    at = serializers.DateTimeField()
    key = serializers.CharField(source="story.key")
    what = serializers.CharField(source="words")


class StatusOut(serializers.Serializer[Any]):
    """How a release stands. `verdict` is null where nobody judges whether it is ready."""

    release = serializers.CharField(source="release.slug")
    at = serializers.DateTimeField()
    verdict = serializers.CharField(source="verdict.word", default=None, allow_null=True)
    sentence = serializers.SerializerMethodField()
    due = serializers.CharField()
    goal = serializers.CharField(source="release.goal")
    owner = serializers.CharField(source="release.owner.username", default=None, allow_null=True)
    planned_for = serializers.DateField(source="release.planned_for", allow_null=True)
    stages = StatusStageOut(source="columns", many=True)
    waiting = WaitingGroupOut(source="groups", many=True, help_text="At most six.")
    more_waiting = serializers.IntegerField(help_text="Stories that wait for others.")
    changed = StatusChangeOut(many=True, help_text="The newest ten of the last seven days.")
    more_changed = serializers.IntegerField()
    forecast = serializers.CharField(help_text="When it will be rodeo done, or why nothing tells.")

    def get_sentence(self, status: queries.Status) -> str:
        return status.verdict.sentence if status.verdict else status.sentence


class Statuses(Endpoint):
    """The status of a release on one page."""

    serializer_class = StatusOut
    pagination_class = None
    filter_backends: list[Any] = []
    queryset = Release.objects.none()

    @extend_schema(responses=StatusOut, operation_id="releases_status_retrieve")
    def retrieve(self, request: Request, slug: str) -> Response:
        """Show how a release stands: what it waits for and from whom, and what changed in the last week."""
        check_names(list(request.query_params), ["format"], "parameter")
        release = get_object_or_404(Release.objects.select_related("owner", "abandoned_by"), slug=slug)
        return Response(StatusOut(queries.status_of(release)).data)
