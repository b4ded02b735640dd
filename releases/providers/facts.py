"""Facts: what an event says, in the terms of CDEvents and the same for every provider. Providers return these.

A fact names its subject (`kind`, `key`) and the moment at which it was true (`at`). Empty fields say nothing. The row of a
subject is folded from all facts about it, so a fact holds only what its own event said. No Django in here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar

QUEUED, WAITING, RUNNING, FINISHED = "queued", "waiting", "running", "finished"
PHASES = (QUEUED, WAITING, RUNNING, FINISHED)
SUCCESS, WARNING, FAILURE, ERROR, CANCELLED, SKIPPED, UNKNOWN = (
    "success",
    "warning",
    "failure",
    "error",
    "cancelled",
    "skipped",
    "unknown",
)
OUTCOMES = (SUCCESS, WARNING, FAILURE, ERROR, CANCELLED, SKIPPED, UNKNOWN)


# Stored facts keep the name this field had when the first of them were written.
STORED_AS = {"raw_status": "words"}
# A sender's clock may run ahead of ours by this much.
CLOCK_SLACK = timedelta(minutes=10)


class Unreadable(ValueError):
    """A payload cannot be translated. The text names the field at fault and is shown on the event's page."""


class NoZone(Unreadable):
    """A time is written without a zone, and nobody said which zone it is in. The text names the field and the remedy."""


class MakesNothing(Exception):
    """A payload was understood, and nothing comes of it. The text says why and is shown with the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an event says about one subject at one moment.

    `original_names` are the names in the payload, as (kind, name), where a mapping rule replaced them.
    """

    kind: ClassVar[str] = ""
    key: str
    at: datetime
    original_names: tuple[tuple[str, str], ...] = ()

    def data(self) -> dict[str, Any]:
        """Return the fields as JSON, under the names they are stored by; moments in UTC; empty fields are left out."""
        data = {
            STORED_AS.get(each.name, each.name): _plain(value)
            for each in fields(self)
            if each.name not in {"key", "at", "original_names"}
            and (value := getattr(self, each.name)) not in (None, "", (), [])
        }
        return data | {"said": dict(self.original_names)} if self.original_names else data


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


class SeenInPart(list[Seen]):
    """Facts of an event, of which a part makes none; `reason` says why and is shown with the event."""

    def __init__(self, facts: Iterable[Seen], reason: str) -> None:
        super().__init__(facts)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMerged(Seen):
    """A change reached the mainline. `key` is its sha; `texts` are (kind, text) pairs that may name stories
    (`story_keys.named_in`). `author_type` is "bot" where the system says that its author is one.

    `commits` are the original commits that a squash or rebase left out of the mainline, as (sha, commit time).
    `paths` are the files or folders it touches, where the system lists them.
    """

    kind: ClassVar[str] = "change"
    repository: str
    merged_at: datetime
    subject: str = ""
    author: str = ""
    author_type: str = ""
    url: str = ""
    texts: tuple[tuple[str, str], ...] = ()
    commits: tuple[tuple[str, datetime], ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen(Seen):
    """A CI run reached a phase. `trigger` is what started it (triggers.py); `attempt` tells a re-run from the run it repeats,
    where the system numbers them.

    `job` is the full name of the job where jobs stand in folders: a pipeline may be a folder with a job for each branch.
    `numbered_at` is when a number in the key was given out, where such numbers begin again once a job is made anew.
    """

    kind: ClassVar[str] = "run"
    phase: str
    outcome: str = ""
    raw_status: str = ""
    service: str = ""
    repository: str = ""
    pipeline: str = ""
    job: str = ""
    numbered_at: datetime | None = None
    sha: str = ""
    branch: str = ""
    artifact: str = ""
    trigger: str = ""
    attempt: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactSeen(Seen):
    """An artifact was packaged or published. `key` is its purl."""

    kind: ClassVar[str] = "artifact"
    sha: str = ""
    repository: str = ""
    packaged_at: datetime | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSeen(Seen):
    """A deployment of a service to an environment reached a phase. `deployment` is deploy, rollback or removal.

    Without a `service`, it is the service that owns the `repository`. Where its system tells attempts apart, `attempt` does.
    """

    kind: ClassVar[str] = "deployment"
    service: str = ""
    attempt: str = ""
    repository: str = ""
    environment: str
    numbered_at: datetime | None = None
    deployment: str = "deploy"
    phase: str
    outcome: str = ""
    healthy: bool | None = None
    raw_status: str = ""
    artifact: str = ""
    sha: str = ""
    version: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSeen(Seen):
    """An environment exists, was renamed, or was deleted (`gone`)."""

    kind: ClassVar[str] = "environment"
    name: str = ""
    url: str = ""
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceSeen(Seen):
    """An acceptance run of a story (or of a service's artifact) in an environment. One fact is about at most one story.

    Without a `service`, it is the service that owns the `repository`, if any.
    """

    kind: ClassVar[str] = "acceptance"
    environment: str
    numbered_at: datetime | None = None
    phase: str
    outcome: str = ""
    attempt: str = ""
    name: str = ""
    raw_status: str = ""
    story: str = ""
    service: str = ""
    repository: str = ""
    artifact: str = ""
    sha: str = ""
    release: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    performed_by: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSeen(Seen):
    """A flag is on or off for an audience in an environment. `key` is the flag's name."""

    kind: ClassVar[str] = "flag"
    environment: str
    on: bool
    audience: str = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSeen(Seen):
    """An incident was detected, declared (reported) or resolved."""

    kind: ClassVar[str] = "incident"
    title: str = ""
    environment: str = ""
    service: str = ""
    detected_at: datetime | None = None
    declared_at: datetime | None = None
    resolved_at: datetime | None = None
    url: str = ""
    # Whether it is planned work; None where the event doesn't tell.
    maintenance: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSeen(Seen):
    """A monitoring system raised or resolved an alert.

    `key` is one occurrence: the system's own deduplication key, with the start time where the system reuses that key.
    `group` is the key of alerts that belong together. `incident` says whether a mapping rule makes an incident of it; None
    where no rule matches.
    """

    kind: ClassVar[str] = "signal"
    title: str
    state: str  # "open" or "resolved"
    group: str = ""
    severity: str = ""
    service: str = ""
    environment: str = ""
    raw_status: str = ""
    opened_at: datetime | None = None
    resolved_at: datetime | None = None
    labels: tuple[tuple[str, str], ...] = ()
    url: str = ""
    incident: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut(Seen):
    """What a mapping rule says to leave out: it makes no row. A change of the rule finds it again by `original_names`."""

    kind: ClassVar[str] = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketSeen(Seen):
    """An issue of a tracker, which may become a story.

    `key` is the tracker's own, unique within the source, such as shop/checkout#12. `type` is user_story, defect, chore or "";
    `type_name` and `raw_status` are the tracker's own type and state. `gone` is "", "deleted", or "moved" (to the URL
    `moved_to`, where the tracker gives it). Unlike other facts, the newest one replaces all earlier ones: its empty fields
    are empty.
    """

    kind: ClassVar[str] = "ticket"
    title: str
    closed: bool = False
    body: str = ""
    type: str = ""
    type_name: str = ""
    raw_status: str = ""
    gone: str = ""
    moved_to: str = ""
    author: str = ""
    labels: tuple[str, ...] = ()
    created_at: datetime | None = None
    closed_at: datetime | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentCheckAsked(Seen):
    """A system asks whether it may deploy (or merge) a commit, and waits for the answer at an address of its own.

    `answer_to` is that address, or its path below the API. `check` and `installation` are ids that the answer needs. The
    newest of one `thread` is meant, and none once it is `withdrawn`. `service` and `release` are what its configuration names.
    """

    kind: ClassVar[str] = "deployment_check"
    thread: str
    answer_to: str
    repository: str = ""
    sha: str = ""
    environment: str = ""
    service: str = ""
    release: str = ""
    check: str = ""
    installation: str = ""
    withdrawn: bool = False
    url: str = ""


def check_not_in_future(seen: "list[Seen]", received: datetime) -> None:
    """Raise Unreadable when a fact says that something happened later than CLOCK_SLACK after it was received.

    The newest fact wins a fold, so one in the future would win over everything that happens until then.
    """
    for fact in seen:
        if isinstance(fact, CommitsSeen | RefsSeen):
            continue  # a commit's date is what its author's clock said, and is stored as such
        for each in fields(fact):
            value = getattr(fact, each.name)
            if isinstance(value, datetime) and value > received + CLOCK_SLACK:
                raise Unreadable(
                    f"{each.name.replace('_', ' ')} is in the future ({value:%Y-%m-%d %H:%M} UTC, received "
                    f"{received:%Y-%m-%d %H:%M}); set the sender's clock, or report it after it happened"
                )


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as git has it. Moments in UTC; `message` may be cut to its first few thousand characters."""

    sha: str
    parents: tuple[str, ...]
    authored_at: datetime
    committed_at: datetime
    author: str
    message: str
    # The folders it touches, cut to `depth` levels; None where git was not asked.
    paths: tuple[str, ...] | None = None
    depth: int = 0
    # git's patch-id of it, and of what takes it back exactly; empty where git was not asked, and for merges.
    patch: str = ""
    undoes: str = ""
    email: str = ""
    # The files of the schema that it touches, of the first `files_asked` patterns; 0 where git was not asked.
    files: tuple[str, ...] = ()
    files_asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitsSeen(Seen):
    """Commits read from a repository's git. `key` is the repository. One fact holds many: one fact each would be too many."""

    kind: ClassVar[str] = "commits"
    commits: tuple[Commit, ...] = field(default=(), repr=False)

    def data(self) -> dict[str, Any]:
        return {"count": len(self.commits)}


@dataclass(frozen=True, slots=True)
class TagSeen:
    """A tag: its name, the commit it points at, and its date (tagger's, else the commit's committer date).

    `is_new` says whether it was not so in the snapshot before.
    """

    name: str
    sha: str
    tagged_at: datetime
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RefsSeen(Seen):
    """The mainline's head and all tags of a repository at one moment. `key` is the repository."""

    kind: ClassVar[str] = "refs"
    branch: str
    head: str
    tags: tuple[TagSeen, ...] = field(default=(), repr=False)

    def data(self) -> dict[str, Any]:
        return {"branch": self.branch, "head": self.head, "tags": len(self.tags)}
