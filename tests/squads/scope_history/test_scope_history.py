"""Every door that changes what a release ships leaves a row: who, when, from which release to which."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release
from squads.endings.actions import cancel, close_as_duplicate, delete_story, reopen
from squads.handovers.actions import move_to_squad
from squads.imports.actions import run_import, upload
from squads.models import ScopeChange, Squad, Story
from squads.scope_history.actions import Move, record_moves
from squads.stories.actions import create_story, edit_story
from squads.story_lists.many import change_many, wanted_of
from squads.story_lists.undoing import undo_many

Row = tuple[str | None, str | None, str, str]


@pytest.fixture
def first(ana: User) -> Release:
    return create_release(by=ana, version="1")


@pytest.fixture
def second(ana: User) -> Release:
    return create_release(by=ana, version="2")


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Saddle")


def rows(story: Story) -> list[Row]:
    return [
        (
            str(each.from_release) if each.from_release else None,
            str(each.to_release) if each.to_release else None,
            each.how,
            each.by.username if each.by else "",
        )
        for each in ScopeChange.objects.filter(story=story).select_related("from_release", "to_release", "by")
    ]


def test_a_story_that_is_planned_as_it_is_created(payments: Squad, ana: User, first: Release) -> None:
    assert rows(create_story(payments, by=ana, title="Saddle", release=first)) == [(None, "1", "created", "ana")]
    assert rows(create_story(payments, by=ana, title="Bridle")) == []


def test_editing_a_story_moves_it_from_one_release_to_another_and_out(
    as_ana: Client, story: Story, first: Release, second: Release
) -> None:
    for release in (first.pk, second.pk, second.pk, ""):
        as_ana.post("/stories/PAY-1/release/", {"release": release})
    assert rows(story) == [
        (None, "1", "planned", "ana"),
        ("1", "2", "planned", "ana"),
        ("2", None, "planned", "ana"),
    ]


def test_the_api_leaves_a_row(as_ana: Client, story: Story, first: Release) -> None:
    as_ana.patch("/api/v1/stories/PAY-1/", {"release": first.slug}, content_type="application/json")
    as_ana.patch("/api/v1/stories/PAY-1/", {"title": "Saddles"}, content_type="application/json")
    assert rows(story) == [(None, "1", "planned", "ana")]


def test_the_plan_page_leaves_a_row_for_each_story(as_pam: Client, story: Story, ana: User, first: Release) -> None:
    other = create_story(story.squad, by=ana, title="Bridle")
    as_pam.post(f"/releases/{first.slug}/plan/", {"key": "PAY-1", "to": "in"})
    as_pam.post(f"/releases/{first.slug}/plan/", {"keys": ["PAY-1", "PAY-2"], "to": "in"})
    assert rows(story) == [(None, "1", "planned", "pam")]
    assert rows(other) == [(None, "1", "planned", "pam")]


def test_changing_many_stories_and_undoing_it(ana: User, story: Story, first: Release) -> None:
    change = change_many(["PAY-1"], wanted_of("plan", first.slug, by=ana), by=ana)
    undo_many(change, by=ana)
    assert rows(story) == [(None, "1", "planned", "ana"), ("1", None, "planned", "ana")]


def test_the_admin_page_leaves_a_row(as_root: Client, story: Story, first: Release) -> None:
    form = {"title": "Saddle", "type": "defect", "release": first.pk, "audience": "everyone"}
    as_root.post(f"/admin/squads/story/{story.pk}/change/", form)
    assert rows(story) == [(None, "1", "planned", "root")]


@pytest.mark.parametrize("how", ["cancelled", "duplicate"])
def test_a_story_that_ends_goes_out_and_comes_in_again_when_it_is_reopened(
    ana: User, payments: Squad, story: Story, first: Release, second: Release, how: str
) -> None:
    edit_story(story, by=ana, release=first)
    if how == "cancelled":
        cancel(story, by=ana, because="Nobody rides.")
    else:
        close_as_duplicate(story, create_story(payments, by=ana, title="Same").key, by=ana)
    # What nobody will do is shipped by no release, whatever it is planned for.
    edit_story(story, by=ana, release=second)
    reopen(story, by=ana)
    assert rows(story) == [(None, "1", "planned", "ana"), ("1", None, how, "ana"), (None, "2", "reopened", "ana")]


def test_a_story_of_no_release_that_ends_leaves_none(ana: User, story: Story) -> None:
    cancel(story, by=ana, because="Nobody rides.")
    reopen(story, by=ana)
    assert rows(story) == []


def test_the_history_belongs_to_the_story_whatever_its_key(
    root: User, story: Story, first: Release, search: Squad
) -> None:
    edit_story(story, by=root, release=first)
    move_to_squad(story, search, by=root)
    edit_story(story, by=root, release=None)
    assert rows(Story.objects.get(key="SEA-1")) == [(None, "1", "planned", "root"), ("1", None, "planned", "root")]


@pytest.fixture
def imports(ana: User, payments: Squad) -> Callable[[str], Any]:
    def imported(text: str) -> Any:
        return run_import(upload(payments, by=ana, name="stories.csv", body=text.encode()), by=ana)

    return imported


def test_imports_leave_a_row_for_what_they_plan_move_and_close(
    imports: Callable[[str], Any], ana: User, first: Release, second: Release
) -> None:
    imports("key,title,release\nA-1,Saddle,1\nA-2,Bridle,\nA-3,Reins,1\n")
    saddle, bridle, reins = (Story.objects.get(title=title) for title in ("Saddle", "Bridle", "Reins"))
    assert [rows(each) for each in (saddle, bridle)] == [[(None, "1", "imported", "ana")], []]
    imports("key,title,release,status\nA-1,Saddle,2,\nA-2,Bridle,1,\nA-3,Reins,1,cancelled\n")
    assert rows(saddle)[1:] == [("1", "2", "imported", "ana")]
    assert rows(bridle) == [(None, "1", "imported", "ana")]
    assert rows(reins)[1:] == [("1", None, "cancelled", "ana")]


def test_deleting_a_story_that_was_a_mistake_takes_its_rows_along(
    ana: User, lea: User, story: Story, first: Release
) -> None:
    edit_story(story, by=ana, release=first)
    edit_story(story, by=ana, release=None)
    delete_story(story, by=lea)
    assert not ScopeChange.objects.exists()


def test_what_ships_as_before_leaves_no_row(ana: User, story: Story, first: Release) -> None:
    record_moves([Move(story.pk, first.pk, first.pk), Move(story.pk, None, None)], by=ana)
    assert rows(story) == []


def test_a_release_that_is_gone_leaves_the_history_of_the_others(
    ana: User, story: Story, first: Release, second: Release
) -> None:
    edit_story(story, by=ana, release=first)
    edit_story(story, by=ana, release=second)
    first.delete()
    assert rows(story) == [(None, None, "planned", "ana"), (None, "2", "planned", "ana")]
