"""The stage of the tests of boards."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import timezone

from portal.accounts.models import User
from squads.models import Evidence, Membership, Squad, Story
from squads.stories.actions import create_story, judge

WAY = [("change", ""), ("run", ""), ("test", "staging"), ("deployment", "production"), ("acceptance", "production")]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """What is usual is kept for a minute; every test begins without."""
    caches["local"].clear()
    yield


@pytest.fixture
def write(payments: Squad, ana: User) -> Callable[..., Story]:
    """Write a story of Payments with so many steps of evidence, the first `hours` ago, each an hour after the other."""

    def made(title: str, steps: int = 0, hours: float = 10, progress: str = "todo", **fields: Any) -> Story:
        story = create_story(payments, by=ana, title=title, **fields)
        at = timezone.now() - timedelta(hours=hours)
        for number, (kind, tier) in enumerate(WAY[:steps]):
            when = at + timedelta(hours=number)
            Evidence.objects.create(
                story=story,
                kind=kind,
                verdict="success",
                at=when,
                started_at=when,
                service="checkout",
                environment=tier,
                tier=tier,
                shas=["a" * 40],
                label="1.1",
            )
        if progress != "todo":
            story.move_progress(progress, by=ana)
        judge([story.pk])
        story.refresh_from_db()
        return story

    return made


@pytest.fixture
def lead(payments: Squad, ana: User) -> User:
    """Ana, who leads Payments."""
    Membership.objects.filter(squad=payments, user=ana).update(role="lead")
    return ana
