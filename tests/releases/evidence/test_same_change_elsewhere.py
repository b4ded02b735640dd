"""One change with several commits is contained where any of them is; what is lost is asked for no longer."""

from typing import Any

import pytest
from django.test import Client

from releases.reading.actions import rebuild
from squads.models import StageChange, Story
from tests.releases.evidence.conftest import History, sha_of
from tests.releases.evidence.test_reverts import answer as answer
from tests.releases.evidence.test_reverts import live, rows


@pytest.mark.parametrize("how", ["trailer", "patch"])
def test_a_fix_shipped_from_a_release_branch_is_done_and_stays_done(
    history: History, story: Story, answer: Any, how: str
) -> None:
    patch = "a" * 40 if how == "patch" else ""
    trailer = f"\n\n(cherry picked from commit {sha_of('fix')})" if how == "trailer" else ""
    history.commit("start", "Start", 0)
    history.commit("other", "Something else", 1, "start")
    history.commit("fix", "PAY-1: fix rounding", 2, "other", patch=patch)
    history.commit("pick", f"PAY-1: fix rounding{trailer}", 3, "start", patch=patch)
    history.look("fix", **{"v1.0": ("start", 0), "v1.0.1": ("pick", 3)})
    history.run("fix", 3)
    history.deploy("start", 1)
    history.deploy("pick", 4)
    history.accept(story, 5)
    assert answer(story)["stage"] == "rodeo_done"
    history.deploy("fix", 8)
    assert answer(story)["stage"] == "rodeo_done"
    before = rows()
    rebuild()
    assert rows() == before


def test_a_hotfix_that_never_came_to_the_mainline_is_on_the_line_it_ships_from(
    history: History, story: Story, answer: Any
) -> None:
    history.commit("start", "Start", 0)
    history.commit("hotfix", "PAY-1: fix rounding", 2, "start")
    history.look("start", **{"v1.0.1": ("hotfix", 3)})
    assert "not on the mainline yet" in answer(story)["answer"]
    history.deploy("hotfix", 4)
    history.accept(story, 5)
    assert answer(story)["stage"] == "rodeo_done"
    assert "not on the mainline" not in answer(story)["answer"]


def test_what_production_runs_from_an_unread_branch_is_said(history: History, story: Story, as_ana: Client) -> None:
    history.commit("start", "Start", 0)
    history.commit("fix", "PAY-1: fix rounding", 2, "start")
    history.look("fix")
    history.deploy("start", 1)
    history.deploy("elsewhere", 4)
    said = as_ana.get(f"/stories/{story.key}/").content.decode()
    assert f"Production runs {sha_of('elsewhere')[:7]}, which is on no branch that Rodeo reads" in said


def test_a_done_story_says_that_production_runs_an_unread_branch(
    history: History, story: Story, as_ana: Client
) -> None:
    live(history, story)
    history.deploy("elsewhere", 6)
    page = as_ana.get(f"/stories/{story.key}/").content.decode()
    assert f"{sha_of('elsewhere')[:7]}, which is on no branch that Rodeo reads" in page


@pytest.mark.parametrize(
    ("message", "author", "parent"),
    [("PAY-1: refund in parts, amended", "Ana", "start"), ("PAY-1: refund in parts", "Bo", "between")],
)
def test_a_commit_that_is_rewritten_is_followed(
    history: History, story: Story, answer: Any, message: str, author: str, parent: str
) -> None:
    live(history, story)
    history.commit("between", "Another thing", 5, "start")
    history.commit("amended", message, 6, parent, author=author)
    history.look("amended")
    said = answer(story)
    assert said["stage"] == "rodeo_done"
    old, new = sha_of("refund")[:7], sha_of("amended")[:7]
    assert f"{old} was rewritten as {new}, which is not deployed yet." in said["answer"]
    history.run("amended", 7)
    history.deploy("amended", 8)
    history.accept(story, 9)
    said = answer(story)
    assert said["stage"] == "rodeo_done" and "rewritten" not in said["answer"]
    before = rows()
    rebuild()
    assert rows() == before


def test_a_lost_commit_is_asked_for_while_something_runs_it_and_no_longer(
    history: History, story: Story, answer: Any
) -> None:
    live(history, story)
    history.commit("other", "Another thing", 6, "start")
    history.look("other")
    assert answer(story)["stage"] == "rodeo_done"
    history.deploy("other", 8)
    said = answer(story)
    assert said["stage"] == "todo"
    assert (
        f"{sha_of('refund')[:7]} is lost: no branch that Rodeo reads and nothing that runs holds it" in said["answer"]
    )
    history.commit("new", "PAY-1: refund, from scratch", 9, "other")
    history.look("new")
    history.run("new", 10)
    history.deploy("new", 11)
    history.accept(story, 12)
    assert answer(story)["stage"] == "rodeo_done"
    stages = list(StageChange.objects.filter(story=story).values_list("to_stage", flat=True))
    assert stages.count("rodeo_done") == 2
    before = rows()
    rebuild()
    assert rows() == before


def test_a_commit_that_never_ran_and_is_lost_blocks_nothing(history: History, story: Story, answer: Any) -> None:
    history.commit("start", "Start", 0)
    history.commit("wip", "PAY-1: first try", 1, "start")
    history.look("wip")
    history.commit("base", "Something else", 2, "start")
    history.commit("good", "PAY-1: second try", 3, "base")
    history.look("good")
    history.run("good", 4)
    assert answer(story)["stage"] == "integrated"
