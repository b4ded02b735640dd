"""The page that says how the portal is, and the test mail."""

from typing import Any

from django.test import Client

from portal.accounts.models import User
from portal.kernel.models import Mail
from tests.conftest import posted

SYSTEM = "/administration/system/"


def test_every_part_is_told_with_its_remedy(as_root: Client, settings: Any) -> None:
    settings.BROKER_URL = "redis://127.0.0.1:1/0"
    page = as_root.get(SYSTEM).content.decode()
    assert "answered in" in page
    assert "the broker didn’t answer" in page and "Start Redis or Valkey, or fix BROKER_URL" in page


def test_a_test_mail_goes_to_whoever_asks_and_its_fate_is_told(as_root: Client, root: User, settings: Any) -> None:
    assert "E-mail is off" in as_root.get(SYSTEM).content.decode()
    assert "Set RODEO_EMAIL_URL" in as_root.post(f"{SYSTEM}test-mail/", follow=True).content.decode()
    settings.RODEO_MAIL = True
    page = as_root.post(f"{SYSTEM}test-mail/", follow=True).content.decode()
    assert "Your test mail is on its way." in page
    (mail,) = posted()
    assert mail.to == [root.email] and mail.subject == "Rodeo: test mail"
    assert "The mail server accepted your test mail" in as_root.get(SYSTEM).content.decode()


def test_why_a_test_mail_is_not_sent_is_told(as_root: Client, root: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    as_root.post(f"{SYSTEM}test-mail/")
    posted()
    assert "Your test mail isn’t sent yet. Last error:" in as_root.get(SYSTEM).content.decode()
    Mail.objects.update(state="failed", error="The mail server refused it: no such user.")
    assert "Your test mail failed: The mail server refused it" in as_root.get(SYSTEM).content.decode()
