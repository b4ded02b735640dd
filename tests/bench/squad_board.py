"""The squad board of 300 cards against 300 plain ones, and one move against bare views with a SELECT and as many writes."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from squads.models import Evidence, Membership, Squad, Story
from tests.bench import data

CARDS = 300
# So many stories on each stage.
SPREAD = {
    "todo": 60,
    "in_progress": 30,
    "dev_done": 30,
    "integrated": 50,
    "tested": 50,
    "deployed": 50,
    "rodeo_done": 30,
}
STEPS = {"integrated": 2, "tested": 3, "deployed": 4, "rodeo_done": 10}


def _filled(squad: Squad) -> None:
    """Fill the squad's board: evidence, and stays that say what is usual."""
    data.stories(squad, CARDS)
    stories, start = list(squad.stories.order_by("number")), 0
    for stage, count in SPREAD.items():
        part, start = stories[start : start + count], start + count
        progress = stage if stage in Story.Progress.values else "dev_done"
        Story.objects.filter(pk__in=[story.pk for story in part]).update(progress=progress)
        Evidence.objects.bulk_create(
            row for story in part for row in data.evidence_of(story, STEPS.get(stage, 0)) if stage in STEPS
        )
    squad.stories.all().judge()


def _in_turns(*asks: Callable[[], Any], count: int) -> list[float]:
    """The median times of requests of each kind, in ms; one of each in turn, so that a busy machine slows all alike."""
    times: list[list[float]] = [[] for _ in asks]
    for turn in range(count):
        for which, ask in enumerate(asks):
            start = time.perf_counter()
            code = ask().status_code
            if turn >= 5:  # the first ones warm up
                times[which].append((time.perf_counter() - start) * 1000)
            assert code == 200, code
    return [statistics.median(each) for each in times]


def run(row: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Measure both, in turns."""
    [squad] = data.squads(1, "Q")
    _filled(squad)
    person = User.objects.create(username="board-bench")
    Membership.objects.create(squad=squad, user=person)
    browser = Client()
    browser.force_login(person)
    # Every column at length, so that all cards are drawn.
    address = f"/squads/{squad.slug}/board/?{'&'.join(f'more={stage}' for stage in SPREAD)}"
    caches["local"].clear()
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(address)
        asked = len(queries)
    assert answer.content.count(b'<article class="card') == CARDS, answer.content.count(b'<article class="card')
    first, second = squad.stories.filter(stage="todo").order_by("rank")[:2]
    ways = iter(range(10**6))

    def moved() -> Any:
        """There and back again, each time behind another story, as a page asks that hears of the card by the stream."""
        to = "todo" if next(ways) % 2 else "in_progress"
        body = {"to": to, "after": second.key}
        return browser.post(f"/stories/{first.key}/place/", body, headers={"Accept": "application/json"})

    yard, board = _in_turns(
        lambda: browser.get(f"/bench/cards/?squad={squad.pk}&most={CARDS}"), lambda: browser.get(address), count=80
    )
    least, told, move = _in_turns(
        lambda: browser.post("/bench/move/", {"key": second.key}),
        lambda: browser.post("/bench/move/", {"key": second.key, "news": "1"}),
        moved,
        count=300,
    )
    return [
        row(f"{CARDS} plain cards, Django templates", yard, "ms"),
        row(f"squad board, {CARDS} cards", board, "ms"),
        row("squad board ÷ plain cards", board / yard, "×", 1.5),
        row("squad board, queries", asked, "", 12),
        row("bare view, one SELECT and two writes", least, "ms"),
        row("the same, with history of stages and message", told, "ms"),
        row("moving a card", move, "ms"),
        row("moving a card ÷ bare view, two writes", move / least, "×"),
        row("moving a card ÷ bare view, all four writes", move / told, "×", 1.5),
    ]
