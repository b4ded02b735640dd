"""Sharing a release with people who have no account, and taking that back. Who may is asked at the door."""

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from portal.accounts.queries import digest_of
from portal.kernel import clock
from portal.kernel.actors import Actor
from portal.kernel.models import StateChange
from portal.kernel.transitions import signed
from releases.planning.models import Release
from releases.sharing.models import ReleaseLink
from releases.sharing.queries import PREFIX

LIFETIMES = {7: "7 days", 30: "30 days", 90: "90 days"}
# As many open ones as anybody keeps track of.
MOST_OPEN = 50
USE_NOTED_EVERY = timedelta(minutes=1)
KIND, OPEN, REVOKED = "release link", "open", "revoked"


@transaction.atomic
def share(release: Release, *, by: Actor, days: int, name: str = "") -> tuple[ReleaseLink, str]:
    """Make a read-only link to a release; return it and its secret, which nobody can see again."""
    if days not in LIFETIMES:
        raise ValidationError({"days": "Choose 7, 30 or 90 days."})
    now = clock.now()
    if ReleaseLink.objects.filter(release=release, revoked_at=None, expires_at__gt=now).count() >= MOST_OPEN:
        raise ValidationError(f"This release already has {MOST_OPEN} links, which is the most. Revoke one first.")
    secret = PREFIX + secrets.token_urlsafe(32)
    link = ReleaseLink(
        release=release,
        name=name.strip(),
        digest=digest_of(secret),
        start=secret[:12],
        created_by=by,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    link.clean_fields()
    link.save(force_insert=True)
    _record(link, "", OPEN, by)
    return link, secret


@transaction.atomic
def revoke(link: ReleaseLink, *, by: Actor) -> None:
    """Close a link for good. Saying it twice changes nothing."""
    if ReleaseLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=clock.now(), revoked_by=by):
        _record(link, OPEN, REVOKED, by)


def note_use(link: ReleaseLink) -> None:
    """Remember that a link was opened, at most once a minute."""
    now = clock.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if link.last_used_at is None or link.last_used_at < now - USE_NOTED_EVERY:
        ReleaseLink.objects.filter(stale, pk=link.pk).update(last_used_at=now)


def _record(link: ReleaseLink, before: str, after: str, by: Actor) -> None:
    because = signed(by, f"{link.release}, until {link.expires_at:%Y-%m-%d}")
    key = f"{link.release.slug[:180]} {link.start}"
    StateChange.objects.create(
        kind=KIND, key=key, from_state=before, to_state=after, by=by, because=because, at=clock.now()
    )
