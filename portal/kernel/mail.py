"""Mail that goes out after the request, so that nobody learns from its duration whether there was something to send.

A message is a row first, sealed with the keys of secrets (its links open accounts), then a task that is tried again while
the mail server does not answer.
"""

import json
from dataclasses import dataclass
from typing import ClassVar

from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import EmailMessage

from portal.kernel import outbox
from portal.kernel.events import Event
from portal.kernel.secrets import box


@dataclass(frozen=True, kw_only=True)
class MailWritten(Event):
    """A mail is to be sent. Published by `send_soon`.

    sealed: the whole mail, encrypted.
    """

    topic: ClassVar[str] = "mail.written"
    hidden: ClassVar[frozenset[str]] = frozenset({"sealed"})
    sealed: str


def send_soon(message: EmailMessage) -> None:
    """Have a mail sent by the worker, after the present transaction."""
    fields = {
        "subject": message.subject,
        "body": message.body,
        "from_email": message.from_email,
        "to": message.to,
        "headers": message.extra_headers,
        "subtype": message.content_subtype,
        "alternatives": [[str(part[0]), str(part[1])] for part in getattr(message, "alternatives", ())],
    }
    outbox.publish(MailWritten(sealed=box().encrypt(json.dumps(fields).encode()).decode()))


def send(sealed: str) -> None:
    """Send a sealed mail now. Raises OSError or SMTPException when the mail server does not take it."""
    fields = json.loads(box().decrypt(sealed.encode()))
    subtype = fields.pop("subtype")
    message = EmailMultiAlternatives(**fields)
    message.content_subtype = subtype
    message.send()
