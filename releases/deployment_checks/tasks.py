"""The task that answers those who wait. portal/schedule.py says how often."""

from celery import shared_task

from portal.kernel.outages import left_to_the_sweep
from releases.deployment_checks import answering
from releases.deployment_checks.projection import TASK


@shared_task(name=TASK)
def answer_waiting() -> None:
    """Answer every question whose turn it is. Safe to run at any time, any number of times."""
    with left_to_the_sweep("answers about deployments"):
        answering.answer_waiting()
