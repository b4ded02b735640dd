"""What the worker does for sources. Tasks hold no thought: pulls.py does the work."""

from celery import shared_task

from portal.kernel import clock
from releases.intake import claims, pulls


@shared_task(name="releases.intake.tasks.pull_due")
def pull_due() -> None:
    """Claim the sources whose turn it is and hand each to a task of its own. Safe at any time, any number of times.

    A task that nobody took while its claim held expires, so no worker that comes back meets a queue of old ones.
    """
    for source_id, claim in claims.claim_due():
        said = {"source_id": source_id, "claim": clock.iso(claim)}
        pull.apply_async(kwargs=said, expires=claims.CLAIM.total_seconds())


@shared_task(name="releases.intake.tasks.pull")
def pull(*, source_id: int, claim: str) -> None:
    """Pull one source under a claim. Handed out twice, the second finds the claim renewed or gone and does nothing."""
    moment = clock.parse(claim)
    if moment is not None:
        pulls.pull(source_id, moment)
