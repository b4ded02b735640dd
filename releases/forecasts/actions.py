"""Keeping what was forecast, once a day."""

import time
from collections.abc import Iterable, Sequence
from datetime import date

from django.db.models import Exists, OuterRef, QuerySet

from portal.kernel import clock, days
from portal.kernel.outages import at_once_or_apart, named
from releases.forecasts import queries, sentences
from releases.forecasts.models import DailyForecast
from releases.planning.models import Release

# Seconds that one run may take: whoever runs it has other work as well. The next one goes on.
RUN, AT_ONCE = 20, 10


def keep_daily() -> int:
    """Keep today's forecast of every open release with unfinished stories, planned or found; return of how many.

    Safe to run at any time, any number of times, by several at once, and to kill: a release has one row a day. One that can't
    be forecast gets a row that says so.
    """
    until, kept = time.monotonic() + RUN, 0
    waiting = list(_waiting(days.today()))
    for start in range(0, len(waiting), AT_ONCE):
        if time.monotonic() >= until:
            break
        some = waiting[start : start + AT_ONCE]
        failed = at_once_or_apart("today’s forecast of", some, _keep)
        _insert(_row_of_failure(release, error) for release, error in failed)
        kept += len(some) - len(failed)
    return kept


def _waiting(today: date) -> "QuerySet[Release]":
    kept = DailyForecast.objects.filter(release=OuterRef("pk"), day=today)
    return Release.objects.open(clock.now()).unfinished().exclude(Exists(kept)).order_by("pk")


def _keep(releases: Sequence[Release]) -> None:
    _insert(_row(forecast) for forecast in queries.forecasts_of(releases).values())


def _insert(rows: Iterable[DailyForecast]) -> None:
    DailyForecast.objects.bulk_create(rows, ignore_conflicts=True)


def _row_of_failure(release: Release, error: Exception) -> DailyForecast:
    return DailyForecast(
        release=release,
        day=days.today(),
        target=release.planned_for,
        total=0,
        rodeo_done=0,
        refused=f"No forecast: counting it failed ({named(error)}).",
        seed=queries.seed_of(release),
        trials=0,
        at=clock.now(),
    )


def _row(forecast: queries.Forecast) -> DailyForecast:
    return DailyForecast(
        release_id=forecast.release,
        day=forecast.today,
        target=forecast.target,
        total=forecast.scope.total,
        rodeo_done=forecast.rodeo_done,
        p50=forecast.p50,
        p85=forecast.p85,
        later_than=forecast.later_than,
        chance=forecast.chance,
        refused="" if forecast.odds else sentences.headline(forecast),
        seed=forecast.seed,
        trials=forecast.trials,
        at=clock.now(),
    )
