"""API tokens, and passwords over the API: what they open, what they do not, and what is kept of them."""

import base64
import logging
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.actions import make_token
from portal.accounts.models import ApiToken, User
from portal.kernel import clock
from portal.kernel.models import StateChange
from releases.inbox.models import InboundEvent, Source
from releases.models import Repository
from squads.models import Evidence, Service, Squad, Story
from squads.stories.actions import create_story

STORIES = "/api/v1/stories/"


def token(by: User, *scopes: str, **whose: Any) -> str:
    return make_token(by=by, name="CI", scopes=scopes or ("read",), days=30, **(whose or {"user": by}))[1]


def program(secret: str) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Bearer {secret}")


def password(name: str, word: str) -> Client:
    return Client(HTTP_AUTHORIZATION="Basic " + base64.b64encode(f"{name}:{word}".encode()).decode())


def said(answer: Any) -> str:
    return str(answer.json()["errors"][0]["detail"])


def post(browser: Client, address: str, body: Any) -> Any:
    return browser.post(address, body, content_type="application/json")


def test_a_token_is_shown_once_and_only_its_digest_is_kept(as_ana: Client, ana: User) -> None:
    answer = as_ana.post("/account/tokens/", {"name": "Notes", "scopes": ["read", "write"], "days": 90})
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    row = ApiToken.objects.get()
    secret = answer.content.decode().split('<pre id="token" tabindex="0">')[1].split("</pre>")[0]
    assert secret.startswith("rodeo_")
    assert secret not in str(ApiToken.objects.values_list()[0])
    assert timedelta(days=89) < row.expires_at - clock.now() < timedelta(days=91)  # type: ignore[operator]
    page = as_ana.get("/account/").content.decode()
    assert secret not in page
    assert row.start in page
    assert program(secret).get(STORIES).status_code == 200


def test_what_a_token_may_is_chosen_and_named_when_it_may_not(ana: User, payments: Squad) -> None:
    reading, writing = program(token(ana, "read")), program(token(ana, "write"))
    wanted = {"squad": "payments", "title": "Pay"}
    assert reading.get(STORIES).status_code == 200
    assert (
        said(post(reading, STORIES, wanted)) == "The token “CI” can read, not write. Create one with the scope write."
    )
    assert post(writing, STORIES, wanted).status_code == 201
    assert writing.get(STORIES).status_code == 403
    assert Story.objects.get().created_by == ana


@pytest.mark.parametrize("why", ["revoked", "expired", "mistyped", "its person was switched off"])
def test_a_token_that_is_over_opens_nothing(ana: User, payments: Squad, why: str, settings: Any) -> None:
    settings.RODEO_OPEN_READING = True
    secret = token(ana)
    if why == "revoked":
        ApiToken.objects.update(revoked_at=clock.now())
    elif why == "expired":
        ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    elif why == "mistyped":
        secret = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    else:
        User.objects.update(is_active=False)
    answer = program(secret).get(STORIES)
    assert answer.status_code == 401, "not even what is open: whoever sends a token shall learn that it is over"
    assert "revoked or expired" in said(answer)


def test_its_last_use_is_noted_at_most_once_a_minute(ana: User, payments: Squad) -> None:
    browser = program(token(ana))
    browser.get(STORIES)
    first = ApiToken.objects.get().last_used_at
    with CaptureQueriesContext(connection) as seen:
        browser.get(STORIES)
    assert ApiToken.objects.get().last_used_at == first
    assert not [each for each in seen if each["sql"].startswith("UPDATE")]
    ApiToken.objects.update(last_used_at=clock.now() - timedelta(minutes=2))
    browser.get(STORIES)
    assert ApiToken.objects.get().last_used_at > first  # type: ignore[operator]


def test_a_token_costs_one_query(ana: User, payments: Squad, django_assert_max_num_queries: Any) -> None:
    browser = program(token(ana))
    browser.get(STORIES)
    with django_assert_max_num_queries(3):
        browser.get(STORIES)


def test_nobody_revokes_a_token_of_somebody_else(as_bo: Client, as_root: Client, ana: User) -> None:
    token(ana)
    for browser in (as_bo, as_root):
        assert browser.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert ApiToken.objects.get().revoked_at is None


def test_a_token_needs_an_end_and_something_it_may(as_ana: Client) -> None:
    page = as_ana.post("/account/tokens/", {"name": "x"})
    assert page.status_code == 400
    assert "Choose at least one." in page.content.decode()
    assert "Choose when it expires." in page.content.decode()
    for body in (
        {"scopes": ["everything"], "days": 90},
        {"scopes": ["report"], "days": 90},
        {"scopes": ["read"], "days": 9999},
    ):
        assert as_ana.post("/account/tokens/", {"name": "x", **body}).status_code == 400
    assert not ApiToken.objects.exists()


def test_tokens_are_never_logged(ana: User, payments: Squad, caplog: pytest.LogCaptureFixture) -> None:
    secret = token(ana)
    with caplog.at_level(logging.DEBUG):
        program(secret).get(STORIES)
        program(secret + "x").get(STORIES)
        post(program(secret), STORIES, {})
    assert secret not in caplog.text


def test_is_it_answers_a_token(ana: User, payments: Squad) -> None:
    story = create_story(payments, by=ana, title="Pay")
    assert program(token(ana)).get(f"/is/{story.key}").status_code == 200
    assert program("rodeo_nonsense").get(f"/is/{story.key}").status_code == 401


# A squad's tokens


def test_a_squads_token_writes_as_the_squad_and_carries_its_name(lea: User, payments: Squad, search: Squad) -> None:
    browser = program(token(lea, "read", "write", squad=payments))
    assert post(browser, STORIES, {"squad": "payments", "title": "Pay"}).status_code == 201
    assert "Only members of Search" in said(post(browser, STORIES, {"squad": "search", "title": "Find"}))
    assert post(browser, f"{STORIES}PAY-1/progress/", {"to": "in_progress", "because": "Started."}).status_code == 200
    assert post(browser, f"{STORIES}PAY-1/evidence/", {"kind": "test", "note": "ran"}).status_code == 201
    story = Story.objects.get()
    assert (story.created_by.name, story.created_by.is_active) == ("Squad Payments", False)  # type: ignore[union-attr]
    assert StateChange.objects.get().because == "Started. (by the API token “CI”)"
    assert Evidence.objects.get().label == "CI (token), by hand"


def test_a_squads_token_outlives_whoever_made_it(lea: User, payments: Squad) -> None:
    browser = program(token(lea, "read", squad=payments))
    User.objects.filter(pk=lea.pk).update(is_active=False)
    assert browser.get(STORIES).status_code == 200


def test_a_squads_token_is_no_lead_even_if_a_lead_or_administrator_made_it(
    root: User, lea: User, payments: Squad
) -> None:
    for maker in (root, lea):
        browser = program(token(maker, "read", "write", squad=payments))
        answer = browser.patch("/api/v1/squads/payments/", {"mission": "x"}, content_type="application/json")
        assert "Only leads of Payments" in said(answer)
        assert post(browser, "/api/v1/sources/push/", {"kind": "report", "name": "x"}).status_code == 403


def test_a_squads_token_creates_no_squad(lea: User, payments: Squad) -> None:
    answer = post(program(token(lea, "write", squad=payments)), "/api/v1/squads/", {"name": "New", "key_prefix": "NEW"})
    assert "Ask a person" in said(answer)


def test_the_account_of_a_squads_programs_enters_by_no_door(
    lea: User, payments: Squad, as_lea: Client, client: Client
) -> None:
    token(lea, "read", squad=payments)
    account = User.objects.get(program_of=payments)
    assert client.post("/accounts/login/", {"login": account.username, "password": ""}).status_code == 200
    assert not account.has_usable_password()
    answer = as_lea.post("/squads/payments/members/", {"username": account.username})
    assert "There’s no account" in answer.content.decode()
    assert payments.members.count() == 1


# Reports


DEPLOYED = {"service": "checkout", "environment": "production", "commit": "4f5e6d7c8b9a"}


def test_a_squads_token_reports_about_its_own_services(lea: User, payments: Squad, checkout: Service) -> None:
    browser = program(token(lea, "report", squad=payments))
    assert post(browser, "/api/v1/deployments/", DEPLOYED).status_code == 202
    event = InboundEvent.objects.get()
    assert (event.source.name, event.source.kind) == ("Tokens of squad Payments", "report")
    assert "authorization" not in {name.lower() for name in event.headers}
    hook = Client().post(f"/hooks/{event.source.key}/", {}, content_type="application/json")
    assert hook.status_code == 401, "the source's own door stays shut"
    Source.objects.update(state="paused")
    assert "is paused" in said(post(browser, "/api/v1/deployments/", DEPLOYED))


@pytest.mark.parametrize(
    ("address", "body", "what"),
    [
        ("deployments", {**DEPLOYED, "service": "index"}, "the service index"),
        ("deployments", {**DEPLOYED, "service": "unheard-of"}, "the service unheard-of"),
        ("deployments", {**DEPLOYED, "commit": "aaaaaaaaaa"}, "the commit aaaaaaaaaa"),
        (
            "runs",
            {
                "id": "7",
                "service": "checkout",
                "repository": "shop/index",
                "commit": "4f5e6d7c8b9a",
                "outcome": "success",
            },
            "the repository shop/index",
        ),
        ("acceptance-runs", {"story": "SEA-1", "environment": "production", "outcome": "passed"}, "the story SEA-1"),
        ("flag-states", {"flag": "find", "environment": "production", "on": True}, "the flag find"),
    ],
)
def test_a_squads_token_reports_nothing_about_others(
    lea: User, bo: User, payments: Squad, search: Squad, checkout: Service, address: str, body: Any, what: str
) -> None:
    index = Service.objects.create(name="index", slug="index", squad=search)
    place = Repository.objects.create(key="shop/index", service=index)
    event = InboundEvent.objects.create(
        source=Source.objects.create(key="g", name="g", kind="git"),
        delivery="1",
        body=b"",
        received_at=clock.now(),
        state="processed",
    )
    place.changes.create(id=event.pk, sha="a" * 40, event=event)
    create_story(search, by=bo, title="Find", flag="find")
    answer = post(program(token(lea, "report", squad=payments)), f"/api/v1/{address}/", body)
    assert answer.status_code == 403
    assert f"Payments’s tokens can’t report about {what}" in said(answer)
    assert InboundEvent.objects.filter(source__kind="report").count() == 0


def test_reports_need_the_scope(lea: User, payments: Squad, checkout: Service) -> None:
    for scopes, whose in ((("read", "write"), {"squad": payments}), (("write",), {"user": lea})):
        answer = post(program(token(lea, *scopes, **whose)), "/api/v1/deployments/", DEPLOYED)
        assert answer.status_code == 403
        assert "report" in said(answer)


# Passwords


def test_a_password_opens_the_api_for_people_without_a_second_factor(ana: User, payments: Squad) -> None:
    assert password("ana", "ana-password").get(STORIES).status_code == 200
    TOTP.activate(ana, generate_totp_secret())
    answer = password("ana", "ana-password").get(STORIES)
    assert answer.status_code == 401
    assert "This account uses two-step sign-in" in said(answer)
    assert program(token(ana)).get(STORIES).status_code == 200


def test_guessing_passwords_over_the_api_is_slowed(ana: User, payments: Squad) -> None:
    codes = [password("ana", f"guess {number}").get(STORIES).status_code for number in range(6)]
    assert codes == [401] * 5 + [429]
    answer = password("ana", "ana-password").get(STORIES)
    assert answer.status_code == 429, "and the right one does not help any more, for a while"
    assert "Wait five minutes" in said(answer)
    assert Client().post("/accounts/login/", {"login": "ana", "password": "ana-password"}).status_code == 200, (
        "the sign-in page counts the same failures"
    )


def test_passwords_can_be_switched_off(ana: User, payments: Squad, settings: Any) -> None:
    settings.RODEO_PASSWORD_SIGN_IN = False
    assert "Passwords are off" in said(password("ana", "ana-password").get(STORIES))
