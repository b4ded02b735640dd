"""Cancelling stories, closing them as duplicates, and reopening them, through the page and the API."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import outbox
from portal.live.hub import Hub
from portal.live.listening import Listener, draw
from releases.planning.actions import create_release
from squads.acceptance.actions import ask
from squads.acceptance.models import AcceptanceRequest
from squads.endings.actions import cancel, close_as_duplicate
from squads.models import Evidence, Membership, Squad, Story
from squads.stories.actions import create_story


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay with a cheque")


@pytest.fixture
def other(payments: Squad, story: Story, ana: User) -> Story:
    """PAY-2, beside PAY-1."""
    return create_story(payments, by=ana, title="Pay with a card")


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(browser: Client, address: str, **said: Any) -> HttpResponse:
    return browser.post(f"/api/v1/{address}", said, content_type="application/json")  # type: ignore[return-value]


def running(story: Story) -> Story:
    """Have production run a story."""
    for minutes, kind, tier in ((3, "change", ""), (2, "run", ""), (1, "deployment", "production")):
        Evidence.objects.create(
            story=story,
            kind=kind,
            verdict="success",
            at=timezone.now() - timedelta(minutes=minutes),
            service="checkout",
            environment="prod" if tier else "",
            tier=tier,
            shas=["abc"],
        )
    Story.objects.filter(pk=story.pk).judge()
    story.refresh_from_db()
    return story


def test_a_story_is_cancelled_with_a_reason_and_says_so(as_ana: Client, story: Story) -> None:
    answer = as_ana.post("/stories/PAY-1/cancel/", {"because": "Nobody has cheques"}, follow=True)
    said = words(answer)
    assert "PAY-1 cancelled. You can reopen it any time." in said
    assert "No. Cancelled by Ana just now. Reason: Nobody has cheques." in said
    assert "cancelled it" in said and 'action="/stories/PAY-1/reopen/"' in answer.content.decode()
    assert 'action="/stories/PAY-1/progress/"' not in answer.content.decode()
    shown = as_ana.get("/api/v1/stories/PAY-1/").json()
    assert (shown["ended"], shown["ended_by"], shown["ended_because"]) == ("cancelled", "ana", "Nobody has cheques")
    assert (shown["stage"], shown["version"]) == ("todo", 2)
    assert "Cancelled by Ana" in as_ana.get("/is/PAY-1?format=text").content.decode()


def test_a_cancellation_needs_a_reason(as_ana: Client, story: Story) -> None:
    answer = as_ana.post("/stories/PAY-1/cancel/", {"because": " "})
    assert answer.status_code == 400 and "Enter a reason, so people know why." in words(answer)
    assert post(as_ana, "stories/PAY-1/cancel/").status_code == 400
    assert post(as_ana, "stories/PAY-1/cancel/", because="x" * 2001).status_code == 400
    story.refresh_from_db()
    assert story.ending == ""


def test_a_cancellation_is_taken_back(as_ana: Client, ana: User, story: Story) -> None:
    cancel(story, by=ana, because="No cheques")
    said = words(as_ana.post("/stories/PAY-1/reopen/", follow=True))
    assert "PAY-1 is open again." in said and "No. To do" in said and "reopened it" in said
    story.refresh_from_db()
    assert (story.ending, story.ended_at, story.ended_by, story.ended_because) == ("", None, None, "")
    assert post(as_ana, "stories/PAY-1/progress/", to="in_progress").status_code == 200


def test_whoever_comes_second_is_told_who_was_first(as_ana: Client, as_lea: Client, story: Story) -> None:
    assert post(as_lea, "stories/PAY-1/cancel/", because="No cheques").status_code == 200
    second = post(as_ana, "stories/PAY-1/cancel/", because="Too dear")
    assert second.status_code == 409 and "PAY-1 is cancelled already, by Lea just now." in second.content.decode()
    page = as_ana.post("/stories/PAY-1/cancel/", {"because": "Too dear"})
    assert page.status_code == 409 and "Too dear" in page.content.decode()
    assert post(as_ana, "stories/PAY-1/reopen/").status_code == 200
    again = post(as_lea, "stories/PAY-1/reopen/")
    assert again.status_code == 409 and "PAY-1 isn’t cancelled" in again.content.decode()


def test_what_somebody_edits_meanwhile_stays(as_ana: Client, as_lea: Client, story: Story) -> None:
    began = as_ana.get("/api/v1/stories/PAY-1/")["ETag"]
    post(as_lea, "stories/PAY-1/cancel/", because="No cheques")
    edited = as_ana.patch(
        "/api/v1/stories/PAY-1/", {"title": "Cheques"}, content_type="application/json", headers={"if-match": began}
    )
    assert edited.status_code == 200
    assert (edited.json()["title"], edited.json()["ended"]) == ("Cheques", "cancelled")


def test_a_cancelled_story_moves_only_after_it_is_reopened(as_ana: Client, ana: User, story: Story) -> None:
    cancel(story, by=ana, because="No cheques")
    for address in ("progress", "place"):
        moved = post(as_ana, f"stories/PAY-1/{address}/", to="in_progress")
        assert moved.status_code == 409 and "PAY-1 is cancelled. Reopen it first." in moved.content.decode()


def test_a_cancelled_story_that_runs_in_production_says_so(as_ana: Client, ana: User, story: Story) -> None:
    cancel(story, by=ana, because="No cheques")
    said = words(as_ana.get("/stories/PAY-1/"))
    assert "but its changes" not in said
    running(story)
    said = words(as_ana.get("/stories/PAY-1/"))
    assert "Cancelled by Ana just now, but its changes run in production. Reason: No cheques." in said
    told = as_ana.get("/is/PAY-1?format=json").json()
    assert (told["stage"], told["ended"]) == ("deployed", "cancelled")


def test_a_duplicate_is_shown_from_both_sides(as_ana: Client, other: Story) -> None:
    said = words(as_ana.post("/stories/PAY-2/duplicate/", {"key": "pay-1"}, follow=True))
    assert "PAY-2 is closed as a duplicate." in said
    assert "No. Duplicate of PAY-1, closed by Ana just now." in said and "Duplicates PAY-1" in said
    there = words(as_ana.get("/stories/PAY-1/"))
    assert "Duplicated by PAY-2" in there and "duplicate, Payments" in there
    shown = as_ana.get("/api/v1/stories/PAY-2/").json()
    assert (shown["ended"], shown["duplicate_of"]) == ("duplicate", "PAY-1")


def test_a_duplicate_names_another_story_that_is_none_itself(as_ana: Client, ana: User, other: Story) -> None:
    third = create_story(other.squad, by=ana, title="Cards")
    close_as_duplicate(other, "PAY-1", by=ana)
    for key, reason in (
        ("PAY-99", "There’s no story PAY-99."),
        ("PAY-3", "PAY-3 is this story. Enter another one."),
        ("PAY-2", "PAY-2 is itself a duplicate of PAY-1. Enter PAY-1."),
    ):
        answer = post(as_ana, "stories/PAY-3/duplicate/", key=key)
        assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "key"
        assert reason in answer.json()["errors"][0]["detail"]
        assert reason in words(as_ana.post("/stories/PAY-3/duplicate/", {"key": key}))
    third.refresh_from_db()
    assert third.ending == "" and not third.relations.exists()


def test_the_link_of_a_duplicate_goes_when_it_is_reopened_and_not_before(
    as_ana: Client, ana: User, other: Story
) -> None:
    close_as_duplicate(other, "PAY-1", by=ana)
    link = other.relations.get()
    refused = as_ana.delete(f"/api/v1/stories/PAY-2/relations/{link.pk}/")
    assert refused.status_code == 400 and "Reopen PAY-2 first." in refused.content.decode()
    page = as_ana.post(f"/stories/PAY-1/relations/{link.pk}/remove/", follow=True)
    assert "PAY-2 is closed as a duplicate of PAY-1. Reopen PAY-2 first." in words(page)
    assert post(as_ana, "stories/PAY-2/reopen/").json()["duplicate_of"] is None
    assert not other.relations.exists()


def test_nobody_is_asked_to_accept_a_cancelled_story(
    as_ana: Client, ana: User, bo: User, payments: Squad, story: Story
) -> None:
    running(story)
    Membership.objects.create(squad=payments, user=bo, accepts=True)
    ask(story, by=ana)
    assert AcceptanceRequest.objects.waiting_for(bo).exists()
    cancel(story, by=ana, because="No cheques")
    assert not AcceptanceRequest.objects.waiting_for(bo).exists()
    AcceptanceRequest.objects.all().delete()
    answer = post(as_ana, "stories/PAY-1/acceptance-requests/", note="Look")
    assert answer.status_code == 400 and "PAY-1 is cancelled. Reopen it first." in answer.content.decode()


def test_lists_say_what_they_leave_out_and_show_it(as_ana: Client, ana: User, other: Story) -> None:
    release = create_release(by=ana, version="1.0", line="Shop")
    Story.objects.update(release=release)
    cancel(other, by=ana, because="No cards")
    for page, link in (
        ("/stories/", "/stories/?ended=with"),
        ("/squads/payments/", "/stories/?squad=payments&amp;ended=only"),
        ("/squads/payments/board/", "/stories/?squad=payments&amp;ended=only"),
        (release.get_absolute_url(), f"/stories/?release={release.slug}&amp;ended=only"),
    ):
        answer = as_ana.get(page)
        assert "Pay with a card" not in words(answer), page
        assert "1 cancelled story is left out" in words(answer), page
        assert f'href="{link}"' in answer.content.decode(), page
        shown = words(as_ana.get(link.replace("&amp;", "&")))
        assert "Pay with a card" in shown and "is left out" not in shown
    assert "1 cancelled story is left out" in words(as_ana.get("/stories/?q=card"))


def test_the_api_leaves_them_out_unless_asked(as_ana: Client, ana: User, other: Story) -> None:
    close_as_duplicate(other, "PAY-1", by=ana)

    def keys(query: str) -> list[str]:
        return [each["key"] for each in as_ana.get(f"/api/v1/stories/{query}").json()["results"]]

    assert keys("") == ["PAY-1"]
    assert keys("?ended=with") == ["PAY-2", "PAY-1"]
    assert keys("?ended=only") == keys("?ended=duplicate") == ["PAY-2"]
    assert keys("?ended=cancelled") == []
    assert as_ana.get("/api/v1/stories/?ended=no").status_code == 400
    board = as_ana.get("/api/v1/squads/payments/board/").json()
    assert (board["columns"][0]["total"], board["left_out"]) == (1, "1 duplicate is left out")


def test_an_open_board_loses_the_card_and_gets_it_back(as_ana: Client, ana: User, story: Story) -> None:
    listener = Listener(Hub())
    stream = listener.hub.open("s", frozenset({"squad:payments"}))

    def told() -> list[bytes]:
        listener.send(draw([story.pk], ["squad", "release"]), ["squad", "release"])
        return [stream.queue.get_nowait() for _ in range(stream.queue.qsize())]

    assert b"event: card" in told()[0]
    cancel(story, by=ana, because="No cheques")
    assert b"event: gone" in told()[0]
    post(as_ana, "stories/PAY-1/reopen/")
    assert b"event: card" in told()[0]


def test_news_of_it_is_told(ana: User, story: Story) -> None:
    cancel(story, by=ana, because="No cheques")
    assert outbox.deliver() >= 1


def test_a_rebuild_keeps_it(ana: User, other: Story) -> None:
    from releases.reading.actions import rebuild

    cancel(running(other), by=ana, because="No cards")
    rebuild()
    other.refresh_from_db()
    assert (other.ending, other.ended_because) == ("cancelled", "No cards")
