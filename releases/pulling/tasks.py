"""Tasks of the worker for sources. Each loads one thing and calls one verb of `actions`."""

from celery import shared_task

from portal.kernel import clock
from portal.kernel.outages import left_to_the_sweep
from releases.pulling import actions, leases


@shared_task(name="releases.pulling.tasks.pull_due")
def pull_due() -> None:
    """Lease the sources that are due and queue a task for each. Safe at any time, any number of times.

    A task that no worker took within its lease expires, so a worker that comes back finds no queue of old ones.
    """
    with left_to_the_sweep("pulling"):
        for source_id, lease in leases.lease_due():
            task_kwargs = {"source_id": source_id, "lease": clock.iso(lease)}
            pull.apply_async(kwargs=task_kwargs, expires=leases.LEASE_DURATION.total_seconds())


@shared_task(name="releases.pulling.tasks.pull")
def pull(*, source_id: int, lease: str) -> None:
    """Pull one source under a lease. Delivered twice, the second finds the lease renewed or gone and does nothing."""
    moment = clock.parse(lease)
    if moment is not None:
        actions.pull_source(source_id, moment)


# What a worker of the release before still has in its queue, under the old names and with the old argument.
shared_task(name="releases.intake.tasks.pull_due")(pull_due.run)


@shared_task(name="releases.intake.tasks.pull")
def pull_claimed(*, source_id: int, claim: str) -> None:
    """Pull one source for a message that the release before queued."""
    pull(source_id=source_id, lease=claim)
