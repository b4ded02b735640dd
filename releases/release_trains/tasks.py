"""The task that creates the next releases of trains. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.release_trains import actions


@shared_task(name="releases.release_trains.tasks.depart")
def depart() -> None:
    """Create the releases that trains need next. Safe to run at any time, and to kill."""
    with left_to_the_sweep("creating the next releases of trains"):
        actions.depart_all()
