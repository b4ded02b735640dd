"""Requests for acceptance over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import named_by
from portal.kernel.request_fields import Body
from squads.acceptance import actions, queries
from squads.acceptance.models import AcceptanceRequest
from squads.stories.api import OfStory
from squads.teams.permissions import check_member, may_plan_for

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The story's key, such as PAY-12.")
PK = OpenApiParameter("id", int, OpenApiParameter.PATH, description="The request's number.")


class RequestOut(serializers.ModelSerializer):
    """A request for acceptance. Without `accepter`, any accepter of the squad can answer."""

    story = named_by("key")
    asked_by = named_by("username")
    accepter = named_by("username", allow_null=True)
    answered_by = named_by("username", allow_null=True)
    evidence = serializers.UUIDField(source="evidence_id", read_only=True, allow_null=True)

    class Meta:
        model = AcceptanceRequest
        fields = [
            "id",
            "story",
            "state",
            "asked_by",
            "asked_at",
            "accepter",
            "note",
            "answered_by",
            "answered_at",
            "answer",
            "evidence",
        ]
        read_only_fields = fields


class RequestIn(Body):
    """Who to ask, by user name. Left out, the planned accepter; empty, or without one, any accepter of the squad can answer."""

    accepter = serializers.CharField(required=False, allow_blank=True, max_length=150)
    note = serializers.CharField(required=False, allow_blank=True, max_length=10_000)


class AnswerIn(Body):
    """Accepted or declined. Accepting needs a note or a link. Declining needs a note."""

    answer = serializers.ChoiceField([("accepted", "accepted"), ("declined", "declined")])
    note = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    link = serializers.URLField(required=False, allow_blank=True, max_length=1000)


@extend_schema(parameters=[KEY])
class AcceptanceRequests(OfStory):
    """Requests to accept a story in production, and their answers."""

    marks = {"create": "members", "answer": "writing", "withdraw": "members"}
    without_fields = frozenset({"withdraw"})
    serializer_class = RequestOut
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[AcceptanceRequest]:
        return AcceptanceRequest.objects.select_related("story__squad", "asked_by", "accepter", "answered_by")

    def _request(self) -> AcceptanceRequest:
        story = self.story()
        request = self.get_queryset().filter(story=story, pk=int(self.kwargs["pk"])).first()
        if request is None:
            raise exceptions.NotFound(f"{story.key} has no such request.")
        return request

    def _shown(self, pk: int, code: int = status.HTTP_200_OK) -> Response:
        return Response(RequestOut(self.get_queryset().get(pk=pk)).data, status=code)

    @extend_schema(responses=RequestOut(many=True))
    def list(self, request: Request, key: str) -> Response:
        """List the acceptance requests of a story, newest first."""
        page = self.paginate_queryset(self.get_queryset().filter(story=self.story()))
        assert page is not None
        return self.get_paginated_response(RequestOut(page, many=True).data)

    @extend_schema(request=RequestIn, responses={201: RequestOut})
    def create(self, request: Request, key: str) -> Response:
        """Request acceptance of a story. While it isn't in production, 400 says what is missing."""
        story = self.own_story()
        serializer = RequestIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        name = serializer.validated_data.get("accepter")
        accepter: Any = actions.find_accepter(name) if name else queries.planned_for(story) if name is None else None
        acceptance_request = actions.ask(
            story, by=actor_of(request), accepter=accepter, note=serializer.validated_data.get("note", "")
        )
        return self._shown(acceptance_request.pk, status.HTTP_201_CREATED)

    @extend_schema(request=AnswerIn, responses=RequestOut, parameters=[PK])
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, key: str, pk: str) -> Response:
        """Accept or decline the story. This is evidence by hand. 409 if someone else answered first."""
        acceptance_request = self._request()
        serializer = AnswerIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = {name: serializer.validated_data.get(name, "") for name in ("note", "link")}
        accepted = serializer.validated_data["answer"] == "accepted"
        actions.answer(acceptance_request, by=actor_of(request), accepted=accepted, **fields)
        return self._shown(acceptance_request.pk)

    @extend_schema(request=None, responses=RequestOut, parameters=[PK])
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, key: str, pk: str) -> Response:
        """Withdraw the request. 409 if someone answered first."""
        asked = self._request()
        check_member(asked.story.squad, request.user, asked.story.key)
        actions.withdraw(asked, by=actor_of(request))
        return self._shown(asked.pk)


class PlannedAccepterOut(serializers.Serializer):
    """Who is to accept the story, by user name; null: nobody is planned."""

    person = serializers.CharField(allow_null=True)


class PlannedAccepterIn(Body):
    """Who is to accept the story, by user name. Leave it empty for nobody."""

    person = serializers.CharField(allow_blank=True, max_length=150)


@extend_schema(parameters=[KEY])
class PlannedAccepters(OfStory):
    """Who is to accept a story once it is in production."""

    marks = {"create": "planners"}
    serializer_class = PlannedAccepterOut
    queryset = AcceptanceRequest.objects.none()
    pagination_class = None

    @extend_schema(responses=PlannedAccepterOut, operation_id="stories_accepter_retrieve")
    def retrieve(self, request: Request, key: str) -> Response:
        """Say who is planned."""
        person = queries.planned_for(self.story())
        return Response({"person": person.username if person else None})

    @extend_schema(
        request=PlannedAccepterIn, responses={200: PlannedAccepterOut}, operation_id="stories_accepter_create"
    )
    def create(self, request: Request, key: str) -> Response:
        """Plan who accepts the story, or nobody. For members of its squad and project managers."""
        story = self.story()
        if not may_plan_for(story.squad, actor_of(request)):
            raise exceptions.PermissionDenied(
                f"Only project managers and members of {story.squad} can plan {story.key}."
            )
        said = PlannedAccepterIn(data=request.data)
        said.is_valid(raise_exception=True)
        name = said.validated_data["person"]
        person: Any = actions.find_accepter(name) if name else None
        actions.plan_accepter(story, person, by=actor_of(request))
        return Response({"person": person.username if person else None})
