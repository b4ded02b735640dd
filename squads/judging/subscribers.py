"""What judging does when news of others arrives. portal/subscriptions.py connects these to their topics."""

from typing import Any

from django.apps import apps

from portal.kernel.outbox import publish
from squads.events import StoriesUnjudged
from squads.judging.actions import judge_some

AT_ONCE = 500


def stories_unjudged(event: StoriesUnjudged) -> None:
    """Judge the next few hundred stories that have no history yet, and leave word to go on behind them."""
    stories: Any = apps.get_model("squads", "Story")._default_manager
    waiting = stories.filter(judge_digest="", pk__gt=event.after).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True)[:AT_ONCE])
    judge_some(ids, stories.db)
    if len(ids) == AT_ONCE:
        publish(StoriesUnjudged(after=ids[-1]))
