"""Tasks of the worker for outside checks. Each loads one thing and calls one verb of `actions`."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.outside_checks import actions

EXPIRES = 60


@shared_task(name="releases.outside_checks.tasks.ask_due")
def ask_due() -> None:
    """Queue a task for each outside check that is to be asked. Safe at any time, any number of times."""
    with left_to_the_sweep("outside checks"):
        for pk in actions.note_due():
            ask.apply_async(kwargs={"pk": pk}, expires=EXPIRES)


@shared_task(name="releases.outside_checks.tasks.ask")
def ask(*, pk: int) -> None:
    """Ask one outside check about one release. Delivered twice, the second finds nothing to ask."""
    actions.ask(pk)
