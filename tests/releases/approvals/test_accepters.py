"""Who accepts the stories of a release, planned for many at once."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release
from squads.acceptance.models import AcceptancePlan
from squads.models import Squad, Story
from squads.stories.actions import create_story

pytestmark = pytest.mark.django_db


@pytest.fixture
def planned(ana: User, payments: Squad) -> Release:
    made = create_release(by=ana, version="2.0", line="Shop")
    for number in range(3):
        create_story(payments, by=ana, title=f"Story {number}", release=made)
    return made


def test_an_accepter_is_planned_for_the_chosen_stories(as_pam: Client, planned: Release, pam: User, lea: User) -> None:
    place = f"{planned.get_absolute_url()}accepters/"
    assert as_pam.get(place).content.decode().count("nobody yet") == 3
    page = as_pam.post(f"{place}plan/", {"person": "lea", "story": ["PAY-1", "PAY-2"]}, follow=True).content.decode()
    assert "2 stories changed." in page and page.count("nobody yet") == 1
    assert as_pam.post(f"{place}plan/", {"person": "lea"}).status_code == 400
    assert as_pam.post(f"{place}plan/", {"person": "who", "story": ["PAY-3"]}).status_code == 400


def test_over_the_api_all_are_planned_or_none(
    as_pam: Client, as_bo: Client, planned: Release, ana: User, payments: Squad
) -> None:
    create_story(payments, by=ana, title="Elsewhere")
    place = f"/api/v1/releases/{planned.slug}/accepters/"
    said = {"person": "ana", "stories": ["PAY-1", "PAY-4"]}
    refused = as_pam.post(place, said, content_type="application/json")
    assert refused.status_code == 400 and "PAY-4 isn’t planned for Shop 2.0" in refused.content.decode()
    assert as_bo.post(place, {**said, "stories": ["PAY-1"]}, content_type="application/json").status_code == 403
    assert not AcceptancePlan.objects.exists()
    rows = as_pam.post(place, {**said, "stories": ["PAY-1"]}, content_type="application/json").json()["results"]
    assert [(row["story"], row["accepter"]) for row in rows] == [("PAY-1", "Ana"), ("PAY-2", ""), ("PAY-3", "")]


def test_the_page_costs_the_same_whatever_there_is(
    as_pam: Client, planned: Release, payments: Squad, ana: User
) -> None:
    costs = []
    for _ in range(2):
        for story in Story.objects.all():
            AcceptancePlan.objects.get_or_create(
                story=story, defaults={"person": ana, "by": ana, "at": story.created_at}
            )
        with CaptureQueriesContext(connection) as asked:
            as_pam.get(f"{planned.get_absolute_url()}accepters/")
        costs.append(len(asked))
        for number in range(10):
            create_story(payments, by=ana, title=f"More {number}", release=planned)
    assert costs[0] == costs[1]


def test_stories_that_are_rodeo_done_are_left_out_and_counted(as_pam: Client, planned: Release) -> None:
    Story.objects.filter(key="PAY-2").update(stage="rodeo_done")
    place = f"{planned.get_absolute_url()}accepters/"
    page = as_pam.get(place).content.decode()
    assert 'value="PAY-1"' in page and 'value="PAY-2"' not in page and "</a> story is left out." in page
    api = f"/api/v1/releases/{planned.slug}/accepters/"
    assert [row["story"] for row in as_pam.get(api).json()["results"]] == ["PAY-1", "PAY-3"]
    said = {"person": "ana", "stories": ["PAY-1", "PAY-2"]}
    refused = as_pam.post(api, said, content_type="application/json")
    assert refused.status_code == 400 and "PAY-2 is closed or rodeo done" in refused.content.decode()
    assert not AcceptancePlan.objects.exists()
    Story.objects.update(stage="rodeo_done")
    assert "All 3 stories are rodeo done" in as_pam.get(place).content.decode()


def test_all_stories_of_a_page_are_selected_at_once_and_a_mistake_keeps_what_was_selected(
    as_pam: Client, as_ria: Client, planned: Release
) -> None:
    place = f"{planned.get_absolute_url()}accepters/"
    page = as_pam.get(place).content.decode()
    assert (
        f'href="{place}?all=1&amp;page=1">Select all on this page</a>' in page
        and " checked" not in page.split("<form")[-1]
    )
    page = as_pam.get(place, {"all": "1"}).content.decode()
    assert page.count('name="story"') == page.count('aria-label="Choose PAY-') == 3
    assert page.count(' checked aria-label="Choose PAY-') == 3 and "Select none" in page
    page = as_pam.post(f"{place}plan/", {"person": "who", "story": ["PAY-3"]}).content.decode()
    assert page.count(' checked aria-label="Choose PAY-') == page.count(' checked aria-label="Choose PAY-3"') == 1
    assert "Select all" not in as_ria.get(place).content.decode()


def test_a_mistake_on_the_second_page_leads_back_to_the_second_page(
    as_pam: Client, planned: Release, payments: Squad, ana: User
) -> None:
    for number in range(99):
        create_story(payments, by=ana, title=f"More {number}", release=planned)
    place = f"{planned.get_absolute_url()}accepters/"
    page = as_pam.get(place, {"page": 2}).content.decode()
    assert f'action="{place}plan/?page=2"' in page and page.count('name="story"') == 2
    page = as_pam.post(f"{place}plan/?page=2", {"person": "who", "story": ["PAY-101"]}).content.decode()
    assert page.count(' checked aria-label="Choose PAY-') == page.count(' checked aria-label="Choose PAY-101"') == 1
    assert f'href="{place}?all=1&amp;page=2">Select all on this page</a>' in page
    page = as_pam.post(f"{place}plan/?page=2", {"person": "who", "story": ["PAY-101", "PAY-102"]}).content.decode()
    assert f'href="{place}?page=2">Select none</a>' in page
