"""Evidence by hand that was a mistake: taken back by who recorded it or a lead, with a reason, for all to see."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from squads.judge.judgement import say
from squads.models import Evidence, Squad, Story
from squads.stories.actions import create_story, record_by_hand

API = "/api/v1/stories/PAY-1/evidence/"


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    made = create_story(payments, by=ana, title="Pay with iDEAL")
    made.move_progress("dev_done", by=ana)
    return made


@pytest.fixture
def row(story: Story, ana: User) -> Evidence:
    return record_by_hand(story, by=ana, kind="deployment", note="Put on prod-1 by hand.")


def back(browser: Client, row: Evidence, because: str = "It was prod-2, with another build.") -> Any:
    return browser.post(f"/stories/PAY-1/evidence/{row.pk}/take-back/", {"because": because})


def stands() -> str:
    return say(Story.objects.get(key="PAY-1").standing)


def words(browser: Client, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", browser.get(path).content.decode()))


def test_what_is_taken_back_proves_nothing_and_stays_for_all_to_see(
    as_ana: Client, story: Story, row: Evidence
) -> None:
    assert Story.objects.get().stage == "deployed"
    assert back(as_ana, row)["Location"] == "/stories/PAY-1/#evidence-title"
    assert Story.objects.get().stage == "dev_done"
    assert stands().startswith("No. Dev done.")
    page = words(as_ana, "/stories/PAY-1/")
    assert "withdrawn" in page and "It was prod-2, with another build." in page and "Put on prod-1 by hand." in page
    assert "Withdraw this" not in page
    assert "withdrew their evidence by hand: deployment, passed" in words(as_ana, "/stories/PAY-1/history/")


def test_it_takes_a_reason_and_what_was_typed_is_not_lost(as_ana: Client, row: Evidence) -> None:
    answer = back(as_ana, row, "  ")
    assert answer.status_code == 400 and "Enter a reason, because others relied on it." in answer.content.decode()
    answer = back(as_ana, row, "x" * 2001)
    assert answer.status_code == 400 and "x" * 2001 in answer.content.decode()
    assert Story.objects.get().stage == "deployed"


def test_it_is_for_who_recorded_it_and_for_leads(
    as_ana: Client, as_lea: Client, as_bo: Client, lea: User, story: Story, row: Evidence
) -> None:
    hers = record_by_hand(story, by=lea, kind="test", note="Tried on stage-1.")
    for browser, which in ((as_ana, hers), (as_bo, row)):
        assert back(browser, which).status_code == 403
        answer = browser.post(f"{API}{which.pk}/take-back/", {"because": "x"}, content_type="application/json")
        assert answer.status_code == 403
    assert words(as_ana, "/stories/PAY-1/").count("Why it’s wrong") == 1
    assert words(as_lea, "/stories/PAY-1/").count("Why it’s wrong") == 2
    assert back(as_lea, row).status_code == 302
    assert "withdrew Ana’s evidence by hand" in words(as_lea, "/stories/PAY-1/history/")


def test_what_somebody_found_wanting_only_they_take_back(
    as_ana: Client, as_lea: Client, ana: User, story: Story
) -> None:
    declined = record_by_hand(story, by=ana, kind="acceptance", verdict="failure", note="The total is wrong.")
    assert "Why it’s wrong" not in words(as_lea, "/stories/PAY-1/")
    answer = back(as_lea, declined)
    assert (
        answer.status_code == 403
        and "Only the person who reported a failure can withdraw it" in answer.content.decode()
    )
    assert back(as_ana, declined).status_code == 302


def test_what_a_system_saw_and_what_was_taken_back_already_stay(as_ana: Client, story: Story, row: Evidence) -> None:
    seen = Evidence.objects.create(story=story, kind="run", verdict="success", at=timezone.now(), shas=["abc"])
    answer = back(as_ana, seen)
    assert answer.status_code == 400
    back(as_ana, row, "First.")
    back(as_ana, row, "Second.")
    assert Evidence.objects.get(pk=row.pk).taken_back_because == "First."
    assert Evidence.objects.get(pk=seen.pk).taken_back_at is None


def test_evidence_of_another_story_is_not_taken_back_from_here(as_ana: Client, row: Evidence, ana: User) -> None:
    create_story(row.story.squad, by=ana, title="Other")
    assert as_ana.post(f"/stories/PAY-2/evidence/{row.pk}/take-back/", {"because": "x"}).status_code == 404
    assert Story.objects.get(key="PAY-1").stage == "deployed"


def test_the_api_takes_back_and_lists_it_so(as_ana: Client, row: Evidence) -> None:
    answer = as_ana.post(f"{API}{row.pk}/take-back/", {"because": " "}, content_type="application/json")
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "because"
    answer = as_ana.post(f"{API}{row.pk}/take-back/", {"because": "Wrong story."}, content_type="application/json")
    assert (answer.status_code, answer.json()["taken_back_by"]) == (200, "ana")
    (listed,) = as_ana.get(API).json()["results"]
    assert listed["taken_back_because"] == "Wrong story." and listed["taken_back_at"]
    assert Story.objects.get().stage == "dev_done"
