"""Signing in, and what the pages say about it."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from cryptography.fernet import Fernet
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import AuditEntry, Mail
from portal.settings.people import mail as mail_settings
from portal.settings.people import oidc
from tests.conftest import posted

LOGIN = "/accounts/login/"


def sign_in(client: Client, name: str, word: str) -> Any:
    return client.post(LOGIN, {"login": name, "password": word})


def test_one_signs_in_by_user_name_or_address(ana: User) -> None:
    for name in ("ana", "ANA", "ana@example.org"):
        assert sign_in(Client(), name, "ana-password")["Location"] == "/"


def test_one_goes_where_one_was_heading_and_nowhere_else(ana: User) -> None:
    for asked, to in (("/squads/", "/squads/"), ("https://evil.example/", "/"), ("//evil.example", "/")):
        answer = Client().post(f"{LOGIN}?next={asked}", {"login": "ana", "password": "ana-password"})
        assert answer["Location"] == to


def test_guessing_is_slowed(client: Client, ana: User) -> None:
    for number in range(5):
        assert "Wrong user name or password" in sign_in(client, "ana", f"guess {number}").content.decode()
    answer = sign_in(client, "ana", "ana-password")
    assert answer.status_code == 200
    assert "Too many failed sign-ins. Wait five minutes" in answer.content.decode()
    assert "_auth_user_id" not in client.session


def test_guessing_is_counted_by_name_so_that_a_new_place_does_not_help(ana: User) -> None:
    for number in range(5):
        sign_in(Client(REMOTE_ADDR=f"10.0.0.{number}"), "ana", f"guess {number}")
    answer = sign_in(Client(REMOTE_ADDR="10.0.9.9"), "ana", "ana-password")
    assert "Too many failed sign-ins" in answer.content.decode()


def test_without_passwords_there_is_no_form_and_none_is_taken(client: Client, ana: User, settings: Any) -> None:
    settings.RODEO_PASSWORD_SIGN_IN = False
    settings.SOCIALACCOUNT_PROVIDERS = oidc("https://login.example.org", "rodeo", "s", "Example Login")
    page = client.get(LOGIN).content.decode()
    assert "Sign in with Example Login" in page
    assert 'type="password"' not in page
    assert sign_in(client, "ana", "ana-password").status_code == 200
    assert "_auth_user_id" not in client.session
    assert "Passwords are off here" in client.get("/accounts/password/reset/").content.decode()


def test_without_a_provider_the_page_names_none(client: Client, db: None) -> None:
    assert "Use a passkey" in client.get(LOGIN).content.decode()
    assert client.get("/accounts/oidc/login/").status_code == 404


def test_accounts_come_by_invitation_unless_signing_up_is_opened(client: Client, db: None, settings: Any) -> None:
    body = {"email": "n@example.org", "username": "nia", "password1": "a long pass phrase"}
    assert "Accounts are by invitation" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", body)
    assert not User.objects.exists()
    settings.RODEO_SIGN_UP = True
    client.post("/accounts/signup/", body)
    nia = User.objects.get()
    assert (nia.username, nia.is_staff, nia.is_project_manager) == ("nia", False, False)
    entry = AuditEntry.objects.get()
    assert (entry.by, entry.did) == (None, "created the account of nia (nia), who signed up")


def test_without_mail_the_page_says_so_and_sends_none(client: Client, ana: User) -> None:
    page = client.get("/accounts/password/reset/").content.decode()
    assert "E-mail is off" in page
    client.post("/accounts/password/reset/", {"email": "ana@example.org"})
    assert mail.outbox == []


def test_a_mail_goes_out_after_the_request_and_its_link_is_not_kept_in_plain(
    client: Client, ana: User, settings: Any
) -> None:
    settings.RODEO_MAIL = True
    answer = client.post("/accounts/password/reset/", {"email": "ana@example.org"}, follow=True)
    assert "Check your e-mail" in answer.content.decode()
    assert mail.outbox == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM portal_mail")
        waiting = str(cursor.fetchall())
    assert "waiting" in waiting and "ana@example.org" not in waiting and "/password/" not in waiting
    (sent,) = posted()
    assert sent.to == ["ana@example.org"] and "/accounts/password/reset/key/" in str(sent.body)


def test_a_mail_server_that_is_down_is_asked_again(client: Client, ana: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    client.post("/accounts/password/reset/", {"email": "ana@example.org"})
    assert posted() == []
    waiting = Mail.objects.get()
    assert (waiting.state, waiting.attempts) == ("waiting", 1) and "refused" in waiting.error
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert posted() == [], "not before its time"
    Mail.objects.update(next_attempt_at=clock.now())
    assert [each.to for each in posted()] == [["ana@example.org"]]


def test_the_admin_pages_have_no_door_of_their_own(client: Client, as_ana: Client, as_root: Client) -> None:
    answer = client.post("/admin/login/?next=/admin/", {"username": "root", "password": "root-password"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/login/?next=/admin/"
    assert "_auth_user_id" not in client.session
    answer = as_ana.get("/admin/", follow=True)
    assert answer.status_code == 403
    assert "Only administrators can open these pages" in answer.content.decode()
    assert as_root.get("/admin/").status_code == 200


def test_a_password_alone_does_not_sign_in_somebody_with_a_second_factor(client: Client, ana: User) -> None:
    TOTP.activate(ana, generate_totp_secret())
    assert sign_in(client, "ana", "ana-password")["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/squads/").status_code == 302
    assert client.get("/api/v1/stories/").status_code == 401


def test_keys_of_second_factors_are_rotated_with_the_others(ana: User, settings: Any) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ana, secret)
    assert secret not in str(Authenticator.objects.get().data)
    old, new = settings.RODEO_FIELD_KEYS, Fernet.generate_key().decode()
    settings.RODEO_FIELD_KEYS = [new, *old]
    call_command("rotate_keys")
    settings.RODEO_FIELD_KEYS = [new]
    factor = Authenticator.objects.get()
    from allauth.mfa.utils import decrypt

    assert decrypt(factor.data["secret"]) == secret


def test_no_message_says_that_mail_was_sent_where_none_is(client: Client, ana: User, settings: Any) -> None:
    sign_in(client, "ana", "ana-password")
    client.post("/accounts/reauthenticate/", {"password": "ana-password"})
    page = client.get("/accounts/email/").content.decode()
    assert "new addresses can’t be confirmed" in page and "Change address" not in page
    page = client.post("/accounts/email/", {"action_add": "", "email": "new@example.org"}, follow=True).content.decode()
    assert "E-mail is off. Ask an administrator to set new@example.org as your address." in page
    assert "We sent a link" not in page
    ana.refresh_from_db()
    assert ana.email == "ana@example.org", "nothing changes before the new address is confirmed"


def test_the_account_page_changes_the_name(as_ana: Client, ana: User) -> None:
    as_ana.post("/account/", {"first_name": "Ana María", "last_name": "Ruiz"})
    ana.refresh_from_db()
    assert ana.name == "Ana María Ruiz"
    assert "Ana María Ruiz" in as_ana.get("/account/").content.decode()


def test_an_address_of_a_mail_server_is_read() -> None:
    from pathlib import Path

    read = mail_settings("smtp+tls://bot%40x:p%2Fw@mail.example.org", Path("x"))
    assert (read["EMAIL_HOST"], read["EMAIL_PORT"], read["EMAIL_HOST_USER"]) == ("mail.example.org", 587, "bot@x")
    assert (read["EMAIL_HOST_PASSWORD"], read["EMAIL_USE_TLS"]) == ("p/w", True)
    assert mail_settings("", Path("x"))["EMAIL_BACKEND"].endswith("filebased.EmailBackend")
    with pytest.raises(Exception, match="RODEO_EMAIL_URL must look like"):
        mail_settings("mail.example.org", Path("x"))


def test_a_new_address_is_used_once_it_is_confirmed(client: Client, ana: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    sign_in(client, "ana", "ana-password")
    client.post("/accounts/reauthenticate/", {"password": "ana-password"})
    client.post("/accounts/email/", {"action_add": "", "email": "new@example.org"})
    sent = [each for each in posted() if each.to == ["new@example.org"]]
    link = re.search(r"/accounts/confirm-email/\S+", str(sent[0].body))
    assert link is not None
    ana.refresh_from_db()
    assert ana.email == "ana@example.org"
    assert "new@example.org" in client.get(link[0]).content.decode()
    client.post(link[0])
    client.post("/accounts/email/", {"action_primary": "", "email": "new@example.org"})
    ana.refresh_from_db()
    assert ana.email == "new@example.org"
    client.post("/accounts/email/", {"action_remove": "", "email": "ana@example.org"})
    ana.refresh_from_db()
    assert ana.email == "new@example.org"
