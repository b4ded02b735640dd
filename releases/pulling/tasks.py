"""What the worker does for sources. Each task loads one thing and calls one verb of `actions`."""

from celery import shared_task

from portal.kernel import clock
from releases.pulling import actions, leases


@shared_task(name="releases.pulling.tasks.pull_due")
def pull_due() -> None:
    """Lease the sources whose turn it is and hand each to a task of its own. Safe at any time, any number of times.

    A task that nobody took while its lease held expires, so no worker that comes back meets a queue of old ones.
    """
    for source_id, lease in leases.lease_due():
        said = {"source_id": source_id, "lease": clock.iso(lease)}
        pull.apply_async(kwargs=said, expires=leases.LEASE.total_seconds())


@shared_task(name="releases.pulling.tasks.pull")
def pull(*, source_id: int, lease: str) -> None:
    """Pull one source under a lease. Handed out twice, the second finds the lease renewed or gone and does nothing."""
    moment = clock.parse(lease)
    if moment is not None:
        actions.pull(source_id, moment)


# What a worker of the release before still has in its queue under the old names.
shared_task(name="releases.intake.tasks.pull_due")(pull_due.run)
shared_task(name="releases.intake.tasks.pull")(pull.run)
