"""How releases are called in addresses."""

import re
import unicodedata
from collections.abc import Container

from portal.kernel.stable_ids import stable_id
from releases.planning.models import Release

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


def free_slug(line: str, version: str) -> str:
    """Return the slug for a release that is about to be created."""
    slug = slug_for(line, version)
    return slug_for(line, version, {slug}) if Release.objects.filter(slug=slug).exists() else slug
