"""When stories were part of a release. Pure: no database, and never the present moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Stay(NamedTuple):
    """A story was part of a release from one moment to another; None: it still is."""

    story_id: int
    since: datetime
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether the story was part of the release at a moment."""
        return self.since <= at and (self.until is None or self.until > at)


class Turn(NamedTuple):
    """A story came into the release or went out of it: what a row of the scope history says."""

    at: datetime
    story_id: int
    joins: bool


def stays_of(turns: Iterable[Turn]) -> list[Stay]:
    """Return when stories were part of the release, by turns in order of time."""
    since: dict[int, datetime] = {}
    found = []
    for turn in turns:
        if turn.joins:
            since.setdefault(turn.story_id, turn.at)
        elif (began := since.pop(turn.story_id, None)) is not None:
            found.append(Stay(turn.story_id, began, turn.at))
    return found + [Stay(story, began) for story, began in since.items()]
