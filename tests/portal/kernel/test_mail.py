"""Mails: a row until the mail server has accepted them, whatever the server, the broker or the database does meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage as Received
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused, SMTPServerDisconnected
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography.fernet import Fernet
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db import OperationalError, connection
from pytest_django import Settings

from portal.kernel import clock, mail, outbox
from portal.kernel.models import Mail, Message
from portal.kernel.secrets import box
from portal.kernel.tasks import send_mail
from tests.ports import free_port

pytestmark = pytest.mark.django_db


class Server:
    """A mail server that keeps what it accepts, and says what it is told to."""

    def __init__(self) -> None:
        self.mails: list[Received] = []
        self.connections = 0
        self.of_recipient: dict[str, str] = {}
        self.of_sender = self.of_data = ""

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: Any) -> Any:  # noqa: N802
        session.host_name = hostname
        self.connections += 1
        return responses

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if not self.of_sender:
            envelope.mail_from = address
        return self.of_sender or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        said = self.of_recipient.get(address, "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if not self.of_data:
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.of_data or "250 kept"


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A real mail server that the portal is set up to use."""
    made = Server()
    controller = Controller(made, hostname="127.0.0.1", port=free_port())
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    yield made
    controller.stop()


def written(to: str = "ana@example.org", subject: str = "Your password") -> Mail:
    return mail.send_soon(EmailMultiAlternatives(subject, "Ünder this link", "Rodeo <rodeo@example.org>", [to]))


def after(wait: timedelta) -> None:
    """Let time pass: what was put off until then is due."""
    Mail.objects.filter(next_attempt_at__lte=clock.now() + wait).update(next_attempt_at=clock.now())


def test_a_mail_is_sent_when_the_server_has_accepted_it_and_then_nothing_of_it_is_kept(server: Server) -> None:
    row = written()
    assert (row.state, row.attempts, row.sent_at) == ("waiting", 0, None)
    assert mail.send_waiting() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error, row.sealed) == ("sent", 1, "", "")
    assert row.sent_at is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM portal_mail")
        assert "ana@" not in str(cursor.fetchall())
    [received] = server.mails
    assert (received["To"], received["Subject"]) == ("ana@example.org", "Your password")
    assert received["Message-ID"] == row.message_id and row.message_id.endswith("@example.org>")
    assert received.get_content().strip() == "Ünder this link"
    assert mail.send_waiting() == 0


def test_all_that_matters_of_a_message_arrives(server: Server) -> None:
    message = EmailMultiAlternatives(
        "News", "Plain", "rodeo@example.org", ["ana@example.org"], headers={"List-Unsubscribe": "<https://x/>"}
    )
    message.reply_to = ["help@example.org"]
    message.attach_alternative("<b>Rich</b>", "text/html")
    mail.send_soon(message)
    mail.send_waiting()
    [received] = server.mails
    assert (received["List-Unsubscribe"], received["Reply-To"]) == ("<https://x/>", "help@example.org")
    body = received.get_body(("html",))
    assert body is not None and body.get_content().strip() == "<b>Rich</b>"


@pytest.mark.parametrize(
    "fields",
    [
        {"to": ["a@example.org", "b@example.org"]},
        {"to": []},
        {"to": ["a@example.org"], "bcc": ["b@example.org"]},
        {"to": ["a@example.org"], "attachments": [("x.txt", "x", "text/plain")]},
    ],
)
def test_what_a_row_cannot_keep_is_refused_before_anything_is_promised(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="A mail "):
        mail.send_soon(EmailMessage("Hello", "x", "rodeo@example.org", **fields))
    assert not Mail.objects.exists()


def test_an_address_that_does_not_exist_fails_at_once_with_the_servers_words(server: Server) -> None:
    server.of_recipient = {"nia@example.org": "550 5.1.1 <nia@example.org>: no such user"}
    row, other = written("nia@example.org"), written()
    assert mail.send_waiting() == 1
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("failed", 1)
    assert row.error == "550 5.1.1 <nia@example.org>: no such user"
    other.refresh_from_db()
    assert other.state == "sent", "one that is refused keeps no other back"


@pytest.mark.parametrize("code", ["451 4.7.1 greylisted", "450 mailbox busy"])
def test_a_mailbox_that_is_busy_is_tried_again_later_and_keeps_no_other_back(server: Server, code: str) -> None:
    server.of_recipient = {"nia@example.org": code}
    row = written("nia@example.org")
    written()
    assert mail.send_waiting() == 1
    row.refresh_from_db()
    assert (row.state, row.error) == ("waiting", code)
    assert mail.send_waiting() == 0, "not before its time"
    server.of_recipient = {}
    after(timedelta(seconds=13))
    assert mail.send_waiting() == 1


def test_while_the_server_is_away_every_mail_waits_and_one_connection_is_tried(
    server: Server, settings: Settings
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    rows = [written(f"p{number}@example.org") for number in range(5)]
    assert mail.send_waiting() == 0
    assert {row.error.split(":")[0] for row in Mail.objects.all()} == {"ConnectionRefusedError"}
    assert sum(row.attempts for row in Mail.objects.all()) == 1
    assert mail.send_waiting() == 0
    settings.EMAIL_PORT = port
    after(timedelta(seconds=13))
    assert mail.send_waiting() == 5
    assert [each["To"] for each in server.mails] == [f"p{number}@example.org" for number in range(len(rows))]
    assert server.connections == 1, "and one is enough for all of them"


def test_a_server_that_refuses_the_sender_is_set_up_wrongly_and_no_mail_is_given_up_for_it(server: Server) -> None:
    server.of_sender = "530 5.7.0 Authentication required"
    row = written()
    mail.send_waiting()
    row.refresh_from_db()
    assert (row.state, row.error) == (
        "waiting",
        "The mail server refused the sender: 530 5.7.0 Authentication required",
    )


def test_after_a_day_it_is_given_up_and_an_administrator_can_have_it_sent(server: Server, root: Any) -> None:
    server.of_recipient = {"ana@example.org": "451 later"}
    row = written()
    Mail.objects.update(retry_until=clock.now())
    mail.send_waiting()
    row.refresh_from_db()
    assert row.state == "failed" and row.failed_at is not None and row.next_attempt_at is None
    server.of_recipient = {}
    assert mail.send_waiting() == 0
    mail.resend(row, by=root)
    assert mail.send_waiting() == 1
    assert server.mails[0]["Message-ID"] == row.message_id


def test_a_mail_nobody_tried_yet_is_tried_once_however_late_it_is(server: Server) -> None:
    written()
    Mail.objects.update(retry_until=clock.now() - timedelta(days=3))
    assert mail.send_waiting() == 1


def test_delays_grow_up_to_half_an_hour() -> None:
    delays = [mail.delay_after(attempts).total_seconds() for attempts in (1, 2, 5, 30)]
    assert 8 <= delays[0] <= 12 and 16 <= delays[1] <= 24 and 128 <= delays[2] <= 192 and 1440 <= delays[3] <= 2160


def test_a_clock_that_ran_ahead_keeps_nothing_back(server: Server) -> None:
    written()
    message = outbox.publish(mail.MailWritten(sealed="x"))
    ahead = clock.now() + timedelta(days=400)
    Mail.objects.update(next_attempt_at=ahead)
    Message.objects.update(next_attempt_at=ahead)
    assert mail.send_waiting() == 1
    outbox.deliver()
    message.refresh_from_db()
    assert message.attempts == 1


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (SMTPRecipientsRefused({"a@x": (550, b"no")}), mail.Trouble.REFUSED),
        (SMTPRecipientsRefused({"a@x": (450, b"busy")}), mail.Trouble.LATER),
        (SMTPRecipientsRefused({"a@x": (421, b"closing")}), mail.Trouble.AWAY),
        (SMTPDataError(554, "spam"), mail.Trouble.REFUSED),
        (SMTPDataError(452, "full"), mail.Trouble.LATER),
        (SMTPSenderRefused(552, b"too large", "a@x"), mail.Trouble.REFUSED),
        (SMTPSenderRefused(550, b"not you", "a@x"), mail.Trouble.AWAY),
        (SMTPServerDisconnected("gone"), mail.Trouble.AWAY),
        (TimeoutError("slow"), mail.Trouble.AWAY),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "no"), mail.Trouble.REFUSED),
        (KeyError("a fault of ours"), mail.Trouble.LATER),
    ],
)
def test_what_each_error_means(error: Exception, means: mail.Trouble) -> None:
    assert mail.trouble(error) is means


@pytest.mark.django_db(transaction=True)
def test_a_busy_database_after_the_server_accepted_does_not_make_it_go_out_twice(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = written()
    update, refused = type(Mail.objects.all()).update, []

    def busy_once(self: Any, **fields: Any) -> int:
        if fields.get("state") == "sent" and not refused:
            refused.append(1)
            raise OperationalError("database is locked")
        return int(update(self, **fields))

    monkeypatch.setattr(type(Mail.objects.all()), "update", busy_once)
    assert mail.send_waiting() == 1
    row.refresh_from_db()
    assert row.state == "sent" and refused and len(server.mails) == 1


def test_a_mail_whose_key_is_missing_fails_and_is_sent_when_the_key_is_back(
    server: Server, settings: Settings, root: Any
) -> None:
    row = written()
    keys, settings.RODEO_FIELD_KEYS = settings.RODEO_FIELD_KEYS, [Fernet.generate_key().decode()]
    assert mail.send_waiting() == 0
    row.refresh_from_db()
    assert row.state == "failed" and row.error == mail.UNREADABLE
    settings.RODEO_FIELD_KEYS = [*settings.RODEO_FIELD_KEYS, *keys]
    mail.resend(row, by=root)
    assert mail.send_waiting() == 1


# What an earlier version left


OLD = (
    '{"subject": "Old", "body": "x", "from_email": "r@example.org", "to": ["ana@example.org"], "headers": {}, '
    '"subtype": "plain", "alternatives": []}'
)


def test_mails_that_waited_in_the_outbox_or_the_broker_during_an_update_are_sent(server: Server) -> None:
    sealed = box().encrypt(OLD.encode()).decode()
    outbox.publish(mail.MailWritten(sealed=sealed))
    assert outbox.deliver() == 1
    send_mail.apply(kwargs={"sealed": sealed}, throw=True)
    assert mail.send_waiting() == 2
    assert [each["Subject"] for each in server.mails] == ["Old", "Old"]


def test_sent_mails_are_deleted_after_a_week_and_no_others(server: Server) -> None:
    old, new = written(), written()
    mail.send_waiting()
    Mail.objects.filter(pk=old.pk).update(sent_at=clock.now() - timedelta(days=8))
    waiting = written()
    Mail.objects.filter(pk=waiting.pk).update(created_at=clock.now() - timedelta(days=80))
    assert mail.prune() == 1
    assert set(Mail.objects.values_list("pk", flat=True)) == {new.pk, waiting.pk}
