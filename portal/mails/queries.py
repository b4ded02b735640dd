"""What administrators see of mails that no mail server has accepted: to whom, about what, and why not."""

from typing import NamedTuple

from django.db.models import QuerySet

from portal.kernel.mail import read
from portal.kernel.models import Mail


class Row(NamedTuple):
    """A mail that is not sent, with what may be shown of it: never its text, whose links open accounts."""

    mail: Mail
    to: str
    subject: str


def unsent_mails() -> QuerySet[Mail]:
    """Mails that aren't sent: those that failed for good first, then those that wait."""
    return Mail.objects.unsent()


def row_of(mail: Mail) -> Row:
    """Return how a mail is shown. A mail whose key is missing has neither address nor subject."""
    fields = read(mail)
    return Row(mail, ", ".join(fields.get("to", [])), fields.get("subject", ""))
