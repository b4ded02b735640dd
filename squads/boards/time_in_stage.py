"""How long stories of a squad usually stay on a stage: the measure of "stalled"."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from django.core.cache import caches
from django.db.models import F

from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.kernel.numbers import percentile
from squads.judge import judgement
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


def stalls(stage: str, since: datetime, at: datetime, known: Mapping[str, Usual]) -> bool:
    """Say whether a story stands longer on its stage than 85 % of the squad's stories did, and than a day; False without
    enough data."""
    return stage in known and (at - since).total_seconds() > known[stage].patience


def measured(lengths: dict[str, list[float]]) -> dict[str, Usual]:
    """Return the 85th percentile of each stage's stays, where there are enough of them."""
    found = {}
    for stage, seconds in lengths.items():
        newest = seconds[:NEWEST]
        if len(newest) >= FEWEST:
            found[stage] = Usual(percentile(newest, SHARE) or 0.0, len(newest))
    return found


def stays_of(squad_id: int) -> dict[str, list[float]]:
    """Return the lengths, in seconds, of finished stays by stage, those of the stories that moved last first."""
    columns = ("key", "created_at", "progress", "progress_at", "standing")
    rows = (
        Story.objects.filter(squad=squad_id).exclude(stage="todo").order_by(F("stage_at").desc(nulls_last=True), "-pk")
    )
    stories = list(rows.values_list(*columns)[:NEWEST])
    moves: dict[str, list[tuple[str, datetime]]] = {}
    changes = StateChange.objects.filter(kind="story", key__in=[row[0] for row in stories]).order_by("at", "pk")
    for key, left, at in changes.values_list("key", "from_state", "at"):
        moves.setdefault(key, []).append((left, at))
    lengths: dict[str, list[float]] = {}
    for key, created, progress, progress_at, standing in stories:
        said = progress_at if progress == "dev_done" else None
        for stage, seconds in [
            *_by_people(created, moves.get(key, [])),
            *_by_evidence(said, standing.get("rungs", ())),
        ]:
            if seconds >= 0:
                lengths.setdefault(stage, []).append(seconds)
    return lengths


def _by_people(entered: datetime, moves: Iterable[tuple[str, datetime]]) -> list[tuple[str, float]]:
    """Return the stays that people ended by moving the story."""
    found = []
    for left, at in moves:
        found.append((left, (at - entered).total_seconds()))
        entered = at
    return found


def _by_evidence(dev_done: datetime | None, rungs: Iterable[dict[str, Any]]) -> list[tuple[str, float]]:
    """Return the stays on dev done and above that ended when the next rung held."""
    held: list[tuple[str, datetime | None]] = [("dev_done", dev_done)] if dev_done else []
    for rung in rungs:
        if rung["state"] in (judgement.HELD, judgement.BY_HAND) and rung["rung"] != "dev_done":
            held.append((rung["rung"], clock.parse(rung["at"])))
    return [
        (stage, (after - at).total_seconds())
        for (stage, at), (_, after) in pairwise(held)
        if at is not None and after is not None
    ]
