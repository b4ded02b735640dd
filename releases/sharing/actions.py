"""Sharing a release with people who have no account. Who may is asked at the door."""

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel import clock
from portal.kernel.actors import Actor
from releases.planning.models import Release
from releases.sharing.models import ReleaseLink

LIFETIMES = {7: "7 days", 30: "30 days", 90: "90 days"}
# As many open ones as anybody keeps track of.
MOST_OPEN = 50
Shows = ReleaseLink.Shows


@transaction.atomic
def share(
    release: Release, *, by: Actor, days: int, name: str = "", shows: str = Shows.BOARD
) -> tuple[ReleaseLink, str]:
    """Make a read-only link to the board or the status of a release; return it and its secret, which nobody can see again."""
    if days not in LIFETIMES:
        raise ValidationError({"days": "Choose 7, 30 or 90 days."})
    if ReleaseLink.objects.filter(release=release, revoked_at=None, expires_at__gt=clock.now()).count() >= MOST_OPEN:
        raise ValidationError(f"This release already has {MOST_OPEN} links, which is the most. Revoke one first.")
    link = ReleaseLink.lasting(days, by=by, release=release, name=name.strip(), shows=shows)
    return link, link.issue(by=by)
