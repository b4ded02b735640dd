"""Two environments side by side: what runs in each, and which stories only one of them has."""

from typing import Any

import pytest
from django.test import Client

from releases.models import Deployment
from squads.models import Squad, Story
from squads.stories.actions import create_story
from tests.releases.evidence import conftest
from tests.releases.evidence.conftest import History, sha_of

history, story = conftest.history, conftest.story
COMPARE = "/environments/staging/compare/"
API = "/api/v1/environments/staging/comparison/?with=production"


def line(browser: Client) -> dict[str, Any]:
    [row] = browser.get(API).json()["services"]
    return dict(row)


@pytest.fixture
def later(story: Story, payments: Squad, ana: Any) -> Story:
    return create_story(payments, by=ana, title="Vouchers")


@pytest.fixture
def ahead(history: History, story: Story, later: Story) -> History:
    """Staging runs both stories' changes, production only the first one's."""
    history.commit("start", "Start", 0)
    history.commit("refund", f"{story.key}: refund in parts", 1, "start")
    history.commit("voucher", f"{later.key}: vouchers", 2, "refund")
    history.look("voucher")
    history.deploy("refund", 3)
    history.deploy("voucher", 4, environment="staging")
    return history


def test_a_story_that_only_staging_runs_is_named(ahead: History, later: Story, as_ana: Client) -> None:
    row = line(as_ana)
    assert (row["service"], row["same"], row["only_here"], row["only_there"]) == ("checkout", False, [later.key], [])
    page = as_ana.get(COMPARE).content.decode()
    assert "<h1>Compare staging with production</h1>" in page, "production is what one compares with, unless one says"
    assert "1 of 1 service differs." in page
    assert f'href="/stories/{later.key}/"' in page


def test_a_story_that_was_reverted_in_staging_is_only_in_production(
    ahead: History, story: Story, later: Story, as_ana: Client
) -> None:
    ahead.commit("revert", f'Revert "{story.key}"\n\nThis reverts commit {sha_of("refund")}.', 5, "voucher")
    ahead.look("revert")
    ahead.deploy("revert", 6, environment="staging")
    row = line(as_ana)
    assert (row["only_here"], row["only_there"]) == ([later.key], [story.key])


def test_a_revert_that_does_not_name_the_story_takes_it_back_all_the_same(
    ahead: History, story: Story, as_ana: Client
) -> None:
    ahead.deploy("voucher", 5)
    ahead.commit("undo", f"Take it out\n\nThis reverts commit {sha_of('refund')}.", 6, "voucher")
    ahead.look("undo")
    ahead.deploy("undo", 7, environment="staging")
    assert line(as_ana)["only_there"] == [story.key]


def test_the_same_commit_is_the_same_whatever_it_is_called(ahead: History, as_ana: Client) -> None:
    ahead.deploy("voucher", 5, version="2.0")
    row = line(as_ana)
    assert (row["same"], row["only_here"], row["there"]) == (True, [], "2.0")
    assert "Both run the same." in as_ana.get(COMPARE).content.decode()


def test_what_runs_in_one_only_is_said(ahead: History, as_ana: Client) -> None:
    ahead.deploy("voucher", 5, kind="removal")
    row = line(as_ana)
    assert (row["there"], row["same"]) == (None, False)
    assert "only runs in staging" in as_ana.get(COMPARE).content.decode()


def test_a_commit_that_no_branch_has_says_why_its_stories_cannot_be_compared(ahead: History, as_ana: Client) -> None:
    ahead.deploy("elsewhere", 5, environment="staging")
    row = line(as_ana)
    assert row["why_not"] == f"staging runs {sha_of('elsewhere')[:7]}, which is on no branch that Rodeo reads."
    assert row["only_here"] == []


def test_an_environment_is_not_compared_with_one_that_is_unknown(ahead: History, as_ana: Client) -> None:
    assert as_ana.get(f"{COMPARE}?with=moon").status_code == 404
    answer = as_ana.get("/api/v1/environments/staging/comparison/?with=moon")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "with")


def test_a_misspelt_parameter_is_refused_and_not_answered_with_another_environment(
    ahead: History, as_ana: Client
) -> None:
    answer = as_ana.get("/api/v1/environments/staging/comparison/?wiht=test")
    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "wiht")


def test_two_deployments_of_which_nothing_is_known_are_not_called_the_same(ahead: History, as_ana: Client) -> None:
    # As a mapped webhook or a job of Jenkins leaves them that names neither commit nor version.
    Deployment.objects.update(sha="", version="", artifact=None)
    row = line(as_ana)
    assert (row["same"], row["why_not"]) == (False, "The commit of what runs in staging is unknown.")
    page = as_ana.get(COMPARE).content.decode()
    assert row["why_not"] in page
    assert "Both run the same." not in page and "differs" not in page
    assert "For 1 service it’s not known which version runs." in page


def test_one_environment_alone_has_nothing_to_be_compared_with(as_ana: Client) -> None:
    from releases.environments.actions import environment_named

    environment_named("staging")
    assert "no other environment yet" in as_ana.get(COMPARE).content.decode()


def test_comparing_costs_the_same_however_many_stories_differ(
    ahead: History, payments: Squad, ana: Any, as_ana: Client, django_assert_max_num_queries: Any
) -> None:
    parent = "voucher"
    for number in range(30):
        key = create_story(payments, by=ana, title=f"Story {number}").key
        ahead.commit(f"c{number}", f"{key}: more", 5 + number / 10, parent)
        parent = f"c{number}"
    ahead.look(parent)
    ahead.deploy(parent, 9, environment="staging")
    with django_assert_max_num_queries(26):
        assert len(line(as_ana)["only_here"]) == 31
