"""Celery tasks of approvals."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.approvals import actions


@shared_task
def void_outdated() -> None:
    """Void approvals that were given for other content than releases ship now."""
    with left_to_the_sweep("comparing approvals"):
        actions.void_outdated()
