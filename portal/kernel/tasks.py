"""The task that drains what is waiting (listed by portal/subscriptions.py), and the one that sends a mail."""

from collections.abc import Callable
from smtplib import SMTPException

from celery import shared_task

from portal.kernel import mail, outbox

DRAINS: list[Callable[[], int]] = [outbox.deliver]


@shared_task(name="portal.kernel.tasks.drain")
def drain() -> None:
    """Work off everything that waits as a row: the inbox and the outbox. Safe to run at any time, any number of times."""
    for each in DRAINS:
        each()


@shared_task(name="portal.kernel.tasks.prune_messages")
def prune_messages() -> None:
    """Delete delivered messages that are older than RODEO_OUTBOX_KEEP_DAYS. Safe to run at any time."""
    outbox.prune()


@shared_task(
    name="portal.kernel.tasks.send_mail",
    autoretry_for=(OSError, SMTPException),
    retry_backoff=10,
    retry_backoff_max=1800,
    max_retries=10,
)
def send_mail(*, sealed: str) -> None:
    """Send one mail, again and again for some hours while the mail server does not take it."""
    mail.send(sealed)


def queue_mail(event: mail.MailWritten) -> None:
    """Hand a written mail to the worker; see portal/subscriptions.py."""
    send_mail.delay(sealed=event.sealed)
