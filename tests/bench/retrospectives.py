"""10,000 retrospectives of 1,000 words: searching them, reading one, and one with a long timeline, against 200 plain cards.

Then restricted ones are added, and every place where one could be seen must say what it said before.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import User
from portal.kernel import outbox
from portal.search.actions import index, reindex
from squads.models import Membership, Retrospective, RetrospectiveSection, RetrospectiveTheme, Service, TimelineEntry
from squads.retrospectives.models import new_code
from tests.bench import data
from tests.bench.search import _vocabulary
from tests.bench.squad_board import _in_turns
from tests.squads.retrospective_pages import hidden_places
from tests.squads.retrospective_pages.hidden_places import World

ROWS, WORDS, QUERIES, AT_ONCE, LONG, RESTRICTED = 10_000, 1000, 40, 500, 500, 200
KEYS = ("summary", "impact", "factors", "learnings")
Row = dict[str, Any]


def _write(words: list[str], luck: random.Random) -> None:
    squads = data.squads(20, "R")
    services = [Service.objects.get_or_create(name=f"svc-{n}", slug=f"svc-{n}", squad=squads[n])[0] for n in range(20)]
    through = Retrospective.services.through
    for start in range(0, ROWS, AT_ONCE):
        rows = [_one(number, squads[number % 20], words, luck) for number in range(start, start + AT_ONCE)]
        Retrospective.objects.bulk_create(rows)
        RetrospectiveSection.objects.bulk_create(
            RetrospectiveSection(
                retrospective=row,
                key=key,
                title=key.title(),
                position=place,
                text=" ".join(luck.choices(words, k=WORDS // len(KEYS))) + ".\n",
            )
            for row in rows
            for place, key in enumerate(KEYS)
        )
        RetrospectiveTheme.objects.bulk_create(
            RetrospectiveTheme(retrospective=row, name=luck.choice(words[:200])) for row in rows
        )
        through._default_manager.bulk_create(
            through(retrospective_id=row.pk, service_id=luck.choice(services).pk) for row in rows
        )


def _one(number: int, squad: Any, words: list[str], luck: random.Random) -> Retrospective:
    at = data.T0 - timedelta(hours=number * 3)
    return Retrospective(
        slug=f"bench-{number}-{new_code()}",
        kind="incident",
        state="published",
        title=" ".join(luck.choices(words, k=6)).capitalize(),
        squad=squad,
        severity=luck.choice(["SEV 1", "SEV 2", "SEV 3"]),
        began_at=at,
        year=at.year,
        anniversary=at.month * 100 + at.day,
        created_at=at,
        changed_at=at,
        published_at=at,
        shown_at=at,
        words=WORDS,
        lead=" ".join(luck.choices(words, k=40))[:400],
        # One in fifty is for its squad alone.
        restricted=number % 50 == 0,
    )


def _with_timeline(row: Retrospective, count: int, words: list[str], luck: random.Random) -> None:
    kinds = TimelineEntry.Kind.values
    TimelineEntry.objects.bulk_create(
        TimelineEntry(
            retrospective=row,
            key=f"bench:{number}",
            kind=kinds[number % len(kinds)],
            at=row.began_at + timedelta(minutes=number),
            text=" ".join(luck.choices(words, k=12)),
            url=f"/inbox/{number}/",
        )
        for number in range(count)
    )


def _restricted(world: World, words: list[str], luck: random.Random) -> None:
    """Add restricted ones to what can be read, each with all the words that would give it away."""
    rows = [_one(number, world.squad, words, luck) for number in range(RESTRICTED)]
    for row in rows:
        row.restricted, row.year, row.severity = True, hidden_places.YEAR, hidden_places.SEVERITY
        row.title = f"{row.title} {hidden_places.TITLE}"
        row.slug = f"{hidden_places.TITLE}-{row.slug}"
    Retrospective.objects.bulk_create(rows)
    through = Retrospective.services.through._default_manager
    through.bulk_create(
        Retrospective.services.through(retrospective_id=row.pk, service_id=world.service.pk) for row in rows
    )
    RetrospectiveTheme.objects.bulk_create(
        RetrospectiveTheme(retrospective=row, name=name) for row in rows for name in ("cache", hidden_places.THEME)
    )
    RetrospectiveSection.objects.bulk_create(
        RetrospectiveSection(retrospective=row, key="learnings", title="Learnings", position=0, text=hidden_places.TEXT)
        for row in rows
    )
    hidden_places.hidden(world)
    index("retrospective", [row.pk for row in rows])
    outbox.deliver()


def _seen(browser: Client, words: list[str], luck: random.Random) -> tuple[int, dict[str, list[str]]]:
    """Return how many places were looked at, and at which addresses restricted ones were seen."""
    [squad] = data.squads(1, "RH")
    member = User.objects.get_or_create(username="member")[0]
    planner = User.objects.get_or_create(username="planner", defaults={"is_staff": True})[0]
    Membership.objects.get_or_create(squad=squad, user=member)
    service = Service.objects.get_or_create(name="places", slug="places", squad=squad)[0]
    world = hidden_places.made(squad, service, member=member, planner=planner)
    outbox.deliver()
    before = hidden_places.look(browser, world)
    _restricted(world, words, luck)
    found = hidden_places.leaks(before, hidden_places.look(browser, world))
    for address, said in found.items():
        print(f"a restricted one is seen at {address} {said}", file=sys.stderr)
    return len(hidden_places.places(world)), found


def _took(browser: Client, path: str) -> float:
    start = time.perf_counter()
    assert browser.get(path).status_code == 200
    return (time.perf_counter() - start) * 1000


def run(row: Callable[..., Row]) -> list[Row]:
    """Search, the reading page, and a timeline of 500 entries."""
    luck = random.Random(7)
    words = _vocabulary(luck)
    _write(words, luck)
    reindex()
    data.analyze()
    browser = Client()
    browser.force_login(User.objects.get_or_create(username="reader")[0])
    searches = [f"/retrospectives/?q={'+'.join(luck.sample(words, count))}" for count in (1, 2, 2, 3) * (QUERIES // 4)]
    for path in searches[:4]:
        _took(browser, path)
    times = [_took(browser, path) for path in searches]
    public = Retrospective.objects.public().newest()
    short, long = public[0], public[1]
    _with_timeline(short, 20, words, luck)
    _with_timeline(long, LONG, words, luck)
    [squad] = data.squads(1, "RB")
    data.stories(squad, 200)
    paths = [
        f"/bench/cards/?squad={squad.pk}&most=200",
        short.get_absolute_url(),
        long.get_absolute_url(),
        "/retrospectives/",
    ]
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(paths[1]).status_code == 200
    asked = len(queries)
    plain, reading, lengthy, listed = _in_turns(
        *[lambda path=path: browser.get(path) for path in paths],  # type: ignore[misc]
        count=45,
    )
    looked, seen = _seen(browser, words, luck)
    return [
        row("search 10,000 retrospectives, the page, median", statistics.median(times), "ms"),
        row("search 10,000 retrospectives, the page, 95 %", statistics.quantiles(times, n=20)[-1], "ms", 100),
        row("list of 10,000 retrospectives", listed, "ms"),
        row("reading page, queries", asked, "", 10),
        row("reading page ÷ plain cards", reading / plain, "×", 1.5),
        row("reading page, 500 timeline entries ÷ plain cards", lengthy / plain, "×", 3),
        row(f"addresses of {looked} places with a restricted one", len(seen), "", 0),
    ]
