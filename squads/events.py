"""What happens to squads, services and stories, as the outbox tells it: one class for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from portal.kernel.events import AboutSome, Event


@dataclass(frozen=True, kw_only=True)
class SquadSaved(AboutSome):
    """A squad was created, or what is said about it changed. Published by teams.

    ids: the squads.
    """

    topic: ClassVar[str] = "squad.saved"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ServiceSaved(AboutSome):
    """A service was created, edited or claimed, or an event named it first. Published by teams.

    ids: the services.
    """

    topic: ClassVar[str] = "service.saved"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ServiceChanged(Event):
    """A service got or lost repositories, or folders of one. Published by teams, and by mappings, monorepo and sources.

    id: the service.
    repositories: the repositories that were claimed for it or released.
    """

    topic: ClassVar[str] = "service.changed"
    id: int
    repositories: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class StoryCreated(AboutSome):
    """A person wrote a story. Published by stories.

    ids: the stories.
    """

    topic: ClassVar[str] = "story.created"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class StoriesImported(AboutSome):
    """Stories were made from a file or from a tracker's issues. Published by imports.

    ids: the stories that are new.
    updated: stories that were there already and that the same import changed.
    """

    topic: ClassVar[str] = "stories.imported"
    ids: Sequence[int]
    updated: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class StoryEdited(AboutSome):
    """The texts or fields of stories changed. Published by stories, and by imports.

    ids: the stories.
    """

    topic: ClassVar[str] = "story.edited"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class StoryMoved(AboutSome):
    """A story went to another squad and has another key. Published by stories.

    ids: the story.
    key: its key now.
    former: its key before, which leads to it from now on.
    """

    topic: ClassVar[str] = "story.moved"
    ids: Sequence[int]
    key: str
    former: str


@dataclass(frozen=True, kw_only=True)
class StoryEnded(AboutSome):
    """Stories were cancelled, closed as duplicates, or reopened. Published by stories, and by imports.

    ids: the stories.
    ending: how they ended: cancelled or duplicate; empty for reopened.
    """

    topic: ClassVar[str] = "story.ended"
    ids: Sequence[int]
    ending: str = ""


@dataclass(frozen=True, kw_only=True)
class StoryDeleted(AboutSome):
    """A story was deleted, with everything about it. Published by endings.

    ids: the story that was.
    """

    topic: ClassVar[str] = "story.deleted"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class StoryFlagged(Event):
    """Another flag, or another audience of it, gates a story. Published by stories.

    id, key: the story.
    """

    topic: ClassVar[str] = "story.flagged"
    id: int
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class StoryAssigned(Event):
    """Somebody is to do a story. Published by assignments.

    id, key: the story.
    person: the id of who is to do it.
    by: the id of who said so; the same where people take stories themselves.
    """

    topic: ClassVar[str] = "story.assigned"
    id: int
    key: str
    person: int
    by: int | None = None


@dataclass(frozen=True, kw_only=True)
class StoryCommented(Event):
    """Somebody commented on a story. Published by discussions.

    id, key: the story.
    comment: the comment.
    """

    topic: ClassVar[str] = "story.commented"
    id: int
    key: str
    comment: int


@dataclass(frozen=True, kw_only=True)
class CommentSaved(AboutSome):
    """Comments were written, changed or removed, by their authors or by an import. Published by discussions and imports.

    ids: the comments.
    """

    topic: ClassVar[str] = "comment.saved"
    ids: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class AcceptanceAsked(Event):
    """Somebody asked for a story to be accepted in production. Published by acceptance.

    id, key: the story.
    request: the request for acceptance.
    """

    topic: ClassVar[str] = "acceptance.asked"
    id: int
    key: str
    request: int


@dataclass(frozen=True, kw_only=True)
class AcceptanceAnswered(Event):
    """A request for acceptance was answered or withdrawn. Published by acceptance.

    id, key: the story.
    request: the request for acceptance.
    state: its state now: accepted, declined or withdrawn.
    """

    topic: ClassVar[str] = "acceptance.answered"
    id: int
    key: str
    request: int
    state: str


@dataclass(frozen=True, kw_only=True)
class StageChanged(Event):
    """One thing moved stories from one stage to another: a deployment, a check, a person. Published by stage_history.

    cause: what all these stories were moved by; a cause that moved very many is told in several messages.
    event: the inbound event that proves it, if one does.
    person: the id of the person who did it, if one did.
    changes: each with id, story, key, from, to, at and why, in order of time. An id may come again (what was taken
        back is so after all), so a subscriber that must not act twice remembers the ids.
    correction: what had moved these stories is no longer so, and their history has no row of it (so `id` is null).
    """

    topic: ClassVar[str] = "story.stage_changed"
    cause: str
    event: str | None = None
    person: int | None = None
    changes: Sequence[dict[str, Any]] = ()
    correction: bool = False


@dataclass(frozen=True, kw_only=True)
class StoriesUnjudged(Event):
    """Stories have no history of their stages yet: an upgrade made the table. Published by a migration of squads.

    after: the id of the last story that was judged since.
    """

    topic: ClassVar[str] = "stories.unjudged"
    after: int = 0


@dataclass(frozen=True, kw_only=True)
class RetrospectiveSaved(AboutSome):
    """A retrospective was created, edited, moved to another state or deleted. Published by retrospectives.

    ids: the retrospectives.
    """

    topic: ClassVar[str] = "retrospective.saved"
    ids: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class RetrospectivePublished(AboutSome):
    """A retrospective was published. Published by retrospectives.

    ids: the retrospectives.
    """

    topic: ClassVar[str] = "retrospective.published"
    ids: Sequence[str]
