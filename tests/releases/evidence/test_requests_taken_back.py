"""Requests that are reverted at GitHub and GitLab, also where no git is read: what was merged tells of it."""

from typing import Any

from releases.pipelines import relations
from releases.pipelines.models import Change
from releases.providers.commit_relations import Kind, Relation
from squads.models import Story
from tests.releases.evidence.conftest import History, hour, sha_of
from tests.releases.evidence.test_reverts import answer as answer


def merged(history: History, name: str, at: float, number: int, title: str, body: str = "", **more: Any) -> None:
    """A request was merged, as its host tells."""
    moment = hour(at).isoformat()
    event = {
        "context": {
            "version": "0.4.1",
            "id": f"merged-{name}",
            "source": "/ci",
            "type": "dev.cdevents.change.merged.0.2.0",
            "timestamp": moment,
        },
        "subject": {
            "id": sha_of(name),
            "type": "change",
            "content": {"repository": {"id": "shop/checkout"}},
        },
        "customData": {
            "message": f"{title}\n\n{body}",
            "url": f"https://github.com/shop/checkout/pull/{number}",
            **more,
        },
    }
    assert history.send("/hooks/ci/", event).status_code == 202


def test_a_request_that_is_reverted_takes_its_story_back_without_any_git(
    history: History, ci: Any, story: Story, answer: Any, drained: Any
) -> None:
    history.source.delete()
    merged(history, "refund", 1, 12, "PAY-1: refund in parts")
    drained()
    history.run("refund", 2)
    history.deploy("refund", 3)
    history.accept(story, 4)
    assert answer(story)["stage"] == "rodeo_done"
    merged(history, "revert", 10, 13, 'Revert "PAY-1: refund in parts"', "Reverts shop/checkout#12")
    drained()
    assert answer(story)["stage"] == "rodeo_done"
    assert f"reverted by {sha_of('revert')[:7]}" in answer(story)["answer"]
    history.deploy("revert", 12)
    assert answer(story)["stage"] == "todo"


def test_who_names_a_commit_that_a_squash_left_out_means_the_squash(
    history: History, story: Story, answer: Any
) -> None:
    original = "ab" * 20
    history.commit("start", "Start", 0)
    squash = history.commit("squash", "PAY-1: refund in parts (#12)", 1, "start")
    history.look("squash")
    relations.save({Change.objects.get(sha=squash).pk: [Relation(Kind.ORIGINAL, original)]}, by_git=False)
    history.commit("revert", f"No refunds\n\nThis reverts commit {original}.", 5, "squash")
    history.look("revert")
    history.run("squash", 2)
    history.deploy("squash", 3)
    history.deploy("revert", 6)
    assert answer(story)["stage"] == "todo"
    assert f"reverted by {sha_of('revert')[:7]}" in answer(story)["answer"]
