"""Every change of stage is a row and news: written with the judgement, by the evidence's own time, once for each cause."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import User
from portal.kernel import outbox
from portal.kernel.models import Message, StateChange
from portal.kernel.stable_ids import stable_id
from squads.events import StageChanged, StoriesUnjudged
from squads.judging import actions as judging
from squads.models import Evidence, Squad, StageChange, Story
from squads.stage_history.actions import announced_at_the_end
from squads.stories import ranking
from squads.stories.actions import create_story, edit_story, judge, record_by_hand, take_back

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROLLBACK = UUID("0b9e3a52-4a62-4d0c-8e6e-0d2f2f3f4a5b")
API = "/api/v1/stories/PAY-1/stage-changes/"


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


@pytest.fixture
def story(payments: Squad, ana: User) -> Story:
    return create_story(payments, by=ana, title="Pay with iDEAL")


def see(story: Story, kind: str, at: float, **values: Any) -> Evidence:
    """Keep a derived row of evidence; the story is not judged."""
    sha = f"{story.pk:040x}"
    in_production = kind in ("deployment", "acceptance")
    said = {
        "verdict": "success",
        "service": "" if kind == "acceptance" else "checkout",
        "shas": [sha],
        "environment": "prod-eu" if in_production else "staging" if kind == "test" else "",
        "tier": "production" if in_production else "staging" if kind == "test" else "",
        "label": {"deployment": "1.4 (abc1234)", "test": "regression", "acceptance": "smoke"}.get(kind, kind),
        "started_at": hour(at) if kind == "acceptance" else None,
        **values,
    }
    pk = stable_id("test", story.key, kind, at, said["environment"])
    return Evidence.objects.create(id=pk, story=story, kind=kind, at=hour(at), **said)


def travel(story: Story, *, until: int = 5) -> None:
    """Let a story be seen on its way through the ladder."""
    for at, kind in enumerate(("change", "run", "test", "deployment", "acceptance")[:until], 1):
        see(story, kind, at)
    judge([story.pk])


def roll_back(*stories: Story) -> None:
    for story in stories:
        see(story, "deployment", 8, shas=[], label="1.3", detail="rollback", event_id=ROLLBACK)
    judge(story.pk for story in stories)


def told() -> list[dict[str, Any]]:
    return list(Message.objects.filter(topic=StageChanged.topic).order_by("pk").values_list("payload", flat=True))


def rows(story: Story) -> list[tuple[str, str, datetime]]:
    return list(StageChange.objects.filter(story=story).order_by("at").values_list("from_stage", "to_stage", "at"))


def everything() -> list[dict[str, Any]]:
    return list(StageChange.objects.order_by("pk").values())


def words(browser: Client, path: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", browser.get(path).content.decode()))


def test_a_judgement_leaves_a_row_for_every_change_with_what_proves_it(story: Story) -> None:
    travel(story)
    assert rows(story) == [
        ("todo", "integrated", hour(2)),
        ("integrated", "tested", hour(3)),
        ("tested", "deployed", hour(4)),
        ("deployed", "rodeo_done", hour(5)),
    ]
    last = StageChange.objects.get(story=story, to_stage="deployed")
    assert last.why == "1.4 (abc1234) runs in prod-eu"
    assert last.evidence == Evidence.objects.get(kind="deployment").pk
    assert (last.event_id, last.person) == (None, None)


def test_since_when_is_the_newest_change(story: Story) -> None:
    assert story.stage_at is None and story.standing["since"] is None
    travel(story)
    story.refresh_from_db()
    assert story.stage_at == hour(5) == datetime.fromisoformat(story.standing["since"])
    see(story, "acceptance", 9)
    judge([story.pk])
    story.refresh_from_db()
    assert story.stage_at == hour(5)


def test_a_rollback_that_withdraws_forty_stories_is_one_cause_and_one_message(payments: Squad, ana: User) -> None:
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(40)]
    for story in stories:
        travel(story)
    Message.objects.all().delete()
    roll_back(*stories)
    changes = StageChange.objects.filter(from_stage="rodeo_done")
    assert changes.count() == 40
    [(cause, event, to)] = set(changes.values_list("cause", "event_id", "to_stage"))
    assert (event, to) == (ROLLBACK, "tested")
    [message] = told()
    assert (message["cause"], message["event"], message["person"]) == (str(cause), str(ROLLBACK), None)
    assert [each["key"] for each in message["changes"]] == [story.key for story in stories]
    assert message["changes"][0] == {
        "id": str(changes.get(story=stories[0]).pk),
        "story": stories[0].pk,
        "key": "PAY-1",
        "from": "rodeo_done",
        "to": "tested",
        "at": "2026-03-02T17:00:00.000000Z",
        "why": "rolled back to 1.3 in prod-eu, which does not contain it",
    }


def test_what_no_event_tells_of_is_one_cause_for_all_that_it_moved(payments: Squad, ana: User) -> None:
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(3)]
    for story in stories:
        travel(story, until=4)
    assert len(set(StageChange.objects.filter(to_stage="deployed").values_list("cause", flat=True))) == 1
    assert len(set(StageChange.objects.values_list("cause", flat=True))) == 3


def test_a_cause_of_very_many_stories_is_told_in_several_messages(
    payments: Squad, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squads.stage_history.actions.MOST_TOLD", 2)
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(5)]
    for story in stories:
        travel(story)
    Message.objects.all().delete()
    roll_back(*stories)
    assert [len(each["changes"]) for each in told()] == [2, 2, 1]
    assert len({each["cause"] for each in told()}) == 1
    assert {each["event"] for each in told()} == {str(ROLLBACK)}


def test_one_event_that_tells_of_two_deployments_is_two_causes(payments: Squad, ana: User) -> None:
    """One look at a git repository tells of every tag there ever was."""
    first, second = (create_story(payments, by=ana, title=f"Story {number}") for number in range(2))
    for story, at in ((first, 4), (second, 900)):
        travel(story, until=3)
        see(story, "deployment", at, event_id=ROLLBACK)
    judge([first.pk, second.pk])
    deployed = StageChange.objects.filter(to_stage="deployed", event_id=ROLLBACK)
    assert len(set(deployed.values_list("cause", flat=True))) == 2


def test_nothing_is_told_twice(story: Story) -> None:
    travel(story)
    before, messages = everything(), told()
    Story.objects.update(judge_digest="another version")
    assert judge([story.pk]) == 0
    assert (everything(), told()) == (before, messages)


def test_what_is_as_it_was_is_not_judged_again(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    travel(story)

    def fail(*_: Any) -> None:
        raise AssertionError("nothing new was seen of it")

    monkeypatch.setattr(judging, "judge_with_history", fail)
    assert judge([story.pk]) == 0
    see(story, "acceptance", 12, verdict="failure")
    with pytest.raises(AssertionError):
        judge([story.pk])


def test_late_evidence_corrects_the_past_and_only_what_is_new_is_told(story: Story) -> None:
    see(story, "change", 1)
    see(story, "deployment", 4)
    judge([story.pk])
    [deployed] = StageChange.objects.all()
    Message.objects.all().delete()
    see(story, "run", 2)
    judge([story.pk])
    assert rows(story) == [("todo", "integrated", hour(2)), ("integrated", "deployed", hour(4))]
    # It came to be deployed then as before: the same change, from another stage.
    assert StageChange.objects.get(to_stage="deployed").pk == deployed.pk
    assert [[each["to"] for each in message["changes"]] for message in told()] == [["integrated"]]
    Evidence.objects.filter(kind="run").delete()
    judge([story.pk])
    assert rows(story) == [("todo", "deployed", hour(4))]


def test_any_order_of_arrival_leaves_the_same_rows(story: Story) -> None:
    travel(story)
    roll_back(story)
    before = everything()
    kept = list(Evidence.objects.all())
    Evidence.objects.all().delete()
    judge([story.pk])
    assert not StageChange.objects.exists()
    for row in reversed(kept):
        row.save(force_insert=True)
        judge([story.pk])
    assert everything() == before


def test_evidence_taken_back_counts_until_then(story: Story, ana: User) -> None:
    story.move_progress("dev_done", by=ana)
    row = record_by_hand(story, by=ana, kind="deployment", note="Put on prod-1 by hand.")
    take_back(row, by=ana, because="It was prod-2.")
    row.refresh_from_db()
    last = StageChange.objects.filter(story=story).order_by("-at")[0]
    assert [stage for _, stage, _ in rows(story)] == ["dev_done", "deployed", "dev_done"]
    assert (last.at, last.evidence, last.person, last.event_id) == (row.taken_back_at, row.pk, ana, None)
    assert last.why.startswith("evidence by hand was withdrawn")
    assert [message["person"] for message in told()] == [ana.pk, ana.pk, ana.pk]


def test_a_move_by_people_is_a_change_and_news(story: Story, ana: User) -> None:
    ranking.place(story, by=ana, to="in_progress", because="The bank answered")
    change = StageChange.objects.get()
    assert (change.from_stage, change.to_stage, change.why) == ("todo", "in_progress", "The bank answered")
    assert (change.person, change.evidence, change.at) == (ana, None, StateChange.objects.get().at)
    [message] = told()
    assert (message["person"], message["event"], message["changes"][0]["to"]) == (ana.pk, None, "in_progress")


@pytest.mark.parametrize("seen", [(), ("change",), ("change", "run"), ("change", "run", "test", "deployment")])
def test_a_move_leaves_the_rows_that_judging_anew_leaves(story: Story, ana: User, seen: tuple[str, ...]) -> None:
    for at, kind in enumerate(seen, 1):
        see(story, kind, at)
    judge([story.pk])
    for to in ("in_progress", "dev_done", "todo", "in_progress"):
        now = Story.objects.get()
        if now.stage in Story.Progress.values:
            ranking.place(story, by=ana, to=to)
        elif to != now.progress and not now.is_held_against(to):
            story.move_progress(to, by=ana)
    before, stood = everything(), Story.objects.values("stage", "stage_at", "standing").get()
    assert len(before) >= (4 if len(seen) < 2 else 1)
    StageChange.objects.all().delete()
    Story.objects.update(judge_digest="", stage="todo", stage_at=None, standing={})
    judge([story.pk])
    assert everything() == before
    assert Story.objects.values("stage", "stage_at", "standing").get() == stood


def test_a_flag_that_somebody_names_darkens_a_story_from_then_on(story: Story, ana: User) -> None:
    travel(story)
    edit_story(story, by=ana, flag="cart")
    last = StageChange.objects.order_by("-at")[0]
    assert (last.from_stage, last.to_stage, last.person, last.evidence) == ("rodeo_done", "deployed", ana, None)
    assert last.why == "dark: nothing says that flag cart is on for everyone in prod-eu"
    assert StageChange.objects.filter(to_stage="rodeo_done", at=hour(5)).exists()
    edit_story(story, by=ana, flag="")
    assert Story.objects.get().stage == "rodeo_done"


def test_the_past_of_a_story_that_is_looked_at_first_is_no_news(payments: Squad, ana: User) -> None:
    made = Story.objects.create(squad=payments, number=1, key="PAY-1", title="Old", rank=1, progress="dev_done")
    travel(made)
    assert len(rows(made)) == 4
    assert told() == []
    roll_back(made)
    assert [message["event"] for message in told()] == [str(ROLLBACK)]


def test_an_upgrade_gives_the_stories_there_are_their_history(
    payments: Squad, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the migration leaves: judged stories without history, and a message."""
    monkeypatch.setattr("squads.judging.subscribers.AT_ONCE", 2)
    stories = [create_story(payments, by=ana, title=f"Story {number}") for number in range(5)]
    for story in stories:
        travel(story)
    before = everything()
    StageChange.objects.all().delete()
    Story.objects.update(judge_digest="")
    Message.objects.all().delete()
    outbox.publish(StoriesUnjudged(after=0))
    for _ in range(4):
        outbox.deliver()
    assert everything() == before
    assert told() == []
    assert not Message.objects.filter(handled_at=None).exists()


def test_news_held_back_is_told_once_and_only_where_it_is_news(story: Story) -> None:
    travel(story)
    Message.objects.all().delete()
    kept = list(Evidence.objects.all())
    with announced_at_the_end():
        Evidence.objects.all().delete()
        judge([story.pk])
        for row in kept:
            row.save(force_insert=True)
            judge([story.pk])
        roll_back(story)
    assert [(message["event"], [each["to"] for each in message["changes"]]) for message in told()] == [
        (str(ROLLBACK), ["tested"])
    ]
    with announced_at_the_end(silent=[story.pk]):
        see(story, "deployment", 9)
        judge([story.pk])
    assert len(told()) == 1


def test_many_stories_take_as_many_queries_as_few(payments: Squad, ana: User) -> None:
    counts = []
    for number in (2, 12):
        stories = [create_story(payments, by=ana, title="Story") for _ in range(number)]
        for at, kind in enumerate(("change", "run", "test", "deployment", "acceptance"), 1):
            for story in stories:
                see(story, kind, at)
        with CaptureQueriesContext(connection) as queries:
            judge(story.pk for story in stories)
        with CaptureQueriesContext(connection) as again:
            judge(story.pk for story in stories)
        counts.append((len(queries), len(again)))
    assert counts[0] == counts[1]
    assert counts[0][0] <= 12 and counts[0][1] <= 6


def test_the_history_page_tells_what_evidence_did_beside_what_people_did(as_ana: Client, story: Story) -> None:
    travel(story)
    roll_back(story)
    story.move_progress("in_progress", by=User.objects.get(username="ana"))
    for path in ("/stories/PAY-1/history/", "/stories/PAY-1/"):
        page = words(as_ana, path)
        assert "Deployed: 1.4 (abc1234) runs in prod-eu" in page
        assert "No longer rodeo done: rolled back to 1.3 in prod-eu, which does not contain it" in page
        assert page.count("to do → in progress") == 1
    html = as_ana.get("/stories/PAY-1/history/").content.decode()
    assert html.count(f'href="{reverse("releases:reading:event", args=[ROLLBACK])}"') == 1


def test_the_history_page_asks_as_much_however_long_it_is(as_ana: Client, story: Story) -> None:
    counts = []
    for until in (2, 5):
        Evidence.objects.all().delete()
        travel(story, until=until)
        with CaptureQueriesContext(connection) as queries:
            as_ana.get("/stories/PAY-1/history/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_api_lists_the_changes_newest_first(as_ana: Client, story: Story, ana: User) -> None:
    travel(story)
    roll_back(story)
    answer = as_ana.get(API).json()
    assert answer["count"] == 5
    newest = answer["results"][0]
    assert newest == {
        "id": str(StageChange.objects.get(from_stage="rodeo_done").pk),
        "from_stage": "rodeo_done",
        "to_stage": "tested",
        "at": "2026-03-02T17:00:00Z",
        "why": "rolled back to 1.3 in prod-eu, which does not contain it",
        "evidence": str(Evidence.objects.get(detail="rollback").pk),
        "event": str(ROLLBACK),
        "person": None,
        "cause": str(StageChange.objects.get(from_stage="rodeo_done").cause),
    }
    assert [each["to_stage"] for each in answer["results"]] == [
        "tested",
        "rodeo_done",
        "deployed",
        "tested",
        "integrated",
    ]
    assert as_ana.get("/api/v1/stories/PAY-99/stage-changes/").status_code == 404


def test_the_api_asks_as_much_however_many_there_are(
    as_ana: Client, story: Story, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    travel(story)
    with django_assert_max_num_queries(5):
        assert as_ana.get(API).status_code == 200


def test_the_first_page_tells_the_newest_change_of_each_story(as_ana: Client, story: Story) -> None:
    now = timezone.now()
    for ago, kind in ((5, "change"), (4, "run"), (3, "test"), (2, "deployment")):
        see(story, kind, ((now - T0) / timedelta(hours=1)) - ago)
    judge([story.pk])
    assert "1.4 (abc1234) runs in prod-eu" in words(as_ana, "/").lower()
    see(story, "deployment", ((now - T0) / timedelta(hours=1)) - 1, shas=[], label="1.3", detail="rollback")
    judge([story.pk])
    page = words(as_ana, "/")
    assert "no longer deployed" in page
    assert "olled back to 1.3 in prod-eu" in page


def test_a_commit_that_left_the_mainline_is_told_as_a_correction(story: Story) -> None:
    travel(story, until=2)
    Evidence.objects.filter(kind="change").update(verdict="")
    before = len(told())
    judge([story.pk])
    (news,) = told()[before:]
    assert news["correction"] is True
    (change,) = news["changes"]
    assert (change["id"], change["from"], change["to"]) == (None, "integrated", "todo")
    assert "no longer on the mainline" in change["why"]
    judge([story.pk])
    assert len(told()) == before + 1


def test_evidence_that_is_gone_is_told_as_a_correction_but_not_by_a_rebuild(story: Story) -> None:
    travel(story, until=4)
    Evidence.objects.filter(kind="deployment").delete()
    before = len(told())
    with announced_at_the_end():
        judge([story.pk])
    assert len(told()) == before
    see(story, "deployment", 4)
    judge([story.pk])
    before = len(told())
    Evidence.objects.filter(kind="deployment").delete()
    judge([story.pk])
    assert [(each["from"], each["to"]) for news in told()[before:] for each in news["changes"]] == [
        ("deployed", "tested")
    ]


def test_a_rollback_is_news_of_its_own_and_no_correction(story: Story) -> None:
    travel(story)
    before = len(told())
    roll_back(story)
    assert [news["correction"] for news in told()[before:]] == [False]


def test_a_clock_that_is_set_back_puts_no_move_before_another(
    story: Story, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squads.stories.models.clock.now", lambda: hour(1))
    ranking.place(story, by=ana, to="in_progress", because="one")
    monkeypatch.setattr("squads.stories.models.clock.now", lambda: hour(0))
    ranking.place(story, by=ana, to="dev_done", because="two")
    monkeypatch.undo()
    judge([story.pk])
    changes = StageChange.objects.filter(story=story).order_by("at")
    assert list(changes.values_list("to_stage", "why", "person")) == [
        ("in_progress", "one", ana.pk),
        ("dev_done", "two", ana.pk),
    ]
