"""The tasks of the overview. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.overview import actions


@shared_task(name="releases.overview.tasks.keep_daily")
def keep_daily() -> None:
    """Keep what is said today of every open release. Safe to run at any time, any number of times."""
    with left_to_the_sweep("what is said of releases"):
        actions.keep_daily()


@shared_task(name="releases.overview.tasks.send_digests")
def send_digests() -> None:
    """Mail the overview to those who want it and had none this week. Safe to run at any time, and to kill."""
    with left_to_the_sweep("the weekly mail about releases"):
        actions.send_digests()
