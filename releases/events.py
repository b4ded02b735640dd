"""What happens to releases, environments, sources and changes, as the outbox tells it: one class for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.kernel.events import AboutSome, Event


@dataclass(frozen=True, kw_only=True)
class ReleaseSaved(AboutSome):
    """Releases were created, edited or deleted, by people or by tags. Published by planning.

    ids: the releases (UUIDs as text).
    """

    topic: ClassVar[str] = "release.saved"
    ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class EnvironmentSaved(AboutSome):
    """An environment was created or edited, or an event named it first. Published by environments.

    ids: the environments.
    """

    topic: ClassVar[str] = "environment.saved"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class EnvironmentChanged(Event):
    """An environment changed tier, so what was deployed and checked there counts differently. Published by environments.

    id: the environment.
    services: services that were deployed there.
    stories: keys of stories that were checked there.
    """

    topic: ClassVar[str] = "environment.changed"
    id: int
    services: Sequence[int] = ()
    stories: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ChangeLinked(Event):
    """A person linked a change to a story, or unlinked it. Published by evidence.

    change: the change (a UUID as text).
    stories: the stories it was linked to or unlinked from.
    """

    topic: ClassVar[str] = "change.linked"
    change: str
    stories: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class IssuesSeen(Event):
    """A tracker told of issues, or somebody wants stories of those it told of before. Published by issues and sources.

    source: the tracker's source.
    keys: the issues; None for all that the source ever told of.
    after: with keys None, the issue after which to go on, in the order of their keys.
    """

    topic: ClassVar[str] = "tickets.seen"
    source: int
    keys: Sequence[str] | None = None
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class MappingChanged(Event):
    """Mapping rules changed, so events they fit are to be read again. Published by mappings.

    patterns: for each rule as it was and as it is: kind, pattern, source (or None), environment.
    after: how far reading again has come; None at the beginning.
    """

    topic: ClassVar[str] = "mapping.changed"
    patterns: list[list[Any]]
    after: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class EventsOutdated(Event):
    """This version reads the events of some systems otherwise than those before it. Published by migrations.

    kinds: the kinds of their sources; every event of those is read again.
    """

    topic: ClassVar[str] = "events.outdated"
    kinds: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class SourceSaved(AboutSome):
    """A source was connected, renamed or removed. Published by sources and reports.

    ids: the sources.
    """

    topic: ClassVar[str] = "source.saved"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class SourceHealthChanged(Event):
    """A source broke, is well again, or was paused or resumed. Published by sources and pulling.

    id: the source.
    """

    topic: ClassVar[str] = "source.standing"
    id: int


@dataclass(frozen=True, kw_only=True)
class SourceChanged(Event):
    """The settings of a source changed, so what it sent may mean something else. Published by sources.

    id: the source.
    """

    topic: ClassVar[str] = "source.changed"
    id: int


@dataclass(frozen=True, kw_only=True)
class BotsChanged(Event):
    """An administrator said who is a bot, or took that back. Published by bots.

    name: the name or pattern.
    """

    topic: ClassVar[str] = "bots.changed"
    name: str


@dataclass(frozen=True, kw_only=True)
class GateOverridden(Event):
    """A person overrode a gate of a release, or withdrew that. Published by readiness.

    release: the release (a UUID as text).
    gate: the gate's name.
    overridden: false where the override was withdrawn.
    """

    topic: ClassVar[str] = "release.gate_overridden"
    release: str
    gate: str
    overridden: bool


@dataclass(frozen=True, kw_only=True)
class LearningsRead(Event):
    """A person said that they read a retrospective for a release, or took that back. Published by learnings.

    release: the release (a UUID as text).
    retrospective: the retrospective (a UUID as text).
    was_read: false where it was taken back.
    """

    topic: ClassVar[str] = "release.learnings_read"
    release: str
    retrospective: str
    was_read: bool


@dataclass(frozen=True, kw_only=True)
class ApprovalAsked(Event):
    """Somebody was asked to approve a release. Published by approvals.

    release: the release (a UUID as text).
    approval: the approval that was asked for.
    """

    topic: ClassVar[str] = "approval.asked"
    release: str
    approval: int


@dataclass(frozen=True, kw_only=True)
class ApprovalAnswered(Event):
    """Somebody approved a release, or declined to. Published by approvals.

    release: the release (a UUID as text).
    approval: the approval that was answered.
    given: whether it was given.
    """

    topic: ClassVar[str] = "approval.answered"
    release: str
    approval: int
    given: bool


@dataclass(frozen=True, kw_only=True)
class ApprovalVoided(Event):
    """An approval is void: the release ships other things than it was given for. Published by approvals.

    release: the release (a UUID as text).
    approval: the approval.
    """

    topic: ClassVar[str] = "approval.voided"
    release: str
    approval: int


@dataclass(frozen=True, kw_only=True)
class IncidentSettingsChanged(Event):
    """Severities of incidents changed, or the times that hold for all of them. Published by incident_settings."""

    topic: ClassVar[str] = "incident.settings_changed"


@dataclass(frozen=True, kw_only=True)
class IncidentsOutdated(Event):
    """What all incidents depend on changed, so these are worked out anew. Published by evidence, a few at a time.

    threads: what joins the reports of one incident.
    ids: incidents (UUIDs as text).
    """

    topic: ClassVar[str] = "incidents.outdated"
    threads: Sequence[str] = ()
    ids: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class IncidentSaved(AboutSome):
    """A person opened or corrected an incident, merged or split it, or said which deployment it came from. Published by
    incidents and attributions.

    ids: the incidents (UUIDs as text).
    """

    topic: ClassVar[str] = "incident.saved"
    ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class IncidentChanged(AboutSome):
    """Incidents read otherwise than before, and no person's word did it: sources report something else, or somebody wrote an
    update. Published by incidents.

    ids: the incidents (UUIDs as text).
    """

    topic: ClassVar[str] = "incident.changed"
    ids: Sequence[str]
