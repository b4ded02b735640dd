"""What happens to stories, as the outbox tells it: one class for each topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class StageChanged:
    """One thing moved stories from one stage to another: a deployment, a check, a person. Published by stage_history.

    cause: what all these stories were moved by; a cause that moved very many is told in several messages.
    event: the inbound event that proves it, if one does.
    person: the id of the person who did it, if one did.
    changes: each with id, story, key, from, to, at and why, in order of time.
    """

    topic: ClassVar[str] = "story.stage_changed"
    cause: str
    event: str | None = None
    person: int | None = None
    changes: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, kw_only=True)
class StoriesUnjudged:
    """Stories have no history of their stages yet: an upgrade made the table. Published by a migration of squads.

    after: the id of the last story that was judged since.
    """

    topic: ClassVar[str] = "stories.unjudged"
    after: int = 0
