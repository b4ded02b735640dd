"""Releases and their boards over the API; the same verbs as the pages call."""

from collections import Counter
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, YesNoFilter
from portal.kernel.request_fields import Body
from releases.pipelines.models import StoryLink
from releases.planning import actions
from releases.planning.board import MOST_CARDS
from releases.planning.lookup import moved
from releases.planning.models import Release
from squads.judge import judgement
from squads.models import Story
from squads.stories.queries import owner_names
from squads.teams.permissions import check_planner
from squads.teams.queries import left_out


class ReleaseOut(serializers.ModelSerializer):
    """A release. Lead times are in seconds, from a change's author date to the release's tag."""

    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Release
        fields = [
            "slug",
            "version",
            "line",
            "origin",
            "notes",
            "planned_for",
            "released_at",
            "created_at",
            "tagged_at",
            "commits",
            "non_merge_commits",
            "lead_time_median",
            "lead_time_p90",
            "url",
        ]
        read_only_fields = fields


class ReleaseIn(Body):
    """The fields of a release that people can change. A version is text: 5.10 is not 5.1."""

    version = serializers.CharField(max_length=200)
    line = serializers.CharField(max_length=120, required=False, allow_blank=True)
    notes = serializers.CharField(required=False, allow_blank=True)
    planned_for = serializers.DateField(required=False, allow_null=True)
    released_at = serializers.DateTimeField(required=False, allow_null=True)


class CardOut(serializers.Serializer):
    """One story on the board. `planned` is false if it is here only because of a change in the release."""

    key = serializers.CharField()
    title = serializers.CharField()
    type = serializers.ChoiceField(Story.Type.choices)
    squad = serializers.CharField()
    stage = serializers.ChoiceField(Story.Stage.choices)
    gaps = serializers.ListField(child=serializers.CharField())
    dark = serializers.BooleanField()
    planned = serializers.BooleanField()
    answer = serializers.CharField()
    url = serializers.CharField()


class StageOut(serializers.Serializer):
    """How many stories of the release are on this stage, and their share (0 to 1)."""

    stage = serializers.ChoiceField(Story.Stage.choices)
    count = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class BoardOut(serializers.Serializer):
    """A release board: its stages in order, and its stories sorted by squad and number."""

    release = ReleaseOut()
    total = serializers.IntegerField()
    more = serializers.IntegerField(help_text="How many more stories there are after the first 500.")
    rodeo_done = serializers.IntegerField()
    left_out = serializers.CharField(help_text="How many cancelled stories and duplicates are left out, as a text.")
    stages = StageOut(many=True)
    stories = CardOut(many=True)


class ReleaseFilter(django_filters.FilterSet):
    """?line= is exact, ?text= looks in versions."""

    line = django_filters.CharFilter(field_name="line")
    text = django_filters.CharFilter(field_name="version", lookup_expr="icontains")
    released = YesNoFilter(field_name="released_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Release
        fields = ["origin"]


def stories_of(release: Release) -> tuple[list[Story], set[int], Counter[str], str]:
    """Return the first stories of a release by squad and number, the ids of those planned for it, all by stage, and what
    is left out."""
    planned = set(Story.objects.filter(release=release).values_list("pk", flat=True))
    links = StoryLink.objects.asking().filter(change__release=release)
    named = set(links.values_list("story_id", flat=True).distinct())
    every = Story.objects.filter(pk__in=planned | named)
    stories = every.not_ended().select_related("squad").order_by("squad__name", "number")
    counts = Counter(every.not_ended().order_by().values_list("stage", flat=True))
    return list(stories[:MOST_CARDS]), planned, counts, left_out(every)


class Releases(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Releases, newest first. On the same day, the highest version comes first. Old addresses redirect."""

    marks = {"create": "planners", "partial_update": "planners"}
    serializer_class = ReleaseOut
    lookup_field = "slug"
    lookup_value_regex = r"[^/]+"
    filterset_class = ReleaseFilter

    def get_queryset(self) -> QuerySet[Release]:
        return Release.objects.newest_first()

    def handle_exception(self, exc: Exception) -> Any:
        """Lead from the address that a release had before it was renamed to its address now."""
        elsewhere = moved(self.request._request, self.kwargs.get("slug", "")) if isinstance(exc, Http404) else None
        return elsewhere or super().handle_exception(exc)

    @extend_schema(request=ReleaseIn, responses={201: ReleaseOut})
    def create(self, request: Request) -> Response:
        """Plan a release."""
        check_planner(request.user)
        said = ReleaseIn(data=request.data)
        said.is_valid(raise_exception=True)
        release = actions.create_release(by=actor_of(request), **said.validated_data)
        return Response(ReleaseOut(release).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ReleaseIn(partial=True), responses=ReleaseOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a release. If it was found as a tag, its version, line and date stay."""
        release = self.get_object()
        check_planner(request.user)
        present = {"present": lambda: ReleaseOut(release).data}
        said = ReleaseIn(data=request.data, partial=True, context=present)
        said.is_valid(raise_exception=True)
        actions.edit_release(release, by=actor_of(request), **said.validated_data)
        return Response(ReleaseOut(release).data)

    @extend_schema(responses=BoardOut)
    @action(detail=True, methods=["get"], filterset_class=None)
    def board(self, request: Request, slug: str) -> Response:
        """Show the stage of every story in the release, with its gaps and the honest answer."""
        release = self.get_object()
        stories, planned, counts, missing = stories_of(release)
        owners = owner_names(story.standing for story in stories)
        total = counts.total()
        return Response(
            {
                "release": ReleaseOut(release).data,
                "total": total,
                "more": total - len(stories),
                "rodeo_done": counts["rodeo_done"],
                "left_out": missing,
                "stages": [
                    {
                        "stage": stage,
                        "count": counts[stage],
                        "share": round(counts[stage] / total, 4) if total else None,
                    }
                    for stage in judgement.STAGES
                ],
                "stories": [_card(story, owners, story.pk in planned) for story in stories],
            }
        )


def _card(story: Story, owners: dict[str, str], planned: bool) -> dict[str, Any]:
    return {
        "key": story.key,
        "title": story.title,
        "type": story.type,
        "squad": story.squad.slug,
        "stage": story.stage,
        "gaps": story.standing.get("gaps", []),
        "dark": bool(story.standing.get("dark")),
        "planned": planned,
        "answer": judgement.say(story.standing, owners=owners, squad=story.squad.name),
        "url": story.get_absolute_url(),
    }
