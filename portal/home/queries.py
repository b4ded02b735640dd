"""What the first page shows."""

from typing import Any

from django.db.models import F

from releases.models import InboundEvent, Release, Source
from squads.models import Squad, Story
from squads.stories import queries as stories

RELEASES, STORIES = 6, 12


def first_page(user: Any) -> dict[str, Any]:
    """Return the next releases, the newest unfinished stories of the person's squads (of what is to
    come for others), and the steps not yet taken."""
    mine = list(Squad.objects.filter(members=user).order_by("name")) if user.is_authenticated else []
    releases = list(Release.objects.order_by(F("released_at").desc(nulls_first=True), "-created_at")[:RELEASES])
    under_way = Story.objects.unfinished().exclude(stage="todo").select_related("squad").order_by("-pk")
    if mine:
        under_way = under_way.filter(squad__in=mine)
    else:
        under_way = under_way.filter(release__in=[release.pk for release in releases if not release.released_at])
    return {
        "mine": mine,
        "lines": stories.lines(under_way[:STORIES]),
        "releases": releases,
        "failed": InboundEvent.objects.filter(state="failed").count(),
        "steps": _steps(),
    }


def _steps() -> list[tuple[str, str, str]]:
    """Return what a new portal still lacks: (what, why, the page's URL name)."""
    steps = [
        (Squad, "Create a squad", "It owns services and stories.", "squads:teams:create"),
        (Source, "Connect a source", "A git repository, or a system that sends events.", "releases:intake:source_list"),
        (Story, "Write a story", "Then name its key in a commit message.", "squads:stories:create"),
        (Release, "Plan a release", "Its board says what is in it and what is missing.", "releases:planning:create"),
    ]
    return [(what, why, url) for model, what, why, url in steps if not model._default_manager.exists()]
