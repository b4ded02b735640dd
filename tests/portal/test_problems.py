"""Every error under /api/ is a problem of RFC 9457, whoever refuses, and whatever form was asked for."""

import json
import logging
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from portal.accounts.models import User
from portal.kernel.problems import MEDIA_TYPE, problem
from squads.models import Squad, Story
from squads.stories.actions import create_story

STORIES = "/api/v1/stories/"


def objected(answer: Any, code: int) -> Any:
    """Return the members of a problem, having seen that it is a whole one."""
    assert answer.status_code == code, answer.content
    assert answer["Content-Type"] == MEDIA_TYPE
    said = json.loads(answer.content)
    assert (said["type"], said["title"], said["status"]) == ("about:blank", HTTPStatus(code).phrase, code)
    assert said["errors"] and all(set(each) == {"code", "detail", "attr"} for each in said["errors"])
    assert said["errors"][0]["detail"] in said["detail"]
    assert said["detail"][-1] in ".?)", "a sentence"
    return said


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/html,*/*;q=0.8", "*/*", ""])
@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/", 404),
        ("/api/nowhere/", 404),
        ("/api/v1/nowhere/", 404),
        ("/api/v2/stories/", 404),
        ("/api/v1/stories/not-a-key/", 404),
    ],
)
def test_an_address_that_does_not_exist_is_a_problem(client: Client, address: str, code: int, accept: str) -> None:
    objected(client.get(address, headers={"accept": accept} if accept else {}), code)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("/api/v1/stories/PAY-99/", 404),
        ("/api/v1/squads/nobodys/board/", 404),
        ("/api/v1/squads/payments/labels/99999999999999999999999/", 405),
        ("/api/v1/story-views/1/", 405),
        ("/api/v1/dead-messages/999999999999999999/", 403),
        ("/api/v1/stories/?stage=perhaps", 400),
        ("/api/v1/stories/?page=0&page_size=1", 404),
        ("/api/v1/stories/?page=99999999999999999999", 404),
        ("/api/v1/stories/?format=pdf", 404),
    ],
)
def test_what_an_endpoint_refuses_is_a_problem(as_ana: Client, payments: Squad, address: str, code: int) -> None:
    for accept in ("application/json", "text/html,*/*;q=0.8", "*/*"):
        objected(as_ana.get(address, headers={"accept": accept}), code)
    only_pages = code if "format=" in address or code == 405 else 406
    objected(as_ana.get(address, headers={"accept": "text/html"}), only_pages)


def test_an_unknown_address_says_where_the_known_ones_are(client: Client) -> None:
    said = objected(client.get("/api/v1/storys/"), 404)
    assert said["detail"] == (
        "There’s nothing at /api/v1/storys/. Every address is listed at /api/docs/, and ends with a slash."
    )
    assert said["errors"] == [{"code": "not_found", "detail": said["detail"], "attr": None}]


@pytest.mark.parametrize("address", [STORIES, "/api/schema/", "/api/docs/"])
def test_who_is_not_signed_in_is_told_how(client: Client, db: None, address: str) -> None:
    for accept in ("*/*", "text/html"):
        answer = client.get(address, headers={"accept": accept})
        if answer.status_code == 406:
            continue
        said = objected(answer, 401)
        assert answer["WWW-Authenticate"] == 'Basic realm="Rodeo"'
        assert "Create one under /account/." in said["detail"]


@pytest.mark.parametrize(
    "authorization", ["Bearer rodeo_wrong", "Basic eDp5", "Basic x", "Basic /w==", "Bearer rodeo_é"]
)
def test_wrong_credentials_are_401_with_the_way_to_sign_in(client: Client, db: None, authorization: str) -> None:
    answer = client.get(STORIES, headers={"authorization": authorization})
    objected(answer, 401)
    assert "realm" in answer["WWW-Authenticate"]


def test_fields_that_do_not_fit_are_listed_and_the_first_is_said(as_ana: Client, payments: Squad) -> None:
    answer = as_ana.post(STORIES, {"squad": "payments", "titel": "Pay"}, content_type="application/json")
    said = objected(answer, 400)
    assert said["detail"] == "titel: There’s no field “titel”. Did you mean “title”?"
    assert [each["attr"] for each in said["errors"]] == ["titel"]
    said = objected(as_ana.post(STORIES, {}, content_type="application/json"), 400)
    assert said["detail"] == "title: This field is required. (1 more under “errors”.)"
    assert [(each["code"], each["attr"]) for each in said["errors"]] == [("required", "title"), ("required", "squad")]


def test_a_body_that_cannot_be_read_is_a_problem(as_ana: Client, payments: Squad) -> None:
    assert "JSON" in objected(as_ana.post(STORIES, "nope", content_type="application/json"), 400)["detail"]
    said = objected(as_ana.post(STORIES, "title=x", content_type="text/plain"), 415)
    assert said["detail"] == "The body’s Content-Type can’t be read here. Send application/json."
    big = json.dumps({"squad": "payments", "title": "x" * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)})
    assert "Split it" in objected(as_ana.post(STORIES, big, content_type="application/json"), 413)["detail"]
    chunked = as_ana.generic("POST", STORIES, b"", "application/json", headers={"transfer-encoding": "chunked"})
    assert "Content-Length" in objected(chunked, 411)["detail"]
    assert not Story.objects.exists()


def test_a_method_or_form_that_is_not_offered_is_named_with_those_that_are(as_ana: Client, payments: Squad) -> None:
    answer = as_ana.put(STORIES, {}, content_type="application/json")
    assert objected(answer, 405)["detail"] == "PUT isn’t possible here. Use GET or POST."
    assert set(answer["Allow"].split(", ")) == {"GET", "POST", "HEAD", "OPTIONS"}
    said = objected(as_ana.get(STORIES, headers={"accept": "text/csv"}), 406)
    assert said["detail"] == "This is never sent as that. Accept application/json."


def test_what_somebody_may_not_is_a_problem(as_ria: Client, payments: Squad) -> None:
    answer = as_ria.post(STORIES, {"squad": "payments", "title": "Pay"}, content_type="application/json")
    assert "payments" in objected(answer, 403)["detail"].lower()


def test_a_browser_without_its_csrf_token_is_told_what_to_send(ana: User, payments: Squad) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ana)
    answer = browser.post(STORIES, {"squad": "payments", "title": "Pay"}, content_type="application/json")
    assert "X-CSRFToken" in objected(answer, 403)["detail"]
    assert not Story.objects.exists()


def test_who_was_first_and_what_changed_since_are_problems(as_ana: Client, ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Pay")
    said = objected(as_ana.post(f"{STORIES}{story.key}/unblock/"), 409)
    assert said["errors"][0]["code"] == "conflict"
    changed = as_ana.patch(
        f"{STORIES}{story.key}/", {"title": "Pay twice"}, content_type="application/json", headers={"if-match": '"v1"'}
    )
    assert changed.status_code == 200
    answer = as_ana.patch(
        f"{STORIES}{story.key}/", {"title": "Pay once"}, content_type="application/json", headers={"if-match": '"v1"'}
    )
    said = objected(answer, 412)
    assert answer["ETag"] == f'"v{said["version"]}"'
    assert [(each["field"], each["theirs"], each["yours"]) for each in said["conflicts"]] == [
        ("title", "Pay twice", "Pay once")
    ]


def test_a_host_that_is_not_served_is_a_problem(client: Client) -> None:
    for secure in (False, True):
        assert "host" in objected(client.get(STORIES, headers={"host": "evil.example"}, secure=secure), 400)["detail"]
    page = client.get("/", headers={"host": "evil.example"})
    assert page.status_code == 400 and page["Content-Type"].startswith("text/html")


def test_guessing_a_password_too_often_says_how_long_to_wait(client: Client, ana: User) -> None:
    for _ in range(30):
        answer = client.get(STORIES, headers={"authorization": "Basic YW5hOndyb25n"})
        if answer.status_code != 401:
            break
    said = objected(answer, 429)
    assert "five minutes" in said["detail"] and answer["Retry-After"] == "300"


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_is_logged_and_says_nothing_of_itself(
    ana: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: Settings, debug: bool
) -> None:
    settings.DEBUG = debug

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the secret reason")

    browser = Client(raise_request_exception=False)
    browser.force_login(ana)
    monkeypatch.setattr("squads.stories.api.Stories.get_queryset", fail)
    with caplog.at_level(logging.ERROR, "django.request"):
        for accept in ("*/*", "application/json"):
            answer = browser.get(STORIES, headers={"accept": accept})
            objected(answer, 500)
            assert b"secret reason" not in answer.content
    assert "the secret reason" in caplog.text and STORIES in caplog.text


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_middleware_is_a_problem_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, settings: Settings, debug: bool
) -> None:
    settings.DEBUG = debug

    def fail(_: object, request: HttpRequest, response: object) -> None:
        raise RuntimeError("the secret reason")

    monkeypatch.setattr("django.middleware.clickjacking.XFrameOptionsMiddleware.process_response", fail)
    browser = Client(raise_request_exception=False)
    answer = browser.get("/api/nowhere/", headers={"accept": "text/html", "accept-encoding": "gzip"})
    said = objected(answer, 500)
    assert "server’s log" in said["detail"] and b"secret reason" not in answer.content
    assert not answer.has_header("Content-Encoding")
    assert "the secret reason" in caplog.text


def test_a_database_that_is_away_is_503_and_says_when_to_try_again(
    ana: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    browser = Client(raise_request_exception=False)
    browser.force_login(ana)
    monkeypatch.setattr("squads.stories.api.Stories.get_queryset", fail)
    answer = browser.get(STORIES)
    assert "Nothing was saved" in objected(answer, 503)["detail"]
    assert answer["Retry-After"] == "5"


def test_what_is_sent_to_an_address_without_its_slash_is_not_taken_for_done(as_ana: Client, payments: Squad) -> None:
    for method in ("post", "patch", "put", "delete"):
        answer = getattr(as_ana, method)(STORIES.rstrip("/"), "{}", content_type="application/json")
        assert "ends with a slash" in objected(answer, 404)["detail"]
    assert as_ana.get(STORIES.rstrip("/"))["Location"] == STORIES


def test_a_problem_has_the_headers_of_every_other_answer(client: Client) -> None:
    for answer in (client.get("/api/nowhere/"), client.get("/api/nowhere/", headers={"accept-encoding": "gzip"})):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "no-cache, private" or "private" in answer["Cache-Control"]
        assert int(answer["Content-Length"]) == len(answer.content)
    assert client.head("/api/nowhere/")["Content-Type"] == MEDIA_TYPE


def test_other_addresses_answer_pages_as_before(client: Client) -> None:
    assert client.get("/nowhere/")["Content-Type"].startswith("text/html")
    assert client.get("/apiary/")["Content-Type"].startswith("text/html")


def test_a_problem_says_how_many_more_there_are() -> None:
    errors = [{"code": "invalid", "detail": "No.", "attr": name} for name in ("a", "b", "c")]
    assert problem(400, errors)["detail"] == "a: No. (2 more under “errors”.)"
    assert problem(400, errors[:1])["detail"] == "a: No."
