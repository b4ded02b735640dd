"""Issues of GitHub and GitLab as stories: by webhook and by pull, in any order, with what people wrote here kept."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock, outbox
from portal.kernel.models import Message
from releases.allowed_hosts.models import AllowedHost
from releases.events import IssuesSeen
from releases.inbox.actions import replay
from releases.inbox.models import Fact, InboundEvent, Source
from releases.issues import actions as issues_actions
from releases.providers import PROVIDERS
from releases.providers.signatures import sign
from releases.pulling import actions as pulling
from releases.pulling import leases
from releases.reading.actions import drain_inbox, rebuild
from releases.sources import issues_as_stories
from squads.events import StoriesImported
from squads.models import Evidence, Squad, Story, StoryEdit, Ticket
from squads.stories.actions import create_story
from squads.stories.editing import edit_story
from tests.doubles import github as github_double
from tests.doubles import gitlab as gitlab_double
from tests.doubles.github import GitHub
from tests.doubles.gitlab import GitLab

pytestmark = pytest.mark.django_db
SECRET = "between-us"
NAME = "shop/checkout"
PLACE = {"full_name": NAME, "html_url": "https://github.com/shop/checkout", "default_branch": "main"}
BEGAN = datetime.fromisoformat("2026-03-01T00:00:00+00:00")


@pytest.fixture
def source(payments: Squad) -> Source:
    """A GitHub whose issues become stories of Payments, since the first of March."""
    return Source.objects.create(
        key="github", name="GitHub", kind="github", secret=SECRET, stories_for=payments, stories_since=BEGAN
    )


def issue(number: int = 7, *, at: str = "2026-03-02T10:00:00Z", **more: Any) -> dict[str, Any]:
    return {
        "id": 1000 + number,
        "number": number,
        "title": "Refunds are rounded",
        "body": "By a cent.",
        "state": "open",
        "html_url": f"https://github.com/shop/checkout/issues/{number}",
        "user": {"login": "octocat"},
        "labels": [{"name": "bug"}],
        "created_at": "2026-03-02T09:00:00Z",
        "updated_at": at,
        "closed_at": None,
        **more,
    }


def closed(at: str, number: int = 7, **more: Any) -> dict[str, Any]:
    return issue(number, at=at, state="closed", closed_at=at, **more)


def event(said: dict[str, Any], action: str = "edited", **more: Any) -> dict[str, Any]:
    return {"action": action, "issue": said, "repository": PLACE, "sender": {"login": "octocat"}, **more}


def send(said: dict[str, Any], delivery: str, kind: str = "issues") -> None:
    body = json.dumps(said).encode()
    headers: Any = {"X-GitHub-Event": kind, "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": sign(body, SECRET)}
    answer = Client().post("/hooks/github/", body, content_type="application/json", headers=headers)
    assert answer.status_code in (200, 202)


def work() -> None:
    """Do what the worker does, until nothing waits."""
    while drain_inbox() + outbox.deliver():
        pass
    assert not Message.objects.exclude(error="").exists()
    assert not InboundEvent.objects.filter(state="failed").exists()


def told(*said: dict[str, Any]) -> None:
    """Have the webhooks of some events come, one after the other."""
    for number, each in enumerate(said, InboundEvent.objects.count()):
        send(each, str(number))
        work()


def rows() -> list[Any]:
    """Everything that issues make, without what counts the visits."""
    stories = Story.objects.order_by("key").values_list(
        "key", "title", "description", "type", "external", "created_at", "created_by", "progress", "stage"
    )
    noted = Ticket.objects.order_by("key").values_list(
        "key", "state", "since", "url", "author", "moved_to", "said", "seen_at"
    )
    return [*stories, *noted]


def pull(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(leased_until=None)
    lease = leases.lease_now(source)
    assert lease is not None
    pulling.pull_source(source.pk, lease)
    work()


# What an issue becomes


def test_an_issue_becomes_a_story_that_says_where_it_came_from(source: Source, as_ria: Client) -> None:
    told(event(issue(), "opened"))
    story = Story.objects.get()
    assert (story.key, story.title, story.description, story.type) == (
        "PAY-1",
        "Refunds are rounded",
        "By a cent.",
        "defect",
    )
    assert (story.external, story.created_by, story.progress) == ("github:shop/checkout#7", None, "todo")
    assert story.created_at == datetime.fromisoformat("2026-03-02T09:00:00+00:00")
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert 'href="https://github.com/shop/checkout/issues/7"' in page
    assert "shop/checkout#7" in page and "octocat" in page and "closed in GitHub" not in page
    assert "say they fix" in page


def test_the_api_tells_the_issue_of_a_story(source: Source, as_ria: Client, payments: Squad) -> None:
    told(*LIFE[:3])
    said = as_ria.get("/api/v1/stories/PAY-1/").json()
    assert said["issue"] == {
        "name": "shop/checkout#7",
        "system": "GitHub",
        "url": "https://github.com/shop/checkout/issues/7",
        "author": "octocat",
        "state": "closed",
        "since": "2026-03-02T11:00:00Z",
        "moved_to": "",
    }
    create_story(payments, by=None, title="By hand")
    assert as_ria.get("/api/v1/stories/PAY-2/").json()["issue"] is None


def test_without_a_squad_issues_are_kept_and_make_no_stories(source: Source) -> None:
    Source.objects.update(stories_for=None)
    told(event(issue(), "opened"))
    assert Fact.objects.get().kind == "ticket"
    assert not Story.objects.exists() and not Ticket.objects.exists()


def test_only_issues_with_the_label_become_stories_and_losing_it_takes_none_away(source: Source) -> None:
    Source.objects.update(stories_label="Story")
    told(event(issue(), "opened"))
    assert not Story.objects.exists()
    told(event(issue(at="2026-03-02T11:00:00Z", labels=[{"name": "bug"}, {"name": "story"}]), "labeled"))
    assert Story.objects.get().external == "github:shop/checkout#7"
    told(event(issue(at="2026-03-02T12:00:00Z", labels=[], title="Refunds"), "unlabeled"))
    assert Story.objects.get().title == "Refunds"


def test_a_pull_request_among_the_issues_is_no_story(source: Source) -> None:
    told(event(issue(pull_request={"url": "https://api.github.com/repos/shop/checkout/pulls/7"}), "opened"))
    assert not Story.objects.exists()


@pytest.mark.parametrize(
    ("said", "type_"),
    [
        ({"labels": [{"name": "documentation"}]}, "chore"),
        ({"labels": [{"name": "urgent"}, {"name": "enhancement"}, {"name": "bug"}]}, "user_story"),
        ({"labels": [{"name": "bug"}], "type": {"name": "Task"}}, "chore"),
        ({"labels": []}, "user_story"),
    ],
)
def test_the_type_is_the_one_that_a_file_with_the_same_issue_gives(
    source: Source, as_bo: Client, search: Squad, said: dict[str, Any], type_: str
) -> None:
    told(event(issue(**said), "opened"))
    bring(as_bo, [issue(**said)], squad="search")
    stories = Story.objects.order_by("key").values_list("title", "description", "type", "external", "created_at")
    assert len(stories) == 2 and stories[0] == stories[1]
    assert stories[0][2] == type_


def test_texts_too_long_for_a_story_lose_nothing_without_saying_so(source: Source) -> None:
    title = "A" * 250
    told(event(issue(title=title), "opened"), event(issue(8, body="b" * 65_000), "opened"))
    long_title, long_text = Story.objects.order_by("number")
    assert len(long_title.title) == 200 and long_title.description == f"{title}\n\nBy a cent."
    assert len(long_text.description) <= 50_000 and "longer in GitHub" in long_text.description


def test_what_is_written_there_is_shown_without_its_scripts(source: Source, as_ria: Client) -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(2)) <img src=x onerror=alert(3)> **bold**"
    told(event(issue(title="<b onmouseover=alert(4)>T", body=evil, user={"login": "<i>o"}), "opened"))
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert "<strong>bold</strong>" in page
    for bad in ("<script>alert", 'href="javascript', "<img src=x", "<b onmouseover", "<i>o"):
        assert bad not in page


def test_a_link_that_is_none_is_not_made_one(source: Source, as_ria: Client) -> None:
    told(event(issue(html_url="javascript:alert(1)"), "opened"))
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert "javascript:alert" not in page and "shop/checkout#7" in page


# Later news


def test_later_news_changes_what_nobody_rewrote_here(source: Source, ana: User, as_ria: Client) -> None:
    told(event(issue(), "opened"))
    edit_story(Story.objects.get(), by=ana, title="Round refunds properly")
    told(event(issue(at="2026-03-02T11:00:00Z", title="Refunds!", body="By two cents.", labels=[{"name": "chore"}])))
    story = Story.objects.get()
    assert (story.title, story.description, story.type) == ("Round refunds properly", "By two cents.", "chore")
    assert story.version == 3
    assert set(story.edits.filter(by=None).values_list("field", "before", "after")) == {
        ("description", "By a cent.", "By two cents."),
        ("type", "defect", "chore"),
    }
    history = as_ria.get("/stories/PAY-1/history/").content.decode()
    assert "GitHub" in history and "type: defect → chore" in history


def test_a_field_that_says_again_what_the_tracker_says_follows_it_again(source: Source, ana: User) -> None:
    told(event(issue(), "opened"))
    edit_story(Story.objects.get(), by=ana, title="Mine")
    told(event(issue(at="2026-03-02T11:00:00Z", title="Theirs")))
    edit_story(Story.objects.get(), by=ana, title="Theirs")
    told(event(issue(at="2026-03-02T12:00:00Z", title="Theirs, later")))
    assert Story.objects.get().title == "Theirs, later"


def test_who_edits_meanwhile_is_told_and_overwrites_nothing(source: Source, as_ana: Client) -> None:
    told(event(issue(), "opened"))
    told(event(issue(at="2026-03-02T11:00:00Z", title="Theirs")))
    answer = as_ana.patch(
        "/api/v1/stories/PAY-1/", {"title": "Mine"}, content_type="application/json", headers={"If-Match": '"v1"'}
    )
    assert answer.status_code in (409, 412) and Story.objects.get().title == "Theirs"


def test_what_is_older_never_overwrites_and_what_comes_twice_changes_nothing(source: Source) -> None:
    newer = event(issue(at="2026-03-02T12:00:00Z", title="Newer"))
    told(newer)
    before = rows()
    told(event(issue(at="2026-03-02T11:00:00Z", title="Older")), newer)
    send(newer, "0")
    replay(InboundEvent.objects.values_list("pk", flat=True))
    work()
    assert rows() == before and not StoryEdit.objects.exists()
    assert Story.objects.get().title == "Newer"


def test_within_one_second_what_came_last_counts(source: Source) -> None:
    told(event(issue(title="First")), event(issue(title="Second")))
    assert Story.objects.get().title == "Second"


LIFE = [
    event(issue(at="2026-03-02T09:00:00Z"), "opened"),
    event(issue(at="2026-03-02T10:00:00Z", title="Refunds")),
    event(closed("2026-03-02T11:00:00Z", title="Refunds"), "closed"),
    event(issue(at="2026-03-02T12:00:00Z", title="Refunds"), "reopened"),
    event(closed("2026-03-02T13:00:00Z", title="Refunds, all"), "closed"),
    event(issue(at="2026-03-02T14:00:00Z", title="Refunds, all"), "reopened"),
]


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_the_same_news_leads_to_the_same_story(source: Source, seed: int) -> None:
    said = [*LIFE, *LIFE[:3]]
    random.Random(seed).shuffle(said)
    told(*said)
    story, ticket = Story.objects.get(), Ticket.objects.get()
    assert (story.title, story.progress, story.stage) == ("Refunds, all", "todo", "todo")
    assert (ticket.state, ticket.since) == ("open", datetime.fromisoformat("2026-03-02T14:00:00+00:00"))


def test_reading_the_whole_inbox_again_makes_the_same_stories(source: Source, ana: User) -> None:
    told(*LIFE, event(issue(8), "opened"))
    edit_story(Story.objects.get(number=1), by=ana, description="Ours.")
    before = rows()
    rebuild()
    work()
    assert rows() == before


# Closed, moved, deleted


def test_a_closed_issue_moves_no_story_and_is_noted_on_it(source: Source, as_ria: Client) -> None:
    told(*LIFE[:3])
    story = Story.objects.get()
    assert (story.progress, story.stage) == ("todo", "todo") and not Evidence.objects.exists()
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert "closed in GitHub" in page and "2026-03-02 11:00" in page and "only evidence does" in page
    told(LIFE[3])
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert "Reopened there" in page and "2026-03-02 12:00" in page and "closed in GitHub" not in page


def test_a_story_that_people_moved_stays_where_it_is_when_its_issue_is_closed(source: Source, ana: User) -> None:
    told(LIFE[0])
    Story.objects.get().move_progress("in_progress", by=ana)
    told(LIFE[2])
    assert (Story.objects.get().progress, Ticket.objects.get().state) == ("in_progress", "closed")


def test_an_issue_that_was_over_before_becomes_a_story_once_it_is_reopened(source: Source) -> None:
    told(event(closed("2026-02-02T11:00:00Z", created_at="2026-02-01T11:00:00Z"), "closed"))
    assert not Story.objects.exists()
    told(event(issue(at="2026-03-02T12:00:00Z"), "reopened"))
    assert Story.objects.get().external == "github:shop/checkout#7"


def test_an_issue_that_was_opened_and_closed_unseen_is_a_story_with_a_note(source: Source) -> None:
    told(event(closed("2026-03-02T11:00:00Z"), "closed"))
    assert (Story.objects.get().stage, Ticket.objects.get().state) == ("todo", "closed")


@pytest.mark.parametrize("late", [False, True], ids=["in order", "before its own past"])
def test_an_issue_that_went_elsewhere_leaves_its_story_and_says_where_to(
    source: Source, as_ria: Client, late: bool
) -> None:
    new = {"new_issue": {"html_url": "https://github.com/shop/web/issues/3", "number": 3}}
    gone = event(issue(), "transferred", changes=new)
    edited = event(issue(at="2026-03-02T11:00:00Z", title="Later words"))
    told(event(issue(), "opened"), *((gone, edited) if late else (edited, gone)))
    assert (Story.objects.get().title, Ticket.objects.get().state) == ("Later words", "moved")
    page = as_ria.get("/stories/PAY-1/").content.decode()
    assert "moved in GitHub" in page and 'href="https://github.com/shop/web/issues/3"' in page


def test_a_deleted_issue_leaves_its_story_and_one_never_seen_makes_none(source: Source, as_ria: Client) -> None:
    told(event(issue(), "opened"), event(issue(), "deleted"), event(issue(8), "deleted"))
    assert (Story.objects.get().title, Ticket.objects.get().state) == ("Refunds are rounded", "deleted")
    assert "deleted in GitHub" in as_ria.get("/stories/PAY-1/").content.decode()


# The same by pull, and from a file


@pytest.fixture
def github() -> Iterator[GitHub]:
    double = GitHub()
    double.add(NAME, html_url="https://github.com/shop/checkout")
    yield double
    double.close()


def asked(github: GitHub, squad: Squad) -> Source:
    AllowedHost.objects.get_or_create(host="127.0.0.1")
    return Source.objects.create(
        key="asked",
        name="Asked",
        kind="github",
        credential=github_double.TOKEN,
        stories_for=squad,
        stories_since=BEGAN,
        config={"url": github.url, "repositories": [NAME], "days": "3650"},
    )


def test_a_pull_makes_the_same_story_as_the_webhook(source: Source, github: GitHub, payments: Squad) -> None:
    said = issue(body="By a cent.\r\nOr two.")
    told(event(said, "opened"))
    by_push = rows()
    Ticket.objects.all().delete()
    Story.objects.all().delete()
    Squad.objects.update(next_number=1)
    github.put(NAME, "issues", said, issue(8, pull_request={"url": "https://api.github.example/pulls/8"}))
    pull(asked(github, payments))
    assert rows() == by_push


def test_a_pull_after_the_webhook_makes_no_second_story_and_finds_what_was_missed(
    source: Source, github: GitHub, payments: Squad
) -> None:
    told(event(issue(), "opened"))
    github.put(NAME, "issues", closed("2026-03-03T10:00:00Z", title="Refunds"))
    pull(asked(github, payments))
    assert (Story.objects.get().title, Ticket.objects.get().state) == ("Refunds", "closed")
    told(event(issue(at="2026-03-02T11:00:00Z", title="Late webhook")))
    assert (Story.objects.get().title, Ticket.objects.get().state) == ("Refunds", "closed")


def test_gitlab_by_webhook_and_pull_makes_one_story(payments: Squad, as_ria: Client) -> None:
    double = GitLab()
    double.add(NAME)
    AllowedHost.objects.get_or_create(host="127.0.0.1")
    source = Source.objects.create(
        key="gitlab",
        name="GitLab",
        kind="gitlab",
        secret=SECRET,
        credential=gitlab_double.TOKEN,
        stories_for=payments,
        stories_since=BEGAN,
        config={"url": double.url},
    )
    said: dict[str, Any] = {
        "id": 301,
        "iid": 23,
        "title": "Refunds are rounded",
        "description": "By a cent.",
        "state": "opened",
        "created_at": "2026-03-02T09:00:00.120Z",
        "updated_at": "2026-03-02 10:00:00 UTC",
        "url": "https://gitlab.example/shop/checkout/-/issues/23",
        "labels": [{"title": "bug"}],
    }
    body = {"object_kind": "issue", "project": double.projects[NAME], "object_attributes": said}
    headers: Any = {"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Issue Hook"}
    Client().post("/hooks/gitlab/", json.dumps(body), content_type="application/json", headers=headers)
    work()
    assert Story.objects.get().external == "gitlab:shop/checkout#23"
    now = said | {
        "updated_at": "2026-03-02T10:00:00.500Z",
        "labels": ["bug"],
        "author": {"username": "ana"},
        "web_url": said["url"],
    }
    try:
        double.put(NAME, "issues", now)
        pull(source)
        story = Story.objects.get()
        assert (story.title, story.type, story.version) == ("Refunds are rounded", "defect", 1)
        assert Ticket.objects.get().author == "ana"
        later = {"updated_at": "2026-03-04T10:00:00.500Z", "state": "closed", "closed_at": "2026-03-04T10:00:00.400Z"}
        double.put(NAME, "issues", now | later | {"moved_to_id": 77})
        pull(source)
    finally:
        double.close()
    assert Ticket.objects.get().state == "moved"
    assert "moved in GitLab" in as_ria.get("/stories/PAY-1/").content.decode()


def bring(client: Client, issues: list[dict[str, Any]], squad: str = "payments") -> None:
    file = SimpleUploadedFile("issues.json", json.dumps(issues).encode())
    made = client.post(f"/api/v1/squads/{squad}/imports/", {"file": file})
    assert made.status_code == 201, made.content
    done = client.post(f"/api/v1/squads/{squad}/imports/{made.json()['id']}/run/", {}, content_type="application/json")
    assert done.status_code == 200, done.content


def test_a_file_and_then_the_webhook_make_one_story(source: Source, as_ana: Client, ana: User) -> None:
    bring(as_ana, [issue(), issue(8)])
    edit_story(Story.objects.get(number=2), by=ana, title="Mine")
    told(
        event(issue(at="2026-03-02T11:00:00Z", title="Refunds")),
        event(issue(8, at="2026-03-02T11:00:00Z", title="Refunds", body="Other words.")),
    )
    assert list(Story.objects.order_by("number").values_list("title", "description", "created_by")) == [
        ("Refunds", "By a cent.", ana.pk),
        ("Mine", "Other words.", ana.pk),
    ]
    assert Ticket.objects.count() == 2


def test_the_webhook_and_then_a_file_make_one_story(source: Source, as_ana: Client) -> None:
    told(event(issue(), "opened"))
    bring(as_ana, [issue(title="Refunds")])
    assert Story.objects.get().title == "Refunds"
    told(event(issue(at="2026-03-02T11:00:00Z", title="Refunds")))
    told(event(issue(at="2026-03-02T12:00:00Z", title="Refunds, all")))
    assert Story.objects.get().title == "Refunds, all"


# Switching it on, changing and switching off


def form(**more: str) -> dict[str, str]:
    return {"name": "GitHub", **more}


def off(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(stories_for=None, stories_since=None)


def test_the_page_of_a_source_says_and_changes_whose_stories_issues_become(
    source: Source, as_root: Client, payments: Squad
) -> None:
    off(source)
    told(event(issue(), "opened"))
    page = as_root.get("/sources/github/").content.decode()
    assert "Issues become" in page and "no stories" in page
    assert "Turn issues into stories of" in as_root.get("/sources/github/edit/").content.decode()
    assert "Turn issues into stories of" not in as_root.get("/sources/new/jenkins/").content.decode()
    saved = as_root.post("/sources/github/edit/", form(stories_for=str(payments.pk), stories_label=" bug "))
    assert saved.status_code == 302
    work()
    assert Story.objects.get().external == "github:shop/checkout#7"
    page = as_root.get("/sources/github/").content.decode()
    assert "stories of squad Payments, those labelled “bug”" in page
    since = Source.objects.get().stories_since
    as_root.post("/sources/github/edit/", form(stories_for=str(payments.pk)))
    assert Source.objects.get().stories_since == since
    before = rows()
    as_root.post("/sources/github/edit/", form())
    told(event(closed("2026-03-02T11:00:00Z", title="Refunds"), "closed"), event(issue(8), "opened"))
    assert rows() == before and Source.objects.get().stories_since is None


def test_naming_another_squad_moves_no_story(source: Source, as_root: Client, search: Squad) -> None:
    told(event(issue(), "opened"))
    as_root.post("/sources/github/edit/", form(stories_for=str(search.pk)))
    told(event(issue(at="2026-03-02T11:00:00Z", title="Refunds")), event(issue(8), "opened"))
    assert list(Story.objects.order_by("key").values_list("key", "title")) == [
        ("PAY-1", "Refunds"),
        ("SEA-1", "Refunds are rounded"),
    ]


def test_saving_the_page_again_tells_nobody_anything(source: Source, as_root: Client, payments: Squad) -> None:
    as_root.post("/sources/github/edit/", form(stories_for=str(payments.pk)))
    assert not Message.objects.filter(topic="tickets.seen").exists()


@pytest.mark.parametrize(
    ("said", "told_"),
    [
        ({"stories_label": "bug"}, "Choose a squad"),
        ({"stories_for": "0"}, "Select a valid choice"),
        ({"stories_label": "b" * 101}, "at most 100"),
        ({"asked": "on", "setting_issues": "off", "stories_for": "squad"}, "Choose “Read”"),
    ],
    ids=["label alone", "no such squad", "too long", "issues left out"],
)
def test_what_cannot_work_is_said_at_its_field(
    source: Source, as_root: Client, payments: Squad, said: dict[str, str], told_: str
) -> None:
    off(source)
    given = {name: str(payments.pk) if value == "squad" else value for name, value in said.items()}
    answer = as_root.post("/sources/github/edit/", form(**given))
    assert answer.status_code == 400 and told_ in answer.content.decode()
    assert Source.objects.get().stories_for is None


def test_others_than_administrators_change_nothing(source: Source, as_lea: Client, as_pam: Client) -> None:
    for client in (as_lea, as_pam):
        assert client.post("/sources/github/edit/", form()).status_code == 403
        answer = client.patch("/api/v1/sources/github/", {"stories_for": None}, content_type="application/json")
        assert answer.status_code == 403
    assert Source.objects.get().stories_for is not None


def test_a_squad_is_named_by_who_writes_for_it(payments: Squad, search: Squad, ana: User, pam: User) -> None:
    assert [
        issues_as_stories.may_choose_squad(squad, who) for who in (ana, pam, None) for squad in (payments, search)
    ] == [
        True,
        False,
        True,
        True,
        True,
        True,
    ]
    with pytest.raises(ValidationError, match="You’re not in Search"):
        issues_as_stories.validate_choice(PROVIDERS["github"], search, "", {}, by=ana)


def test_the_api_says_and_changes_it(source: Source, as_root: Client) -> None:
    told(event(issue(), "opened"))

    def change(**said: Any) -> Any:
        return as_root.patch("/api/v1/sources/github/", said, content_type="application/json")

    now = as_root.get("/api/v1/sources/github/").json()
    assert (now["stories_for"], now["stories_label"]) == ("payments", "")
    assert change(stories_label="bug").json()["stories_label"] == "bug"
    assert change(name="Hub").json()["stories_for"] == "payments"
    assert change(stories_for=None).json()["stories_label"] == ""
    assert change(stories_for="nobody").status_code == 400
    refused = change(stories_label="bug")
    assert refused.status_code == 400 and refused.json()["errors"][0]["attr"] == "stories_for"
    made = as_root.post(
        "/api/v1/sources/system/",
        {"kind": "gitlab", "name": "Lab", "asked": False, "stories_for": "payments"},
        content_type="application/json",
    )
    assert made.status_code == 201 and made.json()["source"]["stories_for"] == "payments"
    other = {"kind": "jenkins", "name": "CI", "asked": False, "stories_for": "payments"}
    refused = as_root.post("/api/v1/sources/system/", other, content_type="application/json")
    assert refused.status_code == 400 and "has no issues" in refused.content.decode()


def known(source: Source, count: int) -> None:
    """Have issues been told of before anybody asked for stories."""
    now = clock.now()
    events = [
        InboundEvent(
            source=source, delivery=f"many-{number}", kind="issues", body=b"{}", received_at=now, state="processed"
        )
        for number in range(count)
    ]
    InboundEvent.objects.bulk_create(events)
    Fact.objects.bulk_create(
        Fact(
            id=each.pk,
            event=each,
            kind="ticket",
            key=f"shop/web#{number}",
            at=BEGAN + timedelta(minutes=number),
            data={"title": f"Issue {number}", "closed": False},
        )
        for number, each in enumerate(events)
    )


def test_the_past_is_gone_through_in_pieces_when_it_is_switched_on(
    source: Source, as_root: Client, payments: Squad
) -> None:
    off(source)
    known(source, 450)
    as_root.post("/sources/github/edit/", form(stories_for=str(payments.pk)))
    assert not Story.objects.exists()
    work()
    assert Story.objects.count() == Ticket.objects.count() == 450
    assert Message.objects.filter(topic="tickets.seen").count() == 3
    assert Story.objects.values("rank").distinct().count() == 450
    issues_actions.make_stories_of_issues(IssuesSeen(source=source.pk))
    assert Story.objects.count() == 450


def test_stories_are_in_the_order_in_which_their_issues_were_written(
    source: Source, as_root: Client, payments: Squad
) -> None:
    off(source)
    told(
        *(
            event(issue(number, created_at=f"2026-03-0{9 - number % 3}T09:00:00Z"), "opened")
            for number in (11, 2, 10, 3)
        )
    )
    as_root.post("/sources/github/edit/", form(stories_for=str(payments.pk)))
    work()
    numbers = [
        external.rpartition("#")[2] for external in Story.objects.order_by("rank").values_list("external", flat=True)
    ]
    assert numbers == ["2", "11", "10", "3"]
    assert numbers == [
        each.rpartition("#")[2] for each in Story.objects.order_by("number").values_list("external", flat=True)
    ]


def test_many_issues_take_as_many_queries_as_few(source: Source) -> None:
    # SQLite takes 999 values in a statement: those of 28 new stories.
    counts = []
    for count in (3, 25):
        Fact.objects.all().delete()
        Ticket.objects.all().delete()
        Story.objects.all().delete()
        InboundEvent.objects.all().delete()
        known(source, count)
        with CaptureQueriesContext(connection) as made:
            issues_actions.make_stories_of_issues(IssuesSeen(source=source.pk))
        for fact in Fact.objects.all():
            fact.data = fact.data | {"title": "New words", "closed": True}
            fact.save()
        with CaptureQueriesContext(connection) as changed:
            issues_actions.make_stories_of_issues(IssuesSeen(source=source.pk))
        assert Story.objects.filter(title="New words").count() == count
        with CaptureQueriesContext(connection) as same:
            issues_actions.make_stories_of_issues(IssuesSeen(source=source.pk))
        counts.append((len(made), len(changed), len(same)))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 30


def test_the_page_of_a_story_asks_nothing_more_for_its_issue(source: Source, as_ria: Client, payments: Squad) -> None:
    told(event(issue(), "opened"))
    with CaptureQueriesContext(connection) as with_issue:
        as_ria.get("/stories/PAY-1/")
    Ticket.objects.all().delete()
    with CaptureQueriesContext(connection) as without:
        as_ria.get("/stories/PAY-1/")
    assert len(with_issue) == len(without)


def test_open_boards_and_search_are_told(
    source: Source, as_ria: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    touched: list[int] = []
    monkeypatch.setattr("portal.kernel.live.touch", lambda ids, **what: touched.extend(ids))
    told(event(issue(), "opened"))
    pk = Story.objects.get().pk
    assert touched == [pk]
    assert "PAY-1" in as_ria.get("/search/?q=rounded").content.decode()
    told(event(issue(at="2026-03-02T11:00:00Z", title="Money vanishes")))
    assert touched == [pk, pk]
    assert "PAY-1" in as_ria.get("/search/?q=vanishes").content.decode()


def test_changes_that_name_the_new_story_are_linked_as_with_any_other(source: Source) -> None:
    sha = "4f5e6d7c8b9a00112233445566778899aabbccdd"
    request = {
        "number": 5,
        "title": "PAY-1: round",
        "body": "",
        "merged": True,
        "merge_commit_sha": sha,
        "state": "closed",
        "merged_at": "2026-03-01T09:00:00Z",
        "html_url": "https://github.com/shop/checkout/pull/5",
        "head": {"ref": "round", "sha": "a" * 40},
        "base": {"ref": "main", "repo": PLACE},
        "user": {"login": "ana"},
    }
    send({"action": "closed", "pull_request": request, "repository": PLACE}, "pr", "pull_request")
    work()
    told(event(issue(), "opened"))
    assert Story.objects.get().change_links.get().change.sha == sha


# Changes that close an issue


SHA = "4f5e6d7c8b9a00112233445566778899aabbccdd"


def merged(body: str, place: dict[str, str] = PLACE, sha: str = SHA) -> dict[str, Any]:
    request = {
        "number": 5,
        "title": "Round refunds",
        "body": body,
        "merged": True,
        "merge_commit_sha": sha,
        "state": "closed",
        "merged_at": "2026-03-02T09:00:00Z",
        "html_url": f"{place['html_url']}/pull/5",
        "user": {"login": "ana"},
        "head": {"ref": "fixes-7", "sha": "a" * 40},
        "base": {"ref": "main", "repo": place},
    }
    return {"action": "closed", "pull_request": request, "repository": place}


@pytest.mark.parametrize("first", ["issue", "change"])
@pytest.mark.parametrize("said", ["Fixes #7", "closes shop/checkout#7", "PAY-1, resolves #7 and #7"])
def test_a_pull_request_that_closes_an_issue_is_a_change_of_its_story(source: Source, first: str, said: str) -> None:
    if first == "issue":
        told(event(issue(), "opened"))
    send(merged(said), "pr", "pull_request")
    work()
    if first == "change":
        told(event(issue(), "opened"))
    link = Story.objects.get().change_links.get()
    assert (link.key, link.change.sha, link.rule) == ("PAY-1", SHA, "description")
    assert Evidence.objects.filter(kind="change").count() == 1
    told(event(closed("2026-03-02T11:00:00Z"), "closed"))
    assert Story.objects.get().stage == "todo"


def test_a_commit_that_closes_an_issue_is_a_change_of_its_story(source: Source) -> None:
    commit = {
        "id": SHA,
        "message": "Round\n\nFixes: #7",
        "timestamp": "2026-03-02T09:00:00Z",
        "author": {"name": "Ana"},
        "url": f"https://github.com/shop/checkout/commit/{SHA}",
        "distinct": True,
    }
    told(event(issue(), "opened"))
    send({"ref": "refs/heads/main", "commits": [commit], "repository": PLACE}, "push", "push")
    work()
    assert Story.objects.get().change_links.get().rule == "message"


@pytest.mark.parametrize("said", ["See #7", "fixes shop/web#7", "fixes #8"])
def test_a_change_that_closes_something_else_is_none_of_its_story(source: Source, said: str) -> None:
    told(event(issue(), "opened"))
    send(merged(said), "pr", "pull_request")
    work()
    assert not Story.objects.get().change_links.exists()


def test_the_same_number_of_another_repository_is_another_issue(source: Source) -> None:
    told(event(issue(), "opened"))
    other = {"full_name": "shop/web", "html_url": "https://github.com/shop/web", "default_branch": "main"}
    send(merged("Fixes #7", other), "pr", "pull_request")
    work()
    assert not Story.objects.get().change_links.exists()


def test_what_a_person_unlinked_stays_unlinked(source: Source, as_ana: Client) -> None:
    told(event(issue(), "opened"))
    send(merged("Fixes #7"), "pr", "pull_request")
    work()
    link = Story.objects.get().change_links.get()
    assert as_ana.post(f"/stories/PAY-1/changes/{link.change_id}/unlink/").status_code == 302
    replay(InboundEvent.objects.values_list("pk", flat=True))
    work()
    issues_actions.make_stories_of_issues(IssuesSeen(source=source.pk))
    outbox.publish(StoriesImported(ids=[Story.objects.get().pk]))
    work()
    assert not Story.objects.get().change_links.filter(refused=False).exists()


def test_the_inbox_read_again_links_the_same_changes(source: Source) -> None:
    send(merged("Fixes #7"), "pr", "pull_request")
    work()
    told(event(issue(), "opened"))
    before = set(Story.objects.get().change_links.values_list("key", "rule", "change"))
    rebuild()
    work()
    assert set(Story.objects.get().change_links.values_list("key", "rule", "change")) == before


def test_a_story_from_a_file_is_found_by_its_issue_too(source: Source, as_ana: Client) -> None:
    off(source)
    send(merged("Fixes #7"), "pr", "pull_request")
    work()
    bring(as_ana, [issue(), issue(8)])
    work()
    assert Story.objects.get(external="github:shop/checkout#7").change_links.get().change.sha == SHA


def test_a_commit_read_from_git_finds_the_story_of_the_issue_it_closes(source: Source, payments: Squad) -> None:
    from releases.pipelines.actions import apply_commits
    from releases.pipelines.models import Repository
    from releases.providers.facts import Commit, CommitsSeen

    told(event(issue(), "opened"))
    repository = Repository.objects.create(key="github.com/shop/checkout")
    Source.objects.create(key="git", name="git", kind="git", repository=repository)
    commit = Commit(SHA, (), BEGAN, BEGAN, "Ana", "Round\n\nfixes #7")
    stories = apply_commits(InboundEvent.objects.get(), repository, CommitsSeen(key="x", at=BEGAN, commits=(commit,)))
    assert stories == {Story.objects.get().pk}
    assert Story.objects.get().change_links.get().change.repository == repository
