"""What follows in releases from news of elsewhere. portal/subscriptions.py says which news.

Each waits for the lane of the inbox first: a batch that is being read has looked at how things were before the news, and
what it writes is seen only once it is committed.
"""

from uuid import UUID

from django.db.models import Q

from portal.kernel.live import touch
from portal.kernel.locks import hold
from portal.kernel.outbox import publish
from releases.attributions import actions as attributions
from releases.events import (
    BotsChanged,
    ChangeLinked,
    EnvironmentChanged,
    IncidentSaved,
    IncidentSettingsChanged,
    IncidentsOutdated,
)
from releases.evidence.actions import derive, derive_affected, link_stories
from releases.inbox.affected import Affected
from releases.incidents import threads
from releases.incidents.models import Incident
from releases.pipelines.change_links import settle
from releases.pipelines.models import Repository, StoryLink
from squads.events import (
    ServiceChanged,
    ServiceSaved,
    SquadSaved,
    StoriesImported,
    StoryCreated,
    StoryFlagged,
    StoryMoved,
)
from squads.models import Squad

INCIDENTS_AT_ONCE = 50


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
    stories = settle(StoryLink.objects.filter(change__repository__in=event.repositories))
    derive_affected(Affected(services={event.id}, repositories=set(event.repositories), stories=stories))


def services_saved(event: ServiceSaved) -> None:
    """A service went to another squad: whether keys in small letters mean that squad's stories depends on who owns it."""
    own = Q(service__in=event.ids, service__squad__isnull=False) | Q(parts__service__in=event.ids)
    repositories = list(Repository.objects.filter(own).values_list("pk", flat=True).distinct())
    if repositories:
        hold("inbox")
        derive(settle(StoryLink.objects.filter(change__repository__in=repositories)))


def squads_saved(event: SquadSaved) -> None:
    """A squad may have said anew which repositories may name its keys, and where."""
    hold("inbox")
    for pk, prefix in Squad.objects.filter(pk__in=event.ids).values_list("pk", "key_prefix"):
        derive(settle(StoryLink.objects.filter(Q(key__startswith=f"{prefix}-") | Q(story__squad=pk))))


def bots_changed(event: BotsChanged) -> None:
    """Somebody is a bot now, or is none: what they wrote asks for changes, or only mentions stories."""
    hold("inbox")
    derive(settle(StoryLink.objects.all()))


def environment_changed(event: EnvironmentChanged) -> None:
    """An environment was renamed or changed tier: what was deployed and checked there means something else now."""
    hold("inbox")
    derive_affected(Affected(environments={event.id}))
    _outdate_incidents()


def links_changed(event: ChangeLinked) -> None:
    """A person linked or unlinked a change."""
    hold("inbox")
    ids = StoryLink.objects.filter(change=UUID(event.change), story__isnull=False).values_list("story_id", flat=True)
    concerned = {*ids, *event.stories}
    derive(concerned)
    touch(concerned)


def incident_settings_changed(event: IncidentSettingsChanged) -> None:
    """Severities or times changed: alerts mean other severities now, and may reopen sooner or later."""
    every = threads.known_threads()
    for start in range(0, len(every), INCIDENTS_AT_ONCE):
        publish(IncidentsOutdated(threads=every[start : start + INCIDENTS_AT_ONCE]))
    _outdate_incidents()


def _outdate_incidents() -> None:
    """Have all incidents worked out anew, in messages of a few each, so that no transaction is long."""
    ids = [str(pk) for pk in Incident.objects.order_by("number").values_list("pk", flat=True)]
    for start in range(0, len(ids), INCIDENTS_AT_ONCE):
        publish(IncidentsOutdated(ids=ids[start : start + INCIDENTS_AT_ONCE]))


def incidents_outdated(event: IncidentsOutdated) -> None:
    """Work out anew what reports of these threads are one incident, and what is known of these incidents and their causes."""
    hold("inbox")
    affected = Affected(threads=set(event.threads))
    threads.follow(affected)
    affected.incidents |= {UUID(each) for each in event.ids}
    threads.announce(threads.refold(affected.incidents))
    attributions.follow(affected)
    derive_affected(affected)


def incidents_saved(event: IncidentSaved) -> None:
    """People said something of incidents, or which deployments they came from: that may withdraw stories, or bring them back."""
    hold("inbox")
    affected = Affected(incidents={UUID(each) for each in event.ids})
    attributions.follow(affected)
    derive_affected(affected)
