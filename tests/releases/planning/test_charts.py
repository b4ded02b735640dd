"""A chart is there, or a sentence why not."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpResponse
from django.test import Client

from portal.accounts.models import User
from releases.models import Release
from releases.planning.actions import create_release
from squads.models import Squad
from squads.stories.actions import create_story

NEWEST = datetime(2026, 3, 2, 9, tzinfo=UTC)


def words(answer: HttpResponse) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def released(count: int, every: timedelta, line: str = "Shop") -> list[Release]:
    """Make releases, the newest first."""
    rows = [
        Release(version=str(number), slug=f"{line}-{number}".lower(), line=line, released_at=NEWEST - every * number)
        for number in range(count)
    ]
    return Release.objects.bulk_create(rows)


def test_who_releases_every_day_gets_the_last_year_by_the_week(as_ana: Client, ana: User, payments: Squad) -> None:
    made = released(500, timedelta(days=1))
    for number in (100, 101, 400):
        create_story(payments, by=ana, title="Refunds", release=made[number])
    page = as_ana.get("/releases/")
    said = words(page)
    assert "366 releases of the last year, by week (of 500): 2 user stories, 0 defects, 2 total" in said
    assert "median interval 1 days" in said
    assert "the week of 2025-11-17 alone is 100 %" in said
    assert page.content.decode().count("<svg viewBox") == 1
    assert "2025-11-17: 2 user stories, 0 defects; 2 in all" in said


def test_who_releases_seldom_gets_the_newest_one_by_one(as_ana: Client, ana: User, payments: Squad) -> None:
    made = released(45, timedelta(days=30))
    create_story(payments, by=ana, title="Refunds", release=made[39])
    assert "40 releases (the newest of 45): 1 user stories" in words(as_ana.get("/releases/"))


@pytest.mark.parametrize("line", ["", "?line=Shop"])
def test_releases_without_stories_say_why_there_is_no_chart(as_ana: Client, ana: User, line: str) -> None:
    released(3, timedelta(days=1))
    said = words(as_ana.get(f"/releases/{line}"))
    assert "No chart yet: the last 3 releases have no user stories or defects." in said


def test_what_is_not_released_yet_says_so(as_ana: Client, ana: User) -> None:
    create_release(by=ana, version="1", line="Web")
    released(1, timedelta(days=1))
    assert "No chart yet: Web has no releases." in words(as_ana.get("/releases/?line=Web"))


def test_lines_beyond_the_first_charts_are_told(as_ana: Client, ana: User, payments: Squad) -> None:
    for number, line in enumerate(("Shop", "Web", "Till", "Ledger", "Mail")):
        (release,) = released(1, timedelta(days=1), line)
        if number < 4:
            create_story(payments, by=ana, title="Refunds", release=release)
    said = words(as_ana.get("/releases/"))
    assert "2 more lines have no chart here. Choose one above." in said
