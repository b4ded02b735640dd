"""What the API shows of a story, and what it takes about one."""

from typing import Any, ClassVar

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.kernel.api import Chosen, named_by
from portal.kernel.api_schema import Problem
from portal.kernel.request_fields import Body, LimitedText
from squads.judge import judgement
from squads.labels.models import LONGEST_NAME
from squads.stage_history.models import StageChange
from squads.stories import actions, editing, queries
from squads.stories.manual_evidence import LONGEST_REASON, misplaced, seen_in
from squads.stories.models import MOST_SAID, ONLY_EVIDENCE, TOO_LONG, Story
from squads.teams.models import Squad

RUNG_STATES = ("held", "by_hand", "missing", "withdrawn")


class RungOut(serializers.Serializer):
    """One stage of a story: reached, by hand, missing or withdrawn, since when and why."""

    rung = serializers.ChoiceField([(name, judgement.STAGE_NAMES[name]) for name in judgement.RUNGS])
    state = serializers.ChoiceField([(name, name) for name in RUNG_STATES])
    at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField()


class StoryOut(serializers.ModelSerializer):
    """A story with its stage and the honest answer."""

    squad = named_by("slug")
    release = named_by("slug", allow_null=True)
    created_by = named_by("username", allow_null=True)
    assignees = named_by("username", many=True)
    labels = named_by("name", many=True)
    criteria_met = serializers.ListField(child=serializers.CharField(), read_only=True)
    checks_met = serializers.ListField(child=serializers.CharField(), read_only=True)
    rodeo_done = serializers.SerializerMethodField()
    gaps = serializers.SerializerMethodField()
    dark = serializers.SerializerMethodField()
    unconfirmed = serializers.SerializerMethodField(
        help_text="Environments behind the answer that count as production only because of their names."
    )
    answer = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)
    elsewhere = serializers.CharField(
        source="foreign_key", read_only=True, help_text="Its key in the system it came from."
    )
    ended = serializers.ChoiceField(
        [("", "not ended"), *Story.Ending.choices],
        source="ending",
        read_only=True,
        help_text="Whether it is cancelled or a duplicate. Its stage still follows from evidence.",
    )
    ended_by = named_by("username", allow_null=True)
    duplicate_of = named_by("key", allow_null=True)

    class Meta:
        model = Story
        fields = [
            "key",
            "elsewhere",
            "version",
            "squad",
            "title",
            "type",
            "assignees",
            "priority",
            "labels",
            "due",
            "estimate",
            "description",
            "acceptance_criteria",
            "criteria_met",
            "production_checks",
            "checks_met",
            "release",
            "flag",
            "audience",
            "created_at",
            "created_by",
            "progress",
            "progress_at",
            "stage",
            "rodeo_done",
            "gaps",
            "dark",
            "unconfirmed",
            "answer",
            "ended",
            "ended_at",
            "ended_by",
            "ended_because",
            "duplicate_of",
            "url",
        ]
        read_only_fields = fields

    def get_rodeo_done(self, story: Story) -> bool:
        return bool(story.stage == Story.Stage.RODEO_DONE)

    def get_gaps(self, story: Story) -> list[str]:
        return list(story.standing.get("gaps", ()))

    def get_dark(self, story: Story) -> bool:
        return bool(story.standing.get("dark", False))

    def get_unconfirmed(self, story: Story) -> list[str]:
        return list(story.standing.get("unconfirmed", ()))

    def get_answer(self, story: Story) -> str:
        return queries.answer(story, owners=self.context["owners"])


class IssueOut(serializers.Serializer):
    """The issue that a story came from, as last seen there: open, closed, moved or deleted, and since when."""

    name = serializers.CharField()
    system = serializers.CharField()
    url = serializers.CharField()
    author = serializers.CharField()
    state = serializers.ChoiceField([(name, name) for name in ("open", "closed", "moved", "deleted")])
    since = serializers.DateTimeField(allow_null=True)
    moved_to = serializers.CharField()


class ActionOfOut(serializers.Serializer):
    """The retrospective that a story is an action of."""

    title = serializers.CharField()
    url = serializers.CharField()


class StoryDetail(StoryOut):
    """A story with all its stages, and the issue it came from, if any.

    `action_of` is the retrospective it's an action of; null if there is none that you can read.
    """

    action_of = serializers.SerializerMethodField()
    rungs = serializers.SerializerMethodField()
    issue = serializers.SerializerMethodField()

    class Meta(StoryOut.Meta):
        fields = [*StoryOut.Meta.fields, "rungs", "issue", "action_of"]
        read_only_fields = fields

    @extend_schema_field(ActionOfOut(allow_null=True))
    def get_action_of(self, story: Story) -> dict[str, str] | None:
        found = queries.action_of(story, self.context["reader"])
        return found._asdict() if found is not None else None

    @extend_schema_field(IssueOut(allow_null=True))
    def get_issue(self, story: Story) -> dict[str, Any] | None:
        return dict(IssueOut(story.ticket).data) if hasattr(story, "ticket") else None

    @extend_schema_field(RungOut(many=True))
    def get_rungs(self, story: Story) -> list[dict[str, Any]]:
        return list(story.standing.get("rungs", ()))


class StageChangeOut(serializers.ModelSerializer):
    """A story moved from one stage to another: when this became true, and why.

    `evidence` is the evidence for it, or the evidence that was withdrawn. `event` is the event behind it. `person` is
    who did it, if someone did. Stories that moved for the same reason share a `cause`.
    """

    from_stage = serializers.ChoiceField(Story.Stage.choices, read_only=True)
    to_stage = serializers.ChoiceField(Story.Stage.choices, read_only=True)
    evidence = serializers.UUIDField(read_only=True, allow_null=True)
    event = serializers.UUIDField(source="event_id", read_only=True, allow_null=True)
    person = named_by("username", allow_null=True)

    class Meta:
        model = StageChange
        fields = ["id", "from_stage", "to_stage", "at", "why", "evidence", "event", "person", "cause"]
        read_only_fields = fields


class AnswerOut(serializers.Serializer):
    """The honest answer about one story. `elsewhere` is its key in the system it came from, if any."""

    key = serializers.CharField()
    elsewhere = serializers.CharField()
    title = serializers.CharField()
    answer = serializers.CharField()
    rodeo_done = serializers.BooleanField()
    stage = serializers.ChoiceField(Story.Stage.choices)
    ended = serializers.ChoiceField([("", "not ended"), *Story.Ending.choices])
    gaps = serializers.ListField(child=serializers.CharField())
    dark = serializers.BooleanField()
    rungs = RungOut(many=True)


@extend_schema_field(OpenApiTypes.STR)
class ReleaseField(Chosen):
    """A release, by slug. Named, not imported: squads knows no code of releases."""

    def get_queryset(self) -> QuerySet[Any]:
        return apps.get_model("releases", "Release")._default_manager.all()


class PersonField(Chosen):
    """A person, by user name, however it is capitalised."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "does_not_exist": "There’s no account “{value}”. Use the user name of a squad member."
    }

    def __init__(self, **options: Any) -> None:
        people = get_user_model().objects.filter(program_of=None)
        super().__init__(slug_field="username", queryset=people, **options)


class LabelsField(serializers.ListField):
    """Labels by name, each at most as long as one may be."""

    child = serializers.CharField(max_length=LONGEST_NAME)


class StoryChange(Body):
    """The fields of a story that people can change."""

    instead = {
        "stage": "It follows from evidence. POST …/evidence/ adds some by hand; POST …/progress/ moves it up to dev done.",
        "progress": "POST …/progress/ moves it.",
        "squad": "POST …/squad/ moves the story to another squad.",
        "key": "It comes from the squad. POST …/squad/ moves the story to another one.",
        "number": "It comes from the squad. POST …/squad/ moves the story to another one.",
        "rank": "POST …/place/ moves the story on its board.",
        "blocked_because": "POST …/block/ and POST …/unblock/ do that.",
        "criteria_met": "POST …/ticks/ ticks a line.",
        "checks_met": "POST …/ticks/ ticks a line.",
        "evidence": "POST …/evidence/ adds some by hand.",
        "comments": "POST …/comments/ adds one.",
    }

    title = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(Story.Type.choices, required=False)
    assignees = serializers.ListField(
        child=PersonField(),
        required=False,
        help_text="User names of everyone who works on it. They must be members of its squad.",
    )
    priority = serializers.ChoiceField(Story.Priority.choices, required=False)
    labels = LabelsField(
        required=False, help_text="Names of all its labels. POST /api/v1/squads/…/labels/ creates one."
    )
    due = serializers.DateField(required=False, allow_null=True, help_text="The day it is due.")
    estimate = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=999, help_text="In points, if the squad estimates."
    )
    description = LimitedText(longest=editing.LONGEST_TEXT, required=False, allow_blank=True)
    acceptance_criteria = LimitedText(longest=editing.LONGEST_TEXT, required=False, allow_blank=True)
    production_checks = LimitedText(longest=editing.LONGEST_TEXT, required=False, allow_blank=True)
    release = ReleaseField(slug_field="slug", required=False, allow_null=True)
    flag = serializers.CharField(max_length=120, required=False, allow_blank=True)
    audience = serializers.CharField(max_length=60, required=False, allow_blank=True)


class ClashOut(serializers.Serializer):
    """A field that someone else changed in the meantime: their value, yours, who changed it, and when."""

    field = serializers.ChoiceField([(name, name) for name in editing.EDITABLE])
    theirs = serializers.JSONField(allow_null=True)
    yours = serializers.JSONField(allow_null=True)
    by = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()


class Clashed(Problem):
    """Nothing was saved. Choose for each field and send it again, with the version given here as If-Match."""

    version = serializers.IntegerField()
    conflicts = ClashOut(many=True)


class TickIn(Body):
    """A line of a checklist, and whether to tick it."""

    checklist = serializers.ChoiceField([(name, name) for name in editing.CHECKLISTS])
    line = serializers.CharField(max_length=10_000)
    met = serializers.BooleanField()


class AssigneeIn(Body):
    """A person to assign or unassign. Other assignees stay."""

    person = PersonField()
    assigned = serializers.BooleanField(default=True)


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
    """How far development is. Stages after dev done follow from evidence."""

    to = ProgressField()
    because = ReasonField(required=False, allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        """Add a field whose name is a word of Python."""
        only = ProgressField(required=False, help_text="Where the story must be; 409 if it’s elsewhere by now.")
        return {**super().get_fields(), "from": only}


class TakeBackIn(Body):
    """Why you withdraw the evidence."""

    because = serializers.CharField(max_length=LONGEST_REASON)


class EvidenceIn(Body):
    """Evidence by hand, with a note or a link that others can check."""

    kind = serializers.ChoiceField([(name, name) for name in actions.BY_HAND_KINDS])
    verdict = serializers.ChoiceField([(name, name) for name in ("success", "failure")], required=False)
    at = serializers.DateTimeField(required=False, help_text="When you saw it. The default is now.")
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
            raise serializers.ValidationError(f"There’s no environment “{value}”. /api/v1/environments/ lists them.")
        return place

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that the environment fits what was seen there."""
        place = data.pop("environment", None)
        if wrong := misplaced(data["kind"], place):
            raise serializers.ValidationError({"environment": wrong})
        return {**data, **seen_in(place)}
