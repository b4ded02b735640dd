"""Actions of retrospectives over the API; the same verbs as the pages call."""

from datetime import datetime
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
from squads.retrospective_actions.models import LONGEST_NOTE, LONGEST_TITLE, ActionAnswer, RetrospectiveAction
from squads.retrospectives.models import Retrospective
from squads.retrospectives.permissions import retrospective_at
from squads.teams.models import Squad


class ActionOut(serializers.ModelSerializer):
    """Something to do because of what was learned. `state` follows from its story: proposed, under way, done, or declined.

    `asked_at` is when people are asked whether it helped: 30 days after it was rodeo done, or null.
    `helped` is the newest answer.
    """

    retrospective = named_by("slug")
    squad = named_by("slug")
    story = named_by("key", allow_null=True)
    state = serializers.CharField(read_only=True)
    asked_at = serializers.SerializerMethodField()
    helped_by = named_by("username", allow_null=True)

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
            "asked_at",
            "helped",
            "helped_note",
            "helped_at",
            "helped_by",
        ]
        read_only_fields = fields

    def get_asked_at(self, row: RetrospectiveAction) -> datetime | None:
        return row.asked_at(getattr(row, "done_at", None))


class HelpedOut(serializers.ModelSerializer):
    """An answer to whether an action helped."""

    by = named_by("username", allow_null=True)

    class Meta:
        model = ActionAnswer
        fields = ["helped", "note", "by", "at"]
        read_only_fields = fields


class HelpedIn(Body):
    """Whether an action helped, and what you saw."""

    helped = serializers.ChoiceField(RetrospectiveAction.Helped.choices)
    note = serializers.CharField(max_length=LONGEST_NOTE, required=False, allow_blank=True)


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

    marks = {"create": "members", "story": "members", "decline": "members", "answer": "members"}
    without_fields = frozenset({"story"})
    parameters = ("squad", "asked")
    filter_backends: list[Any] = []
    serializer_class = ActionOut
    queryset = RetrospectiveAction.objects.none()
    lookup_value_regex = "[0-9]{1,18}"

    def known_parameters(self) -> tuple[str, ...]:
        """Return what narrows the list."""
        return self.parameters if self.action == "list" else ()

    def get_queryset(self) -> QuerySet[RetrospectiveAction]:
        if self.action != "list":
            return queries.visible(self.request.user).annotate(done_at=queries.done_at())
        squad, asked = (self.request.query_params.get(name, "") for name in ("squad", "asked"))
        if asked not in ("", "true", "false"):
            raise exceptions.ValidationError({"asked": "Choose true or false."})
        wanted = queries.asked_of if asked == "true" else queries.open_actions
        return wanted(self.request.user, squad)

    @extend_schema(
        parameters=[
            OpenApiParameter("squad", str, description="Slug of a squad."),
            OpenApiParameter("asked", bool, description="Those that people are asked about now: did it help?"),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List open actions, what is due first on top; or with `asked`, those done a month ago that nobody answered about."""
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

    @extend_schema(responses=HelpedOut(many=True))
    @action(detail=True, methods=["get"])
    def answers(self, request: Request, pk: str) -> Response:
        """List the answers to whether an action helped, the newest first."""
        page = self.paginate_queryset(queries.answers_of(self.get_object()))
        assert page is not None
        return self.get_paginated_response(HelpedOut(page, many=True).data)

    @extend_schema(request=HelpedIn, responses={201: ActionOut})
    @answers.mapping.post
    def answer(self, request: Request, pk: str) -> Response:
        """Say whether a done action helped, or answer otherwise than before. Only people can."""
        found = self.get_object()
        said = HelpedIn(data=request.data)
        said.is_valid(raise_exception=True)
        answered = actions.say_whether_it_helped(found, by=actor_of(request), **said.validated_data)
        return Response(ActionOut(answered).data, status=status.HTTP_201_CREATED)
