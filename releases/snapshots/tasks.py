"""The task that notices which releases went out. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.snapshots import actions


@shared_task(name="releases.snapshots.tasks.notice_shipped")
def notice_shipped() -> None:
    """Take the snapshot of every release that went out. Safe to run at any time, any number of times."""
    with left_to_the_sweep("snapshots of releases"):
        actions.notice_shipped()
