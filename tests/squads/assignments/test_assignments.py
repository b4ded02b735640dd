"""Who works on a story: said on its page, on its card and over the API, shown wherever the story is, and told to them."""

import threading
from typing import Any

import pytest
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from releases.planning.models import Release
from squads.models import Assignment, Membership, Squad, Story, Watch
from squads.stories.actions import create_story
from squads.stories.editing import Conflict, edit_story, put

API = "/api/v1/stories/PAY-1/"
BOARD = "/squads/payments/board/"
JSON = {"content_type": "application/json"}


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


@pytest.fixture
def cem(payments: Squad) -> User:
    person = User.objects.create_user("cem", "cem@example.org", "x", first_name="Cem", last_name="Demir")
    Membership.objects.create(squad=payments, user=person)
    return person


@pytest.fixture
def as_cem(cem: User) -> Client:
    browser = Client()
    browser.force_login(cem)
    return browser


def names(story: Story) -> list[str]:
    return [person.username for person in story.assignees.order_by("assignments__at")]


def shown(client: Client, url: str) -> str:
    return str(client.get(url).content.decode())


def side(client: Client) -> str:
    """What the page of the story says about who works on it."""
    return shown(client, "/stories/PAY-1/").split('id="field-assignees"', 1)[1].split("</dd>", 1)[0]


# On the page of the story


def test_a_member_is_assigned_on_the_page_and_it_is_in_the_history(as_ana: Client, story: Story, cem: User) -> None:
    assert "unassigned" in side(as_ana)
    answer = as_ana.post("/stories/PAY-1/fields/assignees/", {"assignees": ["cem", "ana"], "version": "1"})
    assert answer.status_code == 302
    assert "Cem Demir" in side(as_ana)
    assert "assigned Ana, Cem Demir" in shown(as_ana, "/stories/PAY-1/history/")
    as_ana.post("/stories/PAY-1/fields/assignees/", {"assignees": ["ana"], "version": "2"})
    assert "unassigned Cem Demir" in shown(as_ana, "/stories/PAY-1/history/")


def test_the_form_offers_the_members_of_the_squad_and_nobody_else(
    as_ana: Client, story: Story, cem: User, bo: User
) -> None:
    form = shown(as_ana, "/stories/PAY-1/fields/assignees/")
    assert 'value="cem"' in form and 'value="bo"' not in form and "data-picker" in form


def test_somebody_of_another_squad_is_refused_with_the_reason(as_ana: Client, story: Story, bo: User) -> None:
    answer = as_ana.post("/stories/PAY-1/fields/assignees/", {"assignees": ["bo"], "version": "1"})
    assert answer.status_code == 400
    assert "“bo” isn’t in the squad. Choose a member." in answer.content.decode()
    assert names(story) == []


def test_one_button_assigns_a_story_to_oneself_and_takes_it_off_again(
    as_cem: Client, story: Story, ana: User, cem: User
) -> None:
    put(story, "assignees", ana, True, by=ana)
    as_cem.post("/stories/PAY-1/take/")
    assert names(story) == ["ana", "cem"]
    assert "Unassign me" in side(as_cem)
    as_cem.post("/stories/PAY-1/take/", {"off": "1"})
    assert names(story) == ["ana"]


def test_an_administrator_who_is_in_no_squad_is_told_why_they_cannot_take_it(as_root: Client, story: Story) -> None:
    answer = as_root.post("/stories/PAY-1/take/")
    assert answer.status_code == 400
    assert "Not a member of Payments: Root. Choose a member" in answer.content.decode()


def test_two_who_change_the_list_at_once_are_shown_both_lists(
    as_ana: Client, story: Story, ana: User, cem: User
) -> None:
    edit_story(story, by=cem, assignees=[cem])
    answer = as_ana.post("/stories/PAY-1/fields/assignees/", {"assignees": ["ana"], "version": "1"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Cem Demir wrote" in page and "Keep Cem Demir’s version" in page
    assert names(story) == ["cem"]
    answer = as_ana.post("/stories/PAY-1/fields/assignees/", {"assignees": ["ana", "cem"], "version": "2"})
    assert answer.status_code == 302
    assert names(story) == ["cem", "ana"]


def test_other_fields_changed_meanwhile_leave_the_assignees_alone(story: Story, ana: User, cem: User) -> None:
    edit_story(story, by=cem, base_version=1, title="Refunds in parts")
    edit_story(story, by=ana, base_version=1, assignees=[ana])
    assert names(story) == ["ana"]
    with pytest.raises(Conflict, match="Ana changed the assignees of PAY-1"):
        edit_story(story, by=cem, base_version=1, assignees=[cem])


@pytest.mark.django_db(transaction=True)
def test_two_who_take_a_story_in_the_same_moment_both_have_it(story: Story, ana: User, cem: User) -> None:
    def take(person: User) -> None:
        try:
            put(Story.objects.get(pk=story.pk), "assignees", person, True, by=person)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=(person,)) for person in (ana, cem)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(story)) == ["ana", "cem"]
    assert [edit.field for edit in story.edits.order_by("version")] == ["assignees", "assignees"]


def test_ten_people_at_most_work_on_a_story(story: Story, ana: User, payments: Squad) -> None:
    people = [User.objects.create_user(f"p{number}") for number in range(11)]
    Membership.objects.bulk_create(Membership(squad=payments, user=person) for person in people)
    with pytest.raises(ValidationError, match="At most 10 people"):
        edit_story(story, by=ana, assignees=people)
    assert names(story) == [] and story.edits.count() == 0


# Those who are not there any more


@pytest.mark.parametrize(("gone", "said"), [("left", "not in the squad"), ("shut", "can no longer sign in")])
def test_who_left_or_was_shut_out_stays_named_and_is_shown_so(
    as_ana: Client, story: Story, ana: User, cem: User, gone: str, said: str
) -> None:
    edit_story(story, by=ana, assignees=[cem])
    if gone == "left":
        Membership.objects.filter(user=cem).delete()
    else:
        User.objects.filter(pk=cem.pk).update(is_active=False)
    assert "Cem Demir" in side(as_ana) and said in side(as_ana)
    assert f"Cem Demir ({said})" in shown(as_ana, BOARD)
    # Who edits the list may leave them on it.
    edit_story(story, by=ana, assignees=[cem, ana])
    assert names(story) == ["cem", "ana"]


# Wherever the story is


def test_the_card_shows_initials_and_changes_its_mark(as_ana: Client, story: Story, ana: User, cem: User) -> None:
    def mark() -> str:
        return shown(as_ana, BOARD).split('data-key="PAY-1"', 1)[1].split('data-version="', 1)[1].split('"', 1)[0]

    before = mark()
    edit_story(story, by=ana, assignees=[cem])
    assert '<span aria-hidden="true">CD</span>' in shown(as_ana, BOARD)
    assert mark() != before


def test_a_card_is_assigned_on_the_board_by_script_and_without(as_ana: Client, story: Story, cem: User) -> None:
    assert "Assign <span" in shown(as_ana, "/stories/PAY-1/assignees/")
    said = {"assignees": ["cem"], "version": "1"}
    answer = as_ana.post("/stories/PAY-1/assignees/", said, headers={"Accept": "application/json"})
    assert answer.status_code == 200 and "Cem Demir" in answer.json()["html"]
    answer = as_ana.post("/stories/PAY-1/assignees/", {"version": "2"})
    assert answer["Location"] == f"{BOARD}#card-PAY-1"
    assert names(story) == []


def test_the_card_of_a_release_shows_who_works_on_it(as_ana: Client, story: Story, ana: User, cem: User) -> None:
    release = Release.objects.create(version="1.0", slug="1.0")
    edit_story(story, by=ana, assignees=[cem], release=release)
    assert "Cem Demir" in shown(as_ana, "/releases/1.0/")


def test_lists_and_boards_are_filtered_by_who_works_on_a_story(
    as_ana: Client, as_cem: Client, payments: Squad, ana: User, cem: User
) -> None:
    create_story(payments, by=ana, title="Refunds", assignees=[cem, ana])
    create_story(payments, by=ana, title="Gift cards", assignees=[ana])
    create_story(payments, by=ana, title="Coupons")
    wanted = {
        "me": ({"Refunds", "Gift cards"}, {"Refunds"}),
        "cem": ({"Refunds"}, {"Refunds"}),
        "none": ({"Coupons"}, {"Coupons"}),
        "who": (set(), set()),
    }
    for asked, found in wanted.items():
        for client, titles in zip((as_ana, as_cem), found, strict=True):
            for url in (BOARD, "/stories/"):
                page = shown(client, f"{url}?assignee={asked}")
                assert {each for each in ("Refunds", "Gift cards", "Coupons") if f"<bdi>{each}" in page} == titles
            answer = client.get(f"/api/v1/stories/?assignee={asked}").json()
            assert {each["title"] for each in answer["results"]} == titles


def test_mine_is_one_click_on_the_board(as_ana: Client, story: Story) -> None:
    assert f'href="{BOARD}?assignee=me"' in shown(as_ana, BOARD)


def test_lists_ask_as_much_however_many_people_work_on_stories(
    as_ana: Client, payments: Squad, ana: User, cem: User
) -> None:
    def count(url: str) -> int:
        # What is usual is kept for a minute.
        caches["local"].clear()
        with CaptureQueriesContext(connection) as queries:
            assert as_ana.get(url).status_code == 200
        return len(queries)

    urls = ("/stories/", BOARD, "/", "/api/v1/stories/", "/api/v1/squads/payments/board/")
    for title in ("One", "Two"):
        create_story(payments, by=ana, title=title, assignees=[ana])
    few = [count(url) for url in urls]
    for number in range(20):
        create_story(payments, by=ana, title=f"Story {number}", assignees=[ana, cem])
    assert [count(url) for url in urls] == few


# Those it concerns


def test_whoever_somebody_else_assigned_finds_it_on_their_first_page_until_they_looked(
    as_ana: Client, as_cem: Client, story: Story, ana: User, cem: User
) -> None:
    edit_story(story, by=ana, assignees=[ana, cem])
    assert "Ana assigned it to you" in shown(as_cem, "/")
    assert "assigned it to you" not in shown(as_ana, "/")
    shown(as_cem, "/stories/PAY-1/")
    assert "assigned it to you" not in shown(as_cem, "/")


def test_having_caught_up_takes_it_off_the_first_page(as_cem: Client, story: Story, ana: User, cem: User) -> None:
    edit_story(story, by=ana, assignees=[cem])
    until = shown(as_cem, "/").split('name="until" value="', 1)[1].split('"', 1)[0]
    as_cem.post("/caught-up/", {"until": until})
    assert "assigned it to you" not in shown(as_cem, "/")
    assert Assignment.objects.get().seen_at is not None


def test_who_is_assigned_watches_the_story(story: Story, ana: User, cem: User) -> None:
    edit_story(story, by=ana, assignees=[cem])
    assert Watch.objects.filter(story=story, person=cem).exists()


def test_a_story_is_written_with_its_assignees(as_ana: Client, payments: Squad, cem: User) -> None:
    said = {"squad": payments.pk, "title": "Coupons", "type": "user_story", "assignees": ["cem"]}
    assert as_ana.post("/stories/new/", said).status_code == 302
    assert names(Story.objects.get()) == ["cem"]


# Over the API


def test_the_api_reads_and_writes_the_whole_list(as_ana: Client, story: Story, cem: User) -> None:
    assert as_ana.get(API).json()["assignees"] == []
    answer = as_ana.patch(API, {"assignees": ["cem", "ana"]}, **JSON)
    assert answer.status_code == 200 and sorted(answer.json()["assignees"]) == ["ana", "cem"]
    clash = as_ana.patch(API, {"assignees": ["ana"]}, headers={"If-Match": '"v1"'}, **JSON)
    assert clash.status_code == 412
    [conflict] = clash.json()["conflicts"]
    assert (conflict["field"], sorted(conflict["theirs"]), conflict["yours"]) == ("assignees", ["ana", "cem"], ["ana"])


def test_the_api_assigns_one_person_and_leaves_the_others(as_ana: Client, story: Story, ana: User, cem: User) -> None:
    put(story, "assignees", ana, True, by=ana)
    answer = as_ana.post(f"{API}assignees/", {"person": "cem"}, **JSON)
    assert answer.json()["assignees"] == ["ana", "cem"]
    answer = as_ana.post(f"{API}assignees/", {"person": "ana", "assigned": False}, **JSON)
    assert answer.json()["assignees"] == ["cem"]


@pytest.mark.parametrize(
    ("people", "said"),
    [
        (["nobody"], "There’s no account “nobody”. Use the user name of a squad member."),
        (["bo"], "Not a member of Payments: Bo. Choose a member, or add them to the squad first."),
    ],
)
def test_the_api_names_who_cannot_be_assigned(
    as_ana: Client, story: Story, bo: User, people: list[str], said: str
) -> None:
    answer = as_ana.patch(API, {"assignees": people}, **JSON)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["attr"].startswith("assignees") and error["detail"] == said


def test_a_new_story_over_the_api_has_its_assignees(as_ana: Client, payments: Squad, cem: User) -> None:
    body: dict[str, Any] = {"squad": "payments", "title": "Coupons", "assignees": ["cem"]}
    answer = as_ana.post("/api/v1/stories/", body, **JSON)
    assert answer.status_code == 201 and answer.json()["assignees"] == ["cem"]


def test_the_board_of_the_api_names_the_assignees(as_ana: Client, story: Story, ana: User) -> None:
    put(story, "assignees", ana, True, by=ana)
    columns = as_ana.get("/api/v1/squads/payments/board/?assignee=me").json()["columns"]
    assert [card["assignees"] for column in columns for card in column["stories"]] == [["ana"]]
