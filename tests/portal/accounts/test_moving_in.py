"""The owner of an address moves into an account that somebody else opened first, and nobody is left inside."""

import re
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from oidc_provider_mock import User as Known
from oidc_provider_mock import run_server_in_thread

from portal.accounts.actions import make_token
from portal.accounts.models import User
from portal.kernel.models import AuditEntry
from portal.settings.people import oidc
from squads.models import Squad
from squads.teams.invitations import invite
from tests.conftest import posted

PASSWORD = "a long pass phrase"


@pytest.fixture
def provider(settings: Any) -> Iterator[str]:
    """The company's own sign-in, which knows Nia and vouches for her address."""
    people = [Known(sub="nia", claims={"email": "nia@example.org", "email_verified": True, "name": "Nia"})]
    with run_server_in_thread(user_claims=people) as server:
        url = f"http://localhost:{server.server_port}"
        settings.SOCIALACCOUNT_PROVIDERS = oidc(url, "rodeo", "secret", "Example Login")
        yield url


def by_provider(client: Client) -> Any:
    """Sign in as Nia through the provider's page, as a browser would."""
    asked = client.get("/accounts/oidc/login/")["Location"]
    answer = httpx2.post(asked, data={"sub": "nia"}, follow_redirects=False)
    back = urlsplit(answer.headers["location"])
    return client.get(f"{back.path}?{back.query}", follow=True)


class Intruder:
    """Somebody who used Nia's invitation before her, and left doors open."""

    def __init__(self, lea: User, squad: Squad) -> None:
        _, secret = invite(by=lea, email="nia@example.org", squad=squad)
        self.client = Client()
        self.client.post(f"/invitations/{secret}/", {"first_name": "Nia", "username": "nia", "password": PASSWORD})
        self.account = User.objects.get(username="nia")
        _, self.token = make_token(by=self.account, user=self.account, name="left", scopes=["read", "write"], days=90)
        EmailAddress.objects.create(user=self.account, email="mallory@elsewhere.example")

    def with_factors(self) -> None:
        TOTP.activate(self.account, generate_totp_secret())
        RecoveryCodes.activate(self.account)
        SocialAccount.objects.create(user=self.account, provider="oidc", uid="mallory")

    def is_in(self) -> list[str]:
        """Return the ways by which the intruder still gets in."""
        ways = []
        if self.client.get("/account/").status_code == 200:
            ways.append("session")
        bearer = Client(headers={"Authorization": f"Bearer {self.token}"})
        if bearer.get("/api/v1/stories/").status_code == 200:
            ways.append("token")
        fresh = Client()
        fresh.post("/accounts/login/", {"login": "nia", "password": PASSWORD})
        if fresh.get("/account/").status_code == 200:
            ways.append("password")
        if EmailAddress.objects.filter(email="mallory@elsewhere.example").exists():
            ways.append("address")
        if SocialAccount.objects.filter(uid="mallory").exists():
            ways.append("other sign-in")
        return ways


@pytest.fixture
def intruder(lea: User, payments: Squad) -> Intruder:
    return Intruder(lea, payments)


def asked_by_mail(client: Client, address: str) -> list[str]:
    """Ask for a new password; return the links that were mailed to this address."""
    client.post("/accounts/password/reset/", {"email": address})
    sent = "".join(str(each.body) for each in posted() if address in each.to)
    return re.findall(r"/accounts/password/reset/key/\S+", sent)


def set_by_mail(client: Client, link: str) -> Any:
    form = client.get(link)["Location"]
    words = {"password1": "another long phrase", "password2": "another long phrase"}
    return client.post(form, words, follow=True)


def test_the_companys_sign_in_leaves_nothing_of_an_intruder(client: Client, intruder: Intruder, provider: str) -> None:
    assert intruder.is_in() == ["session", "token", "password", "address"]
    intruder.with_factors()
    page = by_provider(client).content.decode()
    assert "its earlier ways to sign in no longer work: its password, its two-step sign-in and passkeys" in page
    assert client.get("/account/").status_code == 200
    assert intruder.is_in() == []
    assert not Authenticator.objects.exists()
    assert list(SocialAccount.objects.values_list("uid", flat=True)) == ["nia"]


def test_whoever_gets_in_by_the_companys_sign_in_is_in_the_audit_log(client: Client, provider: str, db: None) -> None:
    by_provider(client)
    by_provider(Client())
    entry = AuditEntry.objects.get()
    assert entry.did.endswith(", who came through the company’s sign-in")
    assert (entry.by, entry.key) == (None, User.objects.get().username)


def test_a_closed_account_is_not_opened_by_the_companys_sign_in(
    client: Client, intruder: Intruder, provider: str
) -> None:
    User.objects.filter(pk=intruder.account.pk).update(is_active=False)
    answer = by_provider(client)
    assert answer.request["PATH_INFO"] == "/accounts/inactive/"
    assert client.get("/account/").status_code == 302


def test_moving_in_happens_once_and_what_the_owner_sets_up_stays(
    client: Client, intruder: Intruder, provider: str
) -> None:
    by_provider(client)
    _, secret = make_token(by=intruder.account, user=intruder.account, name="mine", scopes=["read"], days=90)
    page = by_provider(Client()).content.decode()
    assert "no longer work" not in page
    bearer = Client(headers={"Authorization": f"Bearer {secret}"})
    assert bearer.get("/api/v1/stories/").status_code == 200
    assert client.get("/account/").status_code == 200


def test_a_new_password_by_mail_leaves_nothing_of_an_intruder(
    client: Client, intruder: Intruder, settings: Any
) -> None:
    settings.RODEO_MAIL = True
    (link,) = asked_by_mail(client, "nia@example.org")
    page = set_by_mail(client, link).content.decode()
    assert "no longer work: its API tokens and its other e-mail addresses" in page
    assert intruder.is_in() == []
    assert EmailAddress.objects.get().verified


def test_mail_alone_takes_away_no_second_factor(client: Client, intruder: Intruder, settings: Any) -> None:
    settings.RODEO_MAIL = True
    intruder.with_factors()
    (link,) = asked_by_mail(client, "nia@example.org")
    set_by_mail(client, link)
    assert intruder.is_in() == []
    client.post("/accounts/login/", {"login": "nia", "password": "another long phrase"})
    assert client.get("/account/").status_code == 302, "and whoever lacks it does not come in beside a stranger"
    assert Authenticator.objects.filter(user=intruder.account).count() == 2


def test_an_owner_who_has_proven_the_address_keeps_the_rest(client: Client, ana: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    EmailAddress.objects.create(user=ana, email=ana.email, verified=True, primary=True)
    _, secret = make_token(by=ana, user=ana, name="mine", scopes=["read"], days=90)
    (link,) = asked_by_mail(client, ana.email)
    assert "no longer work" not in set_by_mail(client, link).content.decode()
    bearer = Client(headers={"Authorization": f"Bearer {secret}"})
    assert bearer.get("/api/v1/stories/").status_code == 200


def test_an_address_somebody_only_asked_to_change_to_leads_nobody_into_their_account(
    client: Client, ana: User, provider: str, settings: Any
) -> None:
    settings.RODEO_MAIL = True
    EmailAddress.objects.create(user=ana, email="nia@example.org")
    assert asked_by_mail(client, "nia@example.org") == []
    by_provider(client)
    nia = User.objects.get(pk=client.session["_auth_user_id"])
    assert nia.pk != ana.pk
    assert EmailAddress.objects.filter(email="nia@example.org", verified=True).get().user == nia


def test_nobody_confirms_an_address_for_an_account_they_cannot_open(
    client: Client, as_ana: Client, intruder: Intruder
) -> None:
    row = EmailAddress.objects.create(user=intruder.account, email="nia@example.org")
    link = f"/accounts/confirm-email/{EmailConfirmationHMAC(row).key}/"
    for method in (client.get, client.post):
        answer = method(link)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
    assert as_ana.post(link).status_code == 403
    row.refresh_from_db()
    assert not row.verified


def words(answer: Any) -> str:
    """Return what a page says: without its code, the tokens in it, and what was typed into it."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def tried(name: str, spied: list[str], password: str = "no") -> tuple[int, str, int]:
    """Try to sign in; return the status, what the page says, and how many slow hashes it took."""
    del spied[:]
    # From a new place each time: how often one place may try is another limit.
    place = f"10.{secrets.randbelow(250)}.{secrets.randbelow(250)}.{secrets.randbelow(250)}"
    answer = Client(REMOTE_ADDR=place).post("/accounts/login/", {"login": name, "password": password})
    return answer.status_code, words(answer), len(spied)


@pytest.mark.parametrize("kind", ["{}", "{}@example.org"])
def test_a_sign_in_that_fails_does_not_tell_who_has_an_account(
    kind: str, ana: User, bo: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth.hashers import get_hasher

    bo.set_unusable_password()
    bo.save()
    hasher, spied = type(get_hasher()), []
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda self, *args: (spied.append("x"), encode(self, *args))[1])
    for _ in range(6):
        known, without, nobody = (tried(kind.format(name), spied) for name in ("ana", "bo", "zoe"))
        assert known == without == nobody
        assert known[0] == 200
    assert "Too many failed sign-ins" in known[1]


def test_asking_for_a_new_password_does_not_tell_who_has_an_account(ana: User, settings: Any) -> None:
    settings.RODEO_MAIL = True
    answers = []
    for name in ("ana", "zoe"):
        answer = Client().post("/accounts/password/reset/", {"email": f"{name}@example.org"}, follow=True)
        answers.append((answer.redirect_chain, words(answer)))
    assert answers[0] == answers[1]
    assert [each.to for each in posted()] == [["ana@example.org"]]
