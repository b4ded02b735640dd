"""What is known of the contents of old events: which may be deleted, and what no longer changes because they were."""

from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from releases.inbox.models import InboundEvent, InboundEventQuerySet, Source
from releases.providers import PROVIDERS

# Counting further takes longer than anybody wants to wait.
MOST_COUNTED = 100_000


def sources_with_whole_facts() -> QuerySet[Source]:
    """Return the sources whose events may lose their contents: rows are made of nothing but their facts."""
    kinds = [provider.kind for provider in PROVIDERS.values() if provider.facts_are_whole]
    return Source.objects.filter(kind__in=kinds).order_by("pk")


def counted(events: InboundEventQuerySet) -> str:
    """Return how many events these are in words: “1 event”, “12,340 events”, “more than 100,000 events”."""
    count = events.order_by().values("pk")[: MOST_COUNTED + 1].count()
    if count > MOST_COUNTED:
        return f"more than {MOST_COUNTED:,} events"
    return f"{count:,} event{'' if count == 1 else 's'}"


def reprocessed(which: str = "Past") -> str:
    """Return what people are told when a change has events read again: that, and which events it can't reach."""
    return " ".join(filter(None, (f"{which} events are reprocessed now.", said_of_deleted_contents())))


def said_of_deleted_contents(source: Source | None = None) -> str:
    """Return a sentence on events, of a source or all, that stay as they were read, since their contents were deleted.

    "" if there are none.
    """
    events = InboundEvent.objects.without_contents()
    if source is not None:
        events = events.filter(source=source)
    newest: datetime | None = events.order_by().aggregate(newest=Max("received_at"))["newest"]
    if newest is None:
        return ""
    until = newest.date() + timedelta(days=1)
    return (
        f"Not included: {counted(events)} received before {until.day} {until:%B %Y}. Their contents were deleted, "
        "so they stay as they were read."
    )
