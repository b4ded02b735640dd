"""How long stories of a squad usually stay on a stage (85th percentile, not the median): the measure of "stalled"."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from django.core.cache import caches
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

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
    """Return what is usual on each stage of which at least FEWEST stays ended. One query, kept for a minute."""
    return usual_in([squad_id])[squad_id]


def usual_in(squad_ids: Iterable[int]) -> dict[int, dict[str, Usual]]:
    """Return what is usual in each of these squads, in one query for those that nobody asked for lately."""
    ids = set(squad_ids)
    cache, found = caches["local"], dict[int, dict[str, Usual]]()
    for squad in ids:
        known: dict[str, Usual] | None = cache.get(f"stays:{squad}")
        if known is not None:
            found[squad] = known
    if wanted := ids - found.keys():
        stays = stays_in(wanted)
        for squad in wanted:
            found[squad] = measured(stays.get(squad, {}))
            cache.set(f"stays:{squad}", found[squad], KEPT_SECONDS)
    return found


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
    """Return the lengths, in seconds, of a squad's finished stays by stage (see `stays_in`)."""
    return stays_in([squad_id]).get(squad_id, {})


def stays_in(squad_ids: Iterable[int]) -> dict[int, dict[str, list[float]]]:
    """Return the lengths, in seconds, of finished stays by squad and stage, those of the stories that moved last first.

    A stay lasts from one change of stage to the next; the first one from when the story was written, if it was to do then.
    Of a story that was brought in further on, nobody knows when that stay began.
    """
    changes = StageChange.objects.filter(story__in=_moved_last(list(squad_ids)))
    in_order = changes.order_by(F("story__stage_at").desc(nulls_last=True), "-story", "at")
    found: dict[int, dict[str, list[float]]] = {}
    rows = in_order.values_list("story_id", "story__squad", "from_stage", "at", "story__created_at")
    for _, stays in groupby(rows, lambda row: row[0]):
        entered = None
        for _, squad, left, at, written in stays:
            if entered is None and left == "todo":
                entered = written
            if entered is not None and (seconds := (at - entered).total_seconds()) >= 0:
                found.setdefault(squad, {}).setdefault(left, []).append(seconds)
            entered = at
    return found


def _moved_last(squad_ids: list[int]) -> "QuerySet[Any]":
    """Return the ids of the stories of each of these squads that moved last."""
    newest = (F("stage_at").desc(nulls_last=True), F("pk").desc())
    rows = Story.objects.not_ended().filter(squad__in=squad_ids).exclude(stage="todo")
    if len(squad_ids) == 1:
        return rows.order_by(*newest).values("pk")[:NEWEST]
    place = Window(RowNumber(), partition_by="squad", order_by=newest)
    return rows.order_by().annotate(place=place).filter(place__lte=NEWEST).values("pk")
