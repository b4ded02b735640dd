"""Saying by hand which change belongs to which story."""

import re
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.stable_ids import stable_id
from releases.evidence.links import link_change, unlink_change
from releases.models import Change, InboundEvent, Release, Repository, Run, Source, StoryLink
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story

ONE, TWO = "aaaaaaa1" + "0" * 32, "aaaaaaa2" + "0" * 32


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


@pytest.fixture
def event(db: None) -> InboundEvent:
    source = Source.objects.create(key="ci", name="CI", kind="report")
    return InboundEvent.objects.create(source=source, delivery="1", body=b"{}", received_at=timezone.now())


def change(event: InboundEvent, sha: str, repository: str = "shop/checkout", **fields: Any) -> Change:
    return Change.objects.create(
        id=stable_id("change", repository, sha),
        repository=Repository.objects.get_or_create(key=repository)[0],
        sha=sha,
        event=event,
        committed_at=timezone.now(),
        subject=f"Work {sha[:8]}",
        **fields,
    )


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_a_change_is_linked_by_the_beginning_of_its_sha_and_judged(
    as_ana: Client, story: Story, event: InboundEvent
) -> None:
    change(event, ONE)
    as_ana.post("/stories/PAY-1/changes/link/", {"sha": "AAAAAAA1"})
    outbox.deliver()
    page = words(as_ana.get("/stories/PAY-1/"))
    assert "Work aaaaaaa1" in page and "linked by a person" in page
    assert Evidence.objects.get(kind="change").shas == [ONE]
    assert "added to linked changes: aaaaaaa1 of shop/checkout" in words(as_ana.get("/stories/PAY-1/history/"))


def test_a_change_is_unlinked_and_stays_so_whatever_its_message_says(
    as_ana: Client, ana: User, story: Story, event: InboundEvent
) -> None:
    made = change(event, ONE)
    StoryLink.objects.create(change=made, key="PAY-1", story=story, rule="message")
    as_ana.post(f"/stories/PAY-1/changes/{made.pk}/unlink/")
    outbox.deliver()
    link = StoryLink.objects.get()
    assert (link.refused, link.person) == (True, ana)
    assert not Evidence.objects.filter(kind="change").exists()
    assert "Work aaaaaaa1" not in words(as_ana.get("/stories/PAY-1/changes/"))
    # Said again, it belongs to it again.
    as_ana.post("/stories/PAY-1/changes/link/", {"sha": ONE})
    assert StoryLink.objects.get().refused is False


@pytest.mark.parametrize(
    ("sha", "said"),
    [
        ("aaa", "Enter a commit sha, at least its first 7 characters"),
        ("aaaaaaa", "More than one change starts with aaaaaaa."),
        ("bbbbbbb", "No change starts with bbbbbbb."),
        ("ccccccc", "ccccccc is in shop/checkout and in shop/web."),
        ("%' OR 1=1", "Enter a commit sha"),
        ("nowhere@aaaaaaa1", "No change in nowhere starts with aaaaaaa1."),
    ],
)
def test_a_sha_that_says_too_little_is_answered_and_kept(
    as_ana: Client, story: Story, event: InboundEvent, sha: str, said: str
) -> None:
    change(event, ONE), change(event, TWO)
    change(event, "ccccccc"), change(event, "ccccccc", "shop/web")
    answer = as_ana.post("/stories/PAY-1/changes/link/", {"sha": sha})
    assert answer.status_code == 400
    assert said in words(answer).replace("&#x27;", "'")
    assert not StoryLink.objects.exists()


def test_one_of_two_repositories_is_named(as_ana: Client, story: Story, event: InboundEvent) -> None:
    change(event, "ccccccc"), change(event, "ccccccc", "shop/web")
    as_ana.post("/stories/PAY-1/changes/link/", {"sha": "shop/web@ccccccc"})
    assert StoryLink.objects.get().change.repository.key == "shop/web"


def test_linking_twice_is_told(as_ana: Client, story: Story, event: InboundEvent) -> None:
    change(event, ONE)
    as_ana.post("/stories/PAY-1/changes/link/", {"sha": ONE})
    answer = as_ana.post("/stories/PAY-1/changes/link/", {"sha": ONE})
    assert answer.status_code == 400
    assert "aaaaaaa1 is already linked to PAY-1: linked by a person." in words(answer)


def test_another_squad_links_and_unlinks_nothing(as_bo: Client, ana: User, story: Story, event: InboundEvent) -> None:
    made = change(event, ONE)
    link_change(made, story, by=ana)
    for address in ("link/", f"{made.pk}/unlink/"):
        assert as_bo.post(f"/stories/PAY-1/changes/{address}", {"sha": ONE}).status_code == 403
    assert as_bo.post(f"/changes/{made.pk}/link/", {"key": "PAY-1"}).status_code == 403
    assert as_bo.delete(f"/api/v1/stories/PAY-1/changes/{made.pk}/").status_code == 403
    assert StoryLink.objects.get().refused is False


def test_the_page_shows_the_newest_run_of_each_pipeline(
    as_ana: Client, ana: User, story: Story, event: InboundEvent
) -> None:
    made = change(event, ONE, landed=1)
    link_change(made, story, by=ana)
    for number, (pipeline, outcome) in enumerate([("build", "failure"), ("build", "success"), ("lint", "warning")]):
        Run.objects.create(
            id=stable_id("run", number),
            key=str(number),
            sha=ONE,
            pipeline=pipeline,
            phase="finished",
            outcome=outcome,
            finished_at=timezone.now(),
            url=f"https://ci.example.org/{number}",
            event=event,
        )
    page = as_ana.get("/stories/PAY-1/")
    assert "on mainline" in words(page) and "build: success" in words(page) and "lint: warning" in words(page)
    assert "build: failure" not in words(page)
    assert "https://ci.example.org/1" in page.content.decode()


def test_what_a_person_said_stays_when_the_inbox_is_replayed(ana: User, story: Story, event: InboundEvent) -> None:
    from releases.reading.actions import rebuild

    linked, refused = change(event, ONE), change(event, TWO)
    link_change(linked, story, by=ana)
    StoryLink.objects.create(change=refused, key="PAY-1", story=story, rule="message")
    unlink_change(refused, story, by=ana)
    before = sorted(StoryLink.objects.values_list("change_id", "rule", "refused", "person"))
    rebuild()
    assert sorted(StoryLink.objects.values_list("change_id", "rule", "refused", "person")) == before


def test_all_changes_that_belong_to_no_story_are_one_list(
    as_ana: Client, ana: User, story: Story, event: InboundEvent
) -> None:
    linked = change(event, ONE)
    link_change(linked, story, by=ana)
    change(event, TWO)
    change(event, "d" * 40, "shop/web")
    change(event, "e" * 40, "shop/web", is_merge=True)
    page = words(as_ana.get("/changes/unlinked/"))
    assert "Work aaaaaaa2" in page and "Work dddddddd" in page
    assert "Work aaaaaaa1" not in page and "Work eeeeeeee" not in page
    web = words(as_ana.get("/changes/unlinked/", {"repository": "shop/web"}))
    assert "Work dddddddd" in web and "Work aaaaaaa2" not in web
    assert as_ana.get("/changes/unlinked/", {"repository": "nope"}).status_code == 404


def test_a_change_is_linked_where_it_is_listed(as_ana: Client, ana: User, story: Story, event: InboundEvent) -> None:
    release = Release.objects.create(version="1", slug="1")
    made = change(event, TWO, release=release)
    page = as_ana.get("/releases/1/unlinked/").content.decode()
    assert f'action="/changes/{made.pk}/link/"' in page
    back = "/releases/1/unlinked/"
    answer = as_ana.post(f"/changes/{made.pk}/link/", {"key": "PAY-77", "back": back}, follow=True)
    assert "there’s no story PAY-77" in words(answer)  # type: ignore[arg-type]
    assert as_ana.post(f"/changes/{made.pk}/link/", {"key": "pay-1", "back": back})["Location"] == back
    assert StoryLink.objects.get().story == story


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1", ""])
def test_nobody_is_sent_elsewhere_afterwards(as_ana: Client, story: Story, event: InboundEvent, back: str) -> None:
    made = change(event, TWO)
    answer = as_ana.post(f"/changes/{made.pk}/link/", {"key": "PAY-1", "back": back})
    assert answer["Location"] == "/changes/unlinked/"


def test_links_over_the_api(as_ana: Client, as_bo: Client, story: Story, event: InboundEvent) -> None:
    made = change(event, ONE)
    address = "/api/v1/stories/PAY-1/changes/"
    assert as_bo.post(address, {"sha": ONE}, content_type="application/json").status_code == 403
    answer = as_ana.post(address, {"sha": "aaaaaaa"}, content_type="application/json")
    assert (answer.status_code, answer.json()["rule"]) == (201, "person")
    (listed,) = as_bo.get(address).json()["results"]
    assert (listed["sha"], listed["on_mainline"], listed["runs"]) == (ONE, False, [])
    assert as_ana.post(address, {"sha": "zz"}, content_type="application/json").status_code == 400
    assert as_ana.delete(f"{address}{made.pk}/").status_code == 204
    assert as_bo.get(address).json()["results"] == []


def test_the_lists_cost_the_same_however_long_they_are(
    as_ana: Client, ana: User, story: Story, event: InboundEvent
) -> None:
    costs = []
    for count in (3, 40):
        for number in range(count):
            made = change(event, f"{count:02}{number:06}" + "f" * 32, f"shop/{number % 3}")
            link_change(made, story, by=ana)
            Run.objects.create(id=stable_id("run", made.sha), key=made.sha, sha=made.sha, phase="running", event=event)
            change(event, f"{count:02}{number:06}" + "e" * 32, f"shop/{number % 3}")
        for address in (
            "/stories/PAY-1/",
            "/stories/PAY-1/changes/",
            "/changes/unlinked/",
            "/api/v1/stories/PAY-1/changes/",
        ):
            with CaptureQueriesContext(connection) as queries:
                assert as_ana.get(address).status_code == 200
            costs.append(len(queries))
    # Counting begins once not all of them are on the page.
    assert costs[4] <= costs[0] + 1
    assert costs[1:4] == costs[5:]
