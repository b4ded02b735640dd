"""What happens next: the one file that says which news reaches whom, and what the worker works off."""

from portal.accounts import events as accounts
from portal.kernel import mail, outbox, tasks
from portal.kernel.events import Event
from releases import events as releases
from squads import events as squads

# Topics that are published and that nobody subscribes to yet, each with the reason why they are published.
TOPICS_WITHOUT_SUBSCRIBER: dict[type[Event], str] = {
    squads.StageChanged: "for notifications, readiness and retrospectives",
    squads.StoryAssigned: "for notifications and chat",
    squads.StoryCommented: "for notifications and chat",
    squads.AcceptanceAsked: "for notifications and chat",
    squads.AcceptanceAnswered: "for notifications and chat",
    squads.RetrospectivePublished: "for notifications and chat",
    releases.GateOverridden: "for notifications and chat",
    releases.LearningsRead: "for notifications and chat",
    releases.ApprovalAsked: "for notifications and chat",
    releases.ApprovalAnswered: "for notifications and chat",
    releases.ApprovalVoided: "for notifications and chat",
}


def connect() -> None:
    """Put the portal together. Called once per process, when all models are there."""
    from portal.live import topics
    from releases.attributions.queries import shown
    from releases.incidents import queries as incidents
    from releases.planning import actions, board
    from releases.readiness.queries import readiness_of
    from releases.reading.actions import drain_inbox
    from releases.status import queries as status
    from squads.boards.cards import live_cards as squad_cards
    from squads.imports import release_hook
    from squads.retrospective_sessions import queries as sessions

    # The inbox first: what it tells goes out in the same round.
    tasks.DRAINS[:] = [drain_inbox, outbox.deliver]

    # How a story looks on each kind of board, for those that are open.
    topics.show("release", board.live_cards)
    topics.show("squad", squad_cards)

    # Who may hear what: sessions of retrospectives are for those who take part.
    topics.guard("retrospective_session", sessions.sessions_heard)

    outbox.SUBSCRIPTIONS.clear()
    _follow()
    _index()
    for event in TOPICS_WITHOUT_SUBSCRIBER:
        outbox.register(event)

    release_hook.PLANNERS[:] = [actions.plan_missing]

    _hand_to_retrospectives()

    # Attributions stand above the page of an incident.
    incidents.ATTRIBUTIONS[:] = [shown]

    # Readiness stands above the page that shows it: pages that are shared are below what judges.
    status.JUDGES[:] = [lambda release: readiness_of([release])[release.pk]]


def _hand_to_retrospectives() -> None:
    """Give retrospectives what stands above squads."""
    from portal.search import queries as search
    from releases.incident_settings.queries import due_days_of
    from releases.timelines import queries as timelines
    from squads.retrospective_actions import queries as retrospective_actions
    from squads.retrospective_sessions import queries as sessions
    from squads.retrospectives import material
    from squads.retrospectives import queries as retrospectives

    # What retrospectives find for their timelines, beside what squads know themselves.
    material.FINDERS[:] = [
        timelines.incident_times,
        timelines.incident_updates,
        timelines.deployments,
        timelines.failed_runs,
        timelines.alerts,
        timelines.flags,
    ]

    # Severities are of incidents, which squads don't know.
    retrospective_actions.DUE_DAYS[:] = [due_days_of]

    # What was decided before stands beside sessions, which begin with it.
    sessions.OPEN_ACTIONS[:] = [
        lambda row, reader: [
            sessions.OpenAction(
                title=each.title,
                url=(each.story or each.retrospective).get_absolute_url(),
                note=f"{each.state}, due {each.due:%Y-%m-%d}",
            )
            for each in retrospective_actions.from_before(row, reader)
        ]
    ]

    # The search stands above squads, whose pages search too.
    found = search.retrospective_refs, search.retrospectives_alike, search.retrospective_excerpts
    retrospectives.SEARCHES[:] = [retrospectives.TextSearch(*found)]


def _follow() -> None:
    """Do what follows from news in other features."""
    from releases.evidence import subscribers
    from releases.issues.actions import make_stories_of_issues
    from releases.mappings.actions import mapping_changed
    from releases.pulling.health import source_health_changed
    from releases.reading.repository_changes import repositories_changed
    from releases.release_calendar.subscribers import release_saved
    from releases.sources.connect_system import replay_kinds, replay_source
    from squads.judging.subscribers import stories_unjudged

    outbox.subscribe(mail.MailWritten, tasks.keep_written_mail)
    outbox.subscribe(squads.StoryCreated, subscribers.story_created)
    outbox.subscribe(squads.StoriesImported, subscribers.stories_imported)
    outbox.subscribe(squads.StoriesUnjudged, stories_unjudged)
    outbox.subscribe(squads.StoryMoved, subscribers.story_moved)
    outbox.subscribe(squads.StoryFlagged, subscribers.story_flagged)
    outbox.subscribe(squads.ServiceChanged, subscribers.service_changed)
    outbox.subscribe(squads.ServiceChanged, repositories_changed)
    outbox.subscribe(releases.SourceHealthChanged, source_health_changed)
    outbox.subscribe(releases.SourceChanged, replay_source)
    outbox.subscribe(releases.EventsOutdated, replay_kinds)
    outbox.subscribe(releases.MappingChanged, mapping_changed)
    outbox.subscribe(releases.ReleaseSaved, release_saved)
    outbox.subscribe(releases.IncidentSaved, subscribers.incidents_saved)
    outbox.subscribe(releases.IncidentSettingsChanged, subscribers.incident_settings_changed)
    outbox.subscribe(releases.IncidentsOutdated, subscribers.incidents_outdated)
    outbox.subscribe(releases.IssuesSeen, make_stories_of_issues)
    outbox.subscribe(releases.EnvironmentChanged, subscribers.environment_changed)
    outbox.subscribe(releases.BotsChanged, subscribers.bots_changed)
    outbox.subscribe(squads.SquadSaved, subscribers.squads_saved)
    outbox.subscribe(squads.ServiceSaved, subscribers.services_saved)
    outbox.subscribe(releases.ChangeLinked, subscribers.links_changed)


def _index() -> None:
    """Keep what search finds as it is. After the other subscribers: a topic's handlers are called in this order."""
    from portal.search import events as search
    from portal.search.subscribers import emptied, indexes, service_changed, squads_saved, stale, story_moved

    outbox.subscribe(squads.StoryCreated, indexes("story"))
    outbox.subscribe(squads.StoryEdited, indexes("story"))
    outbox.subscribe(squads.StoriesImported, indexes("story"))
    outbox.subscribe(squads.StoryMoved, story_moved)
    outbox.subscribe(squads.StoryEnded, indexes("story"))
    outbox.subscribe(squads.CommentSaved, indexes("comment"))
    outbox.subscribe(accounts.PersonSaved, indexes("person"))
    outbox.subscribe(releases.SourceSaved, indexes("source"))
    outbox.subscribe(squads.StoryDeleted, indexes("story"))
    outbox.subscribe(releases.ReleaseSaved, indexes("release"))
    outbox.subscribe(squads.SquadSaved, squads_saved)
    outbox.subscribe(squads.ServiceSaved, indexes("service"))
    outbox.subscribe(squads.ServiceChanged, service_changed)
    outbox.subscribe(releases.EnvironmentSaved, indexes("environment"))
    outbox.subscribe(squads.RetrospectiveSaved, indexes("retrospective"))
    outbox.subscribe(releases.IncidentSaved, indexes("incident"))
    outbox.subscribe(releases.IncidentChanged, indexes("incident"))
    outbox.subscribe(search.SearchStale, stale)
    outbox.subscribe(search.SearchEmptied, emptied)
