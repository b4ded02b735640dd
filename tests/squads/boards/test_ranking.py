"""Placing, moving and blocking stories, through both doors."""

import itertools
import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, connections, transaction
from django.test import Client

from portal.accounts.models import User
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved
from squads.models import Squad, Story, StoryEdit
from squads.stories import ranking
from squads.stories.actions import RANK_GAP, create_story

Write = Callable[..., Story]
BOARD = "/squads/payments/board/"


def order(squad: Squad) -> list[str]:
    return list(Story.objects.filter(squad=squad).order_by("rank").values_list("title", flat=True))


@pytest.fixture
def abc(write: Write) -> list[Story]:
    return [write(title) for title in "ABC"]


def post(client: Client, key: str, **data: str) -> Any:
    """Ask as the page's script does."""
    return client.post(f"/stories/{key}/place/", data, headers={"Accept": "application/json", "X-Card": "1"})


@pytest.mark.parametrize(
    ("which", "data", "wanted"),
    [
        (0, {"after": "PAY-3"}, "BCA"),
        (0, {"after": "PAY-2"}, "BAC"),
        (2, {"before": "PAY-1"}, "CAB"),
        (2, {"before": "pay-2"}, "ACB"),
        (1, {"where": "up"}, "BAC"),
        (0, {"where": "up"}, "ABC"),
        (1, {"where": "down"}, "ACB"),
        (2, {"where": "down"}, "ABC"),
        (2, {"where": "top"}, "CAB"),
        (0, {"where": "bottom"}, "BCA"),
    ],
)
def test_a_card_goes_where_it_is_put(
    as_ana: Client, payments: Squad, abc: list[Story], which: int, data: dict[str, str], wanted: str
) -> None:
    assert post(as_ana, abc[which].key, **data).status_code == 200
    assert "".join(order(payments)) == wanted


def test_moving_and_placing_are_one_step_with_a_history(as_ana: Client, payments: Squad, abc: list[Story]) -> None:
    abc[2].move_progress("in_progress", by=None)
    said = post(as_ana, "PAY-1", to="in_progress", after="PAY-3").json()
    story = Story.objects.get(key="PAY-1")
    assert (story.progress, story.stage, story.standing["stage"]) == ("in_progress",) * 3
    assert order(payments) == ["B", "C", "A"]
    assert (said["key"], said["stage"], said["rank"]) == ("PAY-1", "in_progress", story.rank)
    assert 'data-stage="in_progress"' in said["html"]
    change = StateChange.objects.get(key="PAY-1")
    assert (change.from_state, change.to_state, change.by) == ("todo", "in_progress", User.objects.get(username="ana"))


def test_up_and_down_skip_the_stories_of_other_columns(as_ana: Client, payments: Squad, abc: list[Story]) -> None:
    abc[1].move_progress("in_progress", by=None)
    post(as_ana, "PAY-3", where="up")
    assert order(payments) == ["C", "A", "B"]


def test_the_menu_without_scripts_leads_back_to_the_board_as_it_was(as_ana: Client, abc: list[Story]) -> None:
    came = {"Referer": f"http://testserver{BOARD}?type=user_story"}
    answer = as_ana.post("/stories/PAY-1/place/", {"to": "in_progress"}, headers=came)
    assert answer["Location"] == f"{BOARD}?type=user_story#card-PAY-1"
    answer = as_ana.post("/stories/PAY-1/place/", {"to": "dev_done"}, headers={"Referer": "https://evil.example/x?y"})
    assert answer["Location"] == f"{BOARD}#card-PAY-1"


def test_whoever_comes_second_is_told(as_ana: Client, abc: list[Story]) -> None:
    assert post(as_ana, "PAY-1", to="in_progress").status_code == 200
    answer = post(as_ana, "PAY-1", to="in_progress", where="bottom")
    assert answer.status_code == 409
    assert "Someone else may have changed it" in answer.json()["message"]
    assert StateChange.objects.filter(key="PAY-1").count() == 1


def test_a_refused_move_leaves_the_place_alone(as_ana: Client, payments: Squad, abc: list[Story]) -> None:
    post(as_ana, "PAY-1", to="todo", where="bottom")
    assert order(payments) == ["A", "B", "C"]


@pytest.mark.parametrize("rung", ["integrated", "tested", "deployed", "rodeo_done", "epic"])
def test_nobody_moves_a_card_onto_evidence(as_ana: Client, abc: list[Story], rung: str) -> None:
    answer = post(as_ana, "PAY-1", to=rung)
    assert answer.status_code == 400
    assert "only evidence moves a story" in answer.json()["message"]


def test_nobody_moves_a_card_off_its_evidence(as_ana: Client, payments: Squad, write: Write) -> None:
    write("Live", 4, progress="dev_done")
    answer = post(as_ana, "PAY-1", to="todo")
    assert answer.status_code == 409
    assert "PAY-1 stays in deployed because of its evidence." in answer.json()["message"]
    assert Story.objects.get().progress == "dev_done"


def test_within_an_evidence_column_only_the_place_changes(as_ana: Client, payments: Squad, write: Write) -> None:
    for title in "AB":
        write(title, 3, progress="dev_done")
    assert post(as_ana, "PAY-1", after="PAY-2").status_code == 200
    assert order(payments) == ["B", "A"]
    assert set(Story.objects.values_list("stage", flat=True)) == {"tested"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"after": "SEA-1"}, "Payments has no other story SEA-1."),
        ({"before": "PAY-1"}, "Payments has no other story PAY-1."),
        ({"after": "PAY-2", "before": "PAY-3"}, "Give only one of after, before and where"),
        ({"where": "left"}, "Choose one of up, down, top, bottom."),
        ({}, "Give one of to, after, before or where"),
    ],
)
def test_a_wrong_place_names_the_remedy(
    as_ana: Client, abc: list[Story], search: Squad, ana: User, data: dict[str, str], said: str
) -> None:
    create_story(search, by=ana, title="Synonyms")
    answer = post(as_ana, "PAY-1", **data)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


@pytest.mark.parametrize("part", ["place", "block", "unblock", "by-hand"])
def test_another_squad_may_not(as_bo: Client, abc: list[Story], part: str) -> None:
    for answer in (as_bo.post(f"/stories/PAY-1/{part}/", {"to": "dev_done", "because": "x"}),):
        assert answer.status_code == 403
        assert "Only members of Payments can change PAY-1." in answer.content.decode()
    if part != "by-hand":
        assert as_bo.post(f"/api/v1/stories/PAY-1/{part}/", {}, content_type="application/json").status_code == 403


def test_who_may_write_is_the_same_in_both_ways_of_asking(
    payments: Squad, search: Squad, ana: User, abc: list[Story]
) -> None:
    program = User.objects.create(username="program", program_of=search, is_staff=True)
    staff, nobody = User.objects.create(username="root", is_staff=True), User.objects.create(username="nobody")
    create_story(search, by=ana, title="Synonyms")
    for user in (ana, program, staff, nobody, AnonymousUser()):
        for squad, key in ((payments, "PAY-1"), (search, "SEA-1")):
            story, own = ranking.held(key, user)
            assert story == Story.objects.get(key=key)
            assert own == Squad.objects.writable_by(user).filter(pk=squad.pk).exists(), (user, key)
    assert ranking.held("PAY-99", ana) == (None, False)


def test_a_script_that_hears_of_the_card_by_the_stream_is_not_sent_it(as_ana: Client, abc: list[Story]) -> None:
    answer = as_ana.post("/stories/PAY-1/place/", {"to": "in_progress"}, headers={"Accept": "application/json"})
    assert set(answer.json()) == {"key", "stage", "rank"}


def test_a_move_asks_the_database_little(
    as_ana: Client, abc: list[Story], django_assert_max_num_queries: Callable[..., Any]
) -> None:
    # Session and person, begin and commit among them, and four writes: the story, the move, its stage, the news of it.
    with django_assert_max_num_queries(12):
        said = {"to": "in_progress", "after": "PAY-3"}
        answer = as_ana.post("/stories/PAY-1/place/", said, headers={"Accept": "application/json"})
    assert answer.status_code == 200


def test_a_hundred_moves_to_one_place_find_room(payments: Squad, ana: User, abc: list[Story]) -> None:
    for number in range(100):
        ranking.place(abc[number % 2], by=ana, before="PAY-3")
        ranking.place(abc[2], by=ana, where="bottom")
    ranks = list(Story.objects.order_by("rank").values_list("rank", flat=True))
    assert len(set(ranks)) == 3
    assert order(payments) == ["A", "B", "C"]


def test_neighbours_without_room_between_are_numbered_anew(payments: Squad, ana: User, abc: list[Story]) -> None:
    for number, story in enumerate(abc, 1):
        Story.objects.filter(pk=story.pk).update(rank=number)
    ranking.place(abc[2], by=ana, before="PAY-1")
    assert order(payments) == ["C", "A", "B"]
    assert min(Story.objects.values_list("rank", flat=True)) > RANK_GAP
    Story.objects.filter(pk=abc[1].pk).update(rank=ranking.LAST)
    ranking.place(abc[0], by=ana, where="bottom")
    assert order(payments) == ["C", "B", "A"]


def test_a_story_is_blocked_with_a_reason_and_unblocked(as_ana: Client, ana: User, abc: list[Story]) -> None:
    assert as_ana.post("/stories/PAY-1/block/", {"because": "  "}).status_code == 400
    answer = as_ana.post("/stories/PAY-1/block/", {"because": "The bank"})
    assert answer["Location"] == f"{BOARD}#card-PAY-1"
    assert "<bdi>The bank</bdi>" in as_ana.get(BOARD).content.decode()
    again = as_ana.post("/stories/PAY-1/block/", {"because": "X"}, headers={"Accept": "application/json"})
    assert again.status_code == 409
    as_ana.post("/stories/PAY-1/unblock/")
    with pytest.raises(AlreadyMoved):
        ranking.unblock(abc[0], by=ana)
    story = Story.objects.get(key="PAY-1")
    assert (story.blocked_because, story.blocked_at, story.version) == ("", None, 3)
    edits = StoryEdit.objects.filter(story=story, by=ana).values_list("version", "field", "before", "after")
    assert list(edits) == [(2, "blocked_because", "", "The bank"), (3, "blocked_because", "The bank", "")]


def test_what_a_rung_lacks_is_said_and_taken_by_hand(as_ana: Client, write: Write) -> None:
    write("Refunds", 2, progress="dev_done")
    html = as_ana.get("/stories/PAY-1/by-hand/?kind=test").content.decode()
    assert "No passed check of aaaaaaa in testing or staging." in html
    assert '<option value="test" selected>' in html
    part = as_ana.get("/stories/PAY-1/by-hand/?kind=test", headers={"X-Part": "1"}).content.decode()
    assert "<html" not in part
    data = {"kind": "test", "verdict": "success", "at": "2026-01-05T12:00"}
    assert as_ana.post("/stories/PAY-1/by-hand/", data).status_code == 400
    as_ana.post("/stories/PAY-1/by-hand/", {**data, "at": "2999-01-05T12:00", "note": "x"})
    assert Story.objects.get().stage == "integrated"
    from django.utils import timezone

    data |= {"at": timezone.now().strftime("%Y-%m-%dT%H:%M"), "note": "Tried it."}
    said = as_ana.post("/stories/PAY-1/by-hand/", data, headers={"Accept": "application/json", "X-Part": "1"}).json()
    assert said["stage"] == Story.objects.get().stage == "tested"
    assert "is tested" in as_ana.get("/stories/PAY-1/by-hand/?kind=test").content.decode()


def api(client: Client, key: str, what: str, **data: str) -> Any:
    return client.post(f"/api/v1/stories/{key}/{what}/", json.dumps(data), content_type="application/json")


def test_programs_place_move_and_block(as_ana: Client, payments: Squad, abc: list[Story]) -> None:
    said = api(as_ana, "pay-1", "place", to="dev_done", after="PAY-3").json()
    assert (said["key"], said["progress"], said["stage"]) == ("PAY-1", "dev_done", "dev_done")
    assert order(payments) == ["B", "C", "A"]
    assert api(as_ana, "PAY-1", "place", to="dev_done").status_code == 409
    assert api(as_ana, "PAY-1", "place", to="tested").json()["errors"][0]["attr"] == "to"
    assert api(as_ana, "PAY-1", "place", after="PAY-9").json()["errors"][0]["attr"] == "after"
    assert api(as_ana, "PAY-1", "block").status_code == 400
    assert api(as_ana, "PAY-1", "block", because="Bank").json()["blocked_because"] == "Bank"
    assert api(as_ana, "PAY-1", "unblock").json()["blocked_because"] == ""
    assert api(as_ana, "PAY-1", "unblock").status_code == 409
    assert api(as_ana, "PAY-9", "place", to="todo").status_code == 404


def test_programs_read_the_board(as_bo: Client, payments: Squad, write: Write) -> None:
    write("Refunds")
    write("Live", 4, progress="dev_done", type="defect")
    said = as_bo.get("/api/v1/squads/payments/board/").json()
    stages = {column["stage"]: [story["key"] for story in column["stories"]] for column in said["columns"]}
    assert (stages["todo"], stages["deployed"]) == (["PAY-1"], ["PAY-2"])
    [live] = said["columns"][5]["stories"]
    assert live["answer"].startswith("No. Deployed")
    assert live["stalled"] is False
    said = as_bo.get("/api/v1/squads/payments/board/?type=defect").json()
    assert [column["found"] for column in said["columns"]] == [0, 0, 0, 0, 0, 1, 0]
    assert as_bo.get("/api/v1/squads/nobody/board/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_hundred_moves_by_eight_clients_lose_nothing(payments: Squad, ana: User) -> None:
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(20)]
    told: list[tuple[str, str, int]] = []
    # Of each move of a story: the turn in which it was asked, the one in which it was answered, and the place.
    given: dict[str, list[tuple[int, int, int]]] = {story.key: [] for story in stories}
    turns = itertools.count()
    wrong: list[str] = []

    def moves(which: int) -> None:
        chance, client = random.Random(which), Client()
        client.force_login(ana)
        try:
            for _ in range(25):
                story, other = chance.sample(stories, 2)
                to = chance.choice(["todo", "in_progress", "dev_done", ""])
                data = {chance.choice(["after", "before"]): other.key, **({"to": to} if to else {})}
                asked = next(turns)
                answer = post(client, story.key, **data)
                told.append((story.key, to, answer.status_code))
                if answer.status_code == 200:
                    given[story.key].append((asked, next(turns), answer.json()["rank"]))
        except Exception as error:
            wrong.append(repr(error))
        finally:
            connections.close_all()

    clients = [threading.Thread(target=moves, args=(which,)) for which in range(8)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert wrong == []
    assert len(told) == 200
    assert {status for _, to, status in told if not to} == {200}, "putting a story elsewhere is refused to nobody"
    assert {status for _, to, status in told if to} == {200, 409}, "a story that is there already does not go there"
    assert len(set(Story.objects.values_list("rank", flat=True))) == 20
    for story in Story.objects.all():
        moved = [to for key, to, status in told if key == story.key and to and status == 200]
        history = list(
            StateChange.objects.filter(key=story.key).order_by("at", "pk").values_list("from_state", "to_state")
        )
        assert len(history) == len(moved), "every move answered 200 is in the history, and no other"
        chain = ["todo", *(to for _, to in history)]
        assert [left for left, _ in history] == chain[:-1]
        assert story.progress == story.stage == chain[-1]
        refused = [to for key, to, status in told if key == story.key and status == 409]
        assert set(refused) <= set(chain), "only to where it was"
        newest = max(asked for asked, _, _ in given[story.key])
        last = {rank for _, answered, rank in given[story.key] if answered > newest}
        assert story.rank in last, "it stands where its last move put it"


@pytest.mark.django_db(transaction=True)
def test_a_move_waits_for_whoever_places_another_story_of_the_squad(payments: Squad, ana: User) -> None:
    """What two threads do at once they rarely do in the same instant; here the other is in the middle of it."""
    first, second = (create_story(payments, by=ana, title=title) for title in ("First", "Second"))
    holds, let_go, moved = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Squad.objects.select_for_update().get(pk=payments.pk)
            holds.set()
            let_go.wait(20)
        connection.close()

    def move() -> None:
        ranking.place(first, by=ana, after=second.key)
        moved.set()
        connection.close()

    both = [threading.Thread(target=each) for each in (hold, move)]
    both[0].start()
    assert holds.wait(20)
    both[1].start()
    early = moved.wait(0.5)
    let_go.set()
    for each in both:
        each.join()
    assert not early and moved.is_set()
    assert order(payments) == ["Second", "First"]


@pytest.mark.django_db(transaction=True)
def test_a_story_written_meanwhile_gets_a_place_of_its_own(payments: Squad, ana: User) -> None:
    first = create_story(payments, by=ana, title="First")
    second = create_story(payments, by=ana, title="Second")

    def work(verb: Callable[[int], object]) -> threading.Thread:
        def run() -> None:
            for number in range(10):
                verb(number)
            connection.close()

        return threading.Thread(target=run)

    both = [
        work(lambda number: create_story(payments, by=ana, title=f"New {number}")),
        work(lambda number: ranking.place((first, second)[number % 2], by=ana, where="bottom")),
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    ranks = list(Story.objects.values_list("rank", flat=True))
    assert len(set(ranks)) == len(ranks) == 12
