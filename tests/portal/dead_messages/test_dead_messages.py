"""What kept failing is shown to administrators, and one press has it delivered again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.kernel import clock, outbox
from portal.kernel.events import Event
from portal.kernel.models import Message, StateChange
from portal.kernel.secrets import box
from squads.events import StoryEdited


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """While it holds something, edited stories cannot be indexed: their handler fails with what it says."""
    reasons = ["the index is broken"]
    heard = outbox.Subscription(StoryEdited)

    def handler(event: StoryEdited) -> None:
        if reasons:
            raise RuntimeError(reasons[0])

    heard.handlers.append(handler)
    monkeypatch.setitem(outbox.SUBSCRIPTIONS, StoryEdited.topic, heard)
    return reasons


def let_time_pass(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    now = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: now)


@pytest.fixture
def dead(sick: list[str], db: None, monkeypatch: pytest.MonkeyPatch) -> Message:
    """A message that failed for a day."""
    message = outbox.publish(StoryEdited(ids=[4711]))
    outbox.deliver()
    let_time_pass(monkeypatch, 1.1)
    outbox.deliver()
    message.refresh_from_db()
    assert message.state == "dead"
    return message


def made(at: datetime, **fields: Any) -> Message:
    said = {"topic": "story.edited", "payload": {"ids": [1]}, "error": "ValueError: no", "attempts": 20}
    return Message.objects.create(**{**said, "failed_at": at, "dead_at": at, **fields})


def page(browser: Client) -> str:
    answer = browser.get("/dead-messages/")
    assert answer.status_code == 200
    return answer.content.decode()


# The page


def test_a_message_that_fails_for_ever_is_shown_and_delivered_by_a_press(
    as_root: Client, dead: Message, sick: list[str]
) -> None:
    text = page(as_root)
    for words in ("story.edited", "RuntimeError: the index is broken", "4711", f"#{dead.pk}", "Redeliver all"):
        assert words in text
    sick.clear()
    answer = as_root.post(f"/dead-messages/{dead.pk}/redeliver/", follow=True)
    assert f"Redelivering message #{dead.pk}." in answer.content.decode()
    assert "No dead messages" in page(as_root)
    assert outbox.deliver() == 1
    dead.refresh_from_db()
    assert dead.state == "delivered"


def test_a_second_press_changes_nothing_and_says_so(as_root: Client, dead: Message) -> None:
    as_root.post(f"/dead-messages/{dead.pk}/redeliver/")
    outbox.deliver()
    dead.refresh_from_db()
    before = (dead.attempts, dead.next_attempt_at)
    answer = as_root.post(f"/dead-messages/{dead.pk}/redeliver/", follow=True)
    assert "is already “waiting”" in answer.content.decode()
    dead.refresh_from_db()
    assert (dead.attempts, dead.next_attempt_at) == before
    assert StateChange.objects.filter(kind="message").count() == 1


def test_all_are_redelivered_at_once(as_root: Client, db: None) -> None:
    for _ in range(3):
        made(clock.now())
    answer = as_root.post("/dead-messages/redeliver-all/", follow=True)
    assert "Redelivering 3 messages." in answer.content.decode()
    answer = as_root.post("/dead-messages/redeliver-all/", follow=True)
    assert "No dead messages left." in answer.content.decode()
    assert not Message.objects.dead().exists()


def test_looking_at_the_page_redelivers_nothing(as_root: Client, dead: Message) -> None:
    assert as_root.get(f"/dead-messages/{dead.pk}/redeliver/").status_code == 405
    assert as_root.get("/dead-messages/redeliver-all/").status_code == 405
    assert as_root.post("/dead-messages/99999999/redeliver/").status_code == 404
    dead.refresh_from_db()
    assert dead.state == "dead"


def test_no_secret_is_shown(as_root: Client, db: None) -> None:
    sealed = box().encrypt(b"a mail").decode()
    made(clock.now(), topic="mail.written", payload={"sealed": sealed})
    # Nobody knows which fields of an unknown topic are secret.
    made(clock.now(), topic="from.elsewhere", payload={"token": "hush-hush"})
    said = as_root.get("/api/v1/dead-messages/").json()["results"]
    for text in (page(as_root), str(said)):
        assert sealed not in text
        assert "hush-hush" not in text
        assert "(not shown)" in text
    assert {"sealed": "(not shown)"} in [each["payload"] for each in said]


def test_there_are_pages_of_them_and_each_costs_the_same(
    as_root: Client, db: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    now = clock.now()
    for number in range(60):
        made(now + timedelta(seconds=number), payload={"ids": [f"number-{number}"]})
    with django_assert_max_num_queries(6):
        first = page(as_root)
    assert "number-59" in first
    assert "number-9&quot;]" not in first
    assert "1 to 50 of 60 messages" in first
    assert "number-9&quot;]" in as_root.get("/dead-messages/?page=2").content.decode()
    with django_assert_max_num_queries(6):
        as_root.get("/api/v1/dead-messages/")


def test_an_empty_page_says_what_would_be_here(as_root: Client) -> None:
    text = page(as_root)
    assert "No dead messages" in text
    assert "Failed work is retried for 1 day" in text


def test_what_a_message_says_is_text_and_never_markup(as_root: Client, db: None) -> None:
    made(clock.now(), error="<script>alert(1)</script>", payload={"ids": ["<b>"]})
    text = page(as_root)
    assert "<script>alert" not in text
    assert "<b>&quot;" not in text


# Where administrators hear of it


def test_the_first_page_tells_administrators_and_nobody_else(as_root: Client, as_ana: Client, db: None) -> None:
    assert "dead message" not in as_root.get("/").content.decode()
    made(clock.now())
    assert "1 dead message</a>" in as_root.get("/").content.decode()
    made(clock.now())
    assert "2 dead messages</a>" in as_root.get("/").content.decode()
    assert "dead message" not in as_ana.get("/").content.decode()


def test_the_inbox_leads_administrators_there(as_root: Client, as_ana: Client) -> None:
    assert 'href="/dead-messages/"' in as_root.get("/inbox/").content.decode()
    assert 'href="/dead-messages/"' not in as_ana.get("/inbox/").content.decode()


# The API


def test_the_api_shows_one_and_redelivers_it_once(as_root: Client, dead: Message, sick: list[str]) -> None:
    address = f"/api/v1/dead-messages/{dead.pk}/"
    said = as_root.get(address).json()
    assert (said["topic"], said["payload"], said["attempts"]) == ("story.edited", {"ids": [4711]}, 2)
    assert said["error"] == "RuntimeError: the index is broken"
    sick.clear()
    answer = as_root.post(f"{address}redeliver/")
    assert (answer.status_code, answer.json()) == (202, {"count": 1})
    again = as_root.post(f"{address}redeliver/")
    assert again.status_code == 409
    assert "is already “waiting”" in again.json()["errors"][0]["detail"]
    assert as_root.get(address).status_code == 404
    assert outbox.deliver() == 1
    dead.refresh_from_db()
    assert dead.state == "delivered"


def test_the_api_redelivers_all(as_root: Client, db: None) -> None:
    made(clock.now())
    made(clock.now())
    assert as_root.post("/api/v1/dead-messages/redeliver-all/").json() == {"count": 2}
    assert as_root.post("/api/v1/dead-messages/redeliver-all/").json() == {"count": 0}


def test_one_handler_that_fails_for_an_hour_is_no_news_for_anybody(
    as_root: Client, sick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.publish(StoryEdited(ids=[1]))
    outbox.deliver()
    assert "No dead messages" in page(as_root)
    sick.clear()
    let_time_pass(monkeypatch, 1 / 24)
    assert outbox.deliver() == 1


def test_every_known_topic_can_be_shown(as_root: Client, db: None) -> None:
    known: list[type[Event]] = [each.event for each in outbox.SUBSCRIPTIONS.values()]
    for event in known[:40]:
        made(clock.now(), topic=event.topic, payload=dict.fromkeys(sorted(event.shown_fields()), "x"))
    text = page(as_root)
    assert all(event.topic in text for event in known[:40])
