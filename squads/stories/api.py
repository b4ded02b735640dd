"""Stories and their evidence over the API; the same verbs as the pages call."""

import re
from collections.abc import Mapping
from typing import Any

import django_filters
from django.http import HttpResponse, HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, YesNoFilter, named_by
from portal.kernel.problems import problem, problem_answer
from squads.assignments.queries import assigned_to
from squads.judge.case import GUESSED
from squads.labels.queries import labelled, unknown_labels
from squads.stories import actions, editing, queries
from squads.stories.models import Evidence, Story
from squads.stories.querysets import SORTS, StoryQuerySet
from squads.stories.serializers import (
    AnswerOut,
    AssigneeIn,
    Clashed,
    EvidenceIn,
    ProgressIn,
    StageChangeOut,
    StoryChange,
    StoryDetail,
    StoryIn,
    StoryOut,
    TakeBackIn,
    TickIn,
)
from squads.teams.models import Squad
from squads.teams.permissions import check_member

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The ETag of the story as you read it, such as "v7".'
)
VERSION = re.compile(r'(?:W/)?"v([1-9][0-9]{0,8})"')
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class EvidenceOut(serializers.ModelSerializer):
    """A piece of evidence about a story. `event` is the event behind it."""

    person = named_by("username", allow_null=True)
    event = serializers.UUIDField(source="event_id", read_only=True, allow_null=True)
    shas = serializers.ListField(child=serializers.CharField(), read_only=True)
    words = serializers.CharField(
        source="detail",
        read_only=True,
        help_text="More about it, such as the kind of a deployment or the audience of a flag.",
    )
    tier = serializers.SerializerMethodField(help_text="The tier of the environment.")
    tier_confirmed = serializers.SerializerMethodField(
        help_text="False if the environment counts as production only because of its name."
    )
    taken_back_by = named_by("username", allow_null=True)

    class Meta:
        model = Evidence
        fields = [
            "id",
            "kind",
            "verdict",
            "at",
            "started_at",
            "service",
            "environment",
            "tier",
            "tier_confirmed",
            "shas",
            "label",
            "words",
            "link",
            "note",
            "by_hand",
            "person",
            "event",
            "taken_back_at",
            "taken_back_by",
            "taken_back_because",
        ]
        read_only_fields = fields

    def get_tier(self, row: Evidence) -> str:
        return row.tier.removesuffix("?")

    def get_tier_confirmed(self, row: Evidence) -> bool:
        return row.tier != GUESSED


def _began_from(if_match: str) -> int | None:
    """Return the version that If-Match names; None where it names none, or any ("*")."""
    text = if_match.strip()
    if not text or text == "*":
        return None
    match = VERSION.fullmatch(text)
    if match is None:
        raise exceptions.ValidationError({"If-Match": 'Send the ETag of the story as you read it, such as "v7".'})
    return int(match[1])


def _check_labels(squad: Squad, fields: Mapping[str, Any]) -> None:
    """Refuse labels that the squad does not have: a program that misspells one makes no new ones."""
    if unknown := unknown_labels(squad, fields.get("labels", ())):
        raise exceptions.ValidationError(
            {
                "labels": f"Squad {squad} has no label “{unknown[0]}”. POST /api/v1/squads/{squad.slug}/labels/ creates one."
            }
        )


def _clashed(conflict: editing.Conflict) -> HttpResponse:
    def plain(name: str, value: Any) -> Any:
        if name in editing.SEVERAL:
            return [getattr(each, "username", str(each)) for each in value]
        return (value.slug if value else None) if name == "release" else value

    errors = [
        {
            "code": "conflict",
            "detail": f"{each.who} has changed the {each.label} since. Nothing was saved.",
            "attr": each.field,
        }
        for each in conflict.clashes
    ]
    both = [
        {
            "field": each.field,
            "theirs": plain(each.field, each.theirs),
            "yours": plain(each.field, each.mine),
            "by": each.by.username if each.by else None,
            "at": each.at,
        }
        for each in conflict.clashes
    ]
    said = problem(status.HTTP_412_PRECONDITION_FAILED, errors, version=conflict.version, conflicts=both)
    return problem_answer(Clashed(said).data, {"ETag": f'"v{conflict.version}"'})


BESIDE = ("squad", "release", "created_by", "ended_by", "duplicate_of", "ticket")
ENDED = [("with", "with them"), ("only", "only them"), *Story.Ending.choices, ("archived", "of archived squads")]
ENDED_HELP = (
    "Cancelled stories and duplicates are left out. So are stories of archived squads, unless you filter by squad or release. "
    "This includes them, or shows only them."
)


class StoryFilter(django_filters.FilterSet):
    """?squad= and ?release= take slugs, ?release=none finds what is planned for none; ?text= is the start of a key, here or
    elsewhere, or part of a title; ?assignee= a user name, "me", or "none" for nobody."""

    squad = django_filters.CharFilter(field_name="squad__slug")
    release = django_filters.CharFilter(method="of_release")
    text = django_filters.CharFilter(method="with_text")
    ended = django_filters.ChoiceFilter(method="with_ending", choices=ENDED, label=ENDED_HELP)
    assignee = django_filters.CharFilter(method="of_assignee")
    label = django_filters.CharFilter(method="with_label")
    blocked = YesNoFilter(method="that_wait")
    due_before = django_filters.DateFilter(field_name="due", lookup_expr="lt")
    sort = django_filters.ChoiceFilter(
        method="in_order", choices=list(SORTS.items()), label="The order; newest first without it."
    )

    class Meta:
        model = Story
        fields = ["stage", "type", "progress", "priority"]

    def with_text(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.matching(value)

    def of_release(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.filter(queries.planned_for(value))

    def with_ending(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories

    def filter_queryset(self, queryset: StoryQuerySet) -> StoryQuerySet:
        """Leave out what was cancelled or is a duplicate, unless it is asked for."""
        stories: StoryQuerySet = super().filter_queryset(queryset)
        said = self.form.cleaned_data
        is_named = bool(said.get("squad")) or said.get("release") not in (None, "", queries.NO_RELEASE)
        return stories.with_ending(said.get("ended") or "", archived=is_named)

    def that_wait(self, stories: StoryQuerySet, name: str, value: bool) -> StoryQuerySet:
        return stories.exclude(blocked_because="") if value else stories.filter(blocked_because="")

    def with_label(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.filter(labelled(value.replace("\0", "")))

    def in_order(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.in_order(value)

    def of_assignee(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.filter(assigned_to(value.replace("\0", ""), self.request.user))


class OfStory(Endpoint):
    """What hangs on one story, which the address names by its key."""

    filter_backends = []

    def story(self) -> Story:
        """Return the story the address names."""
        return _found(Story.objects.select_related("squad"), self.kwargs["key"])

    def own_story(self) -> Story:
        """Return the story the address names if whoever asks may change it."""
        story = self.story()
        check_member(story.squad, self.request.user, story.key)
        return story


def _found(stories: StoryQuerySet, key: str) -> Story:
    story = stories.called(key.upper())
    if story is None:
        raise exceptions.NotFound(queries.why_unknown(key.upper()))
    return story


class Stories(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Stories: pieces of work that can be delivered."""

    marks = {
        "create": "members",
        "partial_update": "members",
        "progress": "members",
        "supply": "members",
        "ticks": "members",
        "assignees": "members",
        "take_back": "members",
    }
    serializer_class = StoryOut
    lookup_field = "key"
    lookup_value_regex = r"[A-Za-z][A-Za-z0-9_]*-[0-9]+"
    filterset_class = StoryFilter

    def get_queryset(self) -> StoryQuerySet:
        return Story.objects.select_related(*BESIDE).order_by("-pk")

    def get_object(self) -> Story:
        return _found(self.get_queryset(), self.kwargs["key"])

    def _own(self) -> Story:
        story = self.get_object()
        check_member(story.squad, self.request.user, story.key)
        return story

    def _shown(self, story: Story, code: int = status.HTTP_200_OK) -> Response:
        context = {"owners": queries.owner_names([story.standing]), "reader": self.request.user}
        headers = {"ETag": f'"v{story.version}"'}
        return Response(StoryDetail(story, context=context).data, status=code, headers=headers)

    def list(self, request: Request) -> Response:
        """List stories, newest first or as `sort` says.

        Cancelled stories and duplicates are left out unless you ask with `ended`.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset().prefetch_related("assignees", "labels")))
        assert page is not None
        owners = queries.owner_names(story.standing for story in page)
        return self.get_paginated_response(StoryOut(page, many=True, context={"owners": owners}).data)

    @extend_schema(responses=StoryDetail)
    def retrieve(self, request: Request, key: str) -> Response:
        """Show one story with its stages. The ETag has its version, such as "v7". Send it as If-Match when you change it."""
        return self._shown(self.get_object())

    @extend_schema(request=StoryIn, responses={201: StoryDetail})
    def create(self, request: Request) -> Response:
        """Create a story in one of your squads. It gets the squad's next key."""
        said = StoryIn(data=request.data)
        said.is_valid(raise_exception=True)
        fields = dict(said.validated_data)
        squad = fields.pop("squad")
        check_member(squad, request.user, "its stories")
        _check_labels(squad, fields)
        return self._shown(actions.create_story(squad, by=actor_of(request), **fields), status.HTTP_201_CREATED)

    @extend_schema(request=StoryChange(partial=True), responses={200: StoryDetail, 412: Clashed}, parameters=[IF_MATCH])
    def partial_update(self, request: Request, key: str) -> HttpResponseBase:
        """Change a story. Fields you leave out stay as they are.

        Members of its squad can do this. Project managers can set the release.

        With If-Match, you can't overwrite what others changed since that version. If you changed different fields, both
        changes are kept. If you changed the same field, the answer is 412 with both values, and nothing is saved.
        """
        story = self.get_object()
        alone = isinstance(request.data, dict) and set(request.data) == {"release"}
        if not alone or not getattr(request.user, "is_project_manager", False):
            check_member(story.squad, request.user, story.key)
        shown = {"owners": queries.owner_names([story.standing]), "reader": request.user}
        present = {"present": lambda: StoryDetail(story, context=shown).data}
        said = StoryChange(data=request.data, partial=True, context=present)
        said.is_valid(raise_exception=True)
        _check_labels(story.squad, said.validated_data)
        base = _began_from(request.headers.get("If-Match", ""))
        try:
            if said.validated_data:
                editing.edit_story(story, by=actor_of(request), base_version=base, **said.validated_data)
        except editing.Conflict as conflict:
            return _clashed(conflict)
        return self._shown(story)

    @extend_schema(request=TickIn, responses=StoryDetail)
    @action(detail=True, methods=["post"], filterset_class=None)
    def ticks(self, request: Request, key: str) -> Response:
        """Tick or untick a line of the acceptance criteria or the production checks."""
        story = self._own()
        said = TickIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = said.validated_data
        editing.tick(story, data["checklist"], data["line"], data["met"], by=actor_of(request))
        return self._shown(story)

    @extend_schema(request=AssigneeIn, responses=StoryDetail)
    @action(detail=True, methods=["post"], filterset_class=None)
    def assignees(self, request: Request, key: str) -> Response:
        """Assign or unassign one person. Other assignees stay. To set the whole list, use PATCH."""
        story = self._own()
        said = AssigneeIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = said.validated_data
        editing.put(story, "assignees", data["person"], data["assigned"], by=actor_of(request))
        return self._shown(story)

    @extend_schema(request=ProgressIn, responses=StoryDetail)
    @action(detail=True, methods=["post"], filterset_class=None)
    def progress(self, request: Request, key: str) -> Response:
        """Move a story between to do, in progress and dev done. 409 if it is there, or if evidence has taken it further."""
        story = self._own()
        said = ProgressIn(data=request.data)
        said.is_valid(raise_exception=True)
        story.move_progress(
            said.validated_data["to"],
            by=actor_of(request),
            because=said.validated_data.get("because", ""),
            leaving=said.validated_data.get("from"),
        )
        return self._shown(story)

    @extend_schema(responses=EvidenceOut(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def evidence(self, request: Request, key: str) -> Response:
        """List the evidence of a story, newest first."""
        page = self.paginate_queryset(queries.timeline(self.get_object()))
        assert page is not None
        return self.get_paginated_response(EvidenceOut(page, many=True).data)

    @extend_schema(request=EvidenceIn, responses={201: EvidenceOut})
    @evidence.mapping.post
    def supply(self, request: Request, key: str) -> Response:
        """Add evidence by hand. It shows your name, and needs a note or a link."""
        story = self._own()
        said = EvidenceIn(data=request.data)
        said.is_valid(raise_exception=True)
        evidence = actions.record_by_hand(story, by=actor_of(request), **said.validated_data)
        return Response(EvidenceOut(evidence).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TakeBackIn, responses=EvidenceOut)
    @action(detail=True, methods=["post"], url_path=f"evidence/(?P<pk>{UUID})/take-back", filterset_class=None)
    def take_back(self, request: Request, key: str, pk: str) -> Response:
        """Withdraw evidence by hand that was a mistake. It stays listed but no longer counts.

        You can withdraw your own. Leads of the squad can withdraw anyone's.
        """
        story = self._own()
        row = story.evidence.filter(pk=pk).first()
        if row is None:
            raise exceptions.NotFound(f"{story.key} has no such evidence.")
        said = TakeBackIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(
            EvidenceOut(actions.take_back(row, by=actor_of(request), because=said.validated_data["because"])).data
        )

    @extend_schema(responses=AnswerOut)
    @action(detail=True, methods=["get"], filterset_class=None)
    def answer(self, request: Request, key: str) -> Response:
        """Is it rodeo done? One honest sentence, and the stages behind it."""
        return Response(queries.told(self.get_object()))

    @extend_schema(responses=StageChangeOut(many=True))
    @action(detail=True, methods=["get"], url_path="stage-changes", filterset_class=None)
    def stage_changes(self, request: Request, key: str) -> Response:
        """List the stage changes of a story, newest first. Evidence that arrives late corrects earlier ones."""
        changes = self.get_object().stage_changes.select_related("person").order_by("-at", "-pk")
        page = self.paginate_queryset(changes)
        assert page is not None
        return self.get_paginated_response(StageChangeOut(page, many=True).data)
