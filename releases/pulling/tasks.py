"""What the worker does for sources. Each task loads one thing and calls one verb of `actions`."""

from celery import shared_task

from portal.kernel import clock
from releases.pulling import actions, leases


@shared_task(name="releases.pulling.tasks.pull_due")
def pull_due() -> None:
    """Claim the sources whose turn it is and hand each to a task of its own. Safe at any time, any number of times.

    A task that nobody took while its claim held expires, so no worker that comes back meets a queue of old ones.
    """
    for source_id, claim in leases.claim_due():
        said = {"source_id": source_id, "claim": clock.iso(claim)}
        pull.apply_async(kwargs=said, expires=leases.CLAIM.total_seconds())


@shared_task(name="releases.pulling.tasks.pull")
def pull(*, source_id: int, claim: str) -> None:
    """Pull one source under a claim. Handed out twice, the second finds the claim renewed or gone and does nothing."""
    moment = clock.parse(claim)
    if moment is not None:
        actions.pull(source_id, moment)


# What a worker of the release before still has in its queue under the old names.
shared_task(name="releases.intake.tasks.pull_due")(pull_due.run)
shared_task(name="releases.intake.tasks.pull")(pull.run)
