"""Priorities, labels, due dates and estimates: said on the story, shown on cards and lists, filtered by, and kept in history."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from portal.accounts.models import User
from squads.boards.actions import set_rules
from squads.handovers.actions import move_to_squad
from squads.labels.actions import MOST_LABELS, label_named, rename_label
from squads.models import Label, Squad, Story
from squads.stories.actions import create_story
from squads.stories.editing import edit_story

API = "/api/v1/stories/PAY-1/"
LABELS = "/api/v1/squads/payments/labels/"
BOARD = "/squads/payments/board/"
JSON: dict[str, Any] = {"content_type": "application/json"}


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Refunds")


@pytest.fixture
def estimating(payments: Squad, ana: User) -> Squad:
    return set_rules(payments, by=ana, limits={}, accepts_own=False, accepters=[], estimates=True)


def shown(client: Client, url: str) -> str:
    return str(client.get(url).content.decode())


def card(client: Client) -> str:
    return shown(client, BOARD).split('data-key="PAY-1"', 1)[1].split("</article>", 1)[0]


def save(client: Client, field: str, value: Any, version: int = 1) -> Any:
    return client.post(f"/stories/PAY-1/fields/{field}/", {field: value, "version": str(version)})


# Priority and due date


def test_a_priority_other_than_normal_is_on_the_card_and_in_the_history(as_ana: Client, story: Story) -> None:
    assert "normal" not in card(as_ana)
    assert save(as_ana, "priority", "urgent").status_code == 302
    assert "urgent" in card(as_ana)
    assert "priority: normal → urgent" in shown(as_ana, "/stories/PAY-1/history/")


def test_there_are_four_priorities_and_no_fifth(as_ana: Client, story: Story) -> None:
    assert save(as_ana, "priority", "burning").status_code == 400
    answer = as_ana.patch(API, {"priority": "burning"}, **JSON)
    assert answer.status_code == 400 and answer.json()["errors"][0]["attr"] == "priority"


def test_a_due_date_that_has_passed_is_marked_until_the_story_is_done(as_ana: Client, story: Story, ana: User) -> None:
    today = timezone.now().date()
    edit_story(story, by=ana, due=today)
    assert f"due {today.day} {today:%b}" in card(as_ana) and "overdue" not in card(as_ana)
    edit_story(story, by=ana, due=today - timedelta(days=1))
    assert "overdue since" in card(as_ana)
    assert "overdue" in shown(as_ana, "/stories/PAY-1/")
    Story.objects.filter(pk=story.pk).update(stage="rodeo_done")
    assert "overdue" not in shown(as_ana, "/stories/PAY-1/")


def test_a_due_date_is_written_and_taken_away_again(as_ana: Client, story: Story) -> None:
    save(as_ana, "due", "2031-03-14")
    assert as_ana.get(API).json()["due"] == "2031-03-14"
    save(as_ana, "due", "", version=2)
    assert as_ana.get(API).json()["due"] is None
    assert "due date: 2031-03-14 → nothing" in shown(as_ana, "/stories/PAY-1/history/")
    assert save(as_ana, "due", "tomorrow", version=3).status_code == 400


# Estimates


def test_a_squad_that_does_not_estimate_has_no_field_for_it(as_ana: Client, story: Story) -> None:
    assert "field-estimate" not in shown(as_ana, "/stories/PAY-1/")
    answer = as_ana.patch(API, {"estimate": 3}, **JSON)
    assert answer.status_code == 400
    assert "Payments doesn’t estimate stories." in answer.json()["errors"][0]["detail"]


def test_a_squad_that_estimates_sees_points(as_ana: Client, story: Story, estimating: Squad) -> None:
    assert "field-estimate" in shown(as_ana, "/stories/PAY-1/")
    assert save(as_ana, "estimate", "3").status_code == 302
    assert "3 points" in card(as_ana)
    assert save(as_ana, "estimate", "1000", version=2).status_code == 400


def test_a_lead_switches_estimates_on_in_the_settings_of_the_board(as_lea: Client, payments: Squad) -> None:
    as_lea.post(f"{BOARD}settings/", {"estimates": "on"})
    payments.refresh_from_db()
    assert payments.estimates


# Labels


def test_a_label_is_made_by_typing_it_and_is_one_however_it_is_spelled(
    as_ana: Client, story: Story, payments: Squad
) -> None:
    assert save(as_ana, "labels", ["Mobile", "customer"]).status_code == 302
    assert save(as_ana, "labels", ["mobile"], version=2).status_code == 302
    assert [label.name for label in payments.labels.all()] == ["customer", "Mobile"]
    assert [label.name for label in story.labels.all()] == ["Mobile"]
    assert "Mobile" in card(as_ana)
    assert "removed the label customer" in shown(as_ana, "/stories/PAY-1/history/")


@pytest.mark.parametrize("name", ["a,b", "x" * 41, " "])
def test_what_is_no_label_is_refused_with_the_reason(as_ana: Client, story: Story, name: str) -> None:
    answer = save(as_ana, "labels", [name])
    assert answer.status_code == 400
    assert "Use 1 to 40 characters, without commas" in answer.content.decode()
    assert not Label.objects.exists()


def test_two_who_change_the_labels_at_once_see_both(as_ana: Client, story: Story, root: User) -> None:
    edit_story(story, by=root, labels=["mobile"])
    answer = save(as_ana, "labels", ["urgent customer"])
    assert answer.status_code == 409
    assert "mobile" in answer.content.decode() and "urgent customer" in answer.content.decode()
    # Nothing of what was typed was kept, the new label neither.
    assert [label.name for label in Label.objects.all()] == ["mobile"]


def test_a_renamed_label_is_renamed_on_every_story(as_ana: Client, story: Story, payments: Squad, ana: User) -> None:
    edit_story(story, by=ana, labels=["mobile"])
    label = payments.labels.get()
    answer = as_ana.post(f"/squads/payments/labels/{label.pk}/", {"name": "App"})
    assert answer["Location"] == "/squads/payments/labels/"
    assert "App" in card(as_ana) and "App" in shown(as_ana, "/squads/payments/labels/")
    label_named(payments, "Web")
    answer = as_ana.post(f"/squads/payments/labels/{label.pk}/", {"name": "web"})
    assert answer.status_code == 400
    assert "There’s already a label “web”. Choose another name." in answer.content.decode()


def test_renaming_a_label_does_not_make_an_edit_begun_before_a_clash(story: Story, payments: Squad, ana: User) -> None:
    edit_story(story, by=ana, labels=["mobile"])
    version = story.version
    rename_label(payments.labels.get(), "app")
    edit_story(story, by=ana, base_version=version, labels=["app", "web"])
    assert [label.name for label in story.labels.all()] == ["app", "web"]


def test_a_removed_label_is_off_its_stories(as_ana: Client, story: Story, payments: Squad, ana: User) -> None:
    edit_story(story, by=ana, labels=["mobile"])
    as_ana.post(f"/squads/payments/labels/{payments.labels.get().pk}/remove/")
    assert "mobile" not in card(as_ana)
    assert "added the label mobile" in shown(as_ana, "/stories/PAY-1/history/")


def test_a_squad_has_so_many_labels_at_most(payments: Squad) -> None:
    Label.objects.bulk_create(
        Label(squad=payments, name=f"l{number}", folded=f"l{number}") for number in range(MOST_LABELS)
    )
    with pytest.raises(ValidationError, match="has 200 labels, which is the most"):
        label_named(payments, "one more")
    assert label_named(payments, "L7").name == "l7"


def test_a_story_that_moves_to_another_squad_takes_its_labels_along(
    story: Story, search: Squad, payments: Squad, ana: User, root: User
) -> None:
    edit_story(story, by=ana, labels=["mobile"])
    theirs = label_named(search, "Mobile")
    move_to_squad(story, search, by=root)
    assert list(story.labels.all()) == [theirs]


# Wherever stories are


def test_boards_lists_and_the_api_are_filtered_by_label_and_priority(
    as_ana: Client, payments: Squad, ana: User
) -> None:
    create_story(payments, by=ana, title="Refunds", labels=["mobile"], priority="high")
    create_story(payments, by=ana, title="Coupons", labels=["web"])
    for asked in ("label=MOBILE", "priority=high"):
        for url in (BOARD, "/stories/"):
            page = shown(as_ana, f"{url}?{asked}")
            assert "<bdi>Refunds" in page and "<bdi>Coupons" not in page
        found = as_ana.get(f"/api/v1/stories/?{asked}").json()["results"]
        assert [story["title"] for story in found] == ["Refunds"]


def test_the_api_reads_and_writes_them_and_refuses_a_label_that_is_none(as_ana: Client, story: Story) -> None:
    said = {"priority": "low", "due": "2031-03-14", "labels": ["mobile"]}
    refused = as_ana.patch(API, said, **JSON)
    assert refused.status_code == 400
    assert "Squad Payments has no label “mobile”. POST /api/v1/squads/payments/labels/" in refused.content.decode()
    made = as_ana.post(LABELS, {"name": "Mobile"}, **JSON)
    assert made.status_code == 201 and made.json()["count"] == 0
    written = as_ana.patch(API, said, **JSON).json()
    assert (written["priority"], written["due"], written["labels"]) == ("low", "2031-03-14", ["Mobile"])
    [label] = as_ana.get(LABELS).json()["results"]
    assert label["count"] == 1
    assert as_ana.patch(f"{LABELS}{label['id']}/", {"name": "App"}, **JSON).json()["name"] == "App"
    assert as_ana.delete(f"{LABELS}{label['id']}/").status_code == 204
    assert as_ana.get(API).json()["labels"] == []


def test_the_board_of_the_api_shows_them(as_ana: Client, story: Story, ana: User) -> None:
    edit_story(story, by=ana, labels=["mobile"], priority="high")
    [column] = [each for each in as_ana.get("/api/v1/squads/payments/board/").json()["columns"] if each["stories"]]
    assert column["stories"][0]["labels"] == ["mobile"] and column["stories"][0]["priority"] == "high"
