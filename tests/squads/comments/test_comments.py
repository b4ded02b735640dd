"""What people say about a story, whom they mention, and who watches it."""

import re

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.models import Message
from squads.discussions.actions import add_comment
from squads.models import Comment, Mention, Squad, Story, Watch
from squads.stories.actions import create_story

API = "/api/v1/stories/PAY-1/comments/"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_whoever_may_read_a_story_may_say_something_about_it(as_bo: Client, bo: User, story: Story) -> None:
    answer = as_bo.post("/stories/PAY-1/comments/new/", {"body": "Is it **really** gone?"})
    comment = Comment.objects.get()
    assert answer["Location"] == f"/stories/PAY-1/#comment-{comment.pk}"
    assert (comment.author, comment.body) == (bo, "Is it **really** gone?")
    assert "Is it <strong>really</strong> gone?" in as_bo.get("/stories/PAY-1/").content.decode()
    assert Message.objects.get(topic="story.commented").payload["comment"] == comment.pk


def test_nobody_says_anything_without_a_name(client: Client, story: Story, settings: object) -> None:
    assert client.post("/stories/PAY-1/comments/new/", {"body": "x"})["Location"].startswith("/accounts/login/")
    settings.RODEO_OPEN_READING = True  # type: ignore[attr-defined]
    assert client.post(API, {"body": "x"}, content_type="application/json").status_code == 401
    assert not Comment.objects.exists()


def test_an_empty_comment_is_answered_and_a_long_one_is_not_lost(as_ana: Client, story: Story) -> None:
    answer = as_ana.post("/stories/PAY-1/comments/new/", {"body": " \n "})
    assert answer.status_code == 400 and "Write something first." in words(answer)
    answer = as_ana.post("/stories/PAY-1/comments/new/", {"body": "long " * 5000})
    assert answer.status_code == 400
    assert "This is over 20000 characters." in words(answer) and "long long long" in words(answer)


def test_only_people_that_exist_are_mentioned_and_nobody_mentions_themselves(
    story: Story, ana: User, bo: User, root: User
) -> None:
    User.objects.create_user("gone", is_active=False)
    comment = add_comment(story, by=ana, body="@Bo, @ana, @gone, @nobody and bo@example.org: see @root.")
    assert {mention.person for mention in comment.mentions.all()} == {bo, root}


def test_a_mention_is_seen_when_its_person_opens_the_story(
    as_ana: Client, as_bo: Client, story: Story, ana: User, bo: User
) -> None:
    add_comment(story, by=ana, body="@bo look")
    as_ana.get("/stories/PAY-1/")
    assert Mention.objects.get().seen_at is None
    as_bo.get("/stories/PAY-1/")
    assert Mention.objects.get().seen_at is not None


def test_a_comment_is_changed_by_its_author_and_nobody_else(
    as_ana: Client, as_bo: Client, as_root: Client, story: Story, ana: User, bo: User, root: User
) -> None:
    comment = add_comment(story, by=ana, body="@bo first")
    for browser in (as_bo, as_root):
        for address in (f"/stories/PAY-1/comments/{comment.pk}/edit/", f"/stories/PAY-1/comments/{comment.pk}/remove/"):
            answer = browser.post(address, {"body": "x"})
            assert answer.status_code == 403
            assert "Only Ana can change this comment." in words(answer)
        assert browser.delete(f"{API}{comment.pk}/").status_code == 403
        body = {"body": "x"}
        assert browser.patch(f"{API}{comment.pk}/", body, content_type="application/json").status_code == 403
    as_ana.post(f"/stories/PAY-1/comments/{comment.pk}/edit/", {"body": "@root second"})
    comment.refresh_from_db()
    assert (comment.body, comment.edited_at is not None) == ("@root second", True)
    assert [mention.person for mention in Mention.objects.all()] == [root]


def test_a_comment_is_edited_in_its_place(as_ana: Client, story: Story, ana: User) -> None:
    comment = add_comment(story, by=ana, body="first")
    place, htmx = f"/stories/PAY-1/comments/{comment.pk}/edit/", {"HX-Request": "true"}
    assert 'name="body"' in as_ana.get(place, headers=htmx).content.decode()
    assert "<h1>Edit your comment</h1>" in as_ana.get(place).content.decode()
    assert as_ana.post(place, {"body": ""}, headers=htmx).status_code == 400
    fragment = as_ana.post(place, {"body": "*second*"}, headers=htmx).content.decode()
    assert "<em>second</em>" in fragment and "<html" not in fragment


def test_a_comment_taken_back_keeps_its_place_and_loses_its_words(
    as_ana: Client, story: Story, ana: User, bo: User
) -> None:
    comment = add_comment(story, by=ana, body="@bo a secret")
    add_comment(story, by=ana, body="after it")
    as_ana.post(f"/stories/PAY-1/comments/{comment.pk}/remove/")
    said = words(as_ana.get("/stories/PAY-1/"))
    assert "a secret" not in said and "Ana deleted this comment just now" in said
    assert not Mention.objects.exists()
    answer = as_ana.post(f"/stories/PAY-1/comments/{comment.pk}/edit/", {"body": "again"})
    assert answer.status_code == 400
    assert "This comment was deleted." in words(answer)
    assert Comment.objects.get(pk=comment.pk).body == ""


def test_authors_and_those_who_speak_watch_by_themselves_and_may_stop(
    as_bo: Client, bo: User, ana: User, story: Story
) -> None:
    assert [watch.person for watch in Watch.objects.all()] == [ana]
    as_bo.post("/stories/PAY-1/comments/new/", {"body": "Hello"})
    assert "Watched by Ana, Bo" in words(as_bo.get("/stories/PAY-1/"))
    as_bo.post("/stories/PAY-1/watch/", {"off": "1"})
    assert "Watched by Ana Watch" in words(as_bo.get("/stories/PAY-1/"))
    as_bo.post("/stories/PAY-1/watch/")
    as_bo.post("/stories/PAY-1/watch/")
    assert Watch.objects.filter(person=bo).count() == 1


def test_a_comment_of_another_story_is_not_found_here(as_bo: Client, bo: User, story: Story, search: Squad) -> None:
    other = add_comment(create_story(search, by=bo, title="Find"), by=bo, body="x")
    assert as_bo.post(f"/stories/PAY-1/comments/{other.pk}/remove/").status_code == 404
    assert as_bo.delete(f"{API}{other.pk}/").status_code == 404


def test_comments_over_the_api(as_bo: Client, story: Story) -> None:
    made = as_bo.post(API, {"body": "Hello"}, content_type="application/json")
    assert made.status_code == 201
    assert as_bo.post(API, {"body": " "}, content_type="application/json").status_code == 400
    address = f"{API}{made.json()['id']}/"
    assert as_bo.patch(address, {"body": "Bye"}, content_type="application/json").json()["body"] == "Bye"
    assert as_bo.delete(address).status_code == 204
    (said,) = as_bo.get(API).json()["results"]
    assert (said["author"], said["body"], said["removed_at"] is not None) == ("bo", "", True)
    assert as_bo.get("/api/v1/stories/PAY-9/comments/").status_code == 404


def test_earlier_comments_are_on_their_own_pages(as_ana: Client, ana: User, story: Story) -> None:
    for number in range(55):
        add_comment(story, by=ana, body=f"number {number}.")
    page = words(as_ana.get("/stories/PAY-1/"))
    assert "Earlier comments" in page and "number 54." in page and "number 3." not in page
    assert "number 3." in words(as_ana.get("/stories/PAY-1/comments/"))
    assert "number 54." in words(as_ana.get("/stories/PAY-1/comments/", {"page": 2}))


def test_the_list_costs_the_same_however_many_there_are(as_ana: Client, ana: User, story: Story) -> None:
    costs = []
    for number in (2, 40):
        for index in range(number):
            add_comment(story, by=ana, body=f"PAY-1 @bo @ana {index}")
        for address in ("/stories/PAY-1/comments/", API):
            with CaptureQueriesContext(connection) as queries:
                as_ana.get(address)
            costs.append(len(queries))
    assert costs[:2] == costs[2:]
