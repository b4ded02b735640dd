"""What the API shows of a story."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.kernel.api import named_by
from squads.judge import judgement
from squads.stage_history.models import StageChange
from squads.stories.models import Story

RUNG_STATES = ("held", "by_hand", "missing", "withdrawn")


class RungOut(serializers.Serializer):
    """One rung of the ladder."""

    rung = serializers.ChoiceField([(name, judgement.STAGE_NAMES[name]) for name in judgement.RUNGS])
    state = serializers.ChoiceField([(name, name) for name in RUNG_STATES])
    at = serializers.DateTimeField(allow_null=True)
    why = serializers.CharField()


class StoryOut(serializers.ModelSerializer):
    """A story with where it stands and the honest answer."""

    squad = named_by("slug")
    release = named_by("slug", allow_null=True)
    created_by = named_by("username", allow_null=True)
    criteria_met = serializers.ListField(child=serializers.CharField(), read_only=True)
    checks_met = serializers.ListField(child=serializers.CharField(), read_only=True)
    rodeo_done = serializers.SerializerMethodField()
    gaps = serializers.SerializerMethodField()
    dark = serializers.SerializerMethodField()
    unconfirmed = serializers.SerializerMethodField(
        help_text="Environments that the answer rests on and that only their names say are production."
    )
    answer = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)
    elsewhere = serializers.CharField(source="foreign_key", read_only=True, help_text="its key where it came from")

    class Meta:
        model = Story
        fields = [
            "key",
            "elsewhere",
            "version",
            "squad",
            "title",
            "type",
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
        return judgement.say(story.standing, owners=self.context["owners"], squad=story.squad.name)


class IssueOut(serializers.Serializer):
    """The issue that a story came from, as it was last seen there: open, closed, moved or deleted, and since when."""

    name = serializers.CharField()
    system = serializers.CharField()
    url = serializers.CharField()
    author = serializers.CharField()
    state = serializers.ChoiceField([(name, name) for name in ("open", "closed", "moved", "deleted")])
    since = serializers.DateTimeField(allow_null=True)
    moved_to = serializers.CharField()


class StoryDetail(StoryOut):
    """A story with every rung of its ladder, and the issue it came from, if it did."""

    rungs = serializers.SerializerMethodField()
    issue = serializers.SerializerMethodField()

    class Meta(StoryOut.Meta):
        fields = [*StoryOut.Meta.fields, "rungs", "issue"]
        read_only_fields = fields

    @extend_schema_field(IssueOut(allow_null=True))
    def get_issue(self, story: Story) -> dict[str, Any] | None:
        return dict(IssueOut(story.ticket).data) if hasattr(story, "ticket") else None

    @extend_schema_field(RungOut(many=True))
    def get_rungs(self, story: Story) -> list[dict[str, Any]]:
        return list(story.standing.get("rungs", ()))


class StageChangeOut(serializers.ModelSerializer):
    """A story went from one stage to another, at the moment when it was so, and why.

    `evidence` is the row that proves it, or that was taken back; `event` the inbound event; `person` who did it, if
    somebody did. All stories that one thing moved share its `cause`.
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
    """The honest answer about one story. `elsewhere` is its key where it came from, if it did."""

    key = serializers.CharField()
    elsewhere = serializers.CharField()
    title = serializers.CharField()
    answer = serializers.CharField()
    rodeo_done = serializers.BooleanField()
    stage = serializers.ChoiceField(Story.Stage.choices)
    gaps = serializers.ListField(child=serializers.CharField())
    dark = serializers.BooleanField()
    rungs = RungOut(many=True)
