"""What a link opens, and which links a release has."""

import hmac

from django.db.models import QuerySet

from portal.accounts.queries import digest_of
from releases.planning.models import Release
from releases.sharing.models import ReleaseLink

PREFIX = "share_"


def link_behind(secret: str) -> ReleaseLink | None:
    """Return the open link with this secret; nothing if it is unknown, revoked or expired."""
    digest = digest_of(secret)
    # Only digests meet the database's comparison, whose timing tells nothing about a secret.
    found = ReleaseLink.objects.select_related("release").filter(digest=digest).first()
    if found is None or not hmac.compare_digest(found.digest, digest) or not found.is_open:
        return None
    return found


def links_of(release: Release) -> "QuerySet[ReleaseLink]":
    """Return the links of a release, the revoked ones as well, newest first."""
    return ReleaseLink.objects.filter(release=release).select_related("created_by", "revoked_by", "release")
