"""Where somebody is signed in: the list, ending one, ending all, and what ends them by itself."""

import re
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import OperationalError, connection
from django.test import Client

from portal.accounts.actions import make_token
from portal.accounts.models import User, UserSession
from portal.kernel import clock

SESSIONS = "/account/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"


def signed_in(agent: str = FIREFOX, password: str = "ana-password", address: str = "10.0.0.1") -> Client:
    browser = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    answer = browser.post("/accounts/login/", {"login": "ana", "password": password})
    assert answer.status_code == 302
    return browser


def is_in(browser: Client) -> bool:
    return browser.get("/account/").status_code == 200


def test_each_browser_is_listed_and_ended_by_itself(ana: User) -> None:
    desk, phone = signed_in(), signed_in(PHONE, address="10.0.0.2")
    page = desk.get(SESSIONS).content.decode()
    assert "Firefox on Linux" in page and "Safari on iPhone" in page and "10.0.0.2" in page
    assert page.count("this one") == 1
    assert "2 <a" in desk.get("/account/").content.decode()
    (other,) = re.findall(r'name="session" value="(\w+)"', page)
    answer = desk.post(f"{SESSIONS}end/", {"session": other}, follow=True)
    assert "Safari on iPhone signed out." in answer.content.decode()
    assert is_in(desk) and not is_in(phone)
    assert "already ended" in desk.post(f"{SESSIONS}end/", {"session": other}, follow=True).content.decode()


def test_no_page_tells_the_key_of_a_session(ana: User) -> None:
    desk = signed_in()
    assert str(desk.session.session_key) not in desk.get(SESSIONS).content.decode()


def test_nobody_ends_the_session_of_another(ana: User, as_bo: Client) -> None:
    desk = signed_in()
    as_bo.post(f"{SESSIONS}end/", {"session": UserSession.objects.get(user=ana).public_id})
    assert is_in(desk)


def test_signing_out_everywhere_else_keeps_this_browser(ana: User) -> None:
    desk, phone, other = signed_in(), signed_in(PHONE), signed_in(PHONE)
    page = desk.post(f"{SESSIONS}end-others/", follow=True).content.decode()
    assert "Signed out everywhere else." in page
    assert is_in(desk) and not is_in(phone) and not is_in(other)
    assert UserSession.objects.filter(user=ana).count() == 1


def test_a_session_that_nobody_noted_ends_with_the_others(ana: User) -> None:
    """One from before there was a list, say."""
    desk, old = signed_in(), signed_in(PHONE)
    UserSession.objects.exclude(pk=desk.session.session_key).delete()
    desk.post(f"{SESSIONS}end-others/")
    assert not is_in(old)


def test_a_session_from_before_is_listed_once_it_is_used(ana: User) -> None:
    desk, old = signed_in(), signed_in(PHONE)
    UserSession.objects.all().delete()
    session = old.session
    del session["noted"]
    session.save()
    assert is_in(old)
    assert "Safari on iPhone" in desk.get(SESSIONS).content.decode()


def test_another_password_ends_the_others_and_the_list_says_so(ana: User) -> None:
    desk, phone = signed_in(), signed_in(PHONE)
    answer = desk.post(
        "/accounts/password/change/",
        {"oldpassword": "ana-password", "password1": "another pass phrase", "password2": "another pass phrase"},
    )
    assert answer.status_code == 302
    assert is_in(desk) and not is_in(phone)
    page = desk.get(SESSIONS).content.decode()
    assert "Safari on iPhone" not in page and "this one" in page


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_ends_the_sessions_that_began_without_it(ana: User) -> None:
    desk, phone = signed_in(), signed_in(PHONE)
    desk.post("/accounts/reauthenticate/", {"password": "ana-password"})
    page = desk.get("/accounts/2fa/app/activate/")
    assert page.status_code == 200, page["Location"]
    secret = desk.session["mfa.totp.secret"]
    counter = next(iter(yield_hotp_counters_from_time()))
    answer = desk.post("/accounts/2fa/app/activate/", {"code": format_hotp_value(hotp_value(secret, counter))})
    assert answer.status_code == 302
    assert is_in(desk) and not is_in(phone)


def test_signing_out_takes_the_session_off_the_list(ana: User) -> None:
    desk, phone = signed_in(), signed_in(PHONE)
    phone.post("/accounts/logout/")
    assert UserSession.objects.filter(user=ana).count() == 1
    Session.objects.update(expire_date=clock.now() - timedelta(minutes=1))
    assert not UserSession.objects.get().session.expire_date > clock.now()
    assert not is_in(desk)


def test_a_session_is_noted_at_most_every_ten_minutes(
    ana: User, django_assert_num_queries: Any, monkeypatch: Any
) -> None:
    desk = signed_in()
    desk.get(SESSIONS)
    first = UserSession.objects.get()
    desk.get(SESSIONS)
    assert UserSession.objects.get().seen_at == first.seen_at
    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: later)
    desk.get(SESSIONS)
    assert UserSession.objects.get().seen_at == later
    ana.refresh_from_db()
    assert ana.last_seen_at == later


def test_while_the_database_is_away_it_is_asked_once_and_the_api_says_so(
    as_ana: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(self: Any) -> Any:
        asked.append(self)
        raise OperationalError("connection refused")

    monkeypatch.setattr(SessionStore, "load", load)
    as_ana.raise_request_exception = False
    answer = as_ana.get("/api/v1/stories/")
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert as_ana.get("/account/").status_code >= 500
    assert len(asked) == 2


def write(database: str, gave_up: threading.Event) -> None:
    """Wait for a turn to write, as long as everything here does; say if none came."""
    with closing(sqlite3.connect(database, timeout=20, isolation_level=None)) as connected:
        try:
            connected.execute("BEGIN IMMEDIATE")
            connected.execute("ROLLBACK")
        except sqlite3.OperationalError:
            gave_up.set()


@pytest.mark.only_on("sqlite")
@pytest.mark.django_db(transaction=True)
def test_whoever_reads_does_not_wait_for_whoever_writes_for_long(as_ana: Client, ana: User) -> None:
    _, secret = make_token(by=ana, user=ana, name="script", scopes=["read"], days=7)
    script = Client(headers={"Authorization": f"Bearer {secret}"})
    session = as_ana.session
    session["noted"] = ["", "", 0]
    session.save()
    writer = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    # Another writer, who came before them, waits as long as writers do.
    other = threading.Thread(target=write, args=(connection.settings_dict["NAME"], gave_up := threading.Event()))
    other.start()
    try:
        assert as_ana.get(SESSIONS).status_code == 200
        assert script.get("/api/v1/stories/").status_code == 200
        assert other.is_alive() and not gave_up.is_set(), "they were answered while the writer waits still"
    finally:
        writer.execute("ROLLBACK")
        writer.close()
        other.join()
    assert connection.connection.execute("PRAGMA busy_timeout").fetchone() == (20_000,)
    assert as_ana.get(SESSIONS).status_code == 200
    assert UserSession.objects.filter(session_id=session.session_key).exists()


# Guessing


def guess(browser: Client, times: int) -> str:
    for number in range(times):
        page = browser.post("/accounts/login/", {"login": "ana", "password": f"guess {number}"}).content.decode()
    return page


def test_the_owner_comes_in_from_a_known_browser_while_somebody_guesses(ana: User) -> None:
    desk = signed_in()
    desk.post("/accounts/logout/")
    for number in range(3):
        guess(Client(REMOTE_ADDR=f"10.9.9.{number}"), 6)
    assert "Too many failed sign-ins" in guess(Client(REMOTE_ADDR="10.8.8.8"), 1)
    # Somebody new with the right password waits, since they could be a guesser who got lucky.
    stranger = Client(REMOTE_ADDR="10.7.7.7").post("/accounts/login/", {"login": "ana", "password": "ana-password"})
    assert stranger.status_code == 200
    # The known browser comes in, by either name, even from the guesser's address.
    for login in ("ana", "ANA@example.org"):
        answer = desk.post("/accounts/login/", {"login": login, "password": "ana-password"}, REMOTE_ADDR="10.8.8.8")
        assert answer.status_code == 302
        desk.post("/accounts/logout/")


def test_a_known_browser_guesses_no_faster_than_others(ana: User) -> None:
    desk = signed_in()
    desk.post("/accounts/logout/")
    assert "Too many failed sign-ins" in guess(desk, 11)


def test_a_browser_is_known_for_its_own_accounts_only(ana: User, bo: User) -> None:
    desk = signed_in()
    desk.post("/accounts/logout/")
    for number in range(5):
        desk.post("/accounts/login/", {"login": "bo", "password": f"guess {number}"})
    page = desk.post("/accounts/login/", {"login": "bo", "password": "bo-password"}).content.decode()
    assert "Too many failed sign-ins" in page


def test_a_made_up_cookie_makes_no_browser_known(ana: User) -> None:
    browser = Client()
    for value in ("x", "e30:1abc:def", "", "a" * 5000):
        browser.cookies["rodeo_device"] = value
        assert "Wrong user name or password" in guess(browser, 1)
    assert "Too many failed sign-ins" in guess(browser, 3)


def test_whoever_signs_out_everywhere_else_has_one_known_browser_again(ana: User) -> None:
    desk, phone = signed_in(), signed_in(PHONE)
    desk.post(f"{SESSIONS}end-others/")
    guess(Client(REMOTE_ADDR="10.9.9.9"), 6)
    answer = phone.post("/accounts/login/", {"login": "ana", "password": "ana-password"})
    assert "Too many failed sign-ins" in answer.content.decode()
    desk.post("/accounts/logout/")
    assert desk.post("/accounts/login/", {"login": "ana", "password": "ana-password"}).status_code == 302


def test_one_guesser_in_an_office_keeps_nobody_there_out_whose_browser_is_known(ana: User) -> None:
    desk = signed_in(address="10.0.0.1")
    desk.post("/accounts/logout/")
    for number in range(40):
        Client(REMOTE_ADDR="10.0.0.1").post("/accounts/login/", {"login": f"n{number}", "password": "x"})
    again = desk.post("/accounts/login/", {"login": "ana", "password": "ana-password"})
    assert again.status_code == 302
