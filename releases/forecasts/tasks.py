"""The task that keeps what was forecast. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.forecasts import actions


@shared_task(name="releases.forecasts.tasks.keep_daily")
def keep_daily() -> None:
    """Keep today's forecast of every open release. Safe to run at any time, any number of times."""
    with left_to_the_sweep("today’s forecasts"):
        actions.keep_daily()
