"""What stories do when news of others arrives. portal/subscriptions.py connects these to their topics."""

from portal.kernel.outbox import publish
from squads.events import StoriesUnjudged
from squads.stories.models import Story

AT_ONCE = 500


def stories_unjudged(event: StoriesUnjudged) -> None:
    """Judge the next few hundred stories that have no history yet, and leave word to go on behind them."""
    waiting = Story.objects.filter(judge_digest="", pk__gt=event.after).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True)[:AT_ONCE])
    Story.objects.filter(pk__in=ids).judge()
    if len(ids) == AT_ONCE:
        publish(StoriesUnjudged(after=ids[-1]))
