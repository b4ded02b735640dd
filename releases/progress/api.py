"""How a release goes, over the API: its progress, and the history of its scope."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import days
from portal.kernel.api import Endpoint, named_by
from releases.planning.api import StateOut
from releases.planning.models import Release
from releases.progress import queries
from squads.models import ScopeChange, Story


class DayOut(serializers.Serializer):
    """How many stories a release had at the end of a day, in the company’s time zone, and how many on each stage."""

    day = serializers.DateField()
    scope = serializers.IntegerField()
    stages = serializers.DictField(child=serializers.IntegerField())


class BlockerOut(serializers.Serializer):
    """A story that is not rodeo done, with the honest answer. `since` is since when it has been on its stage, if known."""

    key = serializers.CharField()
    title = serializers.CharField()
    stage = serializers.ChoiceField(Story.Stage.choices)
    since = serializers.DateTimeField(allow_null=True)
    answer = serializers.CharField()


class ActorOut(serializers.Serializer):
    """Who can act next: a squad, a person who was asked to accept, or whoever takes a service that has no owner."""

    kind = serializers.ChoiceField(["squad", "person", "service"])
    name = serializers.CharField()
    stories = BlockerOut(many=True)


class ProgressOut(serializers.Serializer):
    """How a release goes. The last day has the counts of the board. Of a long time, not every day is listed."""

    release = serializers.CharField()
    state = StateOut()
    planned_for = serializers.DateField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True, help_text="Until the target date; negative after it.")
    days = DayOut(many=True)
    waits_for = ActorOut(many=True)
    more = serializers.IntegerField(help_text="How many more stories wait than are listed.")


class ProgressOfReleases(Endpoint):
    """How releases go."""

    serializer_class = ProgressOut
    queryset = Release.objects.all()
    filter_backends: list[Any] = []
    pagination_class = None

    @extend_schema(responses=ProgressOut, operation_id="releases_progress_retrieve")
    def retrieve(self, request: Request, slug: str) -> Response:
        """Show the burn-up of a release, and what its stories wait for, by who can act."""
        release = get_object_or_404(Release.objects.select_related("abandoned_by"), slug=slug)
        found = queries.progress(release)
        left = (release.planned_for - days.today()).days if release.planned_for else None
        return Response(
            {
                "release": release.slug,
                "state": StateOut(found.state).data,
                "planned_for": release.planned_for,
                "days_left": left,
                "days": [
                    {"day": each.day, "scope": each.scope, "stages": dict(each.by_stage)} for each in found.points
                ],
                "waits_for": [
                    {"kind": actor.kind, "name": actor.name, "stories": [_blocker(each) for each in actor.stories]}
                    for actor in found.actors
                ],
                "more": found.more,
            }
        )


def _blocker(blocked: queries.Blocked) -> dict[str, Any]:
    story = blocked.line.story
    return {
        "key": story.key,
        "title": story.title,
        "stage": story.stage,
        "since": blocked.since,
        "answer": blocked.line.answer,
    }


class ScopeChangeOut(serializers.ModelSerializer):
    """A story came into the release or went out of it. `by` is null if nobody did it: a tag did, for example."""

    story = named_by("key")
    from_release = named_by("slug", allow_null=True)
    to_release = named_by("slug", allow_null=True)
    by = named_by("username", allow_null=True)

    class Meta:
        model = ScopeChange
        fields = ["id", "story", "from_release", "to_release", "at", "by", "how"]
        read_only_fields = fields


class ScopeChanges(mixins.ListModelMixin, Endpoint):
    """What came into a release and went out of it, the newest first."""

    serializer_class = ScopeChangeOut
    filter_backends: list[Any] = []
    queryset = ScopeChange.objects.none()

    def get_queryset(self) -> QuerySet[ScopeChange]:
        return queries.scope_changes(get_object_or_404(Release, slug=self.kwargs["slug"]))
