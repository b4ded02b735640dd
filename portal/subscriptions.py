"""What happens next: the one file that says which news reaches whom, and what the worker works off."""

from portal.kernel import outbox, tasks


def connect() -> None:
    """Put the portal together. Called once per process, when all models are there."""
    from releases.intake.actions import drain_inbox
    from releases.intake.naming import repositories_changed
    from releases.planning import plans, reactions
    from squads.imports import planning

    # The inbox first: what it tells goes out in the same round.
    tasks.DRAINS[:] = [drain_inbox, outbox.deliver]

    outbox.SUBSCRIPTIONS.clear()
    outbox.subscribe("story.created", reactions.story_created)
    outbox.subscribe("stories.imported", reactions.stories_imported)
    outbox.subscribe("story.flagged", reactions.story_flagged)
    outbox.subscribe("service.changed", reactions.service_changed)
    outbox.subscribe("service.changed", repositories_changed)
    outbox.subscribe("environment.changed", reactions.environment_changed)
    outbox.subscribe("change.linked", reactions.links_changed)

    planning.PLANNERS[:] = [plans.plan_missing]
