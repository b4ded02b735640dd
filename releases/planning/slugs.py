"""How releases are called in addresses."""

import re
import unicodedata
from collections.abc import Collection, Container

from portal.kernel.stable_ids import stable_id
from releases.planning.models import FormerName, Release

LONGEST = 300
# Addresses such as /releases/new/ belong to pages.
TAKEN = {"new", "create", "edit", "changes", "unlinked", "board"}
STRANGE = re.compile(r"[^A-Za-z0-9._+]+")


def _latin(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return STRANGE.sub("-", plain).strip("-.")


def slug_for(line: str, version: str, taken: Container[str] = ()) -> str:
    """Return a release's place in addresses: letters, digits, dots, dashes, underscores and plus signs.

    Dots stay: 5.10 is not 5.1. When the plain slug is `taken`, or says nothing, a digest of line and version follows.
    """
    slug = _latin(f"{line.lower()}-{version}" if line else version)[:LONGEST].rstrip("-.")
    if not slug or slug in TAKEN or slug in taken:
        slug = f"{slug or 'release'}-{stable_id('release', line, version).hex[:8]}"
    return slug


def free_slug(line: str, version: str, beside: Release | None = None) -> str:
    """Return the slug for a release that is about to be created, or for `beside` that is about to be renamed."""
    slug = slug_for(line, version)
    taken = taken_slugs([slug], beside)
    return slug_for(line, version, taken) if taken else slug


def taken_slugs(slugs: Collection[str], beside: Release | None = None) -> set[str]:
    """Return which of these lead to a release, by the name it has or one that it had."""
    now = Release.objects.filter(slug__in=slugs)
    former = FormerName.objects.filter(slug__in=slugs)
    if beside is not None:
        now, former = now.exclude(pk=beside.pk), former.exclude(release=beside)
    return {*now.values_list("slug", flat=True), *former.values_list("slug", flat=True)}
