"""Doing one thing to many stories over the API; the same verbs as the list calls."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body
from squads.stories.models import Story
from squads.story_lists import actions, many, queries, undoing
from squads.story_lists.models import ManyChange, StoryView


class ManyIn(Body):
    """What to do to which stories. Each act takes one more field: plan takes `release` (a slug, or "" for none), assign and
    unassign take `person`, label and unlabel `label`, priority `priority`, move `to`, squad `squad`, cancel `because`."""

    keys = serializers.ListField(
        child=serializers.CharField(max_length=40), allow_empty=False, max_length=many.MOST_AT_ONCE
    )
    act = serializers.ChoiceField(ManyChange.Act.choices)
    release = serializers.CharField(required=False, allow_blank=True, max_length=340)
    person = serializers.CharField(required=False, max_length=150, help_text="A user name, or me.")
    label = serializers.CharField(required=False, max_length=40, help_text="One that the story’s squad has.")
    priority = serializers.ChoiceField(Story.Priority.choices, required=False)
    to = serializers.ChoiceField(Story.Progress.choices, required=False)
    squad = serializers.CharField(required=False, max_length=100, help_text="Its slug.")
    because = serializers.CharField(required=False, max_length=2000)


class RefusedOut(serializers.Serializer):
    """A story that wasn’t changed or undone, and why."""

    key = serializers.CharField()
    why = serializers.CharField()


class ManyOut(serializers.Serializer):
    """The result. `undone` lists the stories that have their previous values again."""

    id = serializers.UUIDField()
    changed = serializers.ListField(child=serializers.CharField())
    unchanged = serializers.IntegerField(help_text="How many needed no change.")
    refused = RefusedOut(many=True)
    undone = serializers.ListField(child=serializers.CharField())
    not_undone = RefusedOut(many=True)


class ManyStories(Endpoint):
    """Many stories at once."""

    marks = {"create": "planners", "undo": "planners"}
    without_fields = frozenset({"undo"})
    serializer_class = ManyOut
    queryset = ManyChange.objects.all()
    filter_backends = []
    pagination_class = None

    @extend_schema(request=ManyIn, responses={201: ManyOut}, operation_id="stories_many_create")
    def create(self, request: Request) -> Response:
        """Change up to 200 stories at once. Each changes completely or not at all; one that can’t doesn’t stop the others."""
        said = ManyIn(data=request.data)
        said.is_valid(raise_exception=True)
        act = said.validated_data["act"]
        name = many.FIELD[act]
        if name not in said.validated_data:
            raise serializers.ValidationError({name: f"“{act}” needs this field."})
        value = said.validated_data[name]
        wanted = many.wanted_of(act, value, by=actor_of(request), makes_labels=False)
        change = many.change_many(said.validated_data["keys"], wanted, by=actor_of(request))
        return Response(_shown(change), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ManyOut, operation_id="stories_many_undo_create")
    def undo(self, request: Request, pk: UUID) -> Response:
        """Undo one of your last 20 changes. Stories that someone has changed since stay as they are."""
        change = get_object_or_404(ManyChange, pk=pk, by=actor_of(request))
        return Response(_shown(undoing.undo_many(change, by=actor_of(request))))


def _shown(change: ManyChange) -> Any:
    told = queries.told(change)
    return ManyOut(
        {
            "id": change.pk,
            "changed": [row.story.key if row.story else row.key for row in told.changed],
            "unchanged": told.same,
            "refused": [{"key": row.key, "why": row.why} for row in told.refused],
            "undone": [row.key for row in told.changed if row.undone],
            "not_undone": [{"key": row.key, "why": row.not_undone} for row in told.not_undone],
        }
    ).data


class StoryViewOut(serializers.ModelSerializer):
    """A saved view of the list of stories. `query` follows the question mark in the list’s address, such as
    `squad=payments&sort=due`."""

    class Meta:
        model = StoryView
        fields = ["id", "name", "query", "is_default"]
        read_only_fields = fields


class StoryViewIn(Body):
    """A view to save. A name you already have replaces that view."""

    name = serializers.CharField(max_length=actions.LONGEST_NAME)
    query = serializers.CharField(max_length=1000)
    is_default = serializers.BooleanField(default=False)


class StoryViewChange(Body):
    """What to change about a view."""

    name = serializers.CharField(max_length=actions.LONGEST_NAME, required=False)
    is_default = serializers.BooleanField(required=False)


class StoryViews(mixins.ListModelMixin, Endpoint):
    """Your saved views of the list of stories. Only you can see them."""

    marks = {"create": "writing", "partial_update": "writing", "destroy": "writing"}
    without_fields = frozenset({"destroy"})
    serializer_class = StoryViewOut
    filter_backends = []
    lookup_value_regex = "[0-9]{1,18}"
    queryset = StoryView.objects.none()

    def get_queryset(self) -> Any:
        user = self.request.user
        return StoryView.objects.filter(owner=user) if user.is_authenticated else StoryView.objects.none()

    @extend_schema(request=StoryViewIn, responses={201: StoryViewOut})
    def create(self, request: Request) -> Response:
        """Save a view. Filters that the list doesn’t have are left out of its query."""
        said = StoryViewIn(data=request.data)
        said.is_valid(raise_exception=True)
        view = actions.save_view(by=actor_of(request), **said.validated_data)
        return Response(StoryViewOut(view).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=StoryViewChange, responses=StoryViewOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a view, or make it the one you see first."""
        said = StoryViewChange(data=request.data)
        said.is_valid(raise_exception=True)
        view = self.get_object()
        if "name" in said.validated_data:
            actions.rename_view(view, said.validated_data["name"])
        if "is_default" in said.validated_data:
            actions.set_default(view, said.validated_data["is_default"])
        return Response(StoryViewOut(view).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a view."""
        self.get_object().delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
