"""Mail that goes out after the request, so that nobody learns from its duration whether there was something to send.

A mail is a row first, sealed with the keys of secrets (its links open accounts). The worker sends what is due and notes it as
sent only when the mail server has accepted it. If the worker is killed between the two, or the database does not take the
note, the mail is sent again with the same Message-ID.
"""

import json
import logging
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, make_msgid, parseaddr
from enum import Enum, auto
from smtplib import (
    SMTPDataError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.message import EmailMessage
from django.db import OperationalError, connection, transaction
from django.db.models import F

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.events import Event
from portal.kernel.models import Mail, StateChange
from portal.kernel.outages import is_outage
from portal.kernel.transitions import AlreadyMoved, move, signed
from portal.kernel.wake import wake

logger = logging.getLogger(__name__)
TASK = "portal.kernel.tasks.send_mails"

# The delay after the first failure; each further one doubles it, up to the longest.
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=30)
# Longer than one mail can take with EMAIL_TIMEOUT for each word of the conversation. A mail whose worker was killed waits
# this long.
CLAIM = timedelta(seconds=150)
# For how long one round sends, in seconds, so that pulls have their turn too; and how many mails one connection takes,
# since many mail servers close it after some.
ROUND = 30.0
PER_CONNECTION = 50
LONGEST_ERROR = 2000
TOO_LARGE, CLOSING = 552, 421
AT_ONCE = 1000
UNREADABLE = (
    "This mail can’t be read: the key it was encrypted with is missing. Put it back into RODEO_FIELD_KEYS, after the newest "
    "one, then send the mail again."
)

_sending = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class MailWritten(Event):
    """A mail is to be sent. Published by versions before mails had rows of their own; now it is only read.

    sealed: the whole mail, encrypted.
    """

    topic: ClassVar[str] = "mail.written"
    hidden: ClassVar[frozenset[str]] = frozenset({"sealed"})
    sealed: str


class Trouble(Enum):
    """What an error says: this mail is refused for good; it may work later; the mail server takes no mail at present."""

    REFUSED = auto()
    LATER = auto()
    AWAY = auto()


# Writing


def send_soon(message: EmailMessage) -> Mail:
    """Have a mail to one address sent by the worker, after the present transaction. Return its row.

    Raises ValueError for a mail to several addresses, since the mail server may refuse some, or with attachments.
    """
    if len(message.recipients()) != 1 or message.cc or message.bcc:
        raise ValueError("A mail goes to exactly one address. Send one for each.")
    if message.attachments:
        raise ValueError("A mail can’t have attachments.")
    now = clock.now()
    headers = {"Date": format_datetime(now), **message.extra_headers}
    message_id = str(headers.setdefault("Message-ID", make_msgid(domain=_domain(message.from_email))))
    fields = {
        "subject": str(message.subject),
        "body": str(message.body),
        "from_email": message.from_email,
        "to": message.to,
        "reply_to": message.reply_to,
        "headers": headers,
        "subtype": message.content_subtype,
        "alternatives": [[str(part[0]), str(part[1])] for part in getattr(message, "alternatives", ())],
    }
    return _keep(json.dumps(fields), message_id, now)


def _keep(content: str, message_id: str, now: datetime) -> Mail:
    until = now + timedelta(seconds=settings.RODEO_OUTBOX_RETRY_FOR)
    mail = Mail.objects.create(sealed=content, message_id=message_id, created_at=now, retry_until=until)
    _wake()
    return mail


def take_over(sealed: str) -> Mail:
    """Make a row of a mail that an earlier version encrypted: in a message of the outbox, or in a task."""
    # One that cannot be read stays as it is, and so does its error, until an administrator redelivers it.
    fields = json.loads(Mail._meta.get_field("sealed").from_db_value(sealed, None, connection) or "{}")
    if not fields:
        raise ValueError(UNREADABLE)
    now = clock.now()
    headers = {"Date": format_datetime(now), **fields.get("headers", {})}
    message_id = headers.setdefault("Message-ID", make_msgid(domain=_domain(fields["from_email"])))
    return _keep(json.dumps({**fields, "headers": headers}), message_id, now)


def _domain(sender: str) -> str:
    # The machine's own name says more than receivers need to know.
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _wake() -> None:
    transaction.on_commit(lambda: wake(TASK))


def read(mail: Mail) -> dict[str, Any]:
    """Return what a mail that is not sent says: `to`, `subject`, `body` and so on; nothing if its key is missing."""
    fields: dict[str, Any] = json.loads(mail.sealed) if mail.sealed else {}
    return fields


# Sending


def send_waiting(seconds: float = ROUND) -> int:
    """Send the mails that are due, oldest first, for at most so many seconds. Return how many were accepted.

    Of the threads of one process, one sends. Any number of processes may call this at once.
    """
    if not _sending.acquire(blocking=False):
        return 0
    try:
        return _Round(time.monotonic() + seconds).send()
    finally:
        _sending.release()


class _Round:
    """One connection to the mail server after the other, until nothing is due, time is up or the server takes no mail."""

    def __init__(self, end: float) -> None:
        self.end, self.used, self.accepted = end, 0, 0
        self.connection: Any = None

    def send(self) -> int:
        try:
            while time.monotonic() < self.end and (mail := _claim_next()):
                if not self._send_one(mail):
                    break
        finally:
            self._close()
        return self.accepted

    def _send_one(self, mail: Mail) -> bool:
        """Send one mail and note what came of it. Return False if the mail server takes no mail at present."""
        claimed = mail.next_attempt_at
        try:
            self._open()
        except (OSError, SMTPException, ImproperlyConfigured) as error:
            _note_away(mail, claimed, error)
            return False
        try:
            self.connection.send_messages([_message(mail)])
        except Exception as error:
            # What the connection was in the middle of is unknown.
            self._close()
            return _note_trouble(mail, claimed, error)
        self.used += 1
        self.accepted += 1
        _note_sent(mail)
        return True

    def _open(self) -> None:
        if self.used >= PER_CONNECTION:
            self._close()
        if self.connection is None:
            self.connection = get_connection()
        self.connection.open()

    def _close(self) -> None:
        self.used = 0
        if self.connection is not None:
            # Every mail of this connection is noted by now; how it ends matters to nobody.
            with suppress(OSError, SMTPException):
                self.connection.close()


def _message(mail: Mail) -> EmailMessage:
    fields = read(mail)
    if not fields:
        raise ValueError(UNREADABLE)
    subtype = fields.pop("subtype")
    message = EmailMultiAlternatives(**fields)
    message.content_subtype = subtype
    return message


def _claim_next() -> Mail | None:
    """Take the oldest mail that is due for this process; nobody else takes it for as long as CLAIM."""
    while pk := Mail.objects.due(clock.now()).values_list("pk", flat=True).first():
        now = clock.now()
        # One guarded statement: of two processes that want it, the second finds nothing and takes the next.
        if Mail.objects.due(now).filter(pk=pk).update(next_attempt_at=now + CLAIM, attempts=F("attempts") + 1):
            return Mail.objects.get(pk=pk)
    return None


def _note_sent(mail: Mail) -> None:
    """Note that the mail server has accepted a mail. A busy database must not make it go out twice."""
    done = {"state": Mail.State.SENT, "sent_at": clock.now(), "sealed": "", "error": "", "next_attempt_at": None}
    for left in (3, 2, 1, 0):
        try:
            Mail.objects.filter(pk=mail.pk).update(**done)
            return
        except OperationalError as error:
            if not left or connection.in_atomic_block or not is_outage(error):
                raise
            logger.warning("mail %s is sent, and the database didn’t take the note (%s); trying again", mail.pk, error)
            connection.close_if_unusable_or_obsolete()


def trouble(error: Exception) -> Trouble:
    """Say what an error of sending a mail means for it. (Errors of connecting always mean that the server is away.)"""
    code = _code(error)
    if code == CLOSING:
        return Trouble.AWAY
    if isinstance(error, SMTPRecipientsRefused | SMTPDataError) or code == TOO_LARGE:
        return Trouble.REFUSED if code >= 500 else Trouble.LATER
    if isinstance(error, ValueError | SMTPNotSupportedError):
        return Trouble.REFUSED
    # Also a refused sender: that is how Rodeo is set up, and no mail would fare better.
    return Trouble.AWAY if isinstance(error, OSError) else Trouble.LATER


def _code(error: Exception) -> int:
    if isinstance(error, SMTPRecipientsRefused):
        return next((int(code) for code, _ in error.recipients.values()), 0)
    return int(error.smtp_code) if isinstance(error, SMTPResponseException) else 0


def _words(error: Exception) -> str:
    """Return what went wrong: in the mail server's own words, where it said any."""
    said: Any = None
    if isinstance(error, SMTPRecipientsRefused):
        said = next((text for _, text in error.recipients.values()), None)
    elif isinstance(error, SMTPResponseException):
        said = error.smtp_error
    if said is not None:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        who = "The mail server refused the sender: " if isinstance(error, SMTPSenderRefused) else ""
        text = f"{who}{_code(error)} {text}"
    else:
        text = str(error) if str(error) == UNREADABLE else f"{type(error).__name__}: {error}"
    return text[:LONGEST_ERROR].replace("\0", "�").encode("utf-8", "replace").decode()


def _note_trouble(mail: Mail, claimed: datetime | None, error: Exception) -> bool:
    """Note why a mail was not accepted. Return False if the mail server takes no mail at present."""
    kind = trouble(error)
    if kind is Trouble.AWAY:
        _note_away(mail, claimed, error)
        return False
    if not isinstance(error, OSError | ValueError):
        logger.exception("mail %s was not sent", mail.pk)
    now = clock.now()
    note: dict[str, Any] = {"error": _words(error), "next_attempt_at": now + delay_after(mail.attempts)}
    if kind is Trouble.REFUSED or now >= mail.retry_until:
        note |= _given_up(now)
    Mail.objects.waiting().filter(pk=mail.pk, next_attempt_at=claimed).update(**note)
    return True


def _note_away(mail: Mail, claimed: datetime | None, error: Exception) -> None:
    """Note that the mail server takes no mail, on every mail that is due: each would only wait for it again."""
    now = clock.now()
    later = {"error": _words(error), "next_attempt_at": now + delay_after(mail.attempts)}
    logger.warning("mail waits: the mail server takes none (%s)", later["error"])
    Mail.objects.waiting().filter(pk=mail.pk, next_attempt_at=claimed).update(next_attempt_at=None)
    Mail.objects.due(now).filter(retry_until__lte=now).update(**{**later, **_given_up(now)})
    Mail.objects.due(now).update(**later)


def _given_up(now: datetime) -> dict[str, Any]:
    return {"state": Mail.State.FAILED, "failed_at": now, "next_attempt_at": None}


def delay_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: twice as long each time, up to half an hour, a fifth more or less."""
    delay = min(FIRST_DELAY * int(2 ** min(attempts - 1, 20)), LONGEST_DELAY)
    return delay * random.uniform(0.8, 1.2)


# Failed mails


def resend(mail: Mail, *, by: Actor) -> None:
    """Have a failed mail sent again, with as much time as a new one. Raises AlreadyMoved if it is not failed."""
    with transaction.atomic():
        move(mail, "state", Mail.State.WAITING, leaving=[Mail.State.FAILED], by=by, **_anew())
        audit.record(by=by, did=f"had the mail #{mail.pk} sent again", kind="mail", key=f"#{mail.pk}")
        _wake()


def _anew() -> dict[str, Any]:
    until = clock.now() + timedelta(seconds=settings.RODEO_OUTBOX_RETRY_FOR)
    return {"attempts": 0, "failed_at": None, "next_attempt_at": None, "retry_until": until}


def resend_all(*, by: Actor) -> int:
    """Have every failed mail sent again; return how many there were."""
    with transaction.atomic():
        count = Mail.objects.failed().update(state=Mail.State.WAITING, **_anew())
        if count:
            many = f"{count} failed mail{'' if count == 1 else 's'}"
            _note("all", Mail.State.WAITING, by, many)
            audit.record(by=by, did=f"had {many} sent again", kind="mail", key="all")
            _wake()
    return count


def discard(mail: Mail, *, by: Actor) -> None:
    """Delete a failed mail that nobody needs any more. Raises AlreadyMoved if it is not failed."""
    name = str(mail)
    with transaction.atomic():
        if not Mail.objects.failed().filter(pk=mail.pk).delete()[0]:
            state = Mail.objects.filter(pk=mail.pk).values_list("state", flat=True).first()
            raise AlreadyMoved(name, "deleted", state or "deleted")
        _note(name, "deleted", by, "")
        audit.record(by=by, did=f"deleted the failed mail #{mail.pk}", kind="mail", key=f"#{mail.pk}")


def _note(key: str, to: str, by: Actor, because: str) -> None:
    StateChange.objects.create(
        kind="mail",
        key=key,
        from_state=Mail.State.FAILED,
        to_state=to,
        by=by,
        because=signed(by, because),
        at=clock.now(),
    )


def prune() -> int:
    """Delete mails sent more than RODEO_OUTBOX_KEEP_DAYS ago, in batches; return how many."""
    before = clock.now() - timedelta(days=settings.RODEO_OUTBOX_KEEP_DAYS)
    old = Mail.objects.filter(state=Mail.State.SENT, sent_at__lt=before).order_by("sent_at")
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        deleted += Mail.objects.filter(pk__in=ids).delete()[0]
    return deleted
