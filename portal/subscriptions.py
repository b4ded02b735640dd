"""What happens next: the one file that says which news reaches whom, and what the worker works off."""

from portal.kernel import outbox, post, tasks


def connect() -> None:
    """Put the portal together. Called once per process, when all models are there."""
    from portal.live import topics
    from releases.intake.actions import drain_inbox
    from releases.intake.mappings import mapping_changed
    from releases.intake.naming import repositories_changed
    from releases.intake.standing import standing_changed
    from releases.intake.systems import read_again
    from releases.intake.tickets import seen
    from releases.planning import board, plans, reactions
    from squads.boards.cards import live_cards as squad_cards
    from squads.imports import planning

    # The inbox first: what it tells goes out in the same round.
    tasks.DRAINS[:] = [drain_inbox, outbox.deliver]

    # How a story looks on each kind of board, for those that are open.
    topics.show("release", board.live_cards)
    topics.show("squad", squad_cards)

    outbox.SUBSCRIPTIONS.clear()
    outbox.subscribe(post.TOPIC, post.written)
    outbox.subscribe("story.created", reactions.story_created)
    outbox.subscribe("stories.imported", reactions.stories_imported)
    outbox.subscribe("story.flagged", reactions.story_flagged)
    outbox.subscribe("service.changed", reactions.service_changed)
    outbox.subscribe("service.changed", repositories_changed)
    outbox.subscribe("source.standing", standing_changed)
    outbox.subscribe("source.changed", read_again)
    outbox.subscribe("mapping.changed", mapping_changed)
    outbox.subscribe("tickets.seen", seen)
    outbox.subscribe("environment.changed", reactions.environment_changed)
    outbox.subscribe("change.linked", reactions.links_changed)
    _index()

    planning.PLANNERS[:] = [plans.plan_missing]


def _index() -> None:
    """Keep what search finds as it is. After the reactions: a topic's handlers are called in this order."""
    from portal.search.reactions import emptied, indexes, stale

    for topic in ("story.created", "story.edited", "stories.imported"):
        outbox.subscribe(topic, indexes("story"))
    for kind in ("release", "squad", "service", "environment"):
        outbox.subscribe(f"{kind}.saved", indexes(kind))
    outbox.subscribe("search.stale", stale)
    outbox.subscribe("search.emptied", emptied)
