"""What scripts may report, field by field. An error names the field and says what to write instead."""

from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from portal.kernel import clock
from portal.kernel.request_fields import Body
from releases.pipelines.models import Phase
from releases.providers import facts, parse, triggers
from releases.providers.base import InvalidSetting
from releases.providers.facts import NoZone
from releases.providers.story_keys import KEY
from releases.providers.zones import check as check_zone
from releases.providers.zones import zone_of

KINDS = ("deploy", "rollback", "removal")


class OutcomeField(serializers.CharField):
    """How it ended: success, warning, failure, error, cancelled, skipped or unknown, or a common word for one."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "help_text", f"One of {', '.join(facts.OUTCOMES)}. Common words such as passed and failed work too."
        )
        super().__init__(max_length=40, **options)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if text.strip().lower().replace(" ", "_").replace("-", "_") not in parse.OUTCOMES:
            raise serializers.ValidationError(f"“{text}” isn’t an outcome. Use one of {', '.join(facts.OUTCOMES)}.")
        return text


class TriggerField(serializers.CharField):
    """What started a run: push, merge_queue, tag, schedule and so on, or a common word for one."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "help_text",
            f"What started it: one of {', '.join(triggers.TRIGGERS)}. Unless the service has required pipelines, a run only "
            "counts if this is push, merge_queue or tag, or is left out.",
        )
        super().__init__(max_length=40, **options)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if triggers.trigger_of(text) == triggers.OTHER != text:
            raise serializers.ValidationError(f"“{text}” isn’t a trigger. Use one of {', '.join(triggers.TRIGGERS)}.")
        return text


def moment_of(field: serializers.Field, text: str | None) -> datetime | None:
    """Parse a moment as the source whose report is checked means it; None for anything else, NoZone without a zone."""
    return parse.moment(text, zone_of(field.context.get("config", {})))


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(serializers.CharField):
    """A moment in ISO 8601; one without a zone is in the zone chosen for the source, and refused where none is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=60, **options)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        try:
            moment = moment_of(self, text)
        except NoZone:
            raise serializers.ValidationError(
                f"“{text}” has no time zone. Write it as 2026-01-31T12:00:00Z, or ask an administrator to set the source’s "
                "time zone."
            ) from None
        if moment is None:
            raise serializers.ValidationError(f"“{text}” isn’t a valid time. Write it as 2026-01-31T12:00:00Z.")
        if moment > clock.now() + facts.CLOCK_SLACK:
            raise serializers.ValidationError(
                f"{text} is in the future. Report it after it happened, or check your clock."
            )
        return text


class YesOrNo(serializers.BooleanField):
    """JSON's own true or false: what merely looks like one, such as "no", might be read as its opposite."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Write true or false, without quotes.")
        return data


class CommitField(serializers.CharField):
    """A commit's sha."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=100, help_text="7 to 64 hexadecimal digits. Send the full sha if you can.", **options
        )

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if not parse.sha(text):
            raise serializers.ValidationError(f"“{text}” isn’t a commit sha. Use 7 to 64 hexadecimal digits.")
        return text


class PurlField(serializers.CharField):
    """An artifact, by purl."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=parse.LONGEST_PURL, help_text="A purl with its digest, such as pkg:oci/app@sha256%3A…", **options
        )

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if not text.lower().startswith("pkg:"):
            raise serializers.ValidationError(
                f"“{text}” isn’t a purl. Write one such as pkg:oci/checkout@sha256%3A4f5e…."
            )
        return text


class StoryKeyField(serializers.CharField):
    """A story's key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=20, **options)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if not KEY.fullmatch(text.upper()):
            raise serializers.ValidationError(f"“{text}” isn’t a story key. A key looks like PAY-12.")
        return text


class WebField(serializers.CharField):
    """An address that people can open."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, **options)

    def to_internal_value(self, data: Any) -> str:
        text = str(super().to_internal_value(data))
        if not text.startswith(("https://", "http://")):
            raise serializers.ValidationError("Enter a full address starting with https:// or http://.")
        return text


class Report(Body):
    """What all reports share."""


class Timed(Report):
    """Something with a phase and times."""

    phase = serializers.ChoiceField(Phase.choices, required=False, help_text="The default is finished.")
    started_at = MomentField(required=False)
    finished_at = MomentField(required=False, help_text="The default is the time of receipt.")
    url = WebField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that times and phase fit together."""
        started, finished = (moment_of(self, data.get(name)) for name in ("started_at", "finished_at"))
        if started and finished and finished < started:
            raise serializers.ValidationError({"finished_at": "This is before started_at."})
        if data.get("phase", facts.FINISHED) != facts.FINISHED:
            for name in ("outcome", "finished_at"):
                if name in data:
                    raise serializers.ValidationError(
                        {name: f"A report in phase {data['phase']} has none yet. Leave it out."}
                    )
        return data


class DeploymentIn(Timed):
    """A deployment of a service to an environment. Say what was deployed: a commit, version or artifact."""

    id = serializers.CharField(
        max_length=150, required=False, help_text="Your own id. Report it again as the deployment continues."
    )
    service = serializers.CharField(max_length=120)
    environment = serializers.CharField(max_length=120)
    kind = serializers.ChoiceField([(kind, kind) for kind in KINDS], required=False, help_text="The default is deploy.")
    commit = CommitField(required=False)
    version = serializers.CharField(max_length=200, required=False)
    artifact = PurlField(required=False)
    outcome = OutcomeField(required=False)
    healthy = YesOrNo(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that it says what was deployed."""
        data = super().validate(data)
        if data.get("kind") != "removal" and not any(data.get(name) for name in ("commit", "version", "artifact")):
            raise serializers.ValidationError({"commit": "Say what was deployed: commit, version or artifact."})
        return data


class RunIn(Timed):
    """One run of a CI pipeline for a commit."""

    id = serializers.CharField(max_length=150)
    service = serializers.CharField(max_length=120, required=False)
    repository = serializers.CharField(max_length=250, required=False)
    pipeline = serializers.CharField(max_length=250, required=False)
    commit = CommitField()
    branch = serializers.CharField(max_length=250, required=False)
    trigger = TriggerField(required=False)
    outcome = OutcomeField(required=False)
    artifact = PurlField(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that it says whose run it is, and how it ended once it has."""
        data = super().validate(data)
        if not data.get("service") and not data.get("repository"):
            raise serializers.ValidationError({"service": "Give service or repository."})
        if data.get("phase", facts.FINISHED) == facts.FINISHED and not data.get("outcome"):
            raise serializers.ValidationError({"outcome": "Give an outcome, or the phase queued, waiting or running."})
        return data


class Bound(Report):
    """What an acceptance run is bound to."""

    environment = serializers.CharField(max_length=120)
    service = serializers.CharField(max_length=120, required=False)
    commit = CommitField(required=False)
    artifact = PurlField(required=False)
    release = serializers.CharField(max_length=200, required=False)
    name = serializers.CharField(max_length=300, required=False)
    by = serializers.CharField(max_length=200, required=False)
    url = WebField(required=False)


class AcceptanceRunIn(Bound):
    """A check of one or several stories, or of a service, in an environment."""

    id = serializers.CharField(max_length=150, required=False)
    story = StoryKeyField(required=False)
    stories = serializers.ListField(child=StoryKeyField(), required=False, max_length=500)
    outcome = OutcomeField()
    started_at = MomentField(required=False)
    finished_at = MomentField(required=False, help_text="The default is the time of receipt.")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """See that the times fit together."""
        started, finished = (moment_of(self, data.get(name)) for name in ("started_at", "finished_at"))
        if started and finished and finished < started:
            raise serializers.ValidationError({"finished_at": "This is before started_at."})
        return data


class JUnitIn(Bound):
    """The parameters beside a JUnit XML file."""

    id = serializers.CharField(max_length=150, required=False)
    keys_in_names = serializers.ChoiceField(
        choices=[("true", "true"), ("false", "false")],
        required=False,
        help_text="true also counts keys in capitals in the names of tests, classes and suites.",
    )
    zone = serializers.CharField(
        max_length=60, required=False, help_text="The zone of times without one, such as Europe/Berlin."
    )

    def validate_zone(self, zone: str) -> str:
        """See that there is such a zone."""
        try:
            check_zone({"zone": zone})
        except InvalidSetting as error:
            raise serializers.ValidationError(str(error)) from None
        return zone


class FlagStateIn(Report):
    """Whether a flag is on for an audience in an environment."""

    flag = serializers.CharField(max_length=120)
    environment = serializers.CharField(max_length=120)
    on = YesOrNo()
    audience = serializers.CharField(max_length=60, required=False, help_text="The default is everyone.")
    at = MomentField(required=False)


class Receipt(serializers.Serializer):
    """The event of a report, and the names in it that Rodeo didn't know yet."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(["pending", "processed", "ignored", "failed"])
    url = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())
