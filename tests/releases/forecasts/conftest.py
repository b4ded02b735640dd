"""Stories that were rodeo done long ago, by evidence that the judge reads."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.models import Release
from releases.planning.actions import create_release
from squads.models import Evidence, Squad, Story
from squads.stories.actions import RANK_GAP, judge

Finish = Callable[..., list[Story]]


def days_ago(number: float) -> datetime:
    """Noon, so many days ago."""
    return clock.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=number)


def seen(story: Story, kind: str, at: datetime, **values: Any) -> Evidence:
    """Return a row of evidence, which is not kept yet."""
    production = {"environment": "prod", "tier": "production"} if kind in ("deployment", "acceptance") else {}
    started = {"started_at": at} if kind == "acceptance" else {}
    said = {"verdict": "success", "service": "checkout", "shas": [f"{story.pk:040x}"], "label": kind}
    pk = stable_id("test", story.key, kind, at)
    return Evidence(id=pk, story=story, kind=kind, at=at, **{**said, **production, **started, **values})


def some_stories(
    squad: Squad, count: int, release: Release | None = None, created: datetime | None = None
) -> list[Story]:
    """Make stories of a squad, written at a moment in the past."""
    first = squad.take_numbers(count)
    made = Story.objects.bulk_create(
        Story(
            squad=squad,
            number=number,
            key=f"{squad.key_prefix}-{number}",
            rank=number * RANK_GAP,
            title=f"Story {number}",
            release=release,
        )
        for number in range(first, first + count)
    )
    if created:
        Story.objects.filter(pk__in=[story.pk for story in made]).update(created_at=created)
    return made


@pytest.fixture
def finish(payments: Squad) -> Finish:
    """Have a squad (Payments unless given) finish a new story so many days ago, for each number given."""

    def make(*ago: float, squad: Squad | None = None, release: Release | None = None) -> list[Story]:
        longest = max(ago)
        stories = some_stories(squad or payments, len(ago), release, days_ago(longest + 9))
        steps = ((-3, "change"), (-2, "run"), (-1, "deployment"), (0, "acceptance"))
        Evidence.objects.bulk_create(
            seen(story, kind, days_ago(days) + timedelta(minutes=minutes))
            for story, days in zip(stories, ago, strict=True)
            for minutes, kind in steps
        )
        judge(story.pk for story in stories)
        return list(Story.objects.filter(pk__in=[story.pk for story in stories]).order_by("pk"))

    return make


@pytest.fixture
def release(pam: Any) -> Release:
    """Release Shop 1.0."""
    return create_release(by=pam, version="1.0", line="Shop")
