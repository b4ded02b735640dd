"""The calendar feed and its personal addresses: making one, and revoking it. The pages and the API call these same verbs."""

from collections.abc import Mapping
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F

from portal.kernel import clock
from portal.kernel.actors import Actor
from releases.release_calendar import queries
from releases.release_calendar.models import CalendarAddress, CalendarEntry

MOST_ADDRESSES = 10


@transaction.atomic
def add_address(*, by: Actor, name: str = "") -> tuple[CalendarAddress, str]:
    """Make an address for somebody's calendar program; return it and its secret, which nobody can see again."""
    if by.program_of_id:
        raise PermissionDenied("Only people have a calendar address. Use the API’s calendar instead.")
    if queries.addresses_of(by.pk).count() >= MOST_ADDRESSES:
        raise ValidationError(f"You already have {MOST_ADDRESSES} addresses, which is the most. Revoke one first.")
    address = CalendarAddress(person=by, name=name.strip())
    return address, address.issue(by=by)


def revoke_address(address: CalendarAddress, *, by: Actor) -> None:
    """Close an address for good. Saying it twice changes nothing. Raises PermissionDenied for somebody else's."""
    if address.person_id != by.pk:
        raise PermissionDenied("This calendar address is someone else’s.")
    address.revoke(by=by)


def feed(line: str | None = None) -> str:
    """Return the feed. What it says otherwise than before, without news of the release itself, is counted first."""
    found, more = queries.in_feed(line)
    count_changes({each.release: each.said for each in found if each.release is not None})
    return queries.feed(line, found, more=more)


def count_changes(said: Mapping[UUID, str]) -> None:
    """Count up where this is something else than the feed last said of a release. Repeating it changes nothing."""
    now = clock.now()
    for row in CalendarEntry.objects.filter(pk__in=said):
        if row.said != said[row.pk]:
            same = CalendarEntry.objects.filter(pk=row.pk, said=row.said)
            same.update(said=said[row.pk], sequence=F("sequence") + 1, changed_at=now)
