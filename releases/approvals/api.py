"""Approvals of releases over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.approvals import actions, queries
from releases.approvals.content import digest_of
from releases.approvals.models import Approval
from releases.planning.models import Release
from squads.acceptance.actions import find_accepter, plan_accepters
from squads.acceptance.queries import planned_accepters
from squads.models import Squad, Story
from squads.teams.permissions import check_planner

UNSEEN = "Send the content_now that you looked at: an approval is given for exactly that."


class ApprovalOut(serializers.ModelSerializer):
    """Somebody who was asked to approve a release. `void`: given for other content; `why_void` says what changed since."""

    release = named_by("slug")
    person = named_by("username", allow_null=True)
    squad = named_by("slug", allow_null=True)
    asked_by = named_by("username")
    answered_by = named_by("username", allow_null=True)
    asked_of = serializers.CharField(source="whom", read_only=True)
    state = serializers.SerializerMethodField()
    why_void = serializers.SerializerMethodField()
    content_now = serializers.SerializerMethodField(help_text="The digest of what the release ships now.")

    class Meta:
        model = Approval
        fields = [
            "id",
            "release",
            "kind",
            "person",
            "squad",
            "asked_of",
            "asked_by",
            "asked_at",
            "note",
            "state",
            "answered_by",
            "answered_at",
            "answer",
            "content",
            "content_digest",
            "content_now",
            "why_void",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(Approval.State.choices))
    def get_state(self, row: Approval) -> str:
        return queries.standing(row, self.context["now"])[0]

    def get_content_now(self, row: Approval) -> str:
        return digest_of(self.context["now"])

    def get_why_void(self, row: Approval) -> list[str]:
        return queries.standing(row, self.context["now"])[1]


class ApprovalIn(Body):
    """Whom to ask: a person by user name, or a role. Members, leads and accepters are those of a squad."""

    kind = serializers.ChoiceField(Approval.Kind.choices)
    person = serializers.CharField(required=False, allow_blank=True, max_length=150)
    squad = Chosen("slug", queryset=Squad.objects.all(), required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=actions.LONGEST_NOTE)


class ApprovalAnswerIn(Body):
    """Given or declined. Declining needs a note. Giving needs `content`: the `content_now` that you looked at. If something else
    ships meanwhile, nothing is saved."""

    answer = serializers.ChoiceField([("given", "given"), ("declined", "declined")])
    note = serializers.CharField(required=False, allow_blank=True, max_length=actions.LONGEST_NOTE)
    content = serializers.CharField(required=False, allow_blank=True, max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse an approval of what nobody looked at."""
        if attrs["answer"] == "given" and not attrs.get("content"):
            raise serializers.ValidationError({"content": UNSEEN})
        return attrs


class Approvals(mixins.ListModelMixin, Endpoint):
    """Approvals of a release, newest first."""

    marks = {"create": "planners", "answer": "writing", "withdraw": "planners"}
    without_fields = frozenset({"withdraw"})
    serializer_class = ApprovalOut
    filter_backends: list[Any] = []
    lookup_value_regex = "[0-9]{1,18}"
    queryset = Approval.objects.none()

    def _release(self) -> Release:
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    def get_queryset(self) -> QuerySet[Approval]:
        return queries.listed(self._release())

    def get_serializer_context(self) -> dict[str, Any]:
        """Say what the release ships now."""
        context = dict(super().get_serializer_context())
        if not getattr(self, "swagger_fake_view", False):
            context["now"] = queries.content_now(self._release()).kept
        return context

    def _shown(self, approval: Approval, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=approval.pk)
        return Response(ApprovalOut(row, context=self.get_serializer_context()).data, status=code)

    @extend_schema(request=ApprovalIn, responses={201: ApprovalOut}, operation_id="releases_approvals_create")
    def create(self, request: Request, slug: str) -> Response:
        """Ask a person or a role to approve the release."""
        release = self._release()
        check_planner(request.user, actions.WHO)
        said = ApprovalIn(data=request.data)
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        name = values.pop("person", "")
        person: Any = actions.find_person(name) if name else None
        approval = actions.ask(release, by=actor_of(request), person=person, **values)
        return self._shown(approval, status.HTTP_201_CREATED)

    @extend_schema(request=ApprovalAnswerIn, responses=ApprovalOut, operation_id="releases_approvals_answer")
    @action(detail=True, methods=["post"])
    def answer(self, request: Request, slug: str, pk: str) -> Response:
        """Give the approval, for what the release ships now, or decline it. 409 if someone else answered first."""
        approval = get_object_or_404(self.get_queryset(), pk=pk)
        said = ApprovalAnswerIn(data=request.data)
        said.is_valid(raise_exception=True)
        values = said.validated_data
        actions.answer(
            approval,
            by=actor_of(request),
            given=values["answer"] == "given",
            note=values.get("note", ""),
            seen=values.get("content", ""),
        )
        return self._shown(approval)

    @extend_schema(request=None, responses=ApprovalOut, operation_id="releases_approvals_withdraw")
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, slug: str, pk: str) -> Response:
        """Withdraw the question. 409 if someone answered first."""
        approval = get_object_or_404(self.get_queryset(), pk=pk)
        actions.withdraw(approval, by=actor_of(request))
        return self._shown(approval)


class AccepterOut(serializers.Serializer):
    """A story of the release, and who is to accept it, by name; empty: nobody yet."""

    story = serializers.CharField()
    accepter = serializers.CharField()


class AccepterIn(Body):
    """Who is to accept these stories, by user name; empty for nobody."""

    person = serializers.CharField(allow_blank=True, max_length=150)
    stories = serializers.ListField(child=serializers.CharField(max_length=40), max_length=queries.MOST_READ)


class Accepters(Endpoint):
    """Who is to accept each story of a release once it is in production."""

    marks = {"create": "planners"}
    serializer_class = AccepterOut
    filter_backends: list[Any] = []
    queryset = Story.objects.none()

    def _listed(self, release: Release) -> Response:
        page = self.paginate_queryset(queries.stories_to_accept(release))
        named = planned_accepters([each.pk for each in page])
        rows = [{"story": each.key, "accepter": named.get(each.pk, "")} for each in page]
        return self.get_paginated_response(AccepterOut(rows, many=True).data)

    @extend_schema(responses=AccepterOut(many=True), operation_id="releases_accepters_list")
    def list(self, request: Request, slug: str) -> Response:
        """List the stories of the release that aren’t rodeo done, with their accepters."""
        return self._listed(get_object_or_404(Release, slug=slug))

    @extend_schema(request=AccepterIn, responses=AccepterOut(many=True), operation_id="releases_accepters_create")
    def create(self, request: Request, slug: str) -> Response:
        """Plan who accepts these stories: all of them, or none. For members of their squads and project managers."""
        release = get_object_or_404(Release, slug=slug)
        check_planner(request.user, actions.WHO)
        said = AccepterIn(data=request.data)
        said.is_valid(raise_exception=True)
        name = said.validated_data["person"]
        person: Any = find_accepter(name) if name else None
        plan_accepters(queries.stories_called(release, said.validated_data["stories"]), person, by=actor_of(request))
        return self._listed(release)
