"""Releases and their boards over the API; the same verbs as the pages call."""

from collections import Counter
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, YesNoFilter, named_by
from portal.kernel.request_fields import Body, LimitedList
from releases.pipelines.models import StoryLink
from releases.planning import actions
from releases.planning.board import MOST_CARDS
from releases.planning.lookup import moved
from releases.planning.members import Shipped, shipments_of, state_now, states_of
from releases.planning.models import LONGEST_GOAL, Release
from releases.planning.queries import people
from releases.planning.querysets import ReleaseQuerySet
from releases.planning.state import NAMES
from squads.judge import judgement
from squads.models import Story
from squads.stories.queries import owner_names
from squads.teams.permissions import check_planner
from squads.teams.queries import left_out


class StateOut(serializers.Serializer):
    """How far a release is by its stories, why in a sentence, and since when; null where nobody knows since when."""

    state = serializers.ChoiceField(list(NAMES.items()))
    reason = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)


class ReleaseOut(serializers.ModelSerializer):
    """A release. Lead times are in seconds, from a change's author date to the release's tag."""

    url = serializers.CharField(source="get_absolute_url", read_only=True)
    owner = named_by("username", allow_null=True)
    abandoned_by = named_by("username", allow_null=True)
    state = serializers.SerializerMethodField()

    @extend_schema_field(StateOut)
    def get_state(self, release: Release) -> dict[str, Any]:
        return dict(StateOut(release.__dict__.get("state_now") or state_now(release)).data)

    class Meta:
        model = Release
        fields = [
            "slug",
            "version",
            "line",
            "origin",
            "state",
            "owner",
            "goal",
            "notes",
            "planned_for",
            "released_at",
            "is_out",
            "revision",
            "created_at",
            "abandoned_at",
            "abandoned_by",
            "abandoned_because",
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
    owner = Chosen(
        slug_field="username",
        queryset=people(),
        required=False,
        allow_null=True,
        error_messages={"does_not_exist": "There’s no account “{value}”.", "invalid": "Enter a user name."},
    )
    goal = serializers.CharField(max_length=LONGEST_GOAL, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=50_000, required=False, allow_blank=True)
    planned_for = serializers.DateField(required=False, allow_null=True)
    released_at = serializers.DateTimeField(required=False, allow_null=True)
    is_out = serializers.BooleanField(
        required=False, help_text="True says that it’s out, at its release date or, without one, at its tag’s."
    )


class ReleaseChangesIn(ReleaseIn):
    """What changes about a release, and the revision that you read. If someone changed it since, nothing is saved (409)."""

    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class AbandonIn(Body):
    """Why the release won’t go out."""

    because = serializers.CharField(max_length=actions.LONGEST_REASON)


class StoriesIn(Body):
    """Stories to plan for the release, or with `planned` false to remove from it: all of them, or none."""

    stories = LimitedList(child=serializers.CharField(max_length=40), most=actions.MOST_AT_ONCE)
    planned = serializers.BooleanField(default=True)


class StoriesOut(serializers.Serializer):
    """The keys of the stories that changed. Those that were so already are left out."""

    planned = serializers.BooleanField()
    stories = serializers.ListField(child=serializers.CharField())


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
    """?line= is exact, ?text= looks in versions, ?owner= takes a user name."""

    line = django_filters.CharFilter(field_name="line")
    text = django_filters.CharFilter(field_name="version", lookup_expr="icontains")
    state = django_filters.ChoiceFilter(choices=list(NAMES.items()), method="in_state")
    owner = django_filters.CharFilter(field_name="owner__username")
    released = YesNoFilter(field_name="is_out")

    class Meta:
        model = Release
        fields = ["origin"]

    def in_state(self, rows: ReleaseQuerySet, name: str, value: str) -> ReleaseQuerySet:
        """Keep the releases in a state."""
        return rows.in_state(value)


def stories_of(release: Release, shipped: Shipped) -> list[Story]:
    """Return the first stories that a release ships, by squad and number."""
    stories = Story.objects.filter(pk__in=shipped).select_related("squad").order_by("squad__name", "number")
    return list(stories[:MOST_CARDS])


def _ended(release: Release) -> str:
    links = StoryLink.objects.asking().filter(change__release=release)
    return left_out(Story.objects.filter(Q(release=release) | Q(pk__in=links.values("story_id"))))


class Releases(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Releases, newest first. On the same day, the highest version comes first. Old addresses redirect."""

    marks = {
        "create": "planners",
        "partial_update": "planners",
        "abandon": "answers",
        "resume": "answers",
        "stories": "planners",
    }
    without_fields = frozenset({"resume"})
    serializer_class = ReleaseOut
    lookup_field = "slug"
    lookup_value_regex = r"[^/]+"
    leads_on = True
    filterset_class = ReleaseFilter

    def get_queryset(self) -> QuerySet[Release]:
        return Release.objects.select_related("owner", "abandoned_by").newest_first()

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return one page of releases, each with its state."""
        page = super().paginate_queryset(queryset)
        states = states_of(page)
        for release in page:
            release.state_now = states[release.pk]
        return page

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

    @extend_schema(request=ReleaseChangesIn(partial=True), responses=ReleaseOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a release. If it was found as a tag, its version and line stay. A date that only its tag gave, sent back, says
        nothing: with `is_out`, or another date, you say that it’s out."""
        release = self.get_object()
        check_planner(request.user)
        present = {"present": lambda: ReleaseOut(release).data}
        said = ReleaseChangesIn(data=request.data, partial=True, context=present)
        said.is_valid(raise_exception=True)
        actions.edit_release(release, by=actor_of(request), **said.validated_data)
        return Response(ReleaseOut(release).data)

    @extend_schema(request=AbandonIn, responses=ReleaseOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def abandon(self, request: Request, slug: str) -> Response:
        """Say that a release won’t go out, and why. For its owner, project managers and administrators.

        409 if it is abandoned already.
        """
        release = self.get_object()
        actions.check_may_abandon(release, request.user)
        said = AbandonIn(data=request.data)
        said.is_valid(raise_exception=True)
        actions.abandon_release(release, by=actor_of(request), **said.validated_data)
        return Response(ReleaseOut(release).data)

    @extend_schema(request=None, responses=ReleaseOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def resume(self, request: Request, slug: str) -> Response:
        """Go on with an abandoned release. For its owner, project managers and administrators.

        409 if it isn’t abandoned.
        """
        release = self.get_object()
        actions.resume_release(release, by=actor_of(request))
        return Response(ReleaseOut(release).data)

    @extend_schema(request=StoriesIn, responses=StoriesOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def stories(self, request: Request, slug: str) -> Response:
        """Plan stories for a release or remove them from it, all at once. If any can’t be, none is, and each is named."""
        release = self.get_object()
        check_planner(request.user)
        said = StoriesIn(data=request.data)
        said.is_valid(raise_exception=True)
        wanted = said.validated_data
        changed = actions.plan_stories(release, wanted["stories"], by=actor_of(request), planned=wanted["planned"])
        return Response({"planned": wanted["planned"], "stories": [story.key for story in changed]})

    @extend_schema(responses=BoardOut)
    @action(detail=True, methods=["get"], filterset_class=None)
    def board(self, request: Request, slug: str) -> Response:
        """Show the stage of every story in the release, with its gaps and the honest answer."""
        release = self.get_object()
        shipped = shipments_of([release.pk])[release.pk]
        release.state_now = state_now(release, shipped)
        stories, counts = stories_of(release, shipped), Counter(each.stage for each in shipped.values())
        owners = owner_names(story.standing for story in stories)
        total = counts.total()
        return Response(
            {
                "release": ReleaseOut(release).data,
                "total": total,
                "more": total - len(stories),
                "rodeo_done": counts["rodeo_done"],
                "left_out": _ended(release),
                "stages": [
                    {
                        "stage": stage,
                        "count": counts[stage],
                        "share": round(counts[stage] / total, 4) if total else None,
                    }
                    for stage in judgement.STAGES
                ],
                "stories": [_card(story, owners, shipped[story.pk].planned) for story in stories],
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
