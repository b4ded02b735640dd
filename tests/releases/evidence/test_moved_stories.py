"""A story that goes to another squad keeps what was proven of it, whichever of its keys commits and checks name."""

from typing import Any

import pytest

from portal.accounts.models import User
from portal.kernel import outbox
from releases.evidence.links import link_change, unlink_change
from releases.models import Change, StoryLink
from squads.handovers.actions import move_to_squad
from squads.models import Evidence, Squad, StageChange, Story
from tests.releases.reading import test_late_news, test_order
from tests.releases.reading.test_late_news import assert_a_rebuild_changes_nothing, ci, git, pulled, put, step
from tests.releases.reading.test_order import answers, checked, commits, look, record

pytestmark = pytest.mark.usefixtures("scene")
scene = test_order.scene


@pytest.fixture
def moved(search: Squad, root: User) -> Story:
    """PAY-1, live and accepted in production as its commit b and a check say, handed to squad Search as SEA-1."""
    step(*pulled("c", 2.5), *ci(put(3, commit="c" * 40), checked(4, "PAY-1", "pass")))
    story = Story.objects.get(key="PAY-1")
    assert story.stage == "rodeo_done"
    move_to_squad(story, search, by=root)
    outbox.deliver()
    return story


def links() -> set[tuple[str, str, str]]:
    rows = StoryLink.objects.filter(story__isnull=False).values_list("change__sha", "key", "story__key")
    return {(sha[0], key, own) for sha, key, own in rows}


def stage(key: str) -> str:
    return Story.objects.get(key=key).stage


def test_what_was_proven_under_the_old_key_stays_proven(moved: Story) -> None:
    assert stage("SEA-1") == "rodeo_done"
    assert ("b", "PAY-1", "SEA-1") in links()
    assert_a_rebuild_changes_nothing()
    assert stage("SEA-1") == "rodeo_done"


def test_its_history_is_the_same_and_is_not_told_again(search: Squad, root: User) -> None:
    step(*pulled("c", 2.5), *ci(put(3, commit="c" * 40)))
    story = Story.objects.get(key="PAY-1")
    before = list(StageChange.objects.filter(story=story).values_list("pk", "from_stage", "to_stage", "at", "why"))
    seen = set(Evidence.objects.filter(story=story).values_list("kind", "at", "event_id"))
    move_to_squad(story, search, by=root)
    outbox.deliver()
    after = StageChange.objects.filter(story=story).values_list("pk", "from_stage", "to_stage", "at", "why")
    assert before and list(after) == before
    assert set(Evidence.objects.filter(story=story).values_list("kind", "at", "event_id")) == seen


def test_a_commit_that_names_the_old_key_still_belongs_to_it(moved: Story) -> None:
    later = record("9" * 40, ("c" * 40,), 5, "PAY-1 and SEA-1, the rest of it")
    step(*git(commits(later), look(6, "9" * 40)))
    assert {each for each in links() if each[0] == "9"} == {("9", "PAY-1", "SEA-1"), ("9", "SEA-1", "SEA-1")}
    assert Evidence.objects.filter(kind="change", shas=["9" * 40]).count() == 1
    assert stage("SEA-1") == "todo"
    step(*ci(put(7, commit="9" * 40)))
    assert stage("SEA-1") == "deployed"
    assert_a_rebuild_changes_nothing()


def test_a_check_that_names_the_old_key_still_accepts_it(moved: Story) -> None:
    step(*ci(checked(5, "PAY-1", "fail")))
    assert stage("SEA-1") == "deployed"
    step(*ci(checked(6, "SEA-1", "pass")))
    assert stage("SEA-1") == "rodeo_done"
    assert_a_rebuild_changes_nothing()


def test_a_commit_that_named_the_new_key_before_there_was_one_belongs_to_it(search: Squad, root: User) -> None:
    step(*git(commits(record("a" * 40, (), 0, "SEA-1 ahead of its time")), look(1, "a" * 40)))
    move_to_squad(Story.objects.get(key="PAY-1"), search, by=root)
    outbox.deliver()
    assert ("a", "SEA-1", "SEA-1") in links()
    assert_a_rebuild_changes_nothing()


def test_a_change_that_a_person_refused_stays_refused_under_every_key(moved: Story, root: User) -> None:
    change = Change.objects.get(sha="b" * 40)
    unlink_change(change, Story.objects.get(pk=moved.pk), by=root)
    outbox.deliver()
    assert stage("SEA-1") == "todo"
    assert_a_rebuild_changes_nothing()
    link_change(change, Story.objects.get(pk=moved.pk), by=root)
    outbox.deliver()
    assert StoryLink.objects.filter(change=change).count() == 1


def test_a_story_that_comes_back_has_its_key_again(moved: Story, payments: Squad, root: User) -> None:
    move_to_squad(moved, payments, by=root)
    outbox.deliver()
    assert moved.key == "PAY-1" and stage("PAY-1") == "rodeo_done"
    step(*ci(checked(5, "SEA-1", "fail")))
    assert stage("PAY-1") == "deployed"
    assert_a_rebuild_changes_nothing()
    assert "PAY-1" in "".join(Story.objects.values_list("key", flat=True)) and answers()


def test_the_work_of_others_is_not_touched(moved: Story) -> None:
    assert stage("PAY-2") == "deployed" and ("c", "PAY-2", "PAY-2") in links()


def test_everything_else_goes_on_as_before(moved: Story, payments: Squad, ana: Any) -> None:
    step(*test_late_news.pulled("f", 6), *ci(put(8, commit="f" * 40)))
    assert stage("PAY-3") == "deployed" and stage("SEA-1") == "rodeo_done"
    assert_a_rebuild_changes_nothing()
