"""Sessions of retrospectives, as people use them: opening one, its phases, cards, groups, votes, and what comes of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import clock
from squads.models import (
    Ballot,
    CardGroup,
    HiddenCards,
    Retrospective,
    RetrospectiveAction,
    RetrospectiveSession,
    SessionCard,
    Squad,
)
from squads.retrospective_actions.actions import propose
from squads.retrospective_sessions import queries
from squads.retrospective_sessions.actions import change_rules, move_phase
from squads.retrospective_sessions.contributing import FewContributors, new_secret, own_cards, remove_card, write_card
from squads.retrospective_sessions.moves import move_card
from squads.retrospectives.actions import add_entry, create
from squads.retrospectives.editing import edit
from tests.squads.retrospective_sessions.conftest import Write

pytestmark = pytest.mark.django_db
SCRIPT = {"Accept": "application/json"}


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def cards_of(session: RetrospectiveSession) -> dict[str, SessionCard]:
    return {card.text: card for card in SessionCard.objects.filter(session=session).select_related("group")}


# Opening


def test_a_writer_opens_a_session_and_asks_for_a_facilitator(
    as_ana: Client, payments: Squad, ana: User, bo: User
) -> None:
    row = create(payments, by=ana, kind="incident", title="Slow checkout")
    place = f"/retrospectives/{row.slug}/session/"
    assert "Open a session" in text_of(as_ana.get(place))
    refused = as_ana.post(f"{place}opening/", {"anonymous": "on"})
    assert refused.status_code == 400
    assert "Choose who facilitates" in text_of(refused)
    assert as_ana.post(f"{place}opening/", {"anonymous": "on", "facilitator": "bo"}).status_code == 302
    row.refresh_from_db()
    assert row.facilitator == bo
    assert queries.session_of(row) is not None
    page = text_of(as_ana.get(place))
    assert "Bo facilitates." in page
    assert "Cards are anonymous." in page


def test_opening_twice_returns_the_one_session(as_ana: Client, session: RetrospectiveSession, address: str) -> None:
    assert as_ana.post(f"{address}opening/", {"anonymous": "", "facilitator": "lea"}).status_code == 302
    assert [each.anonymous for each in RetrospectiveSession.objects.all()] == [True]


def test_a_facilitator_whom_the_timeline_shows_involved_is_warned_of(
    as_ana: Client, retrospective: Retrospective, ana: User, lea: User, address: str
) -> None:
    add_entry(retrospective, by=ana, text="@lea rolled back", at=clock.now())
    warned = as_ana.post(f"{address}opening/", {"anonymous": "on", "facilitator": "lea"})
    assert warned.status_code == 400
    assert "Lea is named in the timeline, so may have been involved" in text_of(warned)
    assert queries.session_of(retrospective) is None
    # Nobody is kept from it: asked again with the same person, it opens, and the page goes on saying it.
    again = {"anonymous": "on", "facilitator": "lea", "asked": "lea"}
    assert as_ana.post(f"{address}opening/", again).status_code == 302
    assert "so may have been involved" in text_of(as_ana.get(address))


def test_involvement_is_entries_of_theirs_and_their_names_but_no_part_of_another_word(
    retrospective: Retrospective, ana: User, lea: User
) -> None:
    assert queries.involvement(retrospective, lea) == []
    edit(retrospective, by=ana, **{"section:impact": "Please release the leash."})
    assert queries.involvement(retrospective, lea) == []
    rodeo = User.objects.create_user("rodeo")
    add_entry(retrospective, by=ana, text="PAY-4: rodeo done", at=clock.now())
    assert queries.involvement(retrospective, rodeo) == []
    add_entry(retrospective, by=lea, text="Traffic grew", at=clock.now())
    edit(retrospective, by=ana, **{"section:impact": "Lea saw it first."})
    assert queries.involvement(retrospective, lea) == ["wrote entries of the timeline", "is named in the text"]


def test_readers_take_part_only_where_the_session_is_for_them(
    as_bo: Client, session: RetrospectiveSession, retrospective: Retrospective, ana: User, lea: User, address: str
) -> None:
    assert as_bo.get(address).status_code == 404
    Retrospective.objects.filter(pk=retrospective.pk).update(state="in_review")
    assert as_bo.get(address).status_code == 403
    change_rules(session, by=lea, for_readers=True)
    assert as_bo.get(address).status_code == 200
    said = {"section": "factors", "text": "From outside"}
    assert as_bo.post(f"{address}cards/", said).status_code == 200
    # Taking part is not steering.
    assert as_bo.post(f"{address}phase/", {"to": "group"}).status_code == 403
    Retrospective.objects.filter(pk=retrospective.pk).update(restricted=True)
    assert as_bo.get(address).status_code == 404


# Writing


def test_a_card_is_seen_by_nobody_else_until_it_is_revealed(
    as_ana: Client, as_lea: Client, as_mia: Client, session: RetrospectiveSession, write: Write, lea: User, mia: User,
    address: str,
) -> None:  # fmt: skip
    said = {"section": "factors", "text": "Alerts came late"}
    mine = as_ana.post(f"{address}cards/", said)
    assert "Alerts came late" in mine.content.decode()
    write(lea, "The cache was cold")
    write(mia, "Rollback was quick", "went_well")
    for browser in (as_ana, as_lea, as_mia):
        for place in (address, f"{address}parts/"):
            assert "Alerts" not in browser.get(place).content.decode()
    assert as_lea.post(f"{address}phase/", {"to": "group"}).status_code == 302
    for browser in (as_ana, as_lea, as_mia):
        assert "Alerts came late" in browser.get(address).content.decode()


def test_its_writer_changes_and_removes_a_card_without_javascript(
    as_ana: Client, session: RetrospectiveSession, address: str
) -> None:
    said = {"section": "factors", "text": "Alerts came late"}
    page = as_ana.post(f"{address}cards/", said).content.decode()
    secret = re.search(r'name="card" value="([^"]+)"', page)
    assert secret is not None
    own = {"card": secret[1], "mine": secret[1]}
    changed = as_ana.post(f"{address}cards/", {**own, "do": "change", "text": "Alerts came too late"})
    assert "Alerts came too late" in changed.content.decode()
    gone = as_ana.post(f"{address}cards/", {**own, "do": "remove"})
    assert "Alerts" not in gone.content.decode()
    assert "There are no cards yet." in text_of(as_ana.get(address))


def test_a_card_is_changed_only_with_its_secret_and_no_more_after_the_reveal(
    as_ana: Client,
    as_bo: Client,
    session: RetrospectiveSession,
    write: Write,
    ana: User,
    lea: User,
    mia: User,
    address: str,
) -> None:
    secret = write(ana, "Alerts came late")
    guessed = {"do": "change", "card": new_secret(), "text": "Mine now"}
    refused = as_ana.post(f"{address}cards/", guessed, headers=SCRIPT)
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "This browser has no such card here. It may be removed already.",
    )
    assert own_cards(session, [secret, "guessed"]) == [(secret, "factors", "Alerts came late")]
    write(lea, "The cache was cold")
    write(mia, "Rollback was quick")
    move_phase(session, "group", by=lea)
    assert own_cards(session, [secret]) == []
    late = as_ana.post(f"{address}cards/", {"do": "change", "card": secret, "text": "Too late"}, headers=SCRIPT)
    assert late.status_code == 400
    assert "Alerts came late" in cards_of(session)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": "  "}, "Write something first."),
        ({"text": "x" * 1001}, "This has over 1,000 characters. Shorten it, or make two cards of it."),
        ({"section": "summary"}, "This retrospective has no such section for cards. Choose one of its columns."),
        ({"do": "read"}, "Send “do” as write, change or remove."),
    ],
)
def test_what_is_wrong_with_a_card_is_said_and_what_was_typed_stays(
    as_ana: Client, session: RetrospectiveSession, address: str, wrong: dict[str, str], said: str
) -> None:
    body = {"do": "write", "section": "factors", "text": "Alerts", **wrong}
    answer = as_ana.post(f"{address}cards/", body)
    assert answer.status_code == 400
    assert said in text_of(answer)
    if wrong.get("text", "").startswith("x"):
        assert wrong["text"] in answer.content.decode()


def test_writing_a_card_changes_one_row_and_tells_nothing(
    session: RetrospectiveSession, as_ana: Client, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    from tests.squads.retrospective_sessions.attack import dump_of

    told: list[Any] = []
    monkeypatch.setattr("portal.kernel.live._publish", told.append)
    before = dump_of()
    body = {"section": "factors", "text": "Alerts came late"}
    caplog.clear()
    assert as_ana.post(f"{address}cards/", body, headers=SCRIPT).status_code == 200
    assert as_ana.post(f"{address}cards/", {**body, "text": ""}, headers=SCRIPT).status_code == 400
    after = dump_of()
    assert {name for name in after if after[name] != before[name]} == {"squads_hiddencards"} or {
        # PostgreSQL writes into the session's row which transaction held it.
        name
        for name in after
        if [row[2:] for row in after[name]] != [row[2:] for row in before[name]]
    } == {"squads_hiddencards"}
    assert (told, [each.getMessage() for each in caplog.records]) == ([], [])
    assert len(str(after["squads_hiddencards"])) == len(str(before["squads_hiddencards"]))


def test_every_answer_to_a_card_is_of_one_length(as_ana: Client, session: RetrospectiveSession, address: str) -> None:
    body = {"section": "factors"}
    answers = [
        as_ana.post(f"{address}cards/", {**body, "text": "x" * length}, headers=SCRIPT) for length in (1, 10, 1000)
    ]
    last = {"do": "change", "card": answers[0].json()["card"], "text": "other"}
    answers.append(as_ana.post(f"{address}cards/", last, headers=SCRIPT))
    assert len({len(answer.content) for answer in answers}) == 1
    pages = [as_ana.post(f"{address}cards/", {**body, "text": "x" * length}) for length in (1, 300)]
    assert len({len(page.content) for page in pages}) == 1
    assert [page.headers.get("Content-Encoding") for page in pages] == [None, None]


def test_hidden_cards_are_unreadable_in_the_database_and_say_when_their_key_is_missing(
    session: RetrospectiveSession, write: Write, ana: User, as_ana: Client, address: str, settings: Any
) -> None:
    from cryptography.fernet import Fernet

    write(ana, "Alerts came late")
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM squads_hiddencards")
        (sealed,) = cursor.fetchone()
    # Fernet's own time is the first of 1970.
    assert Fernet(settings.RODEO_FIELD_KEYS[0].encode()).extract_timestamp(sealed.encode()) == 0
    assert "Alerts" not in sealed
    settings.RODEO_FIELD_KEYS = [Fernet.generate_key().decode()]
    assert "the key they were saved with is missing from RODEO_FIELD_KEYS" in text_of(as_ana.get(address))
    body = {"section": "factors", "text": "More"}
    assert as_ana.post(f"{address}cards/", body).status_code == 400
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM squads_hiddencards")
        assert cursor.fetchone() == (sealed,)


def test_after_a_backup_was_restored_the_page_says_that_hidden_cards_are_gone(
    session: RetrospectiveSession, write: Write, ana: User, as_ana: Client, address: str
) -> None:
    write(ana, "Alerts came late")
    HiddenCards.objects.all().delete()
    lost = "A backup was restored while this phase was open."
    assert lost in text_of(as_ana.get(address))
    write(ana, "Alerts came late")
    assert lost in text_of(as_ana.get(address))


def test_whether_a_session_is_anonymous_can_be_changed_until_the_first_card(
    as_lea: Client, session: RetrospectiveSession, write: Write, ana: User, address: str
) -> None:
    rules = {"votes_each": "5", "votes_on_one": "2", "choosable": "1"}
    assert as_lea.post(f"{address}rules/", rules).status_code == 302
    assert as_lea.post(f"{address}rules/", {**rules, "anonymous": "on"}).status_code == 302
    write(ana, "Alerts came late")
    refused = as_lea.post(f"{address}rules/", rules)
    assert refused.status_code == 400
    assert "There are cards already, so this can’t be changed." in text_of(refused)
    session.refresh_from_db()
    assert session.anonymous
    # Neither by removing it again.
    assert 'name="anonymous"' not in as_lea.get(address).content.decode()


def test_an_api_token_writes_no_card_and_a_squads_program_takes_no_part(
    session: RetrospectiveSession, ana: User, payments: Squad
) -> None:
    from django.core.exceptions import PermissionDenied

    from portal.accounts.actions import make_token
    from portal.accounts.queries import acting, token_behind

    for owner in ({"user": ana}, {"squad": payments}):
        _, secret = make_token(by=ana, name="Script", scopes=["read", "write"], days=7, **owner)  # type: ignore[arg-type]
        token = token_behind(secret)
        assert token is not None
        with pytest.raises(PermissionDenied):
            write_card(session, by=acting(token), section="factors", text="Hello")


def test_a_card_that_was_meant_to_be_anonymous_is_not_taken_once_cards_are_signed(
    as_ana: Client, as_mia: Client, session: RetrospectiveSession, lea: User, address: str
) -> None:
    before = as_mia.get(address).content.decode()
    assert 'name="signed"' not in before
    change_rules(session, by=lea, anonymous=False)
    body = {"do": "write", "section": "factors", "text": "The rota has no second person"}
    refused = as_mia.post(f"{address}cards/", body)
    assert refused.status_code == 400
    assert "Cards of this session show who wrote them. Nothing was saved." in text_of(refused)
    assert "The rota has no second person" in text_of(refused)
    assert as_mia.post(f"/api/v1{address}cards/", body, content_type="application/json").status_code == 400
    assert 'name="signed" value="1"' in as_mia.get(address).content.decode()
    assert as_mia.post(f"{address}cards/", {**body, "signed": "1"}).status_code == 200
    move_phase(session, "group", by=lea)
    late = {"do": "write", "section": "factors", "text": "Late"}
    assert as_ana.post(f"{address}cards/", late).status_code == 400
    assert as_ana.post(f"{address}cards/", {**late, "signed": "1"}).status_code == 302


def test_people_are_counted_whatever_they_write_with(
    as_ana: Client, session: RetrospectiveSession, write: Write, ana: User, mia: User, address: str
) -> None:
    body = {"section": "factors", "text": "Alerts came late"}
    for _ in range(3):
        assert as_ana.post(f"{address}cards/", body).status_code == 200
    assert "There are cards from one person so far." in text_of(as_ana.get(address))
    own = write(mia, "Mine")
    assert "There are cards from 2 people so far." in text_of(as_ana.get(address))
    remove_card(session, by=mia, secret=own)
    assert "There are cards from one person so far." in text_of(as_ana.get(address))


@pytest.mark.parametrize("part", ["cards/", "votes/"])
@pytest.mark.parametrize("door", ["", "/api/v1"])
def test_what_is_refused_is_in_no_log(
    as_ana: Client, session: RetrospectiveSession, address: str, caplog: pytest.LogCaptureFixture, part: str, door: str
) -> None:
    body = {"do": "write", "section": "factors", "text": "", "votes": "x"}
    kind = {"content_type": "application/json"} if door else {}
    answer = as_ana.post(f"{door}{address}{part}", body, **kind)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert [each.getMessage() for each in caplog.records] == []


# Revealing


def test_with_fewer_than_three_contributors_the_page_says_so_and_the_reveal_waits(
    as_ana: Client,
    as_lea: Client,
    session: RetrospectiveSession,
    write: Write,
    ana: User,
    lea: User,
    mia: User,
    address: str,
) -> None:
    assert "With fewer than three, they can’t be anonymous" in text_of(as_ana.get(address))
    write(ana, "Alerts came late")
    write(ana, "Another of mine")
    write(lea, "The cache was cold")
    held = as_lea.post(f"{address}phase/", {"to": "group"})
    assert held.status_code == 400
    assert "There are cards from 2 people only, so they can’t be anonymous." in text_of(held)
    assert "Reveal anyway" in text_of(held)
    session.refresh_from_db()
    assert session.phase == "reflect"
    write(mia, "Rollback was quick")
    assert "fewer than three" not in text_of(as_ana.get(address))
    assert as_lea.post(f"{address}phase/", {"to": "group"}).status_code == 302


def test_cards_revealed_with_too_few_contributors_are_never_called_anonymous(
    as_ana: Client, as_lea: Client, session: RetrospectiveSession, write: Write, ana: User, lea: User, address: str
) -> None:
    write(ana, "Alerts came late")
    with pytest.raises(FewContributors):
        move_phase(session, "group", by=lea)
    assert as_lea.post(f"{address}phase/", {"to": "group", "even_so": "1"}).status_code == 302
    page = text_of(as_ana.get(address))
    assert "so these aren’t anonymous: people can tell who wrote what" in page
    assert "Cards are anonymous." not in page


def test_what_was_hidden_is_gone_after_the_reveal(revealed: RetrospectiveSession) -> None:
    assert HiddenCards.objects.count() == 0
    assert sorted(cards_of(revealed)) == ["Alerts came late", "Rollback was quick", "The cache was cold"]
    assert revealed.contributors == 3


def test_nothing_goes_back_to_hidden_cards(as_lea: Client, revealed: RetrospectiveSession, address: str) -> None:
    refused = as_lea.post(f"{address}phase/", {"to": "reflect"})
    assert refused.status_code == 400
    assert "Cards that were revealed can’t be hidden again." in text_of(refused)


def test_two_who_go_on_at_once_go_on_by_one_phase(as_lea: Client, revealed: RetrospectiveSession, address: str) -> None:
    assert as_lea.post(f"{address}phase/", {"to": "vote"}).status_code == 302
    second = as_lea.post(f"{address}phase/", {"to": "vote"})
    assert second.status_code == 409
    assert "is already “vote”" in text_of(second)


def test_in_a_session_that_is_not_anonymous_cards_show_who_wrote_them_and_can_come_late(
    as_ana: Client, session: RetrospectiveSession, write: Write, ana: User, lea: User, address: str
) -> None:
    change_rules(session, by=lea, anonymous=False)
    assert "everyone sees who wrote which card" in text_of(as_ana.get(address))
    write(lea, "The cache was cold")
    move_phase(session, "group", by=lea)
    assert re.search(r"The cache was cold\s+Lea", text_of(as_ana.get(address)))
    assert as_ana.post(f"{address}cards/", {"section": "factors", "text": "Late one", "signed": "1"}).status_code == 302
    assert re.search(r"Late one\s+Ana", text_of(as_ana.get(address)))


def test_in_an_anonymous_session_no_card_comes_late(
    as_ana: Client, revealed: RetrospectiveSession, address: str
) -> None:
    refused = as_ana.post(f"{address}cards/", {"section": "factors", "text": "Late one"})
    assert refused.status_code == 400
    assert "a card written now would show who wrote it. Say it instead. Your text: “Late one”" in text_of(refused)


# Grouping


def test_cards_are_moved_to_a_group_which_gets_a_name(
    as_ana: Client, revealed: RetrospectiveSession, address: str
) -> None:
    cards = cards_of(revealed)
    late, cold = cards["Alerts came late"], cards["The cache was cold"]
    moved = as_ana.post(f"{address}groups/", {"card": f"{late.pk}:{late.group_id}", "to": str(cold.group_id)})
    assert moved.status_code == 302
    assert CardGroup.objects.filter(session=revealed).count() == 2
    named = as_ana.post(f"{address}groups/name/", {"group": str(cold.group_id), "name": "Warning", "before": ""})
    assert named.status_code == 302
    assert "Warning" in as_ana.get(address).content.decode()


def test_of_two_who_move_a_card_at_once_the_second_is_told_and_no_card_is_lost(
    as_ana: Client, as_mia: Client, revealed: RetrospectiveSession, address: str
) -> None:
    cards = cards_of(revealed)
    late, cold, quick = cards["Alerts came late"], cards["The cache was cold"], cards["Rollback was quick"]
    seen = f"{late.pk}:{late.group_id}"
    assert as_ana.post(f"{address}groups/", {"card": seen, "to": str(cold.group_id)}).status_code == 302
    second = as_mia.post(f"{address}groups/", {"card": seen, "to": str(quick.group_id)})
    assert second.status_code == 409
    assert "Someone else moved “Alerts came late” meanwhile. It’s still here" in text_of(second)
    # And to the group that the first move emptied.
    gone = as_mia.post(f"{address}groups/", {"card": f"{quick.pk}:{quick.group_id}", "to": str(late.group_id)})
    assert gone.status_code == 400
    assert "That group is gone" in text_of(gone)
    # Whoever comes again after a lost connection, and sends the same once more, changes nothing.
    assert as_ana.post(f"{address}groups/", {"card": seen, "to": str(cold.group_id)}).status_code == 302
    assert sorted(cards_of(revealed)) == ["Alerts came late", "Rollback was quick", "The cache was cold"]
    assert cards_of(revealed)["Alerts came late"].group_id == cold.group_id


def test_any_order_of_moves_keeps_every_card_in_one_group(revealed: RetrospectiveSession, ana: User) -> None:
    import itertools

    for moved, target in itertools.permutations(sorted(cards_of(revealed)), 2):
        cards = cards_of(revealed)
        move_card(revealed, cards[moved].pk, by=ana, leaving=cards[moved].group_id, to=cards[target].group_id)
        fresh = cards_of(revealed)
        if moved < target:
            move_card(revealed, fresh[moved].pk, by=ana, leaving=fresh[moved].group_id, to=None)
        assert len(cards_of(revealed)) == 3
        assert {card.group_id for card in cards_of(revealed).values()} == set(
            CardGroup.objects.filter(session=revealed).values_list("pk", flat=True)
        )


def test_nobodys_name_of_a_group_is_overwritten_unseen(
    as_ana: Client, as_mia: Client, revealed: RetrospectiveSession, address: str
) -> None:
    group = {"group": str(cards_of(revealed)["Alerts came late"].group_id), "before": ""}
    assert as_ana.post(f"{address}groups/name/", {**group, "name": "Warning"}).status_code == 302
    second = as_mia.post(f"{address}groups/name/", {**group, "name": "Monitoring"})
    assert second.status_code == 409
    assert "Someone else called this group “Warning” meanwhile." in text_of(second)


# Voting


@pytest.fixture
def voting(revealed: RetrospectiveSession, lea: User) -> RetrospectiveSession:
    return move_phase(revealed, "vote", by=lea)


def vote(browser: Client, address: str, group: Any, votes: int) -> Any:
    return browser.post(f"{address}votes/", {"group": str(group), "votes": str(votes)}, headers=SCRIPT)


def test_votes_are_given_up_to_both_limits_and_taken_back(
    as_ana: Client, voting: RetrospectiveSession, address: str
) -> None:
    first, second, third = [group.pk for group in voting.groups.all()]
    assert vote(as_ana, address, first, 2).status_code == 204
    over = vote(as_ana, address, first, 3)
    assert (over.status_code, over.json()["message"]) == (400, "You can give one group up to 2 votes.")
    assert vote(as_ana, address, second, 2).status_code == 204
    all_gone = vote(as_ana, address, third, 2)
    assert all_gone.json()["message"] == "You have 5 votes in all. Take one back from another group first."
    assert vote(as_ana, address, second, 0).status_code == 204
    assert vote(as_ana, address, third, 2).status_code == 204
    assert "1 of your 5 votes left" in text_of(as_ana.get(address))
    assert vote(as_ana, address, first, -1).status_code == 400


def test_the_limit_can_be_lowered_while_people_vote_and_nothing_gets_negative(
    as_ana: Client, as_lea: Client, voting: RetrospectiveSession, address: str
) -> None:
    first, second, _ = [group.pk for group in voting.groups.all()]
    vote(as_ana, address, first, 2)
    vote(as_ana, address, second, 2)
    lowered = as_lea.post(f"{address}rules/", {"votes_each": "2", "votes_on_one": "1"})
    assert lowered.status_code == 302
    page = text_of(as_ana.get(address))
    assert "0 of your 2 votes left" in page
    assert "2 over the limit The limit was lowered. Take 2 back before you give any: votes over" in page
    assert vote(as_ana, address, second, 3).status_code == 400
    assert vote(as_ana, address, second, 1).status_code == 204
    assert vote(as_ana, address, second, 0).status_code == 204
    assert vote(as_ana, address, first, 1).status_code == 204
    again = vote(as_ana, address, second, 1)
    assert again.status_code == 204
    assert "0 of your 2 votes left" in text_of(as_ana.get(address))


def test_votes_are_counted_for_the_discussion_and_deleted_when_it_closes(
    as_ana: Client, as_mia: Client, voting: RetrospectiveSession, lea: User, ana: User, address: str
) -> None:
    cards = cards_of(voting)
    vote(as_ana, address, cards["The cache was cold"].group_id, 2)
    vote(as_mia, address, cards["The cache was cold"].group_id, 1)
    vote(as_mia, address, cards["Rollback was quick"].group_id, 1)
    assert str(ana.pk) not in {ballot.voter for ballot in Ballot.objects.all()}
    assert "3 votes" not in text_of(as_ana.get(address))
    move_phase(voting, "discuss", by=lea)
    page = text_of(as_ana.get(address))
    assert page.index("The cache was cold 3 votes") < page.index("Rollback was quick 1 vote ")
    move_phase(voting, "closed", by=lea)
    assert Ballot.objects.count() == 0
    move_phase(voting, "discuss", by=lea)
    assert "The cache was cold 3 votes" in text_of(as_ana.get(address))
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError, match="deleted when the session closed"):
        move_phase(voting, "vote", by=lea)


def test_votes_for_a_group_that_goes_are_given_back(
    as_ana: Client, voting: RetrospectiveSession, lea: User, ana: User, address: str
) -> None:
    cards = cards_of(voting)
    late, cold = cards["Alerts came late"], cards["The cache was cold"]
    vote(as_ana, address, late.group_id, 2)
    move_phase(voting, "group", by=lea)
    move_card(voting, late.pk, by=ana, leaving=late.group_id, to=cold.group_id)
    move_phase(voting, "vote", by=lea)
    assert "5 of your 5 votes left" in text_of(as_ana.get(address))


# Discussing


@pytest.fixture
def discussed(voting: RetrospectiveSession, lea: User) -> RetrospectiveSession:
    return move_phase(voting, "discuss", by=lea)


def test_a_group_is_added_to_a_section_below_what_is_there_and_only_once(
    as_ana: Client, discussed: RetrospectiveSession, retrospective: Retrospective, ana: User, address: str
) -> None:
    edit(retrospective, by=ana, **{"section:factors": "Traffic doubled."})
    group = cards_of(discussed)["The cache was cold"].group_id
    said = {"group": str(group), "section": "factors"}
    assert as_ana.post(f"{address}notes/", said).status_code == 302
    assert retrospective.sections.get(key="factors").text == "Traffic doubled.\n- The cache was cold\n"
    again = as_ana.post(f"{address}notes/", said)
    assert again.status_code == 409
    assert "added to the retrospective already" in text_of(again)
    assert retrospective.sections.get(key="factors").text.count("cold") == 1
    assert "Added to the retrospective." in text_of(as_ana.get(address))


def test_open_actions_of_last_time_come_first(
    as_ana: Client, voting: RetrospectiveSession, payments: Squad, ana: User, lea: User, address: str
) -> None:
    assert "Open actions" not in text_of(as_ana.get(address))
    before = create(payments, by=ana, kind="sprint", title="Two weeks")
    propose(before, by=ana, kind="prevent", title="Warm the cache")
    RetrospectiveAction.objects.update(proposed_at=clock.now() - timedelta(days=9))
    move_phase(voting, "discuss", by=lea)
    page = text_of(as_ana.get(address))
    assert page.index("Open actions of last time Warm the cache proposed, due") < page.index("Rollback was quick")
    assert "Choose one to three actions" in page


# The timer


def test_the_timer_is_started_extended_and_stopped_by_the_facilitator(
    as_lea: Client, as_ana: Client, session: RetrospectiveSession, address: str
) -> None:
    assert as_lea.post(f"{address}timer/", {"do": "start", "minutes": "10"}).status_code == 302
    session.refresh_from_db()
    assert session.ends_at is not None
    first = session.ends_at
    assert f'data-ends="{first:%Y-%m-%dT%H:%M}' in as_ana.get(address).content.decode()
    assert as_lea.post(f"{address}timer/", {"do": "extend", "more": "5"}).status_code == 302
    session.refresh_from_db()
    assert session.ends_at == first + timedelta(minutes=5)
    assert as_lea.post(f"{address}timer/", {"do": "stop"}).status_code == 302
    refused = as_lea.post(f"{address}timer/", {"do": "extend", "more": "5"}, headers=SCRIPT)
    assert refused.json() == {"message": "No timer is running. Start one."}


def test_a_phase_can_stay_open_for_days(as_lea: Client, session: RetrospectiveSession, address: str) -> None:
    until = (clock.now() + timedelta(days=3)).replace(second=0, microsecond=0)
    said = {"do": "start", "minutes": "10", "until": f"{until:%Y-%m-%dT%H:%M}"}
    assert as_lea.post(f"{address}timer/", said).status_code == 302
    session.refresh_from_db()
    assert session.ends_at == until
    refused = as_lea.post(f"{address}timer/", {"do": "start", "until": "2020-01-01T10:00"}, headers=SCRIPT)
    assert refused.json() == {"message": "Choose a time within the next 60 days."}


# Live, and how much is asked


def test_pages_are_told_only_that_something_changed(
    revealed: RetrospectiveSession, ana: User, monkeypatch: Any, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("portal.kernel.live._publish", told.append)
    cards = cards_of(revealed)
    late, cold = cards["Alerts came late"], cards["The cache was cold"]
    version = revealed.version
    with django_capture_on_commit_callbacks(execute=True):
        move_card(revealed, late.pk, by=ana, leaving=late.group_id, to=cold.group_id)
    assert told == [{"topics": {f"retrospective_session:{revealed.retrospective.slug}": version + 1}}]


def test_only_who_takes_part_hears_of_a_session(
    session: RetrospectiveSession, ana: User, bo: User, lea: User, retrospective: Retrospective
) -> None:
    from django.contrib.auth.models import AnonymousUser

    from portal.live.topics import allowed, sensible

    topic = session.topic
    assert sensible([topic]) == {topic}
    assert allowed([topic, "story:PAY-1"], ana) == {topic, "story:PAY-1"}
    assert allowed([topic, "story:PAY-1"], bo) == {"story:PAY-1"}
    assert allowed([topic], AnonymousUser()) == frozenset()
    Retrospective.objects.filter(pk=retrospective.pk).update(state="in_review")
    change_rules(session, by=lea, for_readers=True)
    assert allowed([topic], bo) == {topic}
    Retrospective.objects.filter(pk=retrospective.pk).update(restricted=True)
    assert allowed([topic], bo) == frozenset()


@pytest.mark.parametrize("phase", ["group", "vote", "discuss"])
def test_a_page_asks_as_much_for_three_cards_as_for_thirty(
    phase: str,
    as_lea: Client,
    session: RetrospectiveSession,
    write: Write,
    ana: User,
    lea: User,
    mia: User,
    address: str,
) -> None:
    for person in (ana, lea, mia):
        write(person, f"First of {person}")
    row = create(session.retrospective.squad, by=ana, kind="incident", title="Other", facilitator=lea)
    from squads.retrospective_sessions.actions import open_session

    many = open_session(row, by=ana)
    for number in range(10):
        for person in (ana, lea, mia):
            write_card(many, by=person, section="factors", text=f"{number} of {person}")
    for each in (session, many):
        for to in ("group", "vote", "discuss"):
            move_phase(each, to, by=lea)
            if to == phase:
                break
    counts = []
    for place in (address, f"/retrospectives/{row.slug}/session/"):
        for part in ("", "parts/"):
            as_lea.get(place + part)
            with CaptureQueriesContext(
                connection,
            ) as asked:
                assert as_lea.get(place + part).status_code == 200
            counts.append(len(asked))
    assert counts[0] == counts[2]
    assert counts[1] == counts[3]
    assert counts[1] <= 12


# The API, and what nothing notes


def test_the_api_does_what_the_pages_do(
    as_ana: Client, as_lea: Client, as_bo: Client, retrospective: Retrospective, mia: User
) -> None:
    place = f"/api/v1/retrospectives/{retrospective.slug}/session/"

    def post(browser: Client, part: str, **said: Any) -> Any:
        return browser.post(f"{place}{part}", said, content_type="application/json")

    assert post(as_ana, "", anonymous=True).status_code == 201
    assert as_bo.get(place).status_code == 404
    Retrospective.objects.filter(pk=retrospective.pk).update(state="in_review")
    assert as_bo.get(place).status_code == 403
    card = {"do": "write", "section": "factors"}
    first = post(as_ana, "cards/", **card, text="Alerts came late").json()["card"]
    post(as_lea, "cards/", **card, text="The cache was cold")
    assert post(as_ana, "cards/", do="change", card=first, text="Alerts came too late").status_code == 200
    hidden = as_ana.get(place).json()
    assert (hidden["phase"], hidden["groups"], hidden["contributors"]) == ("reflect", [], None)
    few = post(as_lea, "phase/", phase="group")
    assert (few.status_code, few.json()["errors"][0]["attr"]) == (400, "even_so")
    groups = post(as_lea, "phase/", phase="group", even_so=True).json()["groups"]
    assert sorted(group["cards"][0]["text"] for group in groups) == ["Alerts came too late", "The cache was cold"]
    assert [group["cards"][0]["by"] for group in groups] == [None, None]
    one, other = groups
    moved = {"card": one["cards"][0]["id"], "leaving": one["id"], "to": other["id"]}
    assert len(post(as_ana, "moves/", **moved).json()["groups"]) == 1
    assert post(as_lea, "moves/", **{**moved, "to": None}).status_code == 409
    assert post(as_ana, "names/", group=other["id"], name="Warnings").json()["groups"][0]["name"] == "Warnings"
    post(as_lea, "phase/", phase="vote")
    voted = post(as_ana, "votes/", group=other["id"], votes=2).json()
    assert (voted["votes_left"], voted["groups"][0]["yours"], voted["groups"][0]["votes"]) == (3, 2, None)
    assert post(as_lea, "phase/", phase="discuss").json()["groups"][0]["votes"] == 2
    added = post(as_lea, "notes/", group=other["id"], section="factors").json()
    assert added["groups"][0]["added_to"] == "factors"
    assert post(as_bo, "timer/", do="stop").status_code == 403


def test_being_in_a_session_is_noted_nowhere_but_other_pages_are(
    as_ana: Client, session: RetrospectiveSession, ana: User, address: str
) -> None:
    from portal.accounts.models import UserSession

    # As ten minutes after it was noted last.
    kept = as_ana.session
    kept.pop("noted", None)
    kept.save()
    UserSession.objects.all().delete()
    body = {"section": "factors", "text": "Alerts"}
    assert as_ana.get(address).status_code == 200
    assert as_ana.post(f"{address}cards/", body, headers=SCRIPT).status_code == 200
    assert as_ana.get(f"/api/v1{address}").status_code == 200
    assert UserSession.objects.count() == 0
    assert as_ana.get("/stories/").status_code == 200
    assert UserSession.objects.count() == 1
