"""Stories and their evidence over the API; the same verbs as the pages call."""

import re
from typing import Any

import django_filters
from django.apps import apps
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, Problem, named_by
from portal.kernel.request_fields import Body
from squads.judge.case import GUESSED
from squads.stories import actions, editing, queries
from squads.stories.manual_evidence import LONGEST_REASON, misplaced, seen_in
from squads.stories.models import MOST_SAID, ONLY_EVIDENCE, TOO_LONG, Evidence, Story
from squads.stories.querysets import StoryQuerySet
from squads.stories.serializers import AnswerOut, StageChangeOut, StoryDetail, StoryOut
from squads.teams.models import Squad
from squads.teams.permissions import check_member

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description='The ETag of the story as you read it, such as "v7".'
)
VERSION = re.compile(r'(?:W/)?"v([1-9][0-9]{0,8})"')
UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@extend_schema_field(OpenApiTypes.STR)
class ReleaseField(Chosen):
    """A release, by slug. Named, not imported: squads knows no code of releases."""

    def get_queryset(self) -> QuerySet[Any]:
        return apps.get_model("releases", "Release")._default_manager.all()


class StoryChange(Body):
    """What people write about a story."""

    instead = {
        "stage": "It follows from evidence: POST …/evidence/ supplies some by hand, POST …/progress/ says how far people are.",
        "progress": "POST …/progress/ moves it.",
        "squad": "POST …/squad/ moves the story to another squad.",
        "key": "It follows from the squad: POST …/squad/ moves the story to another.",
        "number": "It follows from the squad: POST …/squad/ moves the story to another.",
        "rank": "POST …/place/ puts the story elsewhere on its board.",
        "blocked_because": "POST …/block/ and POST …/unblock/ do that.",
        "criteria_met": "POST …/ticks/ ticks a line.",
        "checks_met": "POST …/ticks/ ticks a line.",
        "evidence": "POST …/evidence/ supplies some by hand.",
        "comments": "POST …/comments/ adds one.",
    }

    title = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(Story.Type.choices, required=False)
    description = serializers.CharField(required=False, allow_blank=True)
    acceptance_criteria = serializers.CharField(required=False, allow_blank=True)
    production_checks = serializers.CharField(required=False, allow_blank=True)
    release = ReleaseField(slug_field="slug", required=False, allow_null=True)
    flag = serializers.CharField(max_length=120, required=False, allow_blank=True)
    audience = serializers.CharField(max_length=60, required=False, allow_blank=True)


class ClashOut(serializers.Serializer):
    """One field that somebody else changed since: their value, yours, who, and when."""

    field = serializers.ChoiceField([(name, name) for name in editing.EDITABLE])
    theirs = serializers.JSONField(allow_null=True)
    yours = serializers.JSONField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class Clashed(Problem):
    """Nothing was written: choose for each field, and send it again with If-Match for the version named here."""

    version = serializers.IntegerField()
    conflicts = ClashOut(many=True)


class TickIn(Body):
    """A line of a checklist, and whether it is ticked."""

    checklist = serializers.ChoiceField([(name, name) for name in editing.CHECKLISTS])
    line = serializers.CharField(max_length=10_000)
    met = serializers.BooleanField()


class StoryIn(StoryChange):
    """A new story of one of your squads."""

    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())


class ProgressField(serializers.ChoiceField):
    """To do, in progress or dev done; anything else is refused in the words of the verb."""

    def __init__(self, **options: Any) -> None:
        words: dict[str, Any] = {"invalid_choice": ONLY_EVIDENCE.replace("{to}", "{input}")}
        super().__init__(Story.Progress.choices, error_messages=words, **options)


class ReasonField(serializers.CharField):
    """Why somebody moves or blocks a story; a reason nobody would read is refused in the words of the verb."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MOST_SAID, error_messages={"max_length": TOO_LONG}, **options)


class ProgressIn(Body):
    """How far development is. What comes after dev done follows from evidence."""

    to = ProgressField()
    because = ReasonField(required=False, allow_blank=True)


class EvidenceOut(serializers.ModelSerializer):
    """One thing that was seen about a story. `event` is the inbound event that proves it."""

    person = named_by("username", allow_null=True)
    event = serializers.UUIDField(source="event_id", read_only=True, allow_null=True)
    shas = serializers.ListField(child=serializers.CharField(), read_only=True)
    words = serializers.CharField(
        source="detail", read_only=True, help_text="kind of deployment, audience of a flag, and the like"
    )
    tier = serializers.SerializerMethodField(help_text="the environment's")
    tier_confirmed = serializers.SerializerMethodField(
        help_text="False where only the environment's name says that it is production."
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


class TakeBackIn(Body):
    """Why evidence is taken back."""

    because = serializers.CharField(max_length=LONGEST_REASON)


class EvidenceIn(Body):
    """Evidence that you supply, with a note or a link that others can check."""

    kind = serializers.ChoiceField([(name, name) for name in actions.BY_HAND_KINDS])
    verdict = serializers.ChoiceField([(name, name) for name in ("success", "failure")], required=False)
    at = serializers.DateTimeField(required=False, help_text="When you saw it; now, unless you say.")
    note = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    link = serializers.URLField(required=False, allow_blank=True, max_length=1000)
    service = serializers.CharField(required=False, allow_blank=True, max_length=120)
    environment = serializers.CharField(required=False, allow_blank=True, max_length=120, help_text="Its key or slug.")

    def validate_environment(self, value: str) -> Any:
        """Find the environment by key or slug."""
        if not value:
            return None
        place = queries.environments().find(value) or queries.environments().filter(slug=value.lower()).first()
        if place is None:
            raise serializers.ValidationError(f"No environment is called {value}. /api/v1/environments/ lists them.")
        return place

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that the environment fits what was seen there."""
        place = data.pop("environment", None)
        if wrong := misplaced(data["kind"], place):
            raise serializers.ValidationError({"environment": wrong})
        return {**data, **seen_in(place)}


def _began_from(if_match: str) -> int | None:
    """Return the version that If-Match names; None where it names none, or any ("*")."""
    text = if_match.strip()
    if not text or text == "*":
        return None
    match = VERSION.fullmatch(text)
    if match is None:
        raise exceptions.ValidationError({"If-Match": 'Send the ETag of the story as you read it, such as "v7".'})
    return int(match[1])


def _clashed(conflict: editing.Conflict) -> Response:
    def plain(name: str, value: Any) -> Any:
        return (value.slug if value else None) if name == "release" else value

    errors = [
        {
            "code": "conflict",
            "detail": f"{each.who} changed the {each.label} since. Nothing was written.",
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
    said = {"type": "client_error", "errors": errors, "version": conflict.version, "conflicts": both}
    headers = {"ETag": f'"v{conflict.version}"'}
    return Response(Clashed(said).data, status=status.HTTP_412_PRECONDITION_FAILED, headers=headers)


class StoryFilter(django_filters.FilterSet):
    """?squad= and ?release= take slugs; ?text= is the start of a key, here or elsewhere, or part of a title."""

    squad = django_filters.CharFilter(field_name="squad__slug")
    release = django_filters.CharFilter(field_name="release__slug")
    text = django_filters.CharFilter(method="with_text")

    class Meta:
        model = Story
        fields = ["stage", "type", "progress"]

    def with_text(self, stories: StoryQuerySet, name: str, value: str) -> StoryQuerySet:
        return stories.matching(value)


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
    """Deliverable pieces of work."""

    marks = {
        "create": "members",
        "partial_update": "members",
        "progress": "members",
        "supply": "members",
        "ticks": "members",
        "take_back": "members",
    }
    serializer_class = StoryOut
    lookup_field = "key"
    lookup_value_regex = r"[A-Za-z][A-Za-z0-9_]*-[0-9]+"
    filterset_class = StoryFilter

    def get_queryset(self) -> StoryQuerySet:
        return Story.objects.select_related("squad", "release", "created_by", "ticket").order_by("-pk")

    def get_object(self) -> Story:
        return _found(self.get_queryset(), self.kwargs["key"])

    def _own(self) -> Story:
        story = self.get_object()
        check_member(story.squad, self.request.user, story.key)
        return story

    def _shown(self, story: Story, code: int = status.HTTP_200_OK) -> Response:
        context = {"owners": queries.owner_names([story.standing])}
        headers = {"ETag": f'"v{story.version}"'}
        return Response(StoryDetail(story, context=context).data, status=code, headers=headers)

    def list(self, request: Request) -> Response:
        """List stories, the newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        assert page is not None
        owners = queries.owner_names(story.standing for story in page)
        return self.get_paginated_response(StoryOut(page, many=True, context={"owners": owners}).data)

    @extend_schema(responses=StoryDetail)
    def retrieve(self, request: Request, key: str) -> Response:
        """Show one story with its ladder. Its version is also the ETag, "v7"; send it back as If-Match when you change it."""
        return self._shown(self.get_object())

    @extend_schema(request=StoryIn, responses={201: StoryDetail})
    def create(self, request: Request) -> Response:
        """Write a story for one of your squads; it gets the squad's next key."""
        said = StoryIn(data=request.data)
        said.is_valid(raise_exception=True)
        fields = dict(said.validated_data)
        squad = fields.pop("squad")
        check_member(squad, request.user, "its stories")
        return self._shown(actions.create_story(squad, by=actor_of(request), **fields), status.HTTP_201_CREATED)

    @extend_schema(request=StoryChange(partial=True), responses={200: StoryDetail, 412: Clashed}, parameters=[IF_MATCH])
    def partial_update(self, request: Request, key: str) -> Response:
        """Change what people wrote about a story; fields you leave out stay.

        Its release alone may also be set by a project manager.

        With If-Match, what others changed since that version is not overwritten: other fields of theirs stay, and where
        both changed one field the answer is 412 with both values, and nothing is written.
        """
        story = self.get_object()
        alone = isinstance(request.data, dict) and set(request.data) == {"release"}
        if not alone or not getattr(request.user, "is_project_manager", False):
            check_member(story.squad, request.user, story.key)
        shown = {"owners": queries.owner_names([story.standing])}
        present = {"present": lambda: StoryDetail(story, context=shown).data}
        said = StoryChange(data=request.data, partial=True, context=present)
        said.is_valid(raise_exception=True)
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
        """Tick a line of the acceptance criteria or the production checks, or take the tick away."""
        story = self._own()
        said = TickIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = said.validated_data
        editing.tick(story, data["checklist"], data["line"], data["met"], by=actor_of(request))
        return self._shown(story)

    @extend_schema(request=ProgressIn, responses=StoryDetail)
    @action(detail=True, methods=["post"], filterset_class=None)
    def progress(self, request: Request, key: str) -> Response:
        """Move a story to do, in progress or dev done. 409 when it is there already, or when evidence holds it further on."""
        story = self._own()
        said = ProgressIn(data=request.data)
        said.is_valid(raise_exception=True)
        story.move_progress(
            said.validated_data["to"], by=actor_of(request), because=said.validated_data.get("because", "")
        )
        return self._shown(story)

    @extend_schema(responses=EvidenceOut(many=True))
    @action(detail=True, methods=["get"], filterset_class=None)
    def evidence(self, request: Request, key: str) -> Response:
        """List what was seen about a story, the newest first."""
        page = self.paginate_queryset(queries.timeline(self.get_object()))
        assert page is not None
        return self.get_paginated_response(EvidenceOut(page, many=True).data)

    @extend_schema(request=EvidenceIn, responses={201: EvidenceOut})
    @evidence.mapping.post
    def supply(self, request: Request, key: str) -> Response:
        """Supply evidence by hand. It carries your name, and needs a note or a link."""
        story = self._own()
        said = EvidenceIn(data=request.data)
        said.is_valid(raise_exception=True)
        evidence = actions.record_by_hand(story, by=actor_of(request), **said.validated_data)
        return Response(EvidenceOut(evidence).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TakeBackIn, responses=EvidenceOut)
    @action(detail=True, methods=["post"], url_path=f"evidence/(?P<pk>{UUID})/take-back", filterset_class=None)
    def take_back(self, request: Request, key: str, pk: str) -> Response:
        """Take evidence by hand back that was a mistake: it stays listed, and proves nothing.

        Your own; as a lead of the squad, anybody's.
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
        """Is it rodeo done? One honest sentence, and what it rests on."""
        return Response(queries.told(self.get_object()))

    @extend_schema(responses=StageChangeOut(many=True))
    @action(detail=True, methods=["get"], url_path="stage-changes", filterset_class=None)
    def stage_changes(self, request: Request, key: str) -> Response:
        """List how a story came to its stage, the newest change first. Evidence that comes late corrects the past."""
        changes = self.get_object().stage_changes.select_related("person").order_by("-at", "-pk")
        page = self.paginate_queryset(changes)
        assert page is not None
        return self.get_paginated_response(StageChangeOut(page, many=True).data)
