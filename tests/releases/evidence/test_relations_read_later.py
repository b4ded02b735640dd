"""What is read later may make a revert mean another commit; the stories of both are judged again, as a rebuild would."""

from typing import Any

import pytest
from django.test import Client

from portal.kernel.outbox import deliver
from releases.evidence.actions import derive
from releases.inbox.models import Source
from releases.pipelines.models import Repository
from releases.reading.actions import rebuild
from squads.models import Service, Story
from tests.releases.evidence.conftest import History, sha_of
from tests.releases.evidence.test_reverts import HERE, REVERT, UNDONE, live, rows
from tests.releases.evidence.test_reverts import answer as answer


def assert_a_rebuild_changes_nothing() -> None:
    before = rows()
    rebuild()
    assert rows() == before


def test_a_revert_by_subject_means_the_newest_commit_of_that_name_before_it(
    history: History, story: Story, answer: Any
) -> None:
    history.commit("start", "Start", 0)
    history.commit("fix", "PAY-1: fix", 1, "start")
    history.commit("off", 'Revert "PAY-1: fix"', 2, "fix")
    history.commit("again", "PAY-1: fix", 3, "off")
    history.look("again")
    history.run("again", 4)
    history.deploy("again", 5)
    history.accept(story, 6)
    assert answer(story)["stage"] == "rodeo_done"
    history.commit("off2", 'Revert "PAY-1: fix"', 7, "again")
    history.look("off2")
    history.deploy("off2", 9)
    assert answer(story)["stage"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_a_better_name_that_becomes_known_moves_a_revert(history: History, story: Story, answer: Any) -> None:
    live(history, story)
    message = f'Revert "PAY-1: refund in parts"\n\nThis reverts commit {sha_of("elsewhere")}.'
    history.commit("revert", message, 6, "refund")
    history.look("revert")
    history.deploy("revert", 8)
    assert answer(story)["stage"] == "todo"
    history.commit("elsewhere", "Refund in parts, on 1.0", 5, "start")
    history.look("revert", **{"v1.0.1": ("elsewhere", 5)})
    assert_a_rebuild_changes_nothing()


def test_the_beginning_of_a_sha_that_fits_two_commits_names_neither(
    history: History, story: Story, answer: Any
) -> None:
    history.commit("start", "Start", 0)
    history.commit("same-one", "PAY-1: refund", 1, "start")
    history.commit("off", f"Take it out\n\nThis reverts commit {sha_of('same-one')[:8]}.", 5, "same-one")
    history.look("off")
    history.deploy("same-one", 3)
    history.deploy("off", 6)
    assert answer(story)["stage"] == "todo"
    history.commit("same-two", "Other", 7, "off")
    history.look("same-two")
    assert_a_rebuild_changes_nothing()


def test_a_patch_that_too_many_commits_share_relates_none_of_them(history: History, story: Story) -> None:
    history.commit("start", "Start", 0)
    history.commit("on", "PAY-1: switch on", 1, "start", **HERE)
    history.commit("off", "Off", 2, "on", **UNDONE)
    history.look("off")
    history.deploy("on", 3)
    history.deploy("off", 4)
    above = "off"
    for number in range(22):
        history.commit(f"on{number}", "On", 5 + number, above, **HERE)
        history.commit(f"off{number}", "Off", 5.5 + number, f"on{number}", **UNDONE)
        above = f"off{number}"
    history.look(above)
    assert_a_rebuild_changes_nothing()


def test_the_revert_of_a_merge_beside_the_mainline_takes_back_what_that_brought(
    history: History, story: Story, answer: Any
) -> None:
    history.commit("start", "Start", 0)
    history.commit("develop", "Other work", 0.5, "start")
    history.commit("one", "PAY-1: refund", 1, "start", patch="1" * 40, undoes="2" * 40)
    history.commit("two", "PAY-1: refund in parts", 1.5, "one", patch="3" * 40, undoes="4" * 40)
    history.commit("inner", "Merge branch 'refunds' into develop", 2, "develop", "two")
    history.commit("outer", "Merge branch 'develop'", 3, "start", "inner")
    history.look("outer")
    history.run("outer", 4)
    history.deploy("outer", 5)
    history.accept(story, 6)
    assert answer(story)["stage"] == "rodeo_done"
    reverts = f"This reverts commit {sha_of('inner')}, reversing\nchanges made to {sha_of('develop')}."
    history.commit("revert", f"Revert \"Merge branch 'refunds' into develop\"\n\n{reverts}", 8, "inner")
    history.commit("outer2", "Merge branch 'develop'", 9, "outer", "revert")
    history.look("outer2")
    assert "reverted by" in answer(story)["answer"]
    history.deploy("outer2", 11)
    assert answer(story)["stage"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_a_repository_that_moved_has_the_same_commits(
    history: History, story: Story, checkout: Service, answer: Any
) -> None:
    live(history, story)
    repository = Repository.objects.create(key="shop/checkout-new", service=checkout)
    moved = History(
        Source.objects.create(key="git-new", name="new", kind="git", repository=repository, config={}), history.send
    )
    moved.commit("start", "Start", 0)
    moved.commit("refund", f"{story.key}: refund in parts", 1, "start")
    moved.commit("revert", REVERT, 6, "refund")
    moved.look("revert")
    history.deploy("revert", 8)
    assert answer(story)["stage"] == "todo"
    assert_a_rebuild_changes_nothing()


def test_a_hotfix_counts_whatever_its_deployment_calls_it(history: History, story: Story) -> None:
    history.commit("start", "Start", 0)
    sha = history.commit("hotfix", "PAY-1: fix rounding", 2, "start")
    history.look("start", **{"v1.0.1": ("hotfix", 3)})
    run = {"service": "checkout", "pipeline": "ci", "branch": "release/1.0"}
    history.deploy("hotfix", 4, commit=sha[:9])
    history.report("runs", {**run, "id": "9", "commit": sha[:12], "outcome": "success"}, 3)
    assert story.evidence.filter(kind="run", verdict="success").exists()
    assert_a_rebuild_changes_nothing()
    history.report("runs", {**run, "id": "10", "commit": sha[:10], "outcome": "failure"}, 5)
    assert_a_rebuild_changes_nothing()


def test_unlinking_what_a_commit_was_rewritten_as_leaves_other_stories_alone(
    history: History, story: Story, payments: Any, ana: Any, as_ana: Client, answer: Any
) -> None:
    from releases.pipelines.models import Change
    from squads.stories.actions import create_story

    other = create_story(payments, by=ana, title="Receipts")
    history.commit("start", "Start", 0)
    history.commit("both", "PAY-1 PAY-2: refunds and receipts", 1, "start")
    history.look("both")
    history.deploy("both", 3)
    history.commit("one", "PAY-1: refunds only", 5, "start")
    history.look("one")
    history.deploy("one", 7)
    before = answer(other)["answer"]
    change = Change.objects.get(sha=sha_of("one"))
    assert as_ana.delete(f"/api/v1/stories/PAY-1/changes/{change.pk}/").status_code == 204
    deliver()
    assert answer(other)["answer"] == before
    assert_a_rebuild_changes_nothing()


def test_old_reverts_of_others_cost_no_queries(
    history: History, story: Story, django_assert_max_num_queries: Any
) -> None:
    above = "start"
    history.commit("start", "Start", 0)
    for number in range(60):
        history.commit(f"old{number}", f"Other {number}", 0.001 * number, above)
        text = f"Out\n\nThis reverts commit {sha_of(f'old{number}')[:9]} (Other, 2026-01-01)"
        history.commit(f"out{number}", text, 0.001 * number + 0.0005, f"old{number}")
        above = f"out{number}"
    history.commit("refund", "PAY-1: refund", 2, above)
    history.look("refund")
    with django_assert_max_num_queries(45):
        derive([story.pk])


def test_a_member_makes_no_confirmed_production(history: History, story: Story, as_ana: Client, answer: Any) -> None:
    made = as_ana.post("/api/v1/environments/", {"key": "sandbox-7", "tier": "production"}, "application/json")
    assert made.status_code == 201 and made.json()["tier_confirmed"] is False
    history.commit("refund", "PAY-1: refund", 1)
    history.look("refund")
    history.deploy("refund", 3, environment="sandbox-7")
    assert "Unconfirmed" in answer(story)["answer"]


@pytest.mark.parametrize("stage", ["deployed", "rodeo_done"])
def test_the_answer_says_that_production_runs_an_unread_branch(
    history: History, story: Story, answer: Any, stage: str
) -> None:
    history.commit("start", "Start", 0)
    history.commit("refund", "PAY-1: refund", 1, "start")
    history.look("refund")
    history.run("refund", 2)
    history.deploy("refund", 3)
    if stage == "rodeo_done":
        history.accept(story, 4)
    history.deploy("elsewhere", 6)
    said = answer(story)
    assert said["stage"] == stage
    assert f"Production runs {sha_of('elsewhere')[:7]}, which is on no branch that Rodeo reads." in said["answer"]
