"""/is/<KEY>: one question, one sentence, to people and to programs."""

import base64
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from squads.models import Squad, Story
from squads.stories.actions import create_story

SENTENCE = "No. To do: nobody has started it (squad Payments)."
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay with iDEAL")


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_curl_is_answered_in_one_line(as_ana: Client, story: Story) -> None:
    answer = as_ana.get("/is/PAY-1", headers={"accept": "*/*"})
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == SENTENCE + "\n"
    assert "Accept" in answer["Vary"]


def test_the_key_may_be_written_in_small_letters(as_ana: Client, story: Story) -> None:
    assert as_ana.get("/is/pay-1?format=text").content.decode() == SENTENCE + "\n"


def test_a_program_is_answered_in_json(as_ana: Client, story: Story) -> None:
    answer = as_ana.get("/is/PAY-1", headers={"accept": "application/json"}).json()
    assert (answer["key"], answer["answer"], answer["rodeo_done"], answer["stage"]) == (
        "PAY-1",
        SENTENCE,
        False,
        "todo",
    )
    assert [rung["rung"] for rung in answer["rungs"]] == ["dev_done", "integrated", "tested", "deployed", "rodeo_done"]
    assert answer["url"].endswith("/stories/PAY-1/")


def test_a_browser_is_answered_with_a_page(as_ana: Client, story: Story) -> None:
    page = as_ana.get("/is/PAY-1", headers={"accept": BROWSER}).content.decode()
    assert "rodeo done?" in page
    assert "nobody has started it" in page


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_an_unknown_key_says_which_keys_there_are(as_ana: Client, story: Story, form: str) -> None:
    answer = as_ana.get(f"/is/PAY-7?format={form}")
    assert answer.status_code == 404
    assert "There’s no story PAY-7. Payments has PAY-1 to PAY-1." in answer.content.decode()
    assert "no squad uses that prefix" in as_ana.get("/is/XXX-7?format=html").content.decode()


def test_programs_are_told_401_and_people_are_sent_to_sign_in(client: Client, story: Story) -> None:
    for accept in ("*/*", "application/json"):
        answer = client.get("/is/PAY-1", headers={"accept": accept})
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"].startswith("Basic")
        assert SENTENCE not in answer.content.decode()
    assert client.get("/is/PAY-1", headers={"accept": BROWSER})["Location"].startswith("/accounts/login/")


def test_curl_may_bring_a_name_and_password(client: Client, story: Story) -> None:
    assert client.get("/is/PAY-1", headers=basic("ana", "ana-password")).content.decode() == SENTENCE + "\n"
    assert client.get("/is/PAY-1", headers=basic("ana", "wrong")).status_code == 401


def test_open_reading_answers_everybody(client: Client, story: Story, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    assert client.get("/is/PAY-1").content.decode() == SENTENCE + "\n"


def test_the_question_on_the_first_page_leads_to_the_answer(as_ana: Client, story: Story) -> None:
    for typed in (" pay-1 ", "pay 1", "Pay1"):
        assert as_ana.get("/is/", {"key": typed})["Location"] == "/is/PAY-1"
    assert as_ana.get("/is/")["Location"] == "/"


@pytest.mark.parametrize(
    ("typed", "leads_to"),
    [
        ("pay-1", "/is/PAY-1"),
        ("https://rodeo.example.org/stories/pay-1/history/", "/is/PAY-1"),
        ("PAY 1", "/is/PAY-1"),
        ("a/b", "/search/?q=a%2Fb"),
        ("//evil.example.org", "/search/?q=%2F%2Fevil.example.org"),
        ("..", "/search/?q=.."),
        ("\0", "/"),
        ("", "/"),
    ],
)
def test_whatever_is_typed_into_the_question_leads_somewhere_here(
    client: Client, story: Story, typed: str, leads_to: str
) -> None:
    answer = client.get("/is/", {"key": typed})
    assert (answer.status_code, answer["Location"]) == (302, leads_to)
