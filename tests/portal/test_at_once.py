"""The same thing made twice at the same moment: one is there, and the other is told so as if it had come later."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from portal.accounts.models import ApiToken, User
from portal.kernel import clock
from releases.models import Environment, Release, Repository
from squads.models import Comment, Service, Squad, Story
from squads.stories.actions import create_story
from squads.teams.invitations import invite

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 4


def at_once(person: User | None, address: str, *bodies: dict[str, Any], api: bool = True) -> list[tuple[int, str]]:
    """Send all of these at the same moment, each from a browser of its own; return the answers."""
    start, answers = threading.Barrier(len(bodies)), list[tuple[int, str]]()

    def send(body: dict[str, Any]) -> None:
        browser = Client(raise_request_exception=False)
        if person is not None:
            browser.force_login(person)
        start.wait()
        try:
            answer = browser.post(address, body, **({"content_type": "application/json"} if api else {}))
            answers.append((answer.status_code, answer.content.decode()))
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize(
    ("address", "body", "said"),
    [
        ("squads", {"name": "Refunds", "key_prefix": "REF"}, "already exists"),
        ("services", {"name": "ledger", "squad": "payments"}, "There’s already a service ledger."),
        ("environments", {"key": "qa", "name": "QA", "tier": "testing"}, "There’s already an environment qa"),
        ("releases", {"version": "1.0", "line": "Shop"}, "There’s already a release 1.0 of Shop."),
    ],
)
def test_of_many_with_one_name_one_is_made_and_the_others_are_told(
    ana: User, payments: Squad, address: str, body: dict[str, Any], said: str
) -> None:
    User.objects.filter(pk=ana.pk).update(is_project_manager=True)
    answers = at_once(ana, f"/api/v1/{address}/", *[body] * MANY)
    assert Counter(status for status, _ in answers) == {201: 1, 400: MANY - 1}
    assert all(said in text for status, text in answers if status == 400)
    assert Squad.objects.count() + Service.objects.count() + Environment.objects.count() + Release.objects.count() == 2


def test_names_that_make_one_address_get_one_each(ana: User, payments: Squad) -> None:
    User.objects.filter(pk=ana.pk).update(is_project_manager=True)
    bodies = [{"name": "Refunds" + "!" * number, "key_prefix": f"REF{number}"} for number in range(MANY)]
    assert {status for status, _ in at_once(ana, "/api/v1/squads/", *bodies)} == {201}
    assert Squad.objects.values("slug").distinct().count() == MANY + 1


def test_of_many_services_that_name_one_repository_one_gets_it(ana: User, payments: Squad) -> None:
    bodies = [{"name": f"s{n}", "squad": "payments", "repositories": ["shop/ledger"]} for n in range(MANY)]
    answers = at_once(ana, "/api/v1/services/", *bodies)
    assert Counter(status for status, _ in answers) == {201: 1, 400: MANY - 1}
    assert all("shop/ledger belongs to the service" in text for status, text in answers if status == 400)
    assert (Service.objects.count(), Repository.objects.count()) == (1, 1)


def test_a_squads_first_tokens_have_one_account_between_them(lea: User, payments: Squad) -> None:
    bodies = [{"name": f"CI {number}", "scopes": ["read"], "days": 30} for number in range(MANY)]
    answers = at_once(lea, "/squads/payments/tokens/", *bodies, api=False)
    assert {status for status, _ in answers} == {201}
    assert ApiToken.objects.filter(squad=payments).count() == MANY
    assert User.objects.filter(program_of=payments).count() == 1


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/squads/payments/board/stories/", {"lines": "Pay by card\nPay by phone"}),
        ("/stories/PAY-1/comments/new/", {"body": "It hangs. @lea"}),
    ],
)
def test_a_button_pressed_twice_writes_once(ana: User, lea: User, payments: Squad, address: str, body: Any) -> None:
    create_story(payments, by=lea, title="Pay")
    answers = at_once(ana, address, *[body] * MANY, api=False)
    assert {status for status, _ in answers} == {302}
    expected = (3, 0) if "lines" in body else (1, 1)
    assert (Story.objects.count(), Comment.objects.count()) == expected


def test_the_same_words_are_said_again_by_somebody_else_later_or_once_taken_back(
    as_ana: Client, as_lea: Client, ana: User, payments: Squad
) -> None:
    create_story(payments, by=ana, title="Pay")
    say = {"body": "Done."}
    as_ana.post("/stories/PAY-1/comments/new/", say)
    as_lea.post("/stories/PAY-1/comments/new/", say)
    assert Comment.objects.count() == 2
    as_ana.post(f"/stories/PAY-1/comments/{Comment.objects.get(author=ana).pk}/remove/")
    as_ana.post("/stories/PAY-1/comments/new/", say)
    assert Comment.objects.count() == 3
    Comment.objects.update(created_at=clock.now() - timedelta(seconds=11))
    as_ana.post("/stories/PAY-1/comments/new/", say)
    assert Comment.objects.count() == 4
    for lines in ("Pay by card", "Pay by phone", "Pay by card"):
        as_ana.post("/squads/payments/board/stories/", {"lines": lines})
    assert Story.objects.count() == 4


def test_of_two_newcomers_who_want_one_name_the_second_is_told(lea: User, payments: Squad) -> None:
    invited = [invite(by=lea, email=f"n{number}@example.org", squad=payments) for number in range(2)]
    new = {"first_name": "Nia", "username": "nia", "password": "a long pass phrase"}
    start, answers = threading.Barrier(2), list[tuple[int, str]]()

    def come(secret: str) -> None:
        start.wait()
        try:
            answer = Client(raise_request_exception=False).post(f"/invitations/{secret}/", new)
            answers.append((answer.status_code, answer.content.decode()))
        finally:
            connection.close()

    threads = [threading.Thread(target=come, args=(secret,)) for _, secret in invited]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [302, 400]
    assert any("This user name is taken." in text for _, text in answers)
    assert User.objects.filter(username="nia").count() == 1
