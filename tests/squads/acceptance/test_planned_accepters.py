"""Who accepts a story is planned before it is in production, and asked once it is."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.models import StateChange
from squads.acceptance.actions import answer, ask, plan_accepter, plan_accepters
from squads.acceptance.models import AcceptancePlan, AcceptanceRequest
from squads.acceptance.queries import planned_accepters, planned_for
from squads.handovers.actions import move_to_squad
from squads.models import Evidence, Membership, Squad, Story
from squads.stories.actions import create_story, judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay by card")


def deploy(story: Story) -> None:
    for minutes, kind, tier in ((3, "change", ""), (2, "run", ""), (1, "deployment", "production")):
        said: dict[str, Any] = {"kind": kind, "tier": tier, "environment": "prod" if tier else "", "shas": ["abc"]}
        at = clock.now() - timedelta(minutes=minutes)
        Evidence.objects.create(story=story, verdict="success", at=at, service="checkout", **said)
    judge([story.pk])
    story.refresh_from_db()


def test_it_is_planned_on_the_storys_page_and_asked_when_it_is_in_production(
    as_ana: Client, as_pam: Client, story: Story, pam: User, lea: User
) -> None:
    place = f"{story.get_absolute_url()}accepter/"
    page = as_ana.post(place, {"person": "lea"}, follow=True).content.decode()
    assert "Lea is to accept PAY-1." in page and "Change who accepts it" in page
    assert planned_accepters([story.pk]) == {story.pk: "Lea"}
    page = as_pam.post(place, {"person": "pam"}, follow=True).content.decode()
    assert "planned accepter: Lea → Pam" in page
    deploy(story)
    assert 'value="pam"' in as_ana.get(story.get_absolute_url()).content.decode()
    as_ana.post(f"/api/v1/stories/{story.key}/acceptance-requests/", {}, content_type="application/json")
    assert AcceptanceRequest.objects.get().accepter == pam


def test_an_empty_accepter_asks_any_accepter_in_spite_of_the_plan(
    as_ana: Client, story: Story, ana: User, pam: User, lea: User
) -> None:
    Membership.objects.filter(user=lea).update(accepts=True)
    plan_accepter(story, pam, by=ana)
    deploy(story)
    place = f"/api/v1/stories/{story.key}/acceptance-requests/"
    assert as_ana.post(place, {"accepter": ""}, content_type="application/json").json()["accepter"] is None


def test_whoever_made_the_change_is_not_planned(as_ana: Client, story: Story, ana: User) -> None:
    story.move_progress("in_progress", by=ana)
    answer = as_ana.post(f"{story.get_absolute_url()}accepter/", {"person": "ana"})
    assert answer.status_code == 400 and "Ana worked on PAY-1." in answer.content.decode()
    place = f"/api/v1/stories/{story.key}/accepter/"
    answer = as_ana.post(place, {"person": "ana"}, content_type="application/json")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "person")
    assert not AcceptancePlan.objects.exists()
    Squad.objects.update(accepts_own=True)
    assert as_ana.post(place, {"person": "ana"}, content_type="application/json").json() == {"person": "ana"}


def test_who_makes_the_change_later_or_leaves_is_planned_no_more(story: Story, ana: User, pam: User) -> None:
    plan_accepter(story, ana, by=pam)
    assert planned_accepters([story.pk]) == {story.pk: "Ana"} and planned_for(story) == ana
    story.move_progress("in_progress", by=ana)
    assert planned_accepters([story.pk]) == {} and planned_for(story) is None
    plan_accepter(story, pam, by=ana)
    assert planned_accepters([story.pk]) == {story.pk: "Pam"}
    User.objects.filter(pk=pam.pk).update(is_active=False)
    assert planned_accepters([story.pk]) == {} and planned_for(story) is None


def test_members_and_project_managers_plan_and_nobody_else(
    as_bo: Client, as_ana: Client, story: Story, pam: User
) -> None:
    for place in (f"{story.get_absolute_url()}accepter/", f"/api/v1/stories/{story.key}/accepter/"):
        assert as_bo.post(place, {"person": "pam"}, content_type="application/json").status_code == 403
    assert not AcceptancePlan.objects.exists()
    place = f"/api/v1/stories/{story.key}/accepter/"
    said = as_ana.post(place, {"person": "pam"}, content_type="application/json").json()
    assert said == {"person": "pam"}
    assert as_ana.get(place).json()["person"] == "pam"
    assert as_ana.post(place, {"person": "nobody"}, content_type="application/json").status_code == 400
    assert as_ana.post(place, {"person": ""}, content_type="application/json").json()["person"] is None
    assert "Plan who accepts it" in as_ana.get(story.get_absolute_url()).content.decode()


def test_who_accepted_counts_before_who_was_asked_and_that_before_the_plan(
    story: Story, ana: User, pam: User, lea: User
) -> None:
    plan_accepter(story, pam, by=ana)
    deploy(story)
    request = ask(story, by=ana, accepter=lea)
    assert planned_accepters([story.pk]) == {story.pk: "Lea"}
    answer(request, by=lea, accepted=True, note="I paid.")
    assert planned_accepters([story.pk]) == {story.pk: "Lea"}
    User.objects.filter(pk__in=[lea.pk, pam.pk]).update(is_active=False)
    assert planned_accepters([story.pk]) == {story.pk: "Lea"}


def test_whoever_left_accepts_nothing(story: Story, ana: User, pam: User) -> None:
    plan_accepter(story, pam, by=ana)
    User.objects.filter(pk=pam.pk).update(is_active=False)
    assert planned_accepters([story.pk]) == {}


def test_the_plan_moves_with_its_story(
    as_ana: Client, story: Story, ana: User, pam: User, search: Squad, root: User
) -> None:
    plan_accepter(story, pam, by=ana)
    moved = move_to_squad(story, search, by=root)
    assert planned_accepters([moved.pk]) == {moved.pk: "Pam"}
    assert "planned accepter: nobody → Pam" in as_ana.get(moved.get_absolute_url()).content.decode()


def test_asking_about_many_costs_one_query(payments: Squad, ana: User, pam: User) -> None:
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(5)]
    for story in stories:
        plan_accepter(story, pam, by=ana)
    with CaptureQueriesContext(connection) as asked:
        assert len(planned_accepters([each.pk for each in stories])) == 5
    assert len(asked) == 1


def test_planning_for_many_costs_the_same_however_many_and_each_has_its_history(
    payments: Squad, search: Squad, ana: User, pam: User, lea: User
) -> None:
    def cost(stories: list[Story], person: User | None) -> int:
        with CaptureQueriesContext(connection) as asked:
            plan_accepters(stories, person, by=pam)
        return len(asked)

    few = [create_story(payments, by=ana, title="Few")]
    many = [create_story(each, by=pam, title="Many") for each in (payments, search) for _ in range(8)]
    assert [cost(few, lea), cost(few, ana), cost(few, None)] == [cost(many, lea), cost(many, ana), cost(many, None)]
    steps = StateChange.objects.filter(kind="planned accepter", by=pam).order_by("pk")
    for story in (*few, *many):
        found = [(each.from_state, each.to_state) for each in steps.filter(key=story.key)]
        assert found == [("", "Lea"), ("Lea", "Ana"), ("Ana", "")]
    plan_accepters([*many, *many], lea, by=pam)
    count = steps.count()
    plan_accepters(many, lea, by=pam)
    assert steps.count() == count, "saying the same twice changes nothing"


def test_of_many_none_is_planned_if_one_cannot_be_and_that_one_is_named(
    payments: Squad, search: Squad, ana: User, bo: User, pam: User
) -> None:
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(3)]
    other = create_story(search, by=bo, title="Find")
    with pytest.raises(PermissionDenied, match="members of Search can plan SEA-1"):
        plan_accepters([*stories, other], pam, by=ana)
    stories[1].move_progress("in_progress", by=ana)
    with pytest.raises(ValidationError, match="Ana worked on PAY-2"):
        plan_accepters(stories, ana, by=pam)
    Story.objects.filter(pk=stories[2].pk).update(stage="rodeo_done")
    with pytest.raises(ValidationError, match="PAY-3 is closed or rodeo done"):
        plan_accepters(Story.objects.order_by("pk"), pam, by=pam)
    assert not AcceptancePlan.objects.exists()
