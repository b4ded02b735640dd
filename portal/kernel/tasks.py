"""The one task that drains what is waiting; what it drains is listed by portal/subscriptions.py."""

from collections.abc import Callable

from celery import shared_task

from portal.kernel import outbox

DRAINS: list[Callable[[], int]] = [outbox.deliver]


@shared_task(name="portal.kernel.tasks.drain")
def drain() -> None:
    """Work off everything that waits as a row: the inbox and the outbox. Safe to run at any time, any number of times."""
    for each in DRAINS:
        each()
