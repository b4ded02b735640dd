"""Work that becomes known later withdraws a done story at that moment, with the reason, and makes nothing unsaid."""

from typing import Any

from django.test import Client

from portal.kernel import clock
from portal.kernel.models import Message
from portal.kernel.outbox import deliver
from releases.inbox.models import Source
from releases.pipelines.models import Repository
from releases.reading.actions import rebuild
from squads.models import Service, StageChange, Story
from tests.releases.evidence.conftest import History, hour, sha_of
from tests.releases.evidence.test_reverts import answer as answer
from tests.releases.evidence.test_reverts import live, rows


def stages(story: Story) -> list[str]:
    return list(StageChange.objects.filter(story=story).order_by("at").values_list("to_stage", flat=True))


def test_a_repository_read_later_withdraws_a_done_story_with_the_reason(
    history: History, story: Story, payments: Any, answer: Any
) -> None:
    live(history, story)
    before = stages(story)
    assert before[-1] == "rodeo_done"
    web = Service.objects.create(name="web", slug="web", squad=payments)
    repository = Repository.objects.create(key="shop/web", service=web)
    source = Source.objects.create(key="git-web", name="web", kind="git", repository=repository, config={})
    late = History(source, history.send)
    late.commit("page", "PAY-1: show refunds", 1.5)
    late.look("page")
    assert answer(story)["stage"] == "todo"
    assert stages(story) == [*before, "todo"]
    withdrawn = StageChange.objects.filter(story=story).latest("at")
    assert withdrawn.at > hour(4)
    assert withdrawn.why.startswith(f"{sha_of('page')[:7]} PAY-1: show refunds was linked later: ")
    told = Message.objects.filter(topic="story.stage_changed").latest("pk").payload
    assert [(each["from"], each["to"]) for each in told["changes"]] == [("rodeo_done", "todo")]
    assert told["correction"] is False
    kept = rows()
    rebuild()
    assert rows() == kept


def test_a_link_made_by_hand_counts_from_when_it_was_made(
    history: History, story: Story, payments: Any, as_ana: Client
) -> None:
    web = Service.objects.create(name="web", slug="web", squad=payments)
    repository = Repository.objects.create(key="shop/web", service=web)
    source = Source.objects.create(key="git-web", name="web", kind="git", repository=repository, config={})
    other = History(source, history.send)
    other.commit("page", "Show refunds", 1.5)
    other.look("page")
    live(history, story)
    before, moment = stages(story), clock.now()
    answered = as_ana.post(f"/api/v1/stories/{story.key}/changes/", {"sha": sha_of("page")}, "application/json")
    assert answered.status_code == 201, answered.content
    deliver()
    assert stages(story) == [*before, "todo"]
    assert StageChange.objects.filter(story=story).latest("at").at >= moment


def test_a_commit_that_is_only_read_later_leaves_the_history_by_the_evidence_s_own_times(
    history: History, story: Story
) -> None:
    history.run("refund", 2)
    history.deploy("refund", 3)
    history.accept(story, 4)
    history.commit("refund", f"{story.key}: refund in parts", 1)
    history.look("refund")
    moments = list(StageChange.objects.filter(story=story).order_by("at").values_list("to_stage", "at"))
    assert moments == [("integrated", hour(2)), ("deployed", hour(3)), ("rodeo_done", hour(4))]
