"""Actions: proposed, offered as stories, closed only by rodeo done or declined, overdue ones coming back, and their share."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.days import today
from releases.models import Severity
from squads.models import Retrospective, RetrospectiveAction, Squad, Story
from squads.retrospective_actions import queries
from squads.retrospective_actions.actions import decline, propose, start
from squads.retrospectives import actions as retrospectives
from squads.retrospectives.editing import edit
from squads.stories.actions import create_story, record_by_hand
from squads.stories.manual_evidence import take_back

DAY = timedelta(days=1)


@pytest.fixture
def row(payments: Squad, ana: User) -> Retrospective:
    made = retrospectives.create(payments, by=ana, kind="incident", title="Checkout was down")
    edit(made, by=ana, **{"section:summary": "It was down."})
    return retrospectives.publish(made, by=ana)


@pytest.fixture
def action(row: Retrospective, ana: User) -> RetrospectiveAction:
    return propose(row, by=ana, title="Warm the cache", kind="prevent")


def shown(browser: Client, url: str) -> str:
    return str(browser.get(url).content.decode())


def long_ago(action: RetrospectiveAction, days: int) -> RetrospectiveAction:
    RetrospectiveAction.objects.filter(pk=action.pk).update(proposed_at=clock.now() - days * DAY)
    action.refresh_from_db()
    return action


def finish(story: Story, by: User) -> Any:
    Squad.objects.filter(pk=story.squad_id).update(accepts_own=True)
    record_by_hand(story, by=by, kind="deployment", note="Deployed.")
    return record_by_hand(story, by=by, kind="acceptance", note="Seen.")


def test_it_is_proposed_on_the_page_and_due_in_thirty_days_where_nobody_says_otherwise(
    as_ana: Client, row: Retrospective
) -> None:
    url = f"{row.get_absolute_url()}actions/new/"
    assert as_ana.post(url, {"title": " ", "kind": "detect", "squad": "payments"}).status_code == 400
    yesterday = {"title": "Alert", "kind": "detect", "squad": "payments", "due": str(today() - DAY)}
    assert "This day is over" in as_ana.post(url, yesterday).content.decode()
    assert as_ana.post(url, {"title": "Alert", "kind": "detect", "squad": "payments"}).status_code == 302
    made = RetrospectiveAction.objects.get()
    assert made.due == today() + 30 * DAY and made.state == "proposed"
    assert "Alert" in shown(as_ana, row.get_absolute_url())


def test_the_worst_severity_is_due_in_fifteen_days_the_next_in_thirty_or_as_the_company_chose(
    row: Retrospective, ana: User
) -> None:
    Severity.objects.all().delete()
    for order, (name, days) in enumerate((("Outage", None), ("Bad", None), ("Minor", 90), ("Other", None)), 1):
        Severity.objects.create(name=name, order=order, due_days=days)
    for name, days in (("outage", 15), ("Bad", 30), ("Minor", 90), ("Other", 30), ("Nobody's", 30)):
        edit(row, by=ana, severity=name)
        assert propose(row, by=ana, title=name, kind="learn").due == today() + days * DAY, name


def test_its_story_is_offered_after_two_days_and_can_be_had_before(
    as_ana: Client, row: Retrospective, action: RetrospectiveAction
) -> None:
    assert "Create story now" in shown(as_ana, row.get_absolute_url())
    long_ago(action, 2)
    assert "Create story now" not in shown(as_ana, row.get_absolute_url())
    for _ in range(2):
        assert as_ana.post(f"/retrospectives/actions/{action.pk}/story/").status_code == 302
    story = Story.objects.get()
    assert (story.title, story.due, story.type) == ("Warm the cache", action.due, "chore")
    assert "under way" in shown(as_ana, row.get_absolute_url())


def test_no_story_says_where_it_is_from_since_that_may_be_restricted_one_day(row: Retrospective, ana: User) -> None:
    story = start(propose(row, by=ana, title="Warm the cache", kind="prevent"), by=ana)
    edit(row, by=ana, restricted=True)
    assert row.slug not in story.description and row.title not in story.description


def test_its_story_says_whose_action_it_is_to_those_who_can_read_that_and_costs_others_nothing(
    as_ana: Client,
    as_bo: Client,
    row: Retrospective,
    action: RetrospectiveAction,
    ana: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    story, other = start(action, by=ana), create_story(row.squad, by=ana, title="Warm the cache")
    pages, api = story.get_absolute_url(), f"/api/v1/stories/{story.key}/"
    at = f"{row.get_absolute_url()}#action-{action.pk}"
    assert f'Action of <a class="breaks" href="{at}"><bdi>Checkout was down' in shown(as_bo, pages)
    assert as_bo.get(api).json()["action_of"] == {"title": "Checkout was down", "url": at}
    edit(row, by=ana, restricted=True)
    assert at in shown(as_ana, pages) and as_ana.get(api).json()["action_of"]["url"] == at
    assert "Action of" not in shown(as_bo, pages) and row.slug not in shown(as_bo, pages)
    assert as_bo.get(api).json()["action_of"] is None
    assert as_ana.get(f"/api/v1/stories/{other.key}/").json()["action_of"] is None
    costs = []
    for url in (pages, other.get_absolute_url()):
        as_ana.get(url)
        with django_assert_max_num_queries(60) as asked:
            as_ana.get(url)
        costs.append(len(asked))
    assert costs[0] == costs[1] + 1


def test_actions_of_a_restricted_one_are_its_own_squads_to_do(row: Retrospective, ana: User, search: Squad) -> None:
    assert propose(row, by=ana, title="Tell us", kind="learn", squad=search).squad == search
    edit(row, by=ana, restricted=True)
    with pytest.raises(ValidationError, match="only Payments can do its actions"):
        propose(row, by=ana, title="Tell us more", kind="learn", squad=search)


def test_it_closes_when_its_story_is_rodeo_done_and_opens_again_when_that_is_withdrawn(
    as_ana: Client, row: Retrospective, action: RetrospectiveAction, ana: User
) -> None:
    story = start(action, by=ana)
    evidence = finish(story, ana)
    action = RetrospectiveAction.objects.get()
    assert action.state == "done"
    page = shown(as_ana, row.get_absolute_url())
    assert "rodeo done <time" in page and "Whether it helped is asked on" in page
    take_back(evidence, by=ana, because="It was another one.")
    assert RetrospectiveAction.objects.get().state == "under way"


def test_it_is_declined_with_a_reason_and_taken_up_again(
    as_ana: Client, row: Retrospective, action: RetrospectiveAction
) -> None:
    url = f"/retrospectives/actions/{action.pk}/"
    assert as_ana.post(f"{url}decline/", {"because": " "}).status_code == 400
    assert as_ana.post(f"{url}decline/", {"because": "It costs too much."}).status_code == 302
    assert "Ana declined it: <bdi>It costs too much.</bdi>" in shown(as_ana, row.get_absolute_url())
    assert as_ana.post(f"{url}decline/", {"because": "Again."}, follow=True).status_code == 200
    as_ana.post(f"{url}take-up/")
    assert RetrospectiveAction.objects.get().state == "proposed"


def test_a_declined_one_gets_no_story(action: RetrospectiveAction, ana: User) -> None:
    decline(action, by=ana, because="It costs too much.")
    with pytest.raises(ValidationError, match="declined"):
        start(action, by=ana)


def test_a_cancelled_story_leaves_the_decision_open(action: RetrospectiveAction, ana: User) -> None:
    from squads.endings.actions import cancel

    cancel(start(action, by=ana), by=ana, because="Other plans.")
    found = RetrospectiveAction.objects.get()
    assert found.state == "story cancelled" and found.is_open


def test_overdue_ones_are_on_home_and_open_the_next_retrospective(
    as_ana: Client, as_bo: Client, row: Retrospective, action: RetrospectiveAction, ana: User
) -> None:
    long_ago(action, 60)
    RetrospectiveAction.objects.update(due=today() - DAY)
    assert "Overdue actions" in shown(as_ana, "/") and "Overdue actions" not in shown(as_bo, "/")
    following = retrospectives.create(row.squad, by=ana, kind="sprint", title="Two weeks")
    page = shown(as_ana, following.get_absolute_url())
    assert "Still open from before" in page and "Warm the cache" in page
    assert "Still open from before" not in shown(as_ana, row.get_absolute_url())


def test_only_a_done_one_is_answered_about_and_it_can_be_before_anybody_asks(
    as_ana: Client, row: Retrospective, action: RetrospectiveAction, ana: User
) -> None:
    url = f"/retrospectives/actions/{action.pk}/helped/"
    refused = as_ana.post(url, {"helped": "yes"}, follow=True)
    assert "can’t become" in refused.content.decode()
    finish(start(action, by=ana), ana)
    assert as_ana.post(url, {"helped": "partly", "note": "Half as often."}).status_code == 302
    assert "Did it help? Partly. <bdi>Half as often.</bdi>" in shown(as_ana, row.get_absolute_url())


def test_the_share_counts_those_old_enough_and_says_what_is_left_out(
    as_ana: Client, row: Retrospective, ana: User
) -> None:
    assert "No action is 30 days old yet" in shown(as_ana, "/retrospectives/actions/")
    made = [propose(row, by=ana, title=f"Action {number}", kind="learn") for number in range(4)]
    finish(start(made[0], by=ana), ana)
    decline(made[1], by=ana, because="It costs too much.")
    for each in made[:3]:
        long_ago(each, 40)
    share = queries.share_done(ana)
    # The first was done, but forty days after it was proposed.
    assert (share.done, share.of, share.too_new, share.declined) == (0, 2, 1, 1)
    RetrospectiveAction.objects.filter(pk=made[0].pk).update(proposed_at=clock.now() - 29 * DAY)
    story = made[0].story
    assert story is not None
    RetrospectiveAction.objects.filter(pk=made[0].pk).update(proposed_at=clock.now() - 30 * DAY)
    assert queries.share_done(ana).done == 1
    assert "1 of 2 actions were rodeo done within 30 days" in shown(as_ana, "/retrospectives/actions/")


def test_actions_of_a_restricted_one_are_nowhere_for_who_cannot_read_it(
    as_bo: Client, as_ana: Client, row: Retrospective, action: RetrospectiveAction, ana: User
) -> None:
    edit(row, by=ana, restricted=True)
    assert "Warm the cache" in shown(as_ana, "/retrospectives/actions/")
    assert "Warm the cache" not in shown(as_bo, "/retrospectives/actions/")
    assert "Payments</option>" not in shown(as_bo, "/retrospectives/actions/")
    assert as_bo.get("/api/v1/retrospective-actions/").json()["count"] == 0
    assert as_bo.get(f"/api/v1/retrospective-actions/{action.pk}/").status_code == 404


def test_the_list_costs_no_more_with_more_of_them(
    as_ana: Client, row: Retrospective, ana: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        start(propose(row, by=ana, title=f"Action {number}", kind="learn"), by=ana)
    with django_assert_max_num_queries(12):
        as_ana.get("/retrospectives/actions/")
