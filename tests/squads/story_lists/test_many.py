"""Doing one thing to many stories, and undoing it: each by its own verb, with the permission that it needs."""

import re
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release
from squads.endings.actions import WHY, cancel, reopen
from squads.handovers.actions import move_to_squad
from squads.labels.actions import remove_label, rename_label
from squads.models import ManyChange, Membership, Squad, Story, StoryEdit
from squads.stories.actions import create_story, edit_story
from squads.story_lists.many import KEPT

THREE = ["PAY-1", "PAY-2", "PAY-3"]


@pytest.fixture
def release(ana: User) -> Release:
    return create_release(by=ana, version="5.10", line="Shop")


@pytest.fixture(autouse=True)
def stories(ana: User, payments: Squad) -> list[Story]:
    """PAY-1 to PAY-3."""
    return [create_story(payments, by=ana, title=title) for title in ("Saddle", "Bridle", "Reins")]


def words(answer: HttpResponse) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
    return text.replace(" .", ".")


def change(browser: Client, act: str, keys: list[str] | None = None, **said: str) -> HttpResponse:
    return browser.post("/stories/many/", {"act": act, "key": keys or THREE, **said}, follow=True)  # type: ignore[return-value]


def undo(browser: Client) -> HttpResponse:
    last = ManyChange.objects.latest("at")
    return browser.post(f"/stories/many/{last.pk}/undo/", {"back": "sort=key"}, follow=True)  # type: ignore[return-value]


def values(name: str) -> list[Any]:
    return list(Story.objects.order_by("number").values_list(name, flat=True))


def people(story: str) -> list[str]:
    return sorted(Story.objects.get(key=story).assignees.values_list("username", flat=True))


def labels(story: str) -> list[str]:
    return [each.name for each in Story.objects.get(key=story).labels.all()]


def test_stories_are_planned_together_and_each_gets_back_what_it_had(
    as_ana: Client, ana: User, stories: list[Story], release: Release
) -> None:
    other = create_release(by=ana, version="5.9", line="Shop")
    edit_story(stories[0], by=ana, release=other)
    edit_story(stories[1], by=ana, release=release)
    answer = change(as_ana, "plan", release=release.slug, back="squad=payments&sort=key")
    assert "2 stories planned for Shop 5.10. 1 needed no change." in words(answer)
    assert answer.redirect_chain[0][0].startswith("/stories/?squad=payments&sort=key&done=")  # type: ignore[attr-defined]
    assert set(values("release")) == {release.pk}
    assert StoryEdit.objects.filter(story=stories[2], field="release", by=ana).count() == 1
    assert "Undone: 2 stories." in words(undo(as_ana))
    assert values("release") == [other.pk, release.pk, None]
    assert StoryEdit.objects.filter(story=stories[2], field="release", by=ana).count() == 2


def test_people_are_assigned_beside_those_who_are_and_taken_off_again(
    as_ana: Client, ana: User, lea: User, stories: list[Story]
) -> None:
    edit_story(stories[0], by=ana, assignees=[ana])
    assert "3 stories assigned to Lea." in words(change(as_ana, "assign", person="lea"))
    assert people("PAY-1") == ["ana", "lea"] and people("PAY-2") == ["lea"]
    undo(as_ana)
    assert people("PAY-1") == ["ana"] and people("PAY-2") == []
    assert "1 story no longer assigned to Ana. 2 needed no change." in words(change(as_ana, "unassign", person="me"))
    undo(as_ana)
    assert people("PAY-1") == ["ana"]


def test_labels_are_added_and_removed(as_ana: Client, ana: User, stories: list[Story]) -> None:
    edit_story(stories[0], by=ana, labels=["ios", "Mobile"])
    assert "2 stories labelled “mobile”. 1 needed no change." in words(change(as_ana, "label", label="mobile"))
    assert labels("PAY-2") == ["Mobile"] and labels("PAY-1") == ["ios", "Mobile"]
    assert "3 stories no longer labelled “MOBILE”." in words(change(as_ana, "unlabel", label="MOBILE"))
    assert labels("PAY-1") == ["ios"] and labels("PAY-3") == []
    undo(as_ana)
    assert labels("PAY-1") == ["ios", "Mobile"] and labels("PAY-3") == ["Mobile"]


def test_a_priority_is_set_and_the_stories_are_moved_by_hand(as_ana: Client, ana: User, stories: list[Story]) -> None:
    assert "3 stories set to high priority." in words(change(as_ana, "priority", priority="high"))
    undo(as_ana)
    assert values("priority") == ["normal"] * 3
    stories[0].move_progress("dev_done", by=ana)
    assert "3 stories moved to in progress." in words(change(as_ana, "move", to="in_progress"))
    assert values("stage") == ["in_progress"] * 3
    undo(as_ana)
    assert values("progress") == ["dev_done", "todo", "todo"]


def test_stories_are_cancelled_with_a_reason_and_opened_again(as_ana: Client, ana: User, stories: list[Story]) -> None:
    cancel(stories[0], by=ana, because="Twice.")
    said = words(change(as_ana, "cancel", because="Nobody rides."))
    assert "2 stories cancelled. 1 wasn’t changed: PAY-1 PAY-1 is cancelled already, by Ana" in said
    assert values("ended_because") == ["Twice.", "Nobody rides.", "Nobody rides."]
    undo(as_ana)
    assert values("ending") == ["cancelled", "", ""]


def test_stories_move_to_another_squad_and_come_back_under_their_keys(as_ana: Client, ana: User, search: Squad) -> None:
    Membership.objects.create(squad=search, user=ana)
    said = words(change(as_ana, "squad", squad="search"))
    assert "3 stories moved to Search." in said and "PAY-1 is now SEA-1" in said
    assert values("key") == ["SEA-1", "SEA-2", "SEA-3"]
    undo(as_ana)
    assert values("key") == THREE


def test_each_story_asks_for_its_own_permission(
    as_ana: Client, as_pam: Client, bo: User, search: Squad, release: Release
) -> None:
    create_story(search, by=bo, title="Synonyms")
    said = words(change(as_ana, "priority", ["PAY-1", "SEA-1", "PAY-99"], priority="high"))
    assert "1 story set to high priority. 2 weren’t changed:" in said
    assert "SEA-1 Only members of Search can change SEA-1." in said and "PAY-99 There’s no such story." in said
    assert Story.objects.get(key="SEA-1").priority == "normal"
    assert "2 stories planned for" in words(change(as_pam, "plan", ["PAY-1", "SEA-1"], release=release.slug))
    assert "Only members of Payments can change PAY-1." in words(change(as_pam, "priority", ["PAY-1"], priority="low"))


def test_whoever_only_reads_changes_nothing(as_ria: Client) -> None:
    answer = as_ria.post("/stories/many/", {"act": "priority", "key": THREE, "priority": "high"})
    assert answer.status_code == 403 and values("priority") == ["normal"] * 3


def test_a_story_that_refuses_is_left_as_it_was_and_named(
    as_ana: Client, ana: User, bo: User, stories: list[Story]
) -> None:
    Story.objects.filter(pk=stories[0].pk).update(stage="deployed", progress="dev_done")
    said = words(change(as_ana, "move", to="todo"))
    assert "PAY-1 PAY-1 stays in deployed because of its evidence." in said
    said = words(change(as_ana, "assign", person="bo"))
    assert "Nothing changed. 3 weren’t changed: PAY-1 Not a member of Payments: Bo." in said
    assert people("PAY-1") == [] and not StoryEdit.objects.filter(field="assignees").exists()


@pytest.mark.parametrize(
    ("act", "said", "sentence"),
    [
        ("cancel", {"because": " "}, WHY),
        ("plan", {"release": "9.9"}, "There’s no release “9.9”."),
        ("assign", {"person": ""}, "Choose who: a member of the stories’ squad."),
        ("priority", {}, "Choose a priority."),
        ("move", {"to": "deployed"}, "“deployed” can’t be set manually."),
        ("squad", {"squad": "none"}, "Choose a squad."),
        ("label", {"label": ""}, "Enter a label."),
        ("paint", {}, "Choose what to do with the selected stories."),
    ],
)
def test_what_is_missing_is_said_and_the_stories_stay_selected(
    as_ana: Client, act: str, said: dict[str, str], sentence: str
) -> None:
    answer = change(as_ana, act, ["PAY-2"], **said)
    assert sentence in words(answer) and not ManyChange.objects.exists()
    assert 'value="PAY-2" checked' in answer.content.decode()


def test_no_story_and_too_many_are_refused(as_ana: Client) -> None:
    answer = as_ana.post("/stories/many/", {"act": "priority", "priority": "high"}, follow=True)
    assert "Select at least one story first." in words(answer)  # type: ignore[arg-type]
    many = [f"PAY-{number}" for number in range(1, 202)]
    assert "That’s 201 stories; 200 is the most at once." in words(change(as_ana, "priority", many, priority="high"))
    assert values("priority") == ["normal"] * 3


def test_undoing_leaves_what_somebody_changed_since_and_says_who(
    as_ana: Client, lea: User, ana: User, stories: list[Story], release: Release
) -> None:
    change(as_ana, "plan", release=release.slug)
    edit_story(stories[0], by=lea, release=None)
    edit_story(stories[1], by=lea, title="Bridles")
    said = words(undo(as_ana))
    assert "Undone: 3 stories." in said
    change(as_ana, "priority", priority="high")
    edit_story(stories[0], by=lea, priority="urgent")
    said = words(undo(as_ana))
    assert "Undone: 2 stories. 1 wasn’t undone: PAY-1 Lea has changed the priority since." in said
    assert values("priority") == ["urgent", "normal", "normal"]


def test_undoing_keeps_the_new_name_of_a_label_that_was_renamed_since(
    as_ana: Client, ana: User, payments: Squad, stories: list[Story]
) -> None:
    edit_story(stories[0], by=ana, labels=["ui", "old"])
    change(as_ana, "label", ["PAY-1"], label="later")
    rename_label(payments.labels.get(name="ui"), "frontend")
    remove_label(payments.labels.get(name="old"))
    assert "Undone" in words(undo(as_ana))
    assert labels("PAY-1") == ["frontend"]
    assert not payments.labels.filter(name__in=["ui", "old"]).exists()


def test_a_key_is_found_though_it_holds_what_no_database_keeps(as_ana: Client) -> None:
    assert "1 story set to high priority." in words(change(as_ana, "priority", [" pay-1\0"], priority="high"))
    assert values("priority") == ["high", "normal", "normal"]


def test_undoing_a_move_a_handover_and_a_cancellation_leaves_what_others_did_since(
    as_ana: Client, ana: User, lea: User, search: Squad, stories: list[Story]
) -> None:
    Membership.objects.create(squad=search, user=ana)
    change(as_ana, "move", to="in_progress")
    Story.objects.get(key="PAY-1").move_progress("dev_done", by=lea)
    assert "PAY-1 Lea has moved it to dev done since." in words(undo(as_ana))
    assert values("progress") == ["dev_done", "todo", "todo"]
    change(as_ana, "cancel", because="Twice.")
    again = reopen(Story.objects.get(key="PAY-2"), by=lea)
    cancel(again, by=lea, because="Really.")
    move_to_squad(Story.objects.get(key="PAY-3"), search, by=ana)
    said = words(undo(as_ana))
    assert "PAY-2 Lea has closed it again since." in said
    assert "Ana has moved it to another squad since: it’s now SEA-1." in said
    assert values("ending") == ["", "cancelled", "cancelled"] or sorted(values("ending")) == ["", *["cancelled"] * 2]


def test_pressing_undo_twice_undoes_once_and_only_ones_own(
    as_ana: Client, as_lea: Client, stories: list[Story]
) -> None:
    change(as_ana, "priority", priority="high")
    assert as_lea.post(f"/stories/many/{ManyChange.objects.get().pk}/undo/").status_code == 404
    undo(as_ana)
    edits = StoryEdit.objects.count()
    assert "Undone: 3 stories." in words(undo(as_ana))
    assert StoryEdit.objects.count() == edits


def test_only_the_last_changes_are_kept(as_ana: Client) -> None:
    for number in range(KEPT + 3):
        change(as_ana, "priority", ["PAY-1"], priority="high" if number % 2 else "low")
    assert ManyChange.objects.count() == KEPT


def test_a_story_costs_the_same_few_queries_however_many_there_are(
    as_ana: Client, ana: User, payments: Squad, release: Release
) -> None:
    made = [create_story(payments, by=ana, title=f"Strap {number}").key for number in range(30)]

    def count(keys: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            as_ana.post("/stories/many/", {"act": "plan", "key": keys, "release": release.slug})
        return len(queries)

    five, twenty = count(made[:5]), count(made[5:25])
    assert twenty - five <= 15 * 16


def test_programs_do_the_same_and_make_no_new_labels(as_ana: Client, ana: User, payments: Squad) -> None:
    def post(address: str, **said: Any) -> Any:
        return as_ana.post(f"/api/v1/stories/many/{address}", said, content_type="application/json")

    answer = post("", keys=["pay-1", "SEA-9"], act="move", to="dev_done")
    said = answer.json()
    assert answer.status_code == 201 and said["changed"] == ["PAY-1"]
    assert said["refused"] == [{"key": "SEA-9", "why": "There’s no such story."}]
    assert post(f"{said['id']}/undo/").json()["undone"] == ["PAY-1"]
    assert values("progress") == ["todo"] * 3
    said = post("", keys=THREE, act="label", label="mobiel").json()
    assert [each["why"] for each in said["refused"]] == ["Squad Payments has no label “mobiel”."] * 3
    assert post("", keys=THREE, act="cancel").status_code == 400
    assert post("", keys=[], act="cancel", because="x").status_code == 400
