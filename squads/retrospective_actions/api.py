"""Actions of retrospectives over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from squads.retrospective_actions import actions, queries
from squads.retrospective_actions.models import LONGEST_TITLE, RetrospectiveAction
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import retrospective_at
from squads.teams.models import Squad


class ActionOut(serializers.ModelSerializer):
    """Something to do because of what was learned. `state` follows from its story: proposed, under way, done, or declined."""

    retrospective = named_by("slug")
    squad = named_by("slug")
    story = named_by("key", allow_null=True)
    state = serializers.CharField(read_only=True)

    class Meta:
        model = RetrospectiveAction
        fields = [
            "id",
            "retrospective",
            "kind",
            "title",
            "squad",
            "due",
            "story",
            "state",
            "proposed_at",
            "declined_at",
            "declined_because",
            "helped",
            "helped_note",
        ]
        read_only_fields = fields


class ActionIn(Body):
    """An action to propose. Without `due`, its severity says when; without `squad`, the retrospective's does it."""

    retrospective = serializers.SlugField(max_length=90)
    title = serializers.CharField(max_length=LONGEST_TITLE)
    kind = serializers.ChoiceField(RetrospectiveAction.Kind.choices)
    squad = Chosen("slug", queryset=Squad.objects.all(), required=False)
    due = serializers.DateField(required=False)


class DeclineIn(Body):
    """Why it isn't done."""

    because = serializers.CharField(max_length=500)


class RetrospectiveActions(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Actions of retrospectives that you can read."""

    marks = {"create": "members", "story": "members", "decline": "members"}
    without_fields = frozenset({"story"})
    parameters = ("squad",)
    filter_backends: list[Any] = []
    serializer_class = ActionOut
    queryset = RetrospectiveAction.objects.none()
    lookup_value_regex = "[0-9]{1,18}"

    def known_parameters(self) -> tuple[str, ...]:
        """Return what narrows the list."""
        return self.parameters if self.action == "list" else ()

    def get_queryset(self) -> QuerySet[RetrospectiveAction]:
        if self.action == "list":
            return queries.open_actions(self.request.user, self.request.query_params.get("squad", ""))
        return queries.visible(self.request.user)

    @extend_schema(parameters=[OpenApiParameter("squad", str, description="Slug of a squad.")])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List open actions, what is due first on top."""
        return super().list(request, *args, **kwargs)

    @extend_schema(request=ActionIn, responses={201: ActionOut})
    def create(self, request: Request) -> Response:
        """Propose an action."""
        said = ActionIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = dict(said.validated_data)
        slug = data.pop("retrospective")
        if not Retrospective.objects.readable_by(request.user).filter(slug=slug).exists():
            raise exceptions.ValidationError({"retrospective": f"There’s no retrospective “{slug}” that you can read."})
        made = actions.propose(retrospective_at(slug, request.user), by=actor_of(request), **data)
        return Response(ActionOut(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=ActionOut)
    @action(detail=True, methods=["post"])
    def story(self, request: Request, pk: str) -> Response:
        """Create the story of an action, in the squad that does it."""
        found = self.get_object()
        actions.start(found, by=actor_of(request))
        return Response(ActionOut(found).data)

    @extend_schema(request=DeclineIn, responses=ActionOut)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        """Decide not to do an action."""
        found = self.get_object()
        said = DeclineIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(ActionOut(actions.decline(found, by=actor_of(request), **said.validated_data)).data)
