"""Stories over the API."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from portal.kernel.models import StateChange
from releases.environments.models import Environment
from releases.planning.models import Release
from squads.models import Squad, Story
from squads.stories.actions import create_story

STORIES = "/api/v1/stories/"


def post(browser: Client, address: str, body: Any) -> HttpResponse:
    return browser.post(address, body, content_type="application/json")  # type: ignore[return-value]


def errors(answer: HttpResponse) -> dict[str, str]:
    return {each["attr"]: each["detail"] for each in answer.json()["errors"]}


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


@pytest.fixture
def release(db: None) -> Release:
    return Release.objects.create(version="5.10", slug="5.10")


def test_a_story_gets_the_next_key_of_its_squad(as_ana: Client, payments: Squad, release: Release) -> None:
    answer = post(as_ana, STORIES, {"squad": "payments", "title": "Refunds", "type": "defect", "release": "5.10"})
    assert answer.status_code == 201
    story = answer.json()
    assert (story["key"], story["squad"], story["type"], story["release"]) == ("PAY-1", "payments", "defect", "5.10")
    assert story["answer"] == "No. To do: nobody has started it (squad Payments)."
    assert [rung["state"] for rung in story["rungs"]] == ["missing"] * 5
    assert as_ana.get(f"{STORIES}pay-1/").json() == story


def test_an_objection_names_the_field(as_ana: Client, payments: Squad) -> None:
    answer = post(as_ana, STORIES, {"squad": "nobody", "title": "", "type": "epic", "release": "9.9"})
    assert answer.status_code == 400
    assert errors(answer).keys() == {"squad", "title", "type", "release"}


def test_only_members_write_and_others_are_told_whose_it_is(as_bo: Client, story: Story) -> None:
    for answer in (
        post(as_bo, STORIES, {"squad": "payments", "title": "x"}),
        as_bo.patch(f"{STORIES}PAY-1/", {"title": "x"}, content_type="application/json"),
        post(as_bo, f"{STORIES}PAY-1/progress/", {"to": "dev_done"}),
        post(as_bo, f"{STORIES}PAY-1/evidence/", {"kind": "acceptance", "note": "x"}),
    ):
        assert answer.status_code == 403
        assert "Only members of Payments can change" in answer.json()["errors"][0]["detail"]
    story.refresh_from_db()
    assert (story.title, story.progress) == ("Refunds", "todo")


def test_nobody_writes_without_signing_in_even_when_reading_is_open(
    client: Client, story: Story, settings: Any
) -> None:
    assert client.get(f"{STORIES}PAY-1/").status_code == 401
    settings.RODEO_OPEN_READING = True
    assert client.get(f"{STORIES}PAY-1/").status_code == 200
    assert post(client, f"{STORIES}PAY-1/progress/", {"to": "dev_done"}).status_code == 401


def test_what_people_wrote_can_be_changed_and_what_evidence_says_cannot(as_ana: Client, story: Story) -> None:
    answer = as_ana.patch(
        f"{STORIES}PAY-1/",
        {"title": "Refunds in parts", "release": None, "stage": "todo"},
        content_type="application/json",
    )
    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["stage"]) == ("Refunds in parts", "todo")
    refused = as_ana.patch(
        f"{STORIES}PAY-1/", {"title": "Refunds", "stage": "rodeo_done"}, content_type="application/json"
    )
    assert refused.status_code == 400
    assert [each["attr"] for each in refused.json()["errors"]] == ["stage"]
    assert "“stage” can’t be changed here. It follows from evidence" in refused.json()["errors"][0]["detail"]
    assert as_ana.get(f"{STORIES}PAY-1/").json()["title"] == "Refunds in parts"


def test_progress_moves_leave_a_row_and_a_second_try_is_409(as_ana: Client, ana: User, story: Story) -> None:
    moved = {"to": "dev_done", "because": "merged"}
    answer = post(as_ana, f"{STORIES}PAY-1/progress/", moved)
    assert (answer.status_code, answer.json()["stage"]) == (200, "dev_done")
    change = StateChange.objects.get()
    assert (change.by, change.because, change.to_state) == (ana, "merged", "dev_done")
    again = post(as_ana, f"{STORIES}PAY-1/progress/", moved)
    assert again.status_code == 409
    assert "Someone else may have changed it" in again.json()["errors"][0]["detail"]
    assert post(as_ana, f"{STORIES}PAY-1/progress/", {"to": "rodeo_done"}).status_code == 400


def test_evidence_by_hand_needs_a_note_and_carries_a_name(as_ana: Client, story: Story) -> None:
    Environment.objects.create(key="stage-1", slug="stage-1", name="Stage 1", tier="staging")
    address = f"{STORIES}PAY-1/evidence/"
    assert "a note or a link" in errors(post(as_ana, address, {"kind": "acceptance"}))["note"]
    assert (
        "There’s no environment"
        in errors(post(as_ana, address, {"kind": "test", "note": "x", "environment": "nope"}))["environment"]
    )
    wrong = post(as_ana, address, {"kind": "acceptance", "note": "x", "environment": "stage-1"})
    assert "needs production" in errors(wrong)["environment"]
    assert "future" in errors(post(as_ana, address, {"kind": "test", "note": "x", "at": "2999-01-01T00:00:00Z"}))["at"]
    answer = post(as_ana, address, {"kind": "test", "note": "tried it", "environment": "stage-1"})
    assert answer.status_code == 201
    evidence = answer.json()
    assert (evidence["person"], evidence["by_hand"], evidence["tier"]) == ("ana", True, "staging")
    assert as_ana.get(address).json()["results"] == [evidence]
    story.refresh_from_db()
    assert story.stage == "tested"


def test_the_answer_is_one_sentence(as_bo: Client, story: Story) -> None:
    answer = as_bo.get(f"{STORIES}PAY-1/answer/").json()
    assert answer["answer"] == "No. To do: nobody has started it (squad Payments)."
    assert (answer["rodeo_done"], answer["stage"], len(answer["rungs"])) == (False, "todo", 5)


def test_an_unknown_key_says_what_is_known(as_ana: Client, story: Story) -> None:
    answer = as_ana.get(f"{STORIES}PAY-9/")
    assert answer.status_code == 404
    assert "Payments has PAY-1" in answer.json()["errors"][0]["detail"]
    assert as_ana.get(f"{STORIES}nonsense/").status_code == 404


def test_stories_are_found(as_ana: Client, ana: User, story: Story, search: Squad, release: Release) -> None:
    create_story(search, by=ana, title="Find refunds", type="chore", release=release)

    def found(asked: str) -> list[str]:
        answer = as_ana.get(f"{STORIES}?{asked}")
        assert answer.status_code == 200
        return [each["key"] for each in answer.json()["results"]]

    assert found("") == ["SEA-1", "PAY-1"]
    assert found("squad=search") == ["SEA-1"]
    assert found("release=5.10") == ["SEA-1"]
    assert found("type=chore") == ["SEA-1"]
    assert found("stage=deployed") == []
    assert found("text=pay-") == ["PAY-1"]
    assert found("text=refunds") == ["SEA-1", "PAY-1"]
    assert as_ana.get(f"{STORIES}?stage=nearly").status_code == 400
    assert as_ana.get(f"{STORIES}?page=99").status_code == 404


def test_lists_cost_the_same_however_long_they_are(
    as_ana: Client, ana: User, payments: Squad, django_assert_max_num_queries: Any
) -> None:
    costs = []
    for count in (1, 20):
        for number in range(count):
            create_story(payments, by=ana, title=f"Story {number}")
        with django_assert_max_num_queries(6) as counted:
            assert as_ana.get(f"{STORIES}?page_size=200").json()["count"] >= count
        costs.append(len(counted))
    assert costs[0] == costs[1]
