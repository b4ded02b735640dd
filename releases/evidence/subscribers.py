"""What follows in releases from news of elsewhere. portal/subscriptions.py says which news.

Each waits for the lane of the inbox first: a batch that is being read has looked at how things were before the news, and
what it writes is seen only once it is committed.
"""

from typing import Any

from portal.kernel.live import touch
from portal.kernel.locks import hold
from releases.evidence.actions import derive, derive_affected, link_stories
from releases.inbox.affected import Affected
from releases.pipelines.models import StoryLink


def story_created(payload: dict[str, Any]) -> None:
    """Link the changes that named the story, or each of many, before it was written down."""
    hold("inbox")
    link_stories(payload["ids"] if "ids" in payload else [payload["id"]])


def stories_imported(payload: dict[str, Any]) -> None:
    """Link the changes that named these stories before they were brought in."""
    hold("inbox")
    link_stories(payload["ids"])


def story_flagged(payload: dict[str, Any]) -> None:
    """Look up the states of the flag the story names now."""
    hold("inbox")
    derive([payload["id"]])


def service_changed(payload: dict[str, Any]) -> None:
    """A service was renamed, claimed, or got or lost a repository: all its stories' evidence names it."""
    hold("inbox")
    derive_affected(Affected(services={payload["id"]}, repositories=set(payload.get("repositories", ()))))


def environment_changed(payload: dict[str, Any]) -> None:
    """An environment was renamed or changed tier: what was deployed and checked there means something else now."""
    hold("inbox")
    derive_affected(Affected(environments={payload["id"]}))


def links_changed(payload: dict[str, Any]) -> None:
    """A person linked or unlinked a change."""
    hold("inbox")
    ids = StoryLink.objects.filter(change=payload["change"], story__isnull=False).values_list("story_id", flat=True)
    concerned = {*ids, *payload.get("stories", ())}
    derive(concerned)
    touch(concerned)
