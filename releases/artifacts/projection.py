"""From facts about artifacts to their rows."""

from portal.kernel.stable_ids import stable_id
from releases.artifacts.models import Artifact
from releases.inbox.affected import Affected
from releases.inbox.fold import fold, moment
from releases.inbox.models import Fact
from releases.inbox.projection import Projection, save_row
from releases.pipelines.repositories import get_or_create_repository


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """An artifact was packaged or published."""
    merged, last = fold(facts)
    pk = stable_id("artifact", key)
    values = {
        "purl": key[:500],
        "sha": merged.get("sha", "")[:100],
        "event_id": last.event_id,
        "repository": get_or_create_repository(merged["repository"]) if merged.get("repository") else None,
        "packaged_at": moment(merged, "packaged_at"),
        "published_at": moment(merged, "published_at"),
    }
    save_row(Artifact, pk, values)
    affected.artifacts.add(pk)


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the artifact any more. Its row stays, empty: deployments and runs may still mention it."""
    known = Artifact.objects.filter(pk=stable_id("artifact", key))
    if known.update(sha="", repository=None, packaged_at=None, published_at=None, event=None):
        affected.artifacts.add(stable_id("artifact", key))


ARTIFACTS = Projection(kind="artifact", project=project, withdraw=withdraw, models=(Artifact,))
