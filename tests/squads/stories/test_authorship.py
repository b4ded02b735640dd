"""Whoever made a change does not make it rodeo done by their own word."""

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from portal.accounts.models import User
from squads.models import Evidence, Membership, Squad, Story
from squads.stories.actions import create_story, record_by_hand

ACCEPTED = {"kind": "acceptance", "note": "I say so."}


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    """A story that Ana worked on, in production by her word."""
    made = create_story(payments, by=ana, title="Gift cards")
    made.move_progress("dev_done", by=ana)
    record_by_hand(made, by=ana, kind="deployment", note="Deployed from my desk.")
    return made


def test_the_maker_is_refused_through_every_door(as_ana: Client, story: Story) -> None:
    why = "Ana worked on PAY-1. Someone else has to accept it, unless Payments lets people accept their own changes."
    answer = as_ana.post("/api/v1/stories/PAY-1/evidence/", ACCEPTED, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (400, why)
    for address in ("/stories/PAY-1/evidence/", "/stories/PAY-1/by-hand/"):
        page = as_ana.post(address, {**ACCEPTED, "verdict": "success", "at": "2026-01-01T10:00:00"})
        assert page.status_code == 400
        assert why in page.content.decode()
    assert not Evidence.objects.filter(kind="acceptance").exists()


def test_somebody_else_of_the_squad_may_and_a_maker_may_say_that_it_failed(story: Story, ana: User, bo: User) -> None:
    record_by_hand(story, by=ana, kind="acceptance", verdict="failure", note="It does not print.")
    Membership.objects.create(squad=story.squad, user=bo)
    record_by_hand(story, by=bo, kind="acceptance", note="It prints.")
    assert story.stage == "rodeo_done"


def test_a_squad_may_let_people_accept_what_they_made(story: Story, ana: User) -> None:
    story.squad.accepts_own = True
    record_by_hand(story, by=ana, **ACCEPTED)
    assert story.stage == "rodeo_done"


def test_a_program_vouches_for_nothing(story: Story) -> None:
    program = User.objects.create(username="bot", is_active=False, program_of=story.squad)
    with pytest.raises(ValidationError, match="Tokens can’t add evidence by hand"):
        record_by_hand(story, by=program, **ACCEPTED)
