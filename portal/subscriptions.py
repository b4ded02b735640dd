"""What happens next: the one file that says which news reaches whom, and what the worker works off."""

from portal.kernel import mail, outbox, tasks


def connect() -> None:
    """Put the portal together. Called once per process, when all models are there."""
    from portal.live import topics
    from releases.evidence import subscribers
    from releases.issues.actions import seen
    from releases.mappings.actions import mapping_changed
    from releases.planning import actions, board
    from releases.pulling.health import standing_changed
    from releases.reading.actions import drain_inbox
    from releases.reading.repository_changes import repositories_changed
    from releases.sources.system_actions import read_again
    from squads.boards.cards import live_cards as squad_cards
    from squads.imports import release_hook
    from squads.stories.subscribers import stories_unjudged

    # The inbox first: what it tells goes out in the same round.
    tasks.DRAINS[:] = [drain_inbox, outbox.deliver]

    # How a story looks on each kind of board, for those that are open.
    topics.show("release", board.live_cards)
    topics.show("squad", squad_cards)

    outbox.SUBSCRIPTIONS.clear()
    outbox.subscribe(mail.TOPIC, mail.written)
    outbox.subscribe("story.created", subscribers.story_created)
    outbox.subscribe("stories.imported", subscribers.stories_imported)
    outbox.subscribe("stories.unjudged", stories_unjudged)
    outbox.subscribe("story.flagged", subscribers.story_flagged)
    outbox.subscribe("service.changed", subscribers.service_changed)
    outbox.subscribe("service.changed", repositories_changed)
    outbox.subscribe("source.standing", standing_changed)
    outbox.subscribe("source.changed", read_again)
    outbox.subscribe("mapping.changed", mapping_changed)
    outbox.subscribe("tickets.seen", seen)
    outbox.subscribe("environment.changed", subscribers.environment_changed)
    outbox.subscribe("change.linked", subscribers.links_changed)
    _index()

    release_hook.PLANNERS[:] = [actions.plan_missing]


def _index() -> None:
    """Keep what search finds as it is. After the reactions: a topic's handlers are called in this order."""
    from portal.search.subscribers import emptied, indexes, stale

    for topic in ("story.created", "story.edited", "stories.imported"):
        outbox.subscribe(topic, indexes("story"))
    for kind in ("release", "squad", "service", "environment"):
        outbox.subscribe(f"{kind}.saved", indexes(kind))
    outbox.subscribe("search.stale", stale)
    outbox.subscribe("search.emptied", emptied)
