"""Operators of the search: squad:, is:, release: and type:, their values, and what is said where they mean nothing."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import outbox
from portal.search.actions import index
from portal.search.operators import completions
from portal.search.queries import find
from releases.planning.actions import create_release
from squads.endings.actions import cancel
from squads.models import Squad, Story
from squads.stories import editing
from squads.stories.actions import create_story
from squads.stories.ranking import block

pytestmark = pytest.mark.django_db


@pytest.fixture
def stories(ana: User, bo: User, payments: Squad, search: Squad) -> dict[str, Story]:
    """Stories of two squads that all are about cards, in every state that an operator asks for."""
    release = create_release(by=ana, version="5.10", line="Shop")
    create_release(by=ana, version="5.11", line="Shop")

    def make(squad: Squad, title: str, by: User = ana, **fields: Any) -> Story:
        return create_story(squad, by=by, title=title, **fields)

    made = {
        "plain": make(payments, "Gift cards"),
        "defect": make(payments, "Cards are declined", type="defect", release=release),
        "blocked": make(payments, "Cards by post"),
        "begun": make(search, "Find cards", by=bo),
        "cancelled": make(search, "Cards on paper", by=bo),
    }
    block(made["blocked"], by=ana, because="the bank")
    made["begun"].move_progress("in_progress", by=bo)
    cancel(made["cancelled"], by=bo, because="nobody wants them")
    editing.put(made["plain"], "assignees", ana, True, by=ana)
    editing.put(made["begun"], "assignees", bo, True, by=bo)
    outbox.deliver()
    index("squad", [payments.pk, search.pk])
    return made


def keys(text: str, **options: Any) -> set[str]:
    return {hit.key for hit in find(text, **options).hits}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("squad:payments", {"PAY-1", "PAY-2", "PAY-3"}),
        ("squad:PAY cards", {"PAY-1", "PAY-2", "PAY-3"}),
        ('squad:"Payments" gift', {"PAY-1"}),
        ("cards squad:search", {"SEA-1", "SEA-2"}),
        ("is:blocked", {"PAY-3"}),
        ("is:open cards", {"PAY-1", "PAY-2", "PAY-3", "SEA-1"}),
        ("is:in_progress", {"SEA-1"}),
        ('is:"in progress" cards', {"SEA-1"}),
        ("is:to-do squad:payments", {"PAY-1", "PAY-2", "PAY-3"}),
        ("is:done", set()),
        ("is:cancelled", {"SEA-2"}),
        ("release:5.10", {"PAY-2"}),
        ("release:v5.10", {"PAY-2"}),
        ('release:"Shop 5.10" declined', {"PAY-2"}),
        ("release:shop-5.10", {"PAY-2"}),
        ("release:none is:blocked", {"PAY-3"}),
        ("release:5.11", set()),
        ("assignee:ana", {"PAY-1"}),
        ("assignee:Bo cards", {"SEA-1"}),
        ("assignee:none squad:payments", {"PAY-2", "PAY-3"}),
        ("type:defect", {"PAY-2"}),
        ("type:story gift", {"PAY-1"}),
        ("type:squad search", {"SEA"}),
        ("type:release", {"5.10", "5.11"}),
        ("PAY-1 is:open", {"PAY-1"}),
        ("PAY-1 is:blocked", set()),
        ("crads squad:search is:in_progress", {"SEA-1"}),
    ],
)
def test_operators_narrow_what_is_found(stories: dict[str, Story], typed: str, found: set[str]) -> None:
    assert keys(typed) == found


def test_mine_is_of_whoever_searches(stories: dict[str, Story], ana: User, bo: User) -> None:
    assert keys("is:mine", me=bo) == keys("assignee:me", me=bo) == {"SEA-1"}
    assert keys("is:mine is:open gift", me=ana) == {"PAY-1"}
    assert find("is:mine").problem == "Sign in to use is:mine."


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("assignee:anna", "There’s no one called “anna”. Did you mean “Ana”?"),
        ("squad:paymnets", "There’s no squad “paymnets”. Did you mean “Payments”?"),
        ("squad:pay-", "There’s no squad “pay-”. There are: Payments, Search."),
        ("is:blokced", "There’s no filter is:blokced. Did you mean “blocked”?"),
        ("release:shop-6.10 cards", "There’s no release “shop-6.10”. Did you mean “Shop 5.10”?"),
        (
            "type:bug",
            "There is no type “bug”. There are: user_story, defect, chore, story, release, squad, service, …",
        ),
        (
            "type:release squad:search",
            "Nothing can match all of these: operators filter stories, and type: chooses another kind.",
        ),
    ],
)
def test_a_value_that_means_nothing_is_told_with_what_was_perhaps_meant(
    stories: dict[str, Story], as_ana: Client, typed: str, said: str
) -> None:
    found = find(typed)
    assert found.hits == [] and found.problem == said
    assert as_ana.get("/search/", {"q": typed}).context["found"].problem == found.problem
    refused = as_ana.get("/api/v1/search/", {"q": typed})
    assert refused.status_code == 400 and refused.json()["errors"][0] == {
        "attr": "q",
        "code": "invalid",
        "detail": found.problem,
    }


def test_what_is_no_operator_is_text_and_said_so(stories: dict[str, Story], as_ana: Client) -> None:
    found = find("squat:payments")
    assert found.note == "“squat:” isn’t an operator, so it was searched as text. Did you mean “squad:”?"
    assert find('"squat:payments"').note == "" == find("https://example.org/cards").note == find("10:30").note
    assert {hit.key for hit in find('"gift cards"').hits} == {"PAY-1"}
    page = as_ana.get("/search/", {"q": "squat:payments"}).content.decode()
    assert "Did you mean “squad:”?" in page and 'value="squat:payments"' in page


def test_completions_are_offered_for_operators_and_their_values(stories: dict[str, Story], as_ana: Client) -> None:
    assert [each.text for each in completions("gift sq", None)] == ["gift squad:"]
    assert [each.text for each in completions("gift squad:", None)] == ["gift squad:payments ", "gift squad:search "]
    assert [each.text for each in completions("squad:SEA", None)] == ["squad:search "]
    assert completions("squad:search", None) == completions("nothing of that", None) == []
    assert ("is:blocked ", "blocked") in completions("is:bl", None)
    options = as_ana.get("/search/suggestions/", {"q": "release:sh"}).content.decode()
    assert 'data-fill="release:shop-5.10 "' in options and 'data-fill="release:shop-5.11 "' in options


def test_operators_cost_a_few_queries(stories: dict[str, Story], ana: User) -> None:
    for typed in ("squad:payments is:open release:none cards", "is:blocked", "type:squad", "squad:nothing"):
        with CaptureQueriesContext(connection) as queries:
            find(typed, me=ana)
        assert len(queries) <= 12, typed


def test_nothing_is_found_twice_and_the_newest_comes_first(
    payments: Squad, ana: User, stories: dict[str, Story]
) -> None:
    def found() -> list[str]:
        return [hit.key for hit in find("squad:payments").hits]

    assert found() == ["PAY-3", "PAY-2", "PAY-1"]
    create_story(payments, by=ana, title="Newest")
    outbox.deliver()
    assert found()[0] == "PAY-4"
