"""What follows in releases from news of elsewhere. portal/subscriptions.py says which news.

Each waits for the lane of the inbox first: a batch that is being read has looked at how things were before the news, and
what it writes is seen only once it is committed.
"""

from uuid import UUID

from portal.kernel.live import touch
from portal.kernel.locks import hold
from releases.events import ChangeLinked, EnvironmentChanged
from releases.evidence.actions import derive, derive_affected, link_stories
from releases.inbox.affected import Affected
from releases.pipelines.models import StoryLink
from squads.events import ServiceChanged, StoriesImported, StoryCreated, StoryFlagged, StoryMoved


def story_created(event: StoryCreated) -> None:
    """Link the changes that named the story, or each of many, before it was written down."""
    hold("inbox")
    link_stories(event.ids)


def stories_imported(event: StoriesImported) -> None:
    """Link the changes that named these stories before they were brought in."""
    hold("inbox")
    link_stories(event.ids)


def story_moved(event: StoryMoved) -> None:
    """Keep the links of a story that has another key under it, and derive the story again: what it is called is in its rows."""
    hold("inbox")
    link_stories(event.ids)


def story_flagged(event: StoryFlagged) -> None:
    """Look up the states of the flag the story names now."""
    hold("inbox")
    derive([event.id])


def service_changed(event: ServiceChanged) -> None:
    """A service was renamed, claimed, or got or lost a repository: all its stories' evidence names it."""
    hold("inbox")
    derive_affected(Affected(services={event.id}, repositories=set(event.repositories)))


def environment_changed(event: EnvironmentChanged) -> None:
    """An environment was renamed or changed tier: what was deployed and checked there means something else now."""
    hold("inbox")
    derive_affected(Affected(environments={event.id}))


def links_changed(event: ChangeLinked) -> None:
    """A person linked or unlinked a change."""
    hold("inbox")
    ids = StoryLink.objects.filter(change=UUID(event.change), story__isnull=False).values_list("story_id", flat=True)
    concerned = {*ids, *event.stories}
    derive(concerned)
    touch(concerned)
