"""A month after an action was rodeo done, the squad that did it is asked whether it helped; the dates say so, no timer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from portal.accounts.models import User
from portal.kernel import clock
from squads.models import ActionAnswer, Evidence, Retrospective, RetrospectiveAction, Squad
from squads.retrospective_actions.actions import propose, start
from squads.retrospectives import actions as retrospectives
from squads.retrospectives.editing import edit
from squads.stories.manual_evidence import take_back
from squads.teams.models import Membership
from tests.squads.retrospective_actions.test_actions import finish, shown

DAY = timedelta(days=1)
DONE = datetime(2026, 3, 2, 9, tzinfo=UTC)
LIST = "/retrospectives/actions/"
Go = Callable[[datetime], None]


@pytest.fixture
def go(monkeypatch: pytest.MonkeyPatch) -> Go:
    """Go to a moment."""
    return lambda at: monkeypatch.setattr(clock, "now", lambda: at)


@pytest.fixture
def row(go: Go, payments: Squad, ana: User) -> Retrospective:
    go(DONE - 20 * DAY)
    made = retrospectives.create(payments, by=ana, kind="incident", title="Checkout was down")
    edit(made, by=ana, **{"section:summary": "It was down."})
    return retrospectives.publish(made, by=ana)


@pytest.fixture
def action(row: Retrospective, ana: User) -> RetrospectiveAction:
    return propose(row, by=ana, title="Warm the cache", kind="prevent")


@pytest.fixture
def evidence(go: Go, action: RetrospectiveAction, ana: User) -> Evidence:
    """The action's story became rodeo done, by this acceptance."""
    go(DONE)
    found: Evidence = finish(start(action, by=ana), ana)
    return found


def answer(browser: Client, action: RetrospectiveAction, helped: str, note: str = "") -> int:
    return browser.post(f"{LIST}{action.pk}/helped/", {"helped": helped, "note": note}).status_code


def asks(browser: Client) -> bool:
    return "Did it help?" in shown(browser, "/")


def test_nobody_is_asked_a_second_before_the_month_is_over_and_the_squad_is_after_it(
    go: Go, as_ana: Client, as_bo: Client, action: RetrospectiveAction, evidence: Evidence
) -> None:
    go(DONE + 30 * DAY - timedelta(seconds=1))
    assert not asks(as_ana)
    page = shown(as_ana, action.retrospective.get_absolute_url())
    assert "Whether it helped is asked on" in page and "2026-04-01" in page
    go(DONE + 30 * DAY)
    assert asks(as_ana) and not asks(as_bo)
    assert f"{LIST}{action.pk}/helped/" in shown(as_ana, "/")


def test_the_list_has_those_that_are_asked_about_and_only_who_may_gets_a_link_to_answer(
    go: Go, as_ana: Client, as_bo: Client, action: RetrospectiveAction, evidence: Evidence
) -> None:
    go(DONE + 31 * DAY)
    assert "Did this action help?" in shown(as_bo, LIST)
    link = f"{LIST}{action.pk}/helped/"
    assert link in shown(as_ana, f"{LIST}?show=asked")
    page = shown(as_bo, f"{LIST}?show=asked")
    assert "Warm the cache" in page and link not in page
    assert "Payments can say" in shown(as_bo, action.retrospective.get_absolute_url())


def test_the_question_stands_at_the_top_of_the_squads_next_retrospective_and_of_no_other(
    go: Go, as_ana: Client, row: Retrospective, action: RetrospectiveAction, evidence: Evidence, ana: User
) -> None:
    go(DONE + 31 * DAY)
    following = retrospectives.create(row.squad, by=ana, kind="sprint", title="Two weeks")
    page = shown(as_ana, following.get_absolute_url())
    assert 'id="asked-title"' in page and "Warm the cache" in page
    assert 'id="asked-title"' not in shown(as_ana, row.get_absolute_url())


@pytest.mark.parametrize("said", ["yes", "partly", "no", "cant_say"])
def test_an_answer_ends_the_question_and_can_be_changed_and_every_answer_stays(
    go: Go, as_ana: Client, action: RetrospectiveAction, evidence: Evidence, said: str
) -> None:
    go(DONE + 31 * DAY)
    assert answer(as_ana, action, said, "Half as often.") == 302
    assert not asks(as_ana)
    go(DONE + 40 * DAY)
    other = "no" if said == "yes" else "yes"
    assert answer(as_ana, action, other) == answer(as_ana, action, other) == 302
    assert [(each.helped, each.note) for each in ActionAnswer.objects.all()] == [(other, ""), (said, "Half as often.")]
    page = shown(as_ana, f"{LIST}{action.pk}/helped/")
    assert "Answers so far" in page and "Half as often." in page and "Ana" in page
    assert "Change answer" in shown(as_ana, action.retrospective.get_absolute_url())


def test_what_is_no_longer_rodeo_done_is_asked_about_no_more_and_again_a_month_after_it_is(
    go: Go, as_ana: Client, action: RetrospectiveAction, evidence: Evidence, ana: User
) -> None:
    go(DONE + 31 * DAY)
    assert answer(as_ana, action, "yes") == 302
    go(DONE + 35 * DAY)
    take_back(evidence, by=ana, because="It was another one.")
    assert not asks(as_ana)
    again = DONE + 50 * DAY
    go(again)
    story = RetrospectiveAction.objects.get().story
    assert story is not None
    finish(story, ana)
    go(again + 29 * DAY)
    assert not asks(as_ana)
    go(again + 30 * DAY)
    assert asks(as_ana)
    page = shown(as_ana, action.retrospective.get_absolute_url())
    assert "before it was rodeo done again" in page
    # The same answer as before is one of today.
    assert answer(as_ana, action, "yes") == 302
    assert not asks(as_ana) and ActionAnswer.objects.count() == 2


def test_a_restricted_one_is_asked_about_only_before_who_can_read_it(
    go: Go,
    as_ana: Client,
    as_bo: Client,
    row: Retrospective,
    action: RetrospectiveAction,
    evidence: Evidence,
    ana: User,
) -> None:
    edit(row, by=ana, restricted=True)
    go(DONE + 31 * DAY)
    assert "Warm the cache" in shown(as_ana, f"{LIST}?show=asked")
    for url in (LIST, f"{LIST}?show=asked"):
        page = shown(as_bo, url)
        assert "Warm the cache" not in page and "Did this action help?" not in page
    assert as_bo.get(f"{LIST}{action.pk}/helped/").status_code == 404
    assert as_bo.get(f"/api/v1/retrospective-actions/{action.pk}/answers/").status_code == 404
    assert as_bo.get("/api/v1/retrospective-actions/?asked=true").json()["count"] == 0


def test_another_squad_that_did_it_is_asked_and_can_answer(
    go: Go, as_bo: Client, row: Retrospective, search: Squad, ana: User, bo: User
) -> None:
    made = propose(row, by=ana, title="Index sooner", kind="detect", squad=search)
    go(DONE)
    finish(start(made, by=bo), bo)
    go(DONE + 31 * DAY)
    assert asks(as_bo)
    assert f"{LIST}{made.pk}/helped/" in shown(as_bo, row.get_absolute_url())
    assert answer(as_bo, made, "yes") == 302


def test_the_api_lists_what_is_asked_takes_answers_and_keeps_them(
    go: Go, as_ana: Client, action: RetrospectiveAction, evidence: Evidence
) -> None:
    api = "/api/v1/retrospective-actions/"
    go(DONE + 29 * DAY)
    assert as_ana.get(f"{api}?asked=true").json()["count"] == 0
    assert as_ana.get(f"{api}{action.pk}/").json()["asked_at"] == "2026-04-01T09:00:00Z"
    go(DONE + 31 * DAY)
    assert [each["id"] for each in as_ana.get(f"{api}?asked=true").json()["results"]] == [action.pk]
    assert as_ana.get(f"{api}?asked=maybe").status_code == 400
    wrong: Any = as_ana.post(f"{api}{action.pk}/answers/", {"helped": "maybe"}, content_type="application/json")
    assert wrong.status_code == 400
    said = as_ana.post(f"{api}{action.pk}/answers/", {"helped": "cant_say"}, content_type="application/json")
    assert said.status_code == 201 and said.json()["helped"] == "cant_say" and said.json()["helped_by"] == "ana"
    assert as_ana.get(f"{api}{action.pk}/answers/").json()["results"][0]["by"] == "ana"


def test_asking_costs_the_same_however_many_are_asked_about(
    go: Go,
    as_ana: Client,
    row: Retrospective,
    ana: User,
    payments: Squad,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    costs = []
    for count in (1, 6):
        go(DONE)
        for number in range(count):
            finish(start(propose(row, by=ana, title=f"Action {number}", kind="learn"), by=ana), ana)
        go(DONE + 31 * DAY)
        found = []
        for url in ("/", f"{LIST}?show=asked", row.get_absolute_url()):
            # The first request of a month also says that this person was seen.
            as_ana.get(url)
            with django_assert_max_num_queries(40) as asked:
                as_ana.get(url)
            found.append(len(asked))
        costs.append(found)
    assert costs[0] == costs[1]


def test_whoever_left_the_squad_is_asked_no_more(
    go: Go, as_ana: Client, action: RetrospectiveAction, evidence: Evidence, ana: User
) -> None:
    Membership.objects.filter(user=ana).delete()
    go(DONE + 31 * DAY)
    assert not asks(as_ana)
    assert answer(as_ana, action, "yes") == 403


def test_answers_of_before_there_was_a_history_are_the_first_of_it(action: RetrospectiveAction) -> None:
    RetrospectiveAction.objects.update(helped="no", helped_note="As often.", helped_at=DONE)
    import_module("squads.migrations.0028_ask_whether_actions_helped").keep_answers(apps, None)
    assert [(each.helped, each.note, each.at, each.by) for each in ActionAnswer.objects.all()] == [
        ("no", "As often.", DONE, None)
    ]
