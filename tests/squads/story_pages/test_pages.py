"""The pages of stories, through the browser's door."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.models import Environment
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay with iDEAL", acceptance_criteria="Ten euro arrive.")


def text(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.content.decode()


def seen(**fields: Any) -> dict[str, Any]:
    return {
        "kind": "acceptance",
        "verdict": "success",
        "at": "2026-01-05T12:00",
        "note": "",
        "link": "",
        "service": "",
        "environment": "",
        **fields,
    }


@pytest.mark.parametrize(
    "url", ["/stories/", "/stories/PAY-1/", "/stories/new/", "/stories/PAY-1/edit/", "/stories/PAY-1/changes/"]
)
def test_nobody_is_sent_to_sign_in(client: Client, story: Story, url: str) -> None:
    assert client.get(url)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("part", ["edit", "progress", "evidence"])
def test_another_squad_may_not_change_it(as_bo: Client, story: Story, part: str) -> None:
    answer = as_bo.post(f"/stories/PAY-1/{part}/", {"title": "x", "to": "dev_done"})
    assert answer.status_code == 403
    assert "Only members of Payments can change PAY-1." in answer.content.decode()


def test_a_story_is_written_for_ones_own_squad_and_gets_the_next_key(
    as_ana: Client, payments: Squad, search: Squad
) -> None:
    data = {"squad": payments.pk, "title": "Refunds", "type": "defect", "audience": ""}
    assert as_ana.post("/stories/new/", data)["Location"] == "/stories/PAY-1/"
    assert as_ana.post("/stories/new/", data)["Location"] == "/stories/PAY-2/"
    assert as_ana.post("/stories/new/", {**data, "squad": search.pk}).status_code == 400
    assert Story.objects.count() == 2


def test_a_person_in_no_squad_is_told_to_join_one(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("lone"))
    answer = client.get("/stories/new/")
    assert answer.status_code == 403
    assert "Join or create one first" in answer.content.decode()


def test_the_story_page_says_the_honest_answer_and_every_rung(as_bo: Client, story: Story) -> None:
    page = text(as_bo, "/stories/PAY-1/")
    assert "No.</b> To do: nobody has started it (squad Payments)." in page
    assert page.count('class="rungs__bar"') == 5
    assert "Ten euro arrive." in page
    assert "Nothing yet. Mention" in page


def test_only_members_are_shown_what_only_members_may_do(as_ana: Client, as_bo: Client, story: Story) -> None:
    assert "Add evidence by hand" in text(as_ana, "/stories/PAY-1/")
    assert "Add evidence by hand" not in text(as_bo, "/stories/PAY-1/")


def test_people_move_progress_and_the_move_is_kept(as_ana: Client, story: Story) -> None:
    as_ana.post("/stories/pay-1/progress/", {"to": "in_progress"})
    story.refresh_from_db()
    assert story.stage == "in_progress"
    assert StateChange.objects.get(kind="story", key="PAY-1").to_state == "in_progress"
    assert "to do → in progress" in text(as_ana, "/stories/PAY-1/")


def test_a_move_somebody_made_already_is_told_and_not_made_twice(as_ana: Client, story: Story) -> None:
    as_ana.post("/stories/PAY-1/progress/", {"to": "in_progress"})
    page = as_ana.post("/stories/PAY-1/progress/", {"to": "in_progress"}, follow=True).content.decode()
    assert "Someone else may have changed it" in page
    assert StateChange.objects.filter(key="PAY-1").count() == 1


def test_nobody_can_type_a_story_deployed(as_ana: Client, story: Story) -> None:
    page = as_ana.post("/stories/PAY-1/progress/", {"to": "deployed"}, follow=True).content.decode()
    assert "only evidence moves a story" in page
    story.refresh_from_db()
    assert story.stage == "todo"


def test_evidence_by_hand_needs_a_note_or_a_link(as_ana: Client, story: Story) -> None:
    answer = as_ana.post("/stories/PAY-1/evidence/", seen())
    assert answer.status_code == 400
    assert "Add a note or a link, so others can check it." in answer.content.decode()
    assert not Evidence.objects.exists()


def test_evidence_by_hand_is_kept_with_name_and_shown_as_by_hand(as_ana: Client, ana: User, story: Story) -> None:
    place = Environment.objects.create(key="prod", slug="prod", name="Production", tier="production")
    for kind in ("deployment", "acceptance"):
        as_ana.post("/stories/PAY-1/evidence/", seen(kind=kind, note="Bought socks.", environment=place.key))
    row = Evidence.objects.filter(kind="acceptance").get()
    assert (row.by_hand, row.person, row.environment, row.tier) == (True, ana, "prod", "production")
    page = text(as_ana, "/stories/PAY-1/")
    assert "Bought socks." in page
    assert '<span class="tag">by hand</span>' in page
    assert '<b data-state="good">Yes.</b>' in page


def test_evidence_from_the_wrong_kind_of_environment_is_refused(as_ana: Client, story: Story) -> None:
    Environment.objects.create(key="qa", slug="qa", name="QA", tier="testing")
    page = as_ana.post("/stories/PAY-1/evidence/", seen(note="x", environment="qa")).content.decode()
    assert "QA is testing. This evidence needs production." in page


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"at": "tomorrow"}, "Enter the time as 2026-03-14 15:09, in UTC."),
        ({"at": "2999-01-01T00:00"}, "This is in the future."),
        ({"link": "javascript:alert(1)"}, "Enter a full address starting with https:// or http://."),
        ({"kind": "run", "verdict": "failure"}, "Only checks can be added as failed"),
    ],
)
def test_wrong_evidence_is_answered_at_its_field(
    as_ana: Client, story: Story, wrong: dict[str, str], said: str
) -> None:
    answer = as_ana.post("/stories/PAY-1/evidence/", seen(note="x", **wrong))
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Evidence.objects.exists()


def test_each_row_of_evidence_leads_to_its_event_and_outside(as_bo: Client, story: Story) -> None:
    event = "0b7f6a52-5b0c-5f0e-9a51-0d0a4e3f7c11"
    Evidence.objects.create(
        story=story, kind="run", verdict="success", at=timezone.now(), event_id=event, link="https://ci.example.org/7"
    )
    page = text(as_bo, "/stories/PAY-1/")
    assert f"/inbox/{event}/" in page
    assert "https://ci.example.org/7" in page


def test_titles_are_text_not_markup(as_ana: Client, ana: User, payments: Squad) -> None:
    create_story(payments, by=ana, title="<script>alert(1)</script>")
    for url in ("/stories/", "/stories/PAY-1/", "/"):
        assert "<script>alert" not in text(as_ana, url)


def test_the_list_is_filtered_by_what_the_address_says(
    as_ana: Client, ana: User, payments: Squad, search: Squad
) -> None:
    create_story(payments, by=ana, title="Pay with iDEAL")
    create_story(payments, by=ana, title="Crash", type="defect").move_progress("dev_done", by=ana)
    create_story(search, by=ana, title="Synonyms")

    def keys(**query: str) -> list[str]:
        return [
            each for each in ("PAY-1", "PAY-2", "SEA-1") if f"/stories/{each}/" in text(as_ana, "/stories/", **query)
        ]

    assert keys() == ["PAY-1", "PAY-2", "SEA-1"]
    assert keys(squad="payments") == ["PAY-1", "PAY-2"]
    assert keys(stage="dev_done") == ["PAY-2"]
    assert keys(type="defect") == ["PAY-2"]
    assert keys(q="pay-2") == ["PAY-2"]
    assert keys(q="ideal") == ["PAY-1"]
    assert keys(squad="payments", stage="todo", q="syn") == []
    assert "No matches" in text(as_ana, "/stories/", q="nothing")


def test_an_unknown_story_is_answered_with_what_there_is(as_ana: Client, story: Story) -> None:
    answer = as_ana.get("/stories/PAY-99/")
    assert answer.status_code == 404
    assert "There’s no story PAY-99. Payments has PAY-1 to PAY-1." in answer.content.decode()


def test_pages_take_the_same_number_of_queries_whatever_they_show(as_ana: Client, ana: User, story: Story) -> None:
    def count(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            text(as_ana, url)
        return len(queries)

    def add(number: int) -> None:
        for index in range(number):
            other = create_story(story.squad, by=ana, title=f"Other {index}")
            other.move_progress("in_progress", by=ana)
            Evidence.objects.create(story=story, kind="run", verdict="success", at=timezone.now(), person=ana)

    add(2)
    few = {url: count(url) for url in ("/stories/", "/stories/PAY-1/", "/")}
    add(40)
    assert {url: count(url) for url in few} == few
    assert max(few.values()) <= 22


def test_empty_pages_teach_the_next_step(as_root: Client) -> None:
    assert "Create a story" in text(as_root, "/stories/")
    assert "Create or join a squad" in text(as_root, "/")
