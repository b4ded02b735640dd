"""Deleting a story that was written by mistake: who may, how long, and what keeps it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import StateChange
from portal.live.hub import Hub
from portal.live.listening import Listener, draw
from portal.search.models import SearchEntry
from releases.planning.actions import create_release
from squads.discussions.actions import add_comment
from squads.models import Squad, StageChange, Story, StoryEdit
from squads.stories.actions import create_story, record_by_hand
from squads.stories.relations import relate


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    """PAY-1, which Ana wrote, moved and commented on."""
    story = create_story(payments, by=ana, title="Pay with a cheque")
    story.move_progress("in_progress", by=ana)
    outbox.deliver()
    return story


def refused(browser: Client) -> str:
    answer = browser.post("/api/v1/stories/PAY-1/delete/", content_type="application/json")
    assert answer.status_code == 400
    detail: str = answer.json()["errors"][0]["detail"]
    return detail


def test_a_lead_deletes_a_mistake_without_a_trace(as_lea: Client, ana: User, story: Story) -> None:
    assert "Delete PAY-1 for good" in as_lea.get("/stories/PAY-1/").content.decode()
    answer = as_lea.post("/stories/PAY-1/delete/", follow=True)
    assert answer.redirect_chain == [("/squads/payments/", 302)]
    assert "PAY-1 is deleted. Its key is not used again." in answer.content.decode()
    outbox.deliver()
    assert as_lea.get("/stories/PAY-1/").status_code == 404
    for rows in (Story.objects.all(), StoryEdit.objects.all(), StageChange.objects.all(), StateChange.objects.all()):
        assert not rows.exists()
    assert not SearchEntry.objects.filter(kind="story").exists()
    assert create_story(story.squad, by=ana, title="Next").key == "PAY-2"


def test_an_administrator_may_and_members_may_not(as_root: Client, as_ana: Client, story: Story) -> None:
    assert "for good" not in as_ana.get("/stories/PAY-1/").content.decode()
    for address in ("/stories/PAY-1/delete/", "/api/v1/stories/PAY-1/delete/"):
        answer = as_ana.post(address)
        assert answer.status_code == 403
    assert as_root.post("/api/v1/stories/PAY-1/delete/", content_type="application/json").status_code == 204
    assert not Story.objects.exists()


def test_after_a_day_it_is_cancelled_instead(as_lea: Client, story: Story) -> None:
    Story.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert refused(as_lea) == "PAY-1 can’t be deleted: it was created more than a day ago. Cancel it instead."
    assert "for good" not in as_lea.get("/stories/PAY-1/").content.decode()
    page = as_lea.post("/stories/PAY-1/delete/")
    assert page.status_code == 400 and "Cancel it instead." in page.content.decode()


@pytest.mark.parametrize(
    ("kept_by", "reason"),
    [
        ("evidence", "it has evidence"),
        ("comment", "it has comments from others"),
        ("mention", "comments elsewhere mention it"),
        ("relation", "it has related stories"),
        ("release", "it is planned for Shop 1.0"),
    ],
)
def test_what_refers_to_it_keeps_it(
    as_lea: Client, ana: User, story: Story, payments: Squad, kept_by: str, reason: str
) -> None:
    other = create_story(payments, by=ana, title="Another")
    make: dict[str, Any] = {
        "evidence": lambda: record_by_hand(story, by=ana, kind="test", note="I tried it."),
        "comment": lambda: add_comment(story, by=ana, body="No."),
        "mention": lambda: add_comment(other, by=ana, body="Like pay-1, and unlike PAY-12."),
        "relation": lambda: relate(other, "blocks", "PAY-1", by=ana),
        "release": lambda: Story.objects.update(release=create_release(by=ana, version="1.0", line="Shop")),
    }
    make[kept_by]()
    assert reason in refused(as_lea)
    assert Story.objects.filter(key="PAY-1").exists()


def test_a_longer_key_in_a_comment_is_another_story(as_lea: Client, ana: User, story: Story, payments: Squad) -> None:
    other = create_story(payments, by=ana, title="Another")
    add_comment(other, by=ana, body="See PAY-12.")
    assert as_lea.post("/api/v1/stories/PAY-1/delete/", content_type="application/json").status_code == 204


def test_open_boards_look_again(as_lea: Client, story: Story) -> None:
    listener, looked = Listener(Hub()), list[str]()
    listener.hub.open("s", frozenset({"squad:payments"}))
    listener.send(draw([story.pk], ["squad", "release"]), ["squad", "release"])
    listener.resync = lambda: looked.append("again")  # type: ignore[method-assign]
    as_lea.post("/stories/PAY-1/delete/")
    listener.send(draw([story.pk], ["squad", "release"]), ["squad", "release"])
    assert looked == ["again"]
