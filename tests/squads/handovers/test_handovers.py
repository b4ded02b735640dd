"""Moving a story to another squad, through the page and the API."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import StateChange
from portal.live.hub import Hub
from portal.live.listening import Listener, draw
from portal.search.queries import find
from squads.acceptance.models import AcceptanceRequest
from squads.discussions.actions import add_comment
from squads.handovers.actions import move_to_squad
from squads.models import Membership, Squad, Story, StoryAlias
from squads.stories.actions import create_story, record_by_hand
from squads.stories.relations import relate


@pytest.fixture
def story(payments: Squad, search: Squad, ana: User) -> Story:
    """PAY-1 of squad Payments; Search has two stories already. Ana is in both squads."""
    Membership.objects.create(squad=search, user=ana)
    for title in ("Find", "Find more"):
        create_story(search, by=ana, title=title)
    return create_story(payments, by=ana, title="Refunds by card", description="As on the old site.")


@pytest.fixture
def moved(story: Story, search: Squad, ana: User) -> Story:
    story = move_to_squad(story, search, by=ana)
    outbox.deliver()
    return story


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(browser: Client, address: str, **said: Any) -> HttpResponse:
    return browser.post(f"/api/v1/{address}", said, content_type="application/json")  # type: ignore[return-value]


def test_the_page_hands_a_story_over_under_the_next_key_of_the_other_squad(as_ana: Client, story: Story) -> None:
    assert "/stories/PAY-1/squad/" in as_ana.get("/stories/PAY-1/").content.decode()
    assert "Search" in words(as_ana.get("/stories/PAY-1/squad/"))
    answer = as_ana.post("/stories/PAY-1/squad/", {"squad": "search"}, follow=True)
    assert answer.redirect_chain == [("/stories/SEA-3/", 302)]
    assert "Moved to Search: PAY-1 is now SEA-3. The old key still works." in words(answer)
    assert "squad: Payments, as PAY-1 → Search, as SEA-3" in words(answer)


def test_the_api_hands_a_story_over(as_ana: Client, story: Story) -> None:
    answer = post(as_ana, "stories/PAY-1/squad/", squad="search")
    assert answer.status_code == 200
    assert answer.json()["key"] == "SEA-3" and answer.json()["squad"] == "search"
    again = post(as_ana, "stories/SEA-3/squad/", squad="search")
    assert again.status_code == 409 and "SEA-3 is already in Search." in again.content.decode()


def test_every_door_knows_the_old_key(as_ana: Client, moved: Story) -> None:
    answer = as_ana.get("/stories/PAY-1/?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/stories/SEA-3/?x=1")
    for page in ("changes/", "history/", "edit/", "comments/", "release/", "squad/"):
        assert "SEA-3" in words(as_ana.get(f"/stories/PAY-1/{page}"))
    assert ">SEA-3</a>" in as_ana.get("/is/pay-1", headers={"accept": "text/html"}).content.decode()
    assert as_ana.get("/is/PAY-1?format=json").json()["key"] == "SEA-3"
    assert as_ana.get("/api/v1/stories/PAY-1/").json()["key"] == "SEA-3"
    assert as_ana.get("/api/v1/stories/PAY-1/evidence/").json()["results"] == []
    assert [each["key"] for each in as_ana.get("/api/v1/stories/?text=PAY-1").json()["results"]] == ["SEA-3"]
    assert [hit.key for hit in find("PAY-1").hits] == ["SEA-3"]
    assert "Refunds by card" in words(as_ana.get("/stories/?q=PAY-1"))


def test_what_is_written_under_the_old_key_is_done(as_ana: Client, moved: Story) -> None:
    changed = as_ana.patch("/api/v1/stories/PAY-1/", {"title": "Refunds"}, content_type="application/json")
    assert (changed.status_code, changed.json()["key"]) == (200, "SEA-3")
    assert post(as_ana, "stories/PAY-1/progress/", to="in_progress").status_code == 200
    assert post(as_ana, "stories/PAY-1/place/", where="top").status_code == 200
    as_ana.post("/stories/PAY-1/comments/new/", {"body": "See PAY-1."})
    moved.refresh_from_db()
    assert (moved.title, moved.progress, moved.comments.count()) == ("Refunds", "in_progress", 1)
    assert as_ana.post("/stories/PAY-1/place/", {"where": "bottom"}).status_code == 302


def test_a_text_that_names_the_old_key_leads_to_the_story(
    as_ana: Client, ana: User, moved: Story, search: Squad
) -> None:
    other = create_story(search, by=ana, title="More", description="After PAY-1.")
    page = as_ana.get(other.get_absolute_url()).content.decode()
    assert 'href="/stories/PAY-1/"' in page and ">PAY-1</a>" in page
    assert relate(other, "relates", "pay-1", by=ana).other_id in (moved.pk, other.pk)


def test_its_history_goes_with_it(as_ana: Client, ana: User, story: Story, search: Squad) -> None:
    story.move_progress("in_progress", by=ana)
    story.move_progress("dev_done", by=ana)
    record_by_hand(story, by=ana, kind="test", note="I tried it.")
    add_comment(story, by=ana, body="Nearly there.")
    before = list(story.stage_changes.values_list("pk", "to_stage", "at"))
    move_to_squad(story, search, by=ana)
    outbox.deliver()
    assert story.stage == "tested"
    assert list(story.stage_changes.values_list("pk", "to_stage", "at")) == before
    assert set(StateChange.objects.filter(kind="story").values_list("key", flat=True)) == {"SEA-3"}
    said = words(as_ana.get("/stories/SEA-3/history/"))
    assert "to do → in progress" in said and "I tried it." in said and "squad: Payments" in said
    assert "Nearly there." in words(as_ana.get("/stories/SEA-3/"))


def test_release_and_place_in_the_new_squad(as_ana: Client, ana: User, story: Story, search: Squad) -> None:
    from releases.planning.actions import create_release

    release = create_release(by=ana, version="5.10", line="Shop")
    as_ana.patch("/api/v1/stories/PAY-1/", {"release": release.slug}, content_type="application/json")
    move_to_squad(story, search, by=ana)
    assert story.release_id == release.pk
    assert list(search.stories.order_by("rank").values_list("key", flat=True)) == ["SEA-1", "SEA-2", "SEA-3"]
    boards = [
        as_ana.get(f"/api/v1/squads/{slug}/board/").json()["columns"][0]["total"] for slug in ("payments", "search")
    ]
    assert boards == [0, 3]


def test_who_was_asked_to_accept_it_is_asked_still(ana: User, bo: User, story: Story, search: Squad) -> None:
    Membership.objects.filter(user=bo, squad=search).update(accepts=True)
    AcceptanceRequest.objects.create(story=story, asked_by=ana, asked_at=story.created_at)
    Membership.objects.filter(user=ana).update(accepts=False)
    assert not AcceptanceRequest.objects.waiting_for(bo).exists()
    move_to_squad(story, search, by=ana)
    assert AcceptanceRequest.objects.waiting_for(bo).exists()


def test_boards_that_are_open_hear_of_it(story: Story, search: Squad, ana: User) -> None:
    listener = Listener(Hub())
    streams = [
        listener.hub.open("s", frozenset({topic})) for topic in ("squad:payments", "squad:search", "story:PAY-1")
    ]
    listener.send(draw([story.pk], ["squad", "release"]), ["squad", "release"])
    for stream in streams:
        while not stream.queue.empty():
            stream.queue.get_nowait()
    move_to_squad(story, search, by=ana)
    listener.send(draw([story.pk], ["squad", "release"]), ["squad", "release"])
    left, come, page = (b"".join(stream.queue.get_nowait() for _ in range(stream.queue.qsize())) for stream in streams)
    assert b"event: gone" in left and b'"key":"PAY-1"' in left
    assert b"event: card" in come and b'"key":"SEA-3"' in come
    assert b"event: story" in page


def test_a_story_that_comes_back_gets_the_key_it_had(ana: User, moved: Story, payments: Squad, search: Squad) -> None:
    move_to_squad(moved, payments, by=ana)
    assert moved.key == "PAY-1" and Story.objects.called("SEA-3") == moved
    assert create_story(payments, by=ana, title="New").key == "PAY-2"
    move_to_squad(moved, search, by=ana)
    assert moved.key == "SEA-3"
    assert list(StoryAlias.objects.values_list("key", flat=True)) == ["PAY-1"]


def test_who_is_in_one_of_the_two_squads_is_told_whom_to_ask(
    as_bo: Client, as_lea: Client, as_ria: Client, lea: User, story: Story
) -> None:
    for browser in (as_bo, as_ria):
        assert "Only members of Payments can change PAY-1." in (
            post(browser, "stories/PAY-1/squad/", squad="search").content.decode()
        )
        assert browser.post("/stories/PAY-1/squad/", {"squad": "search"}).status_code == 403
    refused = post(as_lea, "stories/PAY-1/squad/", squad="search")
    assert refused.status_code == 403
    assert "You’re not in Search, so you can’t move PAY-1 there." in refused.content.decode()
    assert "You’re not in any other squad." in words(as_lea.get("/stories/PAY-1/squad/"))
    assert as_lea.post("/stories/PAY-1/squad/", {"squad": "search"}).status_code == 403
    story.refresh_from_db()
    assert story.key == "PAY-1"


def test_a_project_manager_moves_any_story(as_pam: Client, story: Story) -> None:
    assert post(as_pam, "stories/PAY-1/squad/", squad="search").json()["key"] == "SEA-3"


def test_two_stories_of_one_origin_are_not_brought_together(as_ana: Client, story: Story, search: Squad) -> None:
    Story.objects.filter(pk=story.pk).update(external="jira:ABC-7")
    Story.objects.filter(key="SEA-1").update(external="jira:ABC-7")
    for answer in (
        post(as_ana, "stories/PAY-1/squad/", squad="search"),
        as_ana.post("/stories/PAY-1/squad/", {"squad": "search"}),
    ):
        assert answer.status_code == 400
        assert "Search already has SEA-1, which also came from jira:ABC-7" in answer.content.decode()


def test_somebody_who_still_looks_at_the_old_story_overwrites_nothing(ana: User, story: Story, search: Squad) -> None:
    stale = Story.objects.get(pk=story.pk)
    move_to_squad(story, search, by=ana)
    with pytest.raises(Exception, match="PAY-1 moved to another squad and is now SEA-3"):
        stale.move_progress("in_progress", by=ana)
    with pytest.raises(Exception, match="PAY-1 moved to another squad and is now SEA-3"):
        move_to_squad(stale, search, by=ana)


def test_a_story_with_many_rows_moves_in_as_many_queries(ana: User, story: Story, search: Squad) -> None:
    few = create_story(story.squad, by=ana, title="Few")
    for number in range(5):
        add_comment(story, by=ana, body=f"Comment {number}")
        story.move_progress("in_progress" if number % 2 == 0 else "todo", by=ana)
    counted = []
    for each in (few, story):
        with CaptureQueriesContext(connection) as queries:
            move_to_squad(each, search, by=ana)
        counted.append(len(queries))
    assert counted[0] == counted[1]


def bring(browser: Client, squad: str, text: str, kind: str) -> dict[str, Any]:
    """Import a file; return what the preview says and what was done."""
    address = f"/api/v1/squads/{squad}/imports/"
    made = browser.post(
        address, {"file": SimpleUploadedFile("work.csv", text.encode(), "text/csv"), "kind": kind}
    ).json()
    done = post(browser, f"squads/{squad}/imports/{made['id']}/run/").json()
    return {"notes": made["notes"], **done}


@pytest.mark.parametrize(("kind", "key"), [("jira", "RES-7"), ("rodeo", "PAY-1")])
def test_what_went_to_another_squad_is_not_brought_in_a_second_time(
    as_ana: Client, ana: User, payments: Squad, search: Squad, kind: str, key: str
) -> None:
    Membership.objects.create(squad=search, user=ana)
    if kind == "jira":
        bring(as_ana, "payments", "Issue key,Summary,Status\nRES-7,Refunds,To Do\n", kind)
    else:
        create_story(payments, by=ana, title="Refunds")
    story = Story.objects.get()
    move_to_squad(story, search, by=ana)
    header = "Issue key,Summary,Status" if kind == "jira" else "key,title,status"
    again = bring(as_ana, "payments", f"{header}\n{key},Refunds by card,To Do\nRES-8,More,To Do\n", kind)
    assert "Skipped, because they moved to another squad: SEA-1." in again["notes"]
    assert (
        sorted(Story.objects.values_list("key", "title")) == [("PAY-2", "More"), ("SEA-1", "Refunds")] or kind == "jira"
    )
    assert Story.objects.filter(title__startswith="Refunds").get().title == "Refunds"
