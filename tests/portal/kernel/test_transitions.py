"""Moving things: one guarded UPDATE, a row that says who, and the second caller is told."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from portal.accounts.models import User
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved, move
from squads.stories.models import Story
from squads.teams.models import Squad


@pytest.fixture
def story(payments: Squad) -> Story:
    return Story.objects.create(squad=payments, number=1, rank=1, key="PAY-1", title="Pay by card")


def test_a_move_says_who_moved_what_from_where(story: Story, ana: User) -> None:
    change = move(story, "progress", "in_progress", leaving=["todo"], by=ana, because="I start now")
    story.refresh_from_db()
    assert story.progress == "in_progress"
    assert (change.kind, change.key, change.from_state, change.to_state) == ("story", "PAY-1", "todo", "in_progress")
    assert (change.by, change.because) == (ana, "I start now")


def test_a_move_from_elsewhere_is_refused_and_writes_nothing(story: Story, ana: User) -> None:
    move(story, "progress", "dev_done", leaving=["todo", "in_progress"], by=ana)
    with pytest.raises(AlreadyMoved, match="PAY-1 is now “dev_done”") as refused:
        move(story, "progress", "in_progress", leaving=["todo"], by=ana)
    assert refused.value.current == "dev_done"
    assert StateChange.objects.count() == 1


def test_what_was_deleted_cannot_be_moved(story: Story, ana: User) -> None:
    Story.objects.filter(pk=story.pk).delete()
    with pytest.raises(AlreadyMoved, match="deleted"):
        move(story, "progress", "in_progress", leaving=["todo"], by=ana)


@pytest.mark.django_db(transaction=True)
def test_of_eight_rivals_one_moves_it(story: Story, ana: User) -> None:
    together = threading.Barrier(8)
    said: list[str] = []

    def rival(attempt: Callable[[], object]) -> None:
        try:
            together.wait(20)
            attempt()
            said.append("moved")
        except AlreadyMoved:
            said.append("too late")
        finally:
            connection.close()

    def attempt() -> object:
        return move(Story.objects.get(pk=story.pk), "progress", "in_progress", leaving=["todo"], by=ana)

    threads = [threading.Thread(target=rival, args=(attempt,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(said) == ["moved"] + ["too late"] * 7
    assert StateChange.objects.count() == 1
