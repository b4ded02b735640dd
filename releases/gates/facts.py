"""What the gates judge: everything known about a release at one moment, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from squads.judge.case import may_be_production


@dataclass(frozen=True, slots=True)
class StoryFact:
    """A story of the release. `lacks` is what it lacks for its next stage, in a few words; `who` can supply it.

    `changes` are its commits, each with the service it changes (or the repository, where no service owns that).
    `accepter` is who is to accept it; "" if nobody, and then `unable` is who was planned and couldn't any more.
    """

    key: str
    stage: str
    since: datetime | None
    squad: str
    squad_slug: str
    lacks: str = ""
    who: str = ""
    who_slug: str = ""
    gaps: tuple[str, ...] = ()
    flag: str = ""
    audience: str = "everyone"
    accepter: str = ""
    unable: str = ""
    services: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class RunFact:
    """One attempt at a CI run of exactly the commit to be deployed; only those that count for it."""

    pipeline: str
    phase: str
    outcome: str
    started_at: datetime | None
    finished_at: datetime | None
    id: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class CheckFact:
    """A test or acceptance run of a service before production: what it checked, as a commit and perhaps an artifact.

    `digest` is "" where nobody knows which artifact ran there then.
    """

    name: str
    environment: str
    tier: str
    outcome: str
    sha: str
    digest: str
    at: datetime | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class PlaceFact:
    """What runs of a service in one environment now. `confirmed` is False where nobody said which tier it is."""

    environment: str
    tier: str
    sha: str
    digest: str
    since: datetime | None
    healthy: bool
    confirmed: bool = True
    url: str = ""

    @property
    def may_be_production(self) -> bool:
        """Say whether it is production, or could be: nobody said what it is, and its name doesn't say that it isn't."""
        return may_be_production(self.tier, self.confirmed)


@dataclass(frozen=True, slots=True)
class SchemaChangeFact:
    """A file of a change that alters the schema, and whether somebody named it “expand” or “contract”."""

    sha: str
    path: str
    kind: str
    at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class LackingFact:
    """A change of a story that the commit to be deployed doesn't contain; `is_known` is False where nothing tells whether it
    does."""

    story: str
    sha: str
    is_known: bool


@dataclass(frozen=True, slots=True)
class ServiceFact:
    """A service that the release ships, and what of it.

    `sha` and `digest` are to be deployed; "" where unknown, and `why` says why. `missing_pipelines` must be green and have no run
    on the commit yet. `unread` are changes whose files nobody told, by sha. `watched_at` is when a monitoring system that
    watches it was last heard from, None where none does; `calm_since` when its last incident ended, or when it was watched first.
    """

    name: str
    slug: str
    squad: str
    squad_slug: str
    sha: str = ""
    digest: str = ""
    purl: str = ""
    why: str = ""
    runs: tuple[RunFact, ...] = ()
    missing_pipelines: tuple[str, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    places: tuple[PlaceFact, ...] = ()
    schema_changes: tuple[SchemaChangeFact, ...] = ()
    unread: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    # What is planned and isn't in the commit; the commits that the artifact was made from; and whether nothing leads from what
    # production runs to the commit, so that what else comes with it isn't known.
    lacking: tuple[LackingFact, ...] = ()
    made_from: tuple[str, ...] = ()
    production_unknown: bool = False
    watched_at: datetime | None = None
    calm_since: datetime | None = None
    url: str = ""

    @property
    def owner(self) -> str:
        """The squad that owns it, in words; "" if none does."""
        return f"squad {self.squad}" if self.squad else ""

    @property
    def who(self) -> str:
        """Who can act on it, in words."""
        return self.owner or f"{self.name}: no owner"


@dataclass(frozen=True, slots=True)
class IncidentFact:
    """An open incident, or an alert that counts as one. `service` is "" where nobody knows which it concerns; `classified` is
    False where nobody said whether its environment is production, and its name doesn't say it either."""

    id: str
    title: str
    service: str
    environment: str
    since: datetime | None
    classified: bool = True
    url: str = ""


@dataclass(frozen=True, slots=True)
class FlagFact:
    """The newest state of a flag for one audience, in one environment that is production, or of which nobody said whether it is:
    then `confirmed` is False."""

    flag: str
    environment: str
    on: bool
    audience: str
    at: datetime
    confirmed: bool = True
    url: str = ""


@dataclass(frozen=True, slots=True)
class FlagNeed:
    """What a person said a flag must be when the release goes out."""

    flag: str
    on: bool
    audience: str = "everyone"


@dataclass(frozen=True, slots=True)
class FreezeFact:
    """One occurrence of a freeze that is on or ahead. `services` empty: of all."""

    name: str
    reason: str
    starts: datetime
    ends: datetime
    services: tuple[str, ...] = ()
    url: str = ""

    def concerns(self, service: str) -> bool:
        """Say whether it holds for a service, by its name."""
        return not self.services or service in self.services


@dataclass(frozen=True, slots=True)
class LiftFact:
    """An occurrence of a freeze that is on or ahead and that somebody lifted: who, when, why, and until when."""

    freeze: FreezeFact
    by: str
    at: datetime
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    """An approval that was asked for. `state` is given, declined, waiting or void, and `why_void` says what changed.

    `asked_of` is of whom, as templates of gates keep it; `of` is the same in words.
    """

    id: str
    of: str
    state: str
    by: str = ""
    at: datetime | None = None
    note: str = ""
    why_void: str = ""
    squad_slug: str = ""
    url: str = ""
    asked_of: str = ""


@dataclass(frozen=True, slots=True)
class ChecklistFact:
    """A line of the checklist, and who ticked it when."""

    id: str
    text: str
    done_by: str = ""
    done_at: datetime | None = None
    who: str = ""


@dataclass(frozen=True, slots=True)
class OutsideFact:
    """What a check of another system said last. `outcome` is success, failure or "" (no answer, and `detail` says why).

    `since` is since when it says so, `at` when it was asked last.
    """

    id: str
    name: str
    outcome: str
    detail: str
    at: datetime | None
    since: datetime | None
    url: str = ""


@dataclass(frozen=True, slots=True)
class LearningReadFact:
    """A person said for this release that they read a retrospective: who, when, and which version of its text."""

    by: str
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class LearningFact:
    """A published retrospective with learnings that everyone signed in may read, about services of the release.

    It has no title here: a judgement is kept, and what is restricted later must not stay readable in it. `version` is the
    one that its text was last changed in; `published_at` is None where nobody knows.
    """

    id: str
    kind: str
    squad: str
    services: tuple[str, ...]
    published_at: datetime | None
    version: int
    reads: tuple[LearningReadFact, ...] = ()

    @property
    def last_read(self) -> LearningReadFact | None:
        """Who read it last as it is now."""
        return max((each for each in self.reads if each.version == self.version), key=_when, default=None)

    @property
    def outdated_read(self) -> LearningReadFact | None:
        """Who read it last before its text changed."""
        return max((each for each in self.reads if each.version != self.version), key=_when, default=None)


def _when(read: LearningReadFact) -> tuple[datetime, str]:
    return read.at, read.by


@dataclass(frozen=True, slots=True)
class SquadFact:
    """A squad and the most stories of its own that it wants in one release; None: no limit."""

    name: str
    slug: str
    batch_limit: int | None


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """All that is known about a release at `at`. Whoever reads it says nothing that isn't known: unknown is unknown."""

    at: datetime
    name: str
    # The service whose pipeline asks; "" where the whole release is meant.
    asked: str = ""
    url: str = ""
    owner: str = ""
    # A digest of what ships: stories, commits, artifacts, configuration.
    content: str = ""
    stories: tuple[StoryFact, ...] = ()
    # Those of the whole release, where a service's pipeline asks and `stories` are those that concern it.
    every_story: tuple[StoryFact, ...] = ()
    services: tuple[ServiceFact, ...] = ()
    # Repositories that it changes and that no service owns: nobody knows what of them is deployed.
    unclaimed: tuple[str, ...] = ()
    squads: tuple[SquadFact, ...] = ()
    incidents: tuple[IncidentFact, ...] = ()
    flags: tuple[FlagFact, ...] = ()
    # When what tells of a flag was last heard from, by flag.
    flags_heard: Mapping[str, datetime] = field(default_factory=dict)
    flag_needs: tuple[FlagNeed, ...] = ()
    freezes: tuple[FreezeFact, ...] = ()
    lifts: tuple[LiftFact, ...] = ()
    approvals: tuple[ApprovalFact, ...] = ()
    # Who has to approve always: as the template keeps it, and in words. Who is gone isn't in it.
    approvers: tuple[tuple[str, str], ...] = ()
    checklist: tuple[ChecklistFact, ...] = ()
    outside: tuple[OutsideFact, ...] = ()
    # None where nobody looked for retrospectives.
    learnings: tuple[LearningFact, ...] | None = None

    @property
    def planner(self) -> str:
        """Who can act where a person has to: the release's owner, else any project manager."""
        return self.owner or "project managers"

    @property
    def all_stories(self) -> tuple[StoryFact, ...]:
        """The stories of the whole release, also where `stories` are those that concern one service."""
        return self.every_story or self.stories

    @property
    def concerned(self) -> tuple[ServiceFact, ...]:
        """The services that are judged: the one that asks, or all."""
        return tuple(each for each in self.services if self.asked in ("", each.name))

    def of_service(self, name: str) -> "ReleaseFacts":
        """Return what concerns one service, for its pipeline. Deploy order needs the other services, so they stay."""
        return replace(
            self,
            asked=name,
            unclaimed=(),
            every_story=self.all_stories,
            # A story without a change may still get one in this service.
            stories=tuple(each for each in self.stories if not each.services or name in each.services),
            incidents=tuple(each for each in self.incidents if each.service in (name, "")),
            learnings=self.learnings and tuple(each for each in self.learnings if name in each.services),
            freezes=tuple(each for each in self.freezes if each.concerns(name)),
            lifts=tuple(each for each in self.lifts if each.freeze.concerns(name)),
        )
