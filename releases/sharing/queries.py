"""What a link opens, and which links a release has."""

from django.db.models import QuerySet

from releases.planning.models import Release
from releases.sharing.models import ReleaseLink


def link_behind(secret: str) -> ReleaseLink | None:
    """Return the open link with this secret; nothing if it is unknown, revoked or expired."""
    return ReleaseLink.objects.select_related("release__abandoned_by").behind(secret)


def links_of(release: Release) -> "QuerySet[ReleaseLink]":
    """Return the links of a release, the revoked ones as well, newest first."""
    return ReleaseLink.objects.filter(release=release).select_related("created_by", "revoked_by", "release")
