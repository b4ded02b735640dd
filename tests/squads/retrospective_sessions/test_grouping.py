"""Moving many cards at once, and what becomes of votes when groups or limits change."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from squads.models import Ballot, CardGroup, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.actions import change_rules, move_phase
from squads.retrospective_sessions.moves import move_card
from squads.retrospective_sessions.voting import counted

pytestmark = pytest.mark.django_db
SCRIPT = {"Accept": "application/json"}


def seen(cards: Iterable[SessionCard]) -> list[str]:
    return [f"{card.pk}:{card.group_id}" for card in cards]


def move(browser: Client, address: str, cards: list[str], to: Any) -> Any:
    return browser.post(f"{address}groups/", {"card": cards, "to": str(to)}, headers=SCRIPT)


@pytest.fixture
def many(revealed: RetrospectiveSession) -> list[SessionCard]:
    """150 more cards, each in a group of its own."""
    groups = [CardGroup(session=revealed, section="factors", position=10 + number) for number in range(150)]
    cards = [SessionCard(session=revealed, group=group, section="factors", text="Slow") for group in groups]
    CardGroup.objects.bulk_create(groups)
    return SessionCard.objects.bulk_create(cards)


def test_more_cards_than_one_can_move_at_once_are_refused_and_none_moves(
    as_ana: Client, revealed: RetrospectiveSession, many: list[SessionCard], address: str
) -> None:
    target = revealed.groups.first()
    assert target is not None
    refused = move(as_ana, address, seen(many), target.pk)
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "You can move up to 100 cards at once, and 150 are ticked. Untick some.",
    )
    assert target.cards.count() == 1


def test_moving_a_hundred_cards_asks_the_database_as_often_as_moving_two(
    as_ana: Client,
    revealed: RetrospectiveSession,
    many: list[SessionCard],
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("portal.kernel.live._publish", lambda *said: told.append(said))
    target = revealed.groups.first()
    assert target is not None
    for voter in ("a", "b", "c"):
        Ballot.objects.create(session=revealed, voter=voter, votes={str(card.group_id): 1 for card in many})
    counts = []
    for some in (many[:2], many[2:102]):
        version = RetrospectiveSession.objects.get(pk=revealed.pk).version
        with (
            CaptureQueriesContext(
                connection,
            ) as asked,
            django_capture_on_commit_callbacks(execute=True),
        ):
            assert move(as_ana, address, seen(some), target.pk).status_code == 204
        counts.append(len(asked))
        assert RetrospectiveSession.objects.get(pk=revealed.pk).version == version + 1
    assert len(told) == 2
    assert counts[0] == counts[1] <= 32
    assert target.cards.count() == 103
    assert {len(ballot.votes) for ballot in Ballot.objects.all()} == {48}


def test_a_group_of_their_own_is_one_group_for_all_ticked_cards(
    as_ana: Client, revealed: RetrospectiveSession, address: str
) -> None:
    cards = list(revealed.cards.all())
    assert move(as_ana, address, seen(cards), "own").status_code == 204
    assert revealed.groups.count() == 1
    # Sent once more after a lost connection, nothing changes.
    only = revealed.groups.get()
    assert move(as_ana, address, seen(cards), "own").status_code == 204
    assert revealed.groups.get() == only
    # And one leaves it again.
    one = revealed.cards.first()
    assert one is not None
    assert move(as_ana, address, seen([one]), "own").status_code == 204
    assert revealed.groups.count() == 2


def test_cards_that_are_a_group_of_their_own_already_keep_it_with_its_name_and_votes(
    as_ana: Client, revealed: RetrospectiveSession, lea: User, address: str
) -> None:
    card = revealed.cards.first()
    assert card is not None
    CardGroup.objects.filter(pk=card.group_id).update(name="Warning")
    move_phase(revealed, "vote", by=lea)
    said = {"group": str(card.group_id), "votes": "2"}
    assert as_ana.post(f"{address}votes/", said, headers=SCRIPT).status_code == 204
    move_phase(revealed, "group", by=lea)
    assert move(as_ana, address, seen([card]), "own").status_code == 204
    card.refresh_from_db()
    assert (str(card.group_id), card.group.name) == (said["group"], "Warning")
    assert Ballot.objects.get().votes == {said["group"]: 2}


def test_cards_that_someone_else_moved_stay_and_the_others_go_where_they_should(
    as_mia: Client, revealed: RetrospectiveSession, ana: User, address: str
) -> None:
    first, second, third = revealed.cards.all()
    before = seen([first, second])
    move_card(revealed, first.pk, by=ana, leaving=first.group_id, to=third.group_id)
    answer = move(as_mia, address, before, "own")
    assert answer.status_code == 409
    assert answer.json()["message"] == (
        f"Someone else moved “{first.text}” meanwhile. It’s still here: look where it is now."
    )
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.group_id == third.group_id
    assert second.group.cards.count() == 1


@pytest.mark.parametrize(
    ("cards", "to", "said"),
    [
        ([], "own", "Tick the cards to move first."),
        (["x:y"], "own", "“card” must be a card of this session. Reload the page, then choose one."),
        (["known"], "z", "“to” must be a group of this session. Reload the page, then choose one."),
        ([f"{uuid4()}:{uuid4()}", "known"], "own", "This session has no such card. Look again."),
        (["known"], uuid4(), "That group is gone: its cards were moved meanwhile. Choose another."),
    ],
)
def test_what_cant_be_moved_is_said_in_plain_words_and_nothing_moves(
    as_ana: Client, revealed: RetrospectiveSession, address: str, cards: list[str], to: Any, said: str
) -> None:
    known = seen(revealed.cards.all())[:1]
    refused = move(as_ana, address, [known[0] if each == "known" else each for each in cards], to)
    assert (refused.status_code, refused.json()["message"]) == (400, said)
    assert seen(revealed.cards.all())[:1] == known


def test_a_number_that_is_none_is_refused_by_the_name_of_its_field(
    as_ana: Client, revealed: RetrospectiveSession, address: str
) -> None:
    group = revealed.groups.first()
    assert group is not None
    refused = as_ana.post(f"{address}votes/", {"group": str(group.pk), "votes": "many"}, headers=SCRIPT)
    assert refused.json()["message"] == "“votes” must be a whole number, such as 1."


def test_votes_over_a_limit_that_was_lowered_arent_counted_until_it_is_raised_again(
    as_ana: Client, as_mia: Client, revealed: RetrospectiveSession, lea: User, address: str
) -> None:
    change_rules(revealed, by=lea, votes_each=5, votes_on_one=3)
    session = move_phase(revealed, "vote", by=lea)
    first, second, third = session.groups.all()
    for browser in (as_ana, as_mia):
        for group, votes in ((first, 3), (second, 1), (third, 1)):
            said = {"group": str(group.pk), "votes": str(votes)}
            assert browser.post(f"{address}votes/", said, headers=SCRIPT).status_code == 204
    change_rules(session, by=lea, votes_each=2, votes_on_one=1)
    assert "only 1 counts now" in as_ana.get(address).content.decode()
    move_phase(session, "discuss", by=lea)
    assert [group.votes for group in session.groups.all()] == [2, 2, 0]
    move_phase(session, "vote", by=lea)
    change_rules(session, by=lea, votes_each=5, votes_on_one=3)
    move_phase(session, "discuss", by=lea)
    assert [group.votes for group in session.groups.all()] == [6, 2, 2]


@pytest.mark.parametrize(
    ("votes", "each", "on_one", "count"),
    [
        ({"a": 2, "b": 1}, 5, 2, {"a": 2, "b": 1}),
        ({"a": 3}, 5, 1, {"a": 1}),
        ({"c": 3, "a": 1}, 3, 3, {"a": 1, "c": 2}),
        ({"a": 1, "b": 1, "c": 1}, 2, 1, {"a": 1, "b": 1, "c": 0}),
        ({"gone": 2, "b": 1}, 1, 1, {"b": 1}),
        ({}, 1, 1, {}),
    ],
)
def test_votes_count_up_to_the_limits_of_a_person(
    votes: dict[str, int], each: int, on_one: int, count: dict[str, int]
) -> None:
    assert counted(votes, ["a", "b", "c"], each=each, on_one=on_one) == count
