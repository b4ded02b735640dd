"""How long stories of a squad usually stay on a stage (85th percentile, not the median): the measure of "stalled"."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.core.cache import caches
from django.db.models import F

from portal.kernel import clock
from portal.kernel.numbers import percentile
from squads.stage_history.models import StageChange
from squads.stories.models import Story

# The newest stays that count, and the fewest that say anything.
NEWEST, FEWEST = 200, 5
SHARE = 0.85
# However quick a squad is: what came to its stage within a day is not stalled.
SHORTEST_SECONDS = 86_400.0
# What is usual changes slowly, and is asked for by every open board.
KEPT_SECONDS = 60


class Usual(NamedTuple):
    """Within how many seconds 85 % of the newest `n` finished stays on a stage ended."""

    seconds: float
    n: int

    @property
    def patience(self) -> float:
        """After how many seconds a story is stalled."""
        return max(self.seconds, SHORTEST_SECONDS)

    @property
    def words(self) -> str:
        """Say it as people do: "4 days"."""
        return clock.duration(max(self.seconds, 60))


def usual(squad_id: int) -> dict[str, Usual]:
    """Return what is usual on each stage of which at least FEWEST stays ended. Two queries, kept for a minute."""
    key = f"stays:{squad_id}"
    known: dict[str, Usual] | None = caches["local"].get(key)
    if known is None:
        known = measured(stays_of(squad_id))
        caches["local"].set(key, known, KEPT_SECONDS)
    return known


def stalls(stage: str, since: datetime | None, at: datetime, known: Mapping[str, Usual]) -> bool:
    """Say whether a story stands longer on its stage than 85 % of the squad's stories did, and than a day; False without
    enough data, and where nobody knows since when."""
    return since is not None and stage in known and (at - since).total_seconds() > known[stage].patience


def measured(lengths: dict[str, list[float]]) -> dict[str, Usual]:
    """Return the 85th percentile of each stage's stays, where there are enough of them."""
    found = {}
    for stage, seconds in lengths.items():
        newest = seconds[:NEWEST]
        if len(newest) >= FEWEST:
            found[stage] = Usual(percentile(newest, SHARE) or 0.0, len(newest))
    return found


def stays_of(squad_id: int) -> dict[str, list[float]]:
    """Return the lengths, in seconds, of finished stays by stage, those of the stories that moved last first.

    A stay lasts from one change of stage to the next; the first one from when the story was written, if it was to do then.
    Of a story that was brought in further on, nobody knows when that stay began.
    """
    rows = Story.objects.not_ended().filter(squad=squad_id).exclude(stage="todo")
    newest = rows.order_by(F("stage_at").desc(nulls_last=True), "-pk")
    entered = dict(newest.values_list("pk", "created_at")[:NEWEST])
    lengths: dict[int, list[tuple[str, float]]] = {pk: [] for pk in entered}
    changes = StageChange.objects.filter(story__in=list(entered)).order_by("story_id", "at")
    moved = set[int]()
    for pk, left, at in changes.values_list("story_id", "from_stage", "at"):
        if pk in moved or left == "todo":
            lengths[pk].append((left, (at - entered[pk]).total_seconds()))
        moved.add(pk)
        entered[pk] = at
    found: dict[str, list[float]] = {}
    for stage, seconds in (stay for stays in lengths.values() for stay in stays):
        if seconds >= 0:
            found.setdefault(stage, []).append(seconds)
    return found
