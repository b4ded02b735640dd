"""The forecast: 2,000 trials of 200 items against a plain loop that draws as many single weeks, in turns."""

import statistics
import time
from collections.abc import Callable
from random import Random
from typing import Any

from releases.forecasts.bootstrap import TRIALS, Team, simulate

ITEMS, TURNS = 200, 5
# Thirteen weeks of a team that finishes about six a week, two of them quiet.
WEEKS = [(week % 3, 1, week % 4, 1, 2, 0, 0) if week % 6 else (0,) * 7 for week in range(13)]


def plainly() -> list[int]:
    """Draw weeks, one by one, until all is done."""
    random, totals, found = Random(1), [sum(week) for week in WEEKS], []
    for _ in range(TRIALS):
        left, weeks = ITEMS, 0
        while left > 0:
            left -= totals[int(random.random() * len(totals))]
            weeks += 1
        found.append(weeks)
    return sorted(found)


def _timed(what: Callable[[], Any]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def run(row: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure both, in turns."""
    teams = [Team(ITEMS, WEEKS)]
    turns = [(_timed(plainly), _timed(lambda: simulate(teams, seed=1, growth=[1.0, 1.2]))) for _ in range(TURNS)]
    plain, ours = (statistics.median(each) for each in zip(*turns, strict=True))
    return [
        row("2,000 trials of 200 items, a plain loop", plain, "s"),
        row("forecast, 2,000 trials of 200 items", ours, "s", 0.3),
        row("forecast ÷ plain loop", ours / plain, "×", 4),
    ]
