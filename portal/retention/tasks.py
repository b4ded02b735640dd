"""The tasks that delete what is older than it is kept. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from portal.retention import actions


@shared_task(name="portal.retention.tasks.delete_old_contents")
def delete_old_contents() -> None:
    """Delete contents of old events, in short steps. Safe to run at any time, and to kill."""
    with left_to_the_sweep("deleting contents of old events"):
        actions.delete_old_contents()


@shared_task(name="portal.retention.tasks.delete_old_rows")
def delete_old_rows() -> None:
    """Delete delivered messages, ended sessions and the like. Safe to run at any time, and to kill."""
    with left_to_the_sweep("deleting old rows"):
        actions.delete_old_rows()
