"""The tasks that drain what is waiting (portal/subscriptions.py lists what the first one drains), and that send mail."""

from collections.abc import Callable

from celery import shared_task

from portal.kernel import mail, outbox
from portal.kernel.outages import going_on, left_to_the_sweep

DRAINS: list[Callable[[], int]] = [outbox.deliver]


@shared_task(name="portal.kernel.tasks.drain")
def drain() -> None:
    """Work off everything that waits as a row: the inbox and the outbox. Safe to run at any time, any number of times."""
    for each in DRAINS:
        with left_to_the_sweep("what is to be read or delivered"), going_on("what is to be read or delivered"):
            each()


@shared_task(name=mail.TASK)
def send_mails() -> None:
    """Send every mail that is due. Safe to run at any time, any number of times."""
    with left_to_the_sweep("mail"):
        mail.send_waiting()


@shared_task(name="portal.kernel.tasks.send_mail")
def send_mail(*, sealed: str) -> None:
    """Make a row of a mail that a version before rows put into the broker: such tasks may still wait there after an update."""
    mail.take_over(sealed)


def keep_written_mail(event: mail.MailWritten) -> None:
    """Make a row of a mail that a version before rows put into the outbox; see portal/subscriptions.py."""
    mail.take_over(event.sealed)
