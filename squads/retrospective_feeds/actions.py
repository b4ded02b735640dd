"""Making and revoking addresses of the feed. The pages and the API call these same verbs."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from squads.retrospective_feeds import queries
from squads.retrospective_feeds.models import FeedAddress
from squads.teams.permissions import check_person

MOST_ADDRESSES = 10


@transaction.atomic
def add_address(*, by: Actor, name: str = "") -> tuple[FeedAddress, str]:
    """Make an address for somebody's feed reader; return it and its secret, which nobody can see again."""
    check_person(by, "have a feed address")
    if queries.addresses_of(by.pk).count() >= MOST_ADDRESSES:
        raise ValidationError(f"You already have {MOST_ADDRESSES} addresses, which is the most. Revoke one first.")
    address = FeedAddress(person=by, name=" ".join(name.replace("\0", "").split()))
    return address, address.issue(by=by)


def revoke_address(address: FeedAddress, *, by: Actor) -> None:
    """Close an address for good. Saying it twice changes nothing. Raises PermissionDenied for somebody else's."""
    if address.person_id != by.pk:
        raise PermissionDenied("This feed address is someone else’s.")
    address.revoke(by=by)
