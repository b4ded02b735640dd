"""A revert takes a change back from where the question is asked, and a revert of the revert brings it back."""

from typing import Any

import pytest
from django.test import Client

from releases.reading.actions import rebuild
from squads.models import Evidence, StageChange, Story
from tests.releases.evidence.conftest import History, sha_of


@pytest.fixture
def answer(as_ana: Client) -> Any:
    def asked(story: Story) -> dict[str, Any]:
        said: dict[str, Any] = as_ana.get(f"/api/v1/stories/{story.key}/answer/").json()
        return said

    return asked


HERE, UNDONE = {"patch": "a" * 40, "undoes": "b" * 40}, {"patch": "b" * 40, "undoes": "a" * 40}


def live(history: History, story: Story) -> None:
    """The story is done: its commit was run, deployed and accepted."""
    history.commit("start", "Start", 0)
    history.commit("refund", f"{story.key}: refund in parts", 1, "start", **HERE)
    history.look("refund")
    history.run("refund", 2)
    history.deploy("refund", 3)
    history.accept(story, 4)


def rows() -> list[tuple[Any, ...]]:
    found = [tuple(row) for row in Evidence.objects.order_by("pk").values_list()]
    return found + [tuple(row) for row in StageChange.objects.order_by("pk").values_list()]


REVERT = f'Revert "PAY-1: refund in parts"\n\nThis reverts commit {sha_of("refund")}.'


def test_a_reverted_story_is_live_until_the_revert_is_deployed(
    history: History, story: Story, answer: Any, as_ana: Client
) -> None:
    live(history, story)
    assert answer(story)["stage"] == "rodeo_done"
    history.commit("revert", REVERT, 10, "refund", **UNDONE)
    history.look("revert")
    said = answer(story)
    assert said["stage"] == "rodeo_done"
    assert f"reverted by {sha_of('revert')[:7]}" in said["answer"].partition("Gap: ")[2]
    history.run("revert", 11)
    history.deploy("revert", 12)
    said = answer(story)
    assert said["stage"] == "todo"
    assert f"reverted by {sha_of('revert')[:7]}" in said["answer"]
    history.accept(story, 13)
    assert answer(story)["stage"] == "todo"
    [change] = as_ana.get(f"/api/v1/stories/{story.key}/changes/").json()["results"][-1:]
    assert (change["sha"], change["became"]) == (sha_of("refund"), f"reverted by {sha_of('revert')[:7]}")
    assert change["became"] in as_ana.get(f"/stories/{story.key}/").content.decode()
    before = rows()
    rebuild()
    assert rows() == before
    changes = StageChange.objects.filter(story=story).values_list("to_stage", "why")
    revert = sha_of("revert")[:7]
    assert list(changes)[-1] == ("todo", f"reverted by {revert}: {revert} in production does not have it any more")


def test_a_revert_of_the_revert_brings_the_story_back(history: History, story: Story, answer: Any) -> None:
    live(history, story)
    history.commit("revert", REVERT, 10, "refund", **UNDONE)
    history.commit(
        "again", f'Reapply "PAY-1: refund in parts"\n\nThis reverts commit {sha_of("revert")}.', 14, "revert"
    )
    history.look("revert")
    history.deploy("revert", 12)
    assert answer(story)["stage"] == "todo"
    history.look("again")
    assert answer(story)["stage"] == "integrated"
    history.deploy("again", 16)
    history.accept(story, 17)
    assert (answer(story)["stage"], answer(story)["gaps"]) == ("rodeo_done", ["dev_done", "tested"])


GITHUB = "PAY-1: refund in parts (#12)"
GITLAB = "PAY-1: refund in parts\n\nSee merge request shop/checkout!12"
AZURE = "Merged PR 12: PAY-1: refund in parts"
BITBUCKET = "Merged in refunds (pull request #12)\n\nPAY-1: refund in parts"


@pytest.mark.parametrize(
    ("original", "message"),
    [
        (GITHUB, 'Revert "PAY-1: refund in parts (#12)" (#13)\n\nReverts shop/checkout#12'),
        (GITHUB, 'Revert "PAY-1: refund in parts (#12)"'),
        (GITHUB, 'Merge pull request #13 from shop/revert-12-refunds\n\nRevert "PAY-1: refund in parts"'),
        (GITHUB, "Take the refund out again\n\nThis reverts commit {short}."),
        (GITHUB, "revert: PAY-1: refund in parts\n\nRefs: {short}"),
        (GITHUB, "Back out the refund\n\nReverts {sha}"),
        (GITHUB, 'Revert "PAY-1 under another title"'),
        (
            GITLAB,
            "Merge branch 'revert-it' into 'main'\n\nThis reverts merge request !12\n\nSee merge request shop/checkout!13",
        ),
        (GITLAB, "Merge branch 'revert-{short}' into 'main'\n\nNo refunds"),
        (AZURE, 'Merged PR 13: Revert "Merged PR 12: PAY-1: refund in parts"\n\nReverts !12'),
        (AZURE, "Revert 'Merged PR 12: PAY-1: refund in parts'\n\nReverted commit `{short}`."),
        (
            BITBUCKET,
            'Merged in revert-pr-12 (pull request #13)\n\nRevert "PAY-1: refund in parts"\n\nThis reverts pull request #12.',
        ),
    ],
)
def test_hosts_and_people_write_reverts_in_many_ways(
    history: History, story: Story, answer: Any, original: str, message: str
) -> None:
    sha = sha_of("refund")
    history.commit("start", "Start", 0)
    history.commit("refund", original, 1, "start")
    history.commit("revert", message.format(sha=sha, short=sha[:9]), 5, "refund")
    history.look("revert")
    history.run("refund", 2)
    history.deploy("refund", 3)
    assert "reverted by" in answer(story)["answer"]
    history.deploy("revert", 6)
    assert answer(story)["stage"] == "todo"


def test_work_that_also_takes_the_storys_own_earlier_work_back_is_asked_for(
    history: History, story: Story, answer: Any
) -> None:
    live(history, story)
    other = {"patch": "c" * 40, "undoes": "d" * 40}
    message = f"PAY-1: refund another way\n\nThis reverts commit {sha_of('refund')} and does it properly."
    history.commit("better", message, 10, "refund", **other)
    history.look("better")
    history.run("better", 11)
    history.deploy("better", 12)
    assert answer(story)["stage"] == "deployed"
    history.accept(story, 13)
    assert answer(story)["stage"] == "rodeo_done"


def test_a_part_of_a_story_that_others_undo_is_missed(history: History, story: Story, answer: Any) -> None:
    history.commit("start", "Start", 0)
    history.commit("refund", "PAY-1: refund", 1, "start", **HERE)
    history.commit("texts", "PAY-1: texts of it", 2, "refund")
    history.commit("out", "Take it out for now", 6, "texts", author="Bo", **UNDONE)
    history.look("out")
    history.run("texts", 3)
    history.deploy("texts", 4)
    history.accept(story, 5)
    history.deploy("out", 8)
    assert answer(story)["stage"] == "todo"
    assert f"reverted by {sha_of('out')[:7]}" in answer(story)["answer"]


def test_hundreds_of_commits_that_revert_each_other_are_read_in_reasonable_time(
    history: History, story: Story, answer: Any
) -> None:
    names = ["turn0"]
    history.commit("turn0", "PAY-1: refund", 1)
    for number in range(1, 300):
        taken = "\n".join(f"This reverts commit {sha_of(name)}." for name in names[-30:])
        history.commit(f"turn{number}", f"Turn {number}\n\n{taken}", 1 + number / 100, names[-1])
        names.append(f"turn{number}")
    history.look(names[-1])
    assert answer(story)["stage"] == "todo"


def test_a_merge_that_is_reverted_takes_back_what_it_brought(history: History, story: Story, answer: Any) -> None:
    history.commit("start", "Start", 0)
    history.commit("one", "PAY-1: refund", 1, "start")
    history.commit("two", "PAY-1: refund in parts", 2, "one")
    history.commit("merge", "Merge pull request #7 from shop/refunds", 3, "start", "two")
    reverts = f"This reverts commit {sha_of('merge')}, reversing\nchanges made to {sha_of('start')}."
    history.commit("revert", f'Revert "Merge pull request #7 from shop/refunds"\n\n{reverts}', 8, "merge")
    history.look("revert")
    history.run("merge", 4)
    history.deploy("merge", 5)
    history.accept(story, 6)
    assert answer(story)["stage"] == "rodeo_done"
    history.deploy("revert", 9)
    assert answer(story)["stage"] == "todo"


def test_a_patch_that_undoes_another_is_a_revert_without_saying_so(history: History, story: Story, answer: Any) -> None:
    history.commit("start", "Start", 0)
    history.commit("refund", "PAY-1: refund", 1, "start", patch="a" * 40, undoes="b" * 40)
    history.commit("out", "Take it out for now", 5, "refund", patch="b" * 40, undoes="a" * 40)
    history.look("out")
    history.deploy("refund", 3)
    history.deploy("out", 6)
    said = answer(story)
    assert said["stage"] == "todo" and f"reverted by {sha_of('out')[:7]}" in said["answer"]


def test_work_that_goes_on_after_a_revert_takes_the_place_of_what_was_reverted(
    history: History, story: Story, answer: Any
) -> None:
    live(history, story)
    history.commit("revert", REVERT, 10, "refund", **UNDONE)
    history.commit("better", "PAY-1: refund in parts, and rounded", 14, "revert")
    history.look("revert")
    history.deploy("revert", 12)
    history.look("better")
    history.run("better", 15)
    history.deploy("better", 16)
    history.accept(story, 17)
    assert answer(story)["stage"] == "rodeo_done"


def test_a_story_about_taking_something_back_is_asked_for_like_any_other(
    history: History, story: Story, payments: Any, ana: Any, answer: Any
) -> None:
    from squads.stories.actions import create_story

    live(history, story)
    other = create_story(payments, by=ana, title="Take the refund out")
    history.commit("out", f"{other.key}: no refunds\n\nThis reverts commit {sha_of('refund')}.", 10, "refund")
    history.look("out")
    history.run("out", 11)
    history.deploy("out", 12)
    history.accept(other, 13)
    assert (answer(story)["stage"], answer(other)["stage"]) == ("todo", "rodeo_done")


def test_a_revert_of_one_release_line_leaves_the_other_alone(
    history: History, story: Story, answer: Any, as_ana: Client
) -> None:
    live(history, story)
    history.commit("pick", f"PAY-1: refund in parts\n\n(cherry picked from commit {sha_of('refund')})", 5, "start")
    taken = f'Revert "PAY-1: refund in parts"\n\nThis reverts commit {sha_of("pick")}.'
    history.commit("unpick", taken, 6, "pick")
    history.look("refund", **{"v1.0.2": ("unpick", 6)})
    assert answer(story)["stage"] == "rodeo_done"
    history.deploy("unpick", 7, environment="production-us")
    assert answer(story)["stage"] == "integrated"
    page = as_ana.get(f"/stories/{story.key}/").content.decode()
    unpick = sha_of("unpick")[:7]
    assert f"reverted by {unpick}" not in page and f"production-us runs {unpick} without {sha_of('refund')[:7]}" in page
