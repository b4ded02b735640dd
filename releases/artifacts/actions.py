"""Finding the artifact that events name."""

from portal.kernel.stable_ids import stable_id
from releases.artifacts.models import Artifact


def artifact_named(purl: str) -> Artifact | None:
    """Return the artifact a purl names, created as soon as any event mentions it; None for ""."""
    if not purl:
        return None
    return Artifact.objects.get_or_create(pk=stable_id("artifact", purl), defaults={"purl": purl[:500]})[0]
