"""Which addresses of the feed there are, and which one a secret belongs to."""

from django.db.models import QuerySet

from squads.retrospective_feeds.models import FeedAddress


def address_behind(secret: str) -> FeedAddress | None:
    """Return the address with this secret; nothing if it is unknown or revoked, or its person's account is closed."""
    return FeedAddress.objects.select_related("person").filter(person__is_active=True).behind(secret)


def addresses_of(person: int) -> "QuerySet[FeedAddress]":
    """Return the addresses of a person that work, newest first."""
    return FeedAddress.objects.filter(person=person, revoked_at=None).select_related("person")
