"""What people see when something is wrong: in the portal's own style, with a way on."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.views import defaults

from squads.models import Squad


def test_nothing_at_an_address_is_answered_with_ways_on(client: Client, db: None) -> None:
    answer = client.get("/nowhere/")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()


def test_the_page_of_a_failure_needs_no_database() -> None:
    # Without the `db` fixture any query would fail here.
    answer = defaults.server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.content.decode()
    assert 'href="/readyz"' in answer.content.decode()


def test_a_request_that_makes_no_sense_is_answered_without_blame() -> None:
    answer = defaults.bad_request(RequestFactory().get("/"), ValueError())
    assert answer.status_code == 400
    assert "Rodeo couldn’t understand that request" in answer.content.decode()


@pytest.mark.parametrize("events", ["/events/", "http://127.0.0.1:9000/events/"])
def test_a_name_that_is_not_the_portals_own_is_refused_and_is_no_failure(
    client: Client, settings: Any, db: None, events: str
) -> None:
    settings.ALLOWED_HOSTS, settings.RODEO_EVENTS_URL = ["rodeo.example.org"], events
    answer = client.get("/accounts/login/", headers={"host": "evil.example.org"})
    assert answer.status_code == 400
    assert "Rodeo couldn’t understand that request" in answer.content.decode()
    assert client.get("/accounts/login/", headers={"host": "rodeo.example.org"}).status_code == 200


def test_a_form_from_another_site_changes_nothing(payments: Squad, db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403
    assert "Please try again" in answer.content.decode()


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/stories/?page=zzz", 200),
        ("/stories/?page=99999", 200),
        ("/stories/?q=%00", 200),
        ("/stories/?squad=%00a", 404),
        ("/stories/?stage=%00&type=x", 200),
        ("/releases/?line=%00", 200),
        ("/stories/%00/", 404),
        ("/is/%00", 404),
        ("/stories/new/?release=nonsense&squad=%00", 200),
    ],
)
def test_strange_addresses_are_answered_calmly(as_ana: Client, url: str, status: int) -> None:
    assert as_ana.get(url).status_code == status


def test_signing_in_wrongly_says_what_to_check(client: Client, db: None) -> None:
    page = client.post("/accounts/login/", {"login": "ana", "password": "no"}).content.decode()
    assert "Wrong user name or password." in page


def test_signing_out_needs_the_button(as_ana: Client) -> None:
    assert "Sign out of Rodeo in this browser?" in as_ana.get("/accounts/logout/").content.decode()
    assert as_ana.get("/").status_code == 200
    assert as_ana.post("/accounts/logout/")["Location"] == "/"
    assert as_ana.get("/").status_code == 302
