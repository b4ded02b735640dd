"""The address that pages ask while somebody writes."""

import logging
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User

pytestmark = pytest.mark.django_db
ADDRESS = "/retrospectives/coach/"
SENTENCE = "We should have tested the restore."


@pytest.fixture
def client_of_ana(client: Client, ana: User) -> Iterator[Client]:
    client.force_login(ana)
    yield client


def test_a_writer_gets_what_the_coach_would_ask(client_of_ana: Client) -> None:
    answer = client_of_ana.post(ADDRESS, {"text": f"All is well. {SENTENCE}"})
    assert answer.status_code == 200
    assert answer.json() == {
        "findings": [
            {
                "start": 16,
                "end": 34,
                "words": "should have tested",
                "rule": "should-have",
                "label": "counterfactual",
                "why": "What should have happened didn't, so it can't explain what did.",
                "question": "What happened instead, and what made it the sensible thing to do?",
            }
        ]
    }


def test_places_are_those_of_a_browser(client_of_ana: Client) -> None:
    text = f"🔥🔥 {SENTENCE}"
    finding = client_of_ana.post(ADDRESS, {"text": text}).json()["findings"][0]
    units = text.encode("utf-16-le")
    assert units[2 * finding["start"] : 2 * finding["end"]].decode("utf-16-le") == "should have tested"


def test_the_name_of_someone_with_an_account_is_known(client_of_ana: Client, ana: User) -> None:
    ana.first_name, ana.last_name = "Ana", "Ruiz"
    ana.save()
    findings = client_of_ana.post(ADDRESS, {"text": "Ruiz forgot the last step."}).json()["findings"]
    assert [each["rule"] for each in findings] == ["name-as-cause"]


def test_a_text_that_is_too_long_or_missing_is_refused_with_the_reason(client_of_ana: Client) -> None:
    long = client_of_ana.post(ADDRESS, {"text": "a" * 20_001})
    assert (long.status_code, long.json()["message"]) == (
        400,
        "This text has 20,001 characters. The language coach reads up to 20,000.",
    )
    none = client_of_ana.post(ADDRESS, {})
    assert (none.status_code, none.json()["message"]) == (400, "There’s no text. Send it in the field “text”.")
    assert client_of_ana.post(ADDRESS, {"text": ""}).json() == {"findings": []}


def test_nothing_of_the_text_is_stored_or_logged(client_of_ana: Client, caplog: pytest.LogCaptureFixture) -> None:
    def rows() -> dict[str, int]:
        return {model._meta.label: model._base_manager.count() for model in apps.get_models() if model._meta.managed}

    before = rows()
    with (
        caplog.at_level(logging.DEBUG),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        client_of_ana.post(ADDRESS, {"text": SENTENCE})
    assert rows() == before
    assert "restore" not in caplog.text
    assert not [query for query in queries.captured_queries if "restore" in query["sql"]]


def test_asking_takes_the_same_queries_with_many_people(client_of_ana: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            client_of_ana.post(ADDRESS, {"text": SENTENCE})
        return len(captured)

    few = queries()
    User.objects.bulk_create(User(username=f"person{number}", first_name=f"Name{number}") for number in range(30))
    assert queries() == few


def test_answers_are_never_cached(client_of_ana: Client) -> None:
    assert "no-store" in client_of_ana.post(ADDRESS, {"text": SENTENCE})["Cache-Control"]


def test_someone_who_is_not_signed_in_is_told(client: Client) -> None:
    answer = client.post(ADDRESS, {"text": SENTENCE}, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["message"]) == (
        401,
        "You’re signed out, so nothing was saved. Sign in, then try again.",
    )
