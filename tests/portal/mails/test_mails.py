"""Mails that aren't sent are shown to administrators, who can have them sent again or delete them."""

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.kernel import clock
from portal.kernel.mail import send_soon, send_waiting
from portal.kernel.models import Mail, StateChange


def made(state: str = "failed", to: str = "nia@example.org") -> Mail:
    mail = send_soon(EmailMessage("Your password", "https://rodeo/secret-link", to=[to]))
    failed = clock.now() if state == "failed" else None
    Mail.objects.filter(pk=mail.pk).update(state=state, failed_at=failed, error="550 no such user", attempts=3)
    mail.refresh_from_db()
    return mail


@pytest.fixture
def failed(db: None) -> Mail:
    """A mail that was refused."""
    return made()


def page(browser: Client) -> str:
    answer = browser.get("/mails/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_is_shown_with_its_error_and_never_with_its_text(as_root: Client, failed: Mail) -> None:
    text = page(as_root)
    assert all(words in text for words in ("nia@example.org", "Your password", "550 no such user", f"#{failed.pk}"))
    assert "secret-link" not in text
    said = as_root.get(f"/api/v1/mails/{failed.pk}/").json()
    assert (said["to"], said["state"], said["error"]) == ("nia@example.org", "failed", "550 no such user")
    assert "secret-link" not in str(said)


def test_one_press_sends_it_again_and_a_second_says_so(as_root: Client, failed: Mail) -> None:
    answer = as_root.post(f"/mails/{failed.pk}/resend/", follow=True)
    assert f"Sending mail #{failed.pk} again." in answer.content.decode()
    answer = as_root.post(f"/mails/{failed.pk}/resend/", follow=True)
    assert "is already “waiting”" in answer.content.decode()
    assert StateChange.objects.filter(kind="mail").count() == 1
    assert send_waiting() == 1
    assert "No unsent mails" in page(as_root)


def test_all_that_failed_are_sent_again_at_once(as_root: Client, failed: Mail) -> None:
    made()
    made("waiting")
    assert "Sending 2 mails again." in as_root.post("/mails/resend-all/", follow=True).content.decode()
    assert "No failed mails left." in as_root.post("/mails/resend-all/", follow=True).content.decode()
    assert send_waiting() == 3


def test_one_that_nobody_needs_is_deleted_and_one_that_waits_is_not(as_root: Client, failed: Mail) -> None:
    waiting = made("waiting")
    assert f"Deleted mail #{failed.pk}." in as_root.post(f"/mails/{failed.pk}/delete/", follow=True).content.decode()
    answer = as_root.post(f"/mails/{waiting.pk}/delete/", follow=True)
    assert "is now “waiting”, so it can’t become “deleted”" in answer.content.decode().replace("&#x27;", "’")
    assert list(Mail.objects.all()) == [waiting]
    assert StateChange.objects.get(kind="mail").to_state == "deleted"


def test_the_api_sends_again_and_deletes_once(as_root: Client, failed: Mail) -> None:
    other, third = made(), made()
    assert as_root.post(f"/api/v1/mails/{failed.pk}/resend/").json() == {"count": 1}
    assert as_root.post(f"/api/v1/mails/{failed.pk}/resend/").status_code == 409
    assert as_root.delete(f"/api/v1/mails/{other.pk}/").status_code == 204
    assert as_root.delete(f"/api/v1/mails/{other.pk}/").status_code == 404
    assert as_root.delete(f"/api/v1/mails/{failed.pk}/").status_code == 409
    assert as_root.post("/api/v1/mails/resend-all/").json() == {"count": 1}
    assert {each["id"]: each["state"] for each in as_root.get("/api/v1/mails/").json()["results"]} == {
        failed.pk: "waiting",
        third.pk: "waiting",
    }


def test_home_tells_administrators_and_nobody_else(as_root: Client, as_ana: Client, failed: Mail) -> None:
    assert '<a href="/mails/">1 mail</a> couldn’t be sent' in as_root.get("/").content.decode()
    made()
    assert "2 mails</a>" in as_root.get("/").content.decode()
    assert "couldn’t be sent" not in as_ana.get("/").content.decode()


def test_a_page_of_many_costs_the_same(
    as_root: Client, db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(60):
        made(to=f"p{number}@example.org")
    with django_assert_max_num_queries(7):
        assert "1 to 50 of 60 mails" in page(as_root)
    with django_assert_max_num_queries(6):
        as_root.get("/api/v1/mails/")


def test_what_a_mail_server_says_is_text_and_never_markup(as_root: Client, failed: Mail) -> None:
    Mail.objects.update(error="<script>alert(1)</script>")
    assert "<script>alert" not in page(as_root)
