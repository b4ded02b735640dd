"""One rule for moving a story, whichever door asks: the story's page, the board with and without scripts, the API."""

import html
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel.models import StateChange
from portal.kernel.transitions import AlreadyMoved
from squads.models import Evidence, Story
from squads.stories.models import Held, Move, move_many

Write = Callable[..., Story]
PEOPLE = ["todo", "in_progress", "dev_done"]
STEPS = {"todo": 0, "in_progress": 0, "dev_done": 0, "integrated": 2, "tested": 3, "deployed": 4, "rodeo_done": 5}
SCRIPT = {"Accept": "application/json"}


class Answer(NamedTuple):
    """What a door said: no refusal, or its status and its words."""

    status: int
    said: str


DONE = Answer(0, "")


def _page(client: Client, to: str, **more: str) -> Answer:
    return _shown(client.post("/stories/PAY-1/progress/", {"to": to, **more}))


def _menu(client: Client, to: str, **more: str) -> Answer:
    return _shown(client.post("/stories/PAY-1/place/", {"to": to, **more}))


def _shown(answer: Any) -> Answer:
    if answer.status_code == 302:
        return DONE
    notice = re.search(r'<(?:p|li)[^>]*data-state="bad"[^>]*>(.*?)</(?:p|li)>', answer.content.decode(), re.DOTALL)
    assert notice is not None, answer.content.decode()
    return Answer(answer.status_code, html.unescape(re.sub(r"<[^>]*>", "", notice[1])).strip())


def _script(client: Client, to: str, **more: str) -> Answer:
    answer: Any = client.post("/stories/PAY-1/place/", {"to": to, **more}, headers=SCRIPT)
    return DONE if answer.status_code == 200 else Answer(answer.status_code, answer.json()["message"])


def _asked(client: Client, what: str, said: dict[str, str]) -> Answer:
    url = f"/api/v1/stories/PAY-1/{what}/"
    answer: Any = client.post(url, json.dumps(said), content_type="application/json")
    if answer.status_code == 200:
        return DONE
    [error] = answer.json()["errors"]
    if answer.status_code == 400:
        assert error["attr"] in said, "an objection names its field"
    return Answer(answer.status_code, error["detail"])


def _api_progress(client: Client, to: str, **more: str) -> Answer:
    return _asked(client, "progress", {"to": to, **more})


def _api_place(client: Client, to: str, **more: str) -> Answer:
    return _asked(client, "place", {"to": to, **more})


DOORS = {
    "the story's page": _page,
    "the board's menu": _menu,
    "the board's script": _script,
    "the API's progress": _api_progress,
    "the API's place": _api_place,
}


def asked_everywhere(client: Client, to: str, **more: str) -> tuple[Answer, tuple[Any, ...]]:
    """Ask each door from the same beginning; return the one answer of all, and what it left."""
    told: dict[str, tuple[Answer, tuple[Any, ...]]] = {}
    for name, door in DOORS.items():
        with transaction.atomic():
            said = door(client, to, **more)
            story = Story.objects.get()
            moves = StateChange.objects.order_by("pk").values_list("from_state", "to_state", "by__username", "because")
            left = (story.progress, story.stage, story.standing["stage"], story.rank, tuple(moves))
            told[name] = said, left
            transaction.set_rollback(True)
    assert len(set(told.values())) == 1, told
    return told["the story's page"]


@pytest.mark.parametrize(
    ("stage", "progress"),
    [
        ("todo", "todo"),
        ("in_progress", "in_progress"),
        ("dev_done", "dev_done"),
        ("integrated", "dev_done"),
        ("tested", "in_progress"),
        ("deployed", "todo"),
        ("deployed", "in_progress"),
        ("deployed", "dev_done"),
        ("rodeo_done", "dev_done"),
    ],
)
def test_every_door_answers_the_same(as_ana: Client, write: Write, stage: str, progress: str) -> None:
    story = write("Live", STEPS[stage], progress=progress)
    assert (story.stage, story.progress) == (stage, progress)
    before = StateChange.objects.count()
    for to in [*PEOPLE, "integrated", "rodeo_done", "epic"]:
        answer, (now, at, judged, rank, moves) = asked_everywhere(as_ana, to)
        moved = now != progress
        assert (at, judged, rank, len(moves)) == (at, at, story.rank, before + moved)
        if to not in PEOPLE:
            assert answer.status == 400 and f"“{to}” can’t be set manually" in answer.said
        elif to == progress:
            assert answer.status == 409 and "Someone else may have changed it" in answer.said
        elif stage not in PEOPLE and PEOPLE.index(to) < PEOPLE.index(progress):
            name = stage.replace("_", " ")
            assert answer.status == 409 and f"PAY-1 stays in {name} because of its evidence" in answer.said
            assert "can be withdrawn on the story’s page" in answer.said
        else:
            assert answer == DONE and now == to and moves[-1] == (progress, to, "ana", "")
            assert at == (to if stage in PEOPLE else stage)
            continue
        assert not moved and at == stage


def test_a_reason_nobody_would_read_is_refused_everywhere(as_ana: Client, write: Write) -> None:
    write("Refunds")
    answer, (progress, *_) = asked_everywhere(as_ana, "in_progress", because="x" * 2001)
    assert answer == (400, "Use 2000 characters or fewer.")
    assert progress == "todo"
    assert asked_everywhere(as_ana, "in_progress", because="Started.")[1][4] == (
        ("todo", "in_progress", "ana", "Started."),
    )


def test_the_page_offers_no_move_it_would_refuse(as_ana: Client, write: Write) -> None:
    write("Live", STEPS["deployed"], progress="in_progress")
    page = as_ana.get("/stories/PAY-1/").content.decode()
    assert re.findall(r'name="to" value="(\w+)"', page) == ["in_progress", "dev_done"]


def test_what_was_deployed_meanwhile_is_not_moved_back(write: Write, ana: User) -> None:
    seen = write("Live", progress="dev_done")
    Story.objects.filter(pk=seen.pk).update(stage="deployed")
    assert seen.stage == "dev_done"
    with pytest.raises(Held):
        seen.move_progress("todo", by=ana)
    Story.objects.all().delete()
    with pytest.raises(AlreadyMoved, match="deleted"):
        seen.move_progress("todo", by=ana)


def test_the_evidence_gone_it_may_be_moved_back(write: Write, ana: User) -> None:
    story = write("Live", STEPS["deployed"], progress="dev_done")
    Evidence.objects.all().delete()
    Story.objects.all().judge()
    story.move_progress("todo", by=ana)
    assert (story.progress, story.stage) == ("todo", "todo")


def test_the_menu_that_is_refused_shows_the_board_filtered_as_it_was(as_ana: Client, write: Write) -> None:
    write("Live", STEPS["deployed"], progress="dev_done")
    write("Crash", type="defect")
    came = {"Referer": "http://testserver/squads/payments/board/?type=defect"}
    answer = as_ana.post("/stories/PAY-1/place/", {"to": "todo"}, headers=came)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "PAY-1 stays in deployed" in page
    assert re.findall(r'id="card-([\w-]+)"', page) == ["PAY-2"]


def test_many_are_moved_by_the_same_rule(write: Write) -> None:
    stories = [write(f"Story {number}") for number in range(3)]
    live = write("Live", STEPS["deployed"], progress="dev_done")
    at = stories[0].created_at
    with pytest.raises(Held):
        move_many([Move(stories[0], "dev_done", "", at), Move(live, "todo", "", at)])
    assert set(Story.objects.values_list("progress", flat=True)) == {"todo", "dev_done"}
    with CaptureQueriesContext(connection) as few:
        move_many([Move(stories[0], "in_progress", "Jira: done by Mei Lin", at)])
    with CaptureQueriesContext(connection) as more:
        move_many([Move(each, "dev_done", "Jira: done by Mei Lin", at) for each in stories[1:]])
    assert len(more) == len(few)
    assert list(Story.objects.order_by("number").values_list("progress", flat=True)) == [
        "in_progress",
        "dev_done",
        "dev_done",
        "dev_done",
    ]
    change = StateChange.objects.get(key=stories[1].key)
    assert (change.from_state, change.to_state, change.by, change.at) == ("todo", "dev_done", None, at)
