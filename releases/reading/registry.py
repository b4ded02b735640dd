"""Every projection there is, in one list: which kinds of facts become rows, and what a rebuild empties."""

from collections.abc import Iterable

from django.db.models import Model

from releases.artifacts.actions import artifact_named
from releases.artifacts.projection import ARTIFACTS
from releases.deployments.projection import ACCEPTANCE_RUNS, DEPLOYMENTS
from releases.environments.projection import ENVIRONMENTS
from releases.flags.projection import FLAGS
from releases.inbox.affected import Affected
from releases.inbox.models import Fact
from releases.inbox.projection import Projection
from releases.incidents.projection import ALERTS, INCIDENTS
from releases.mappings.models import SeenName
from releases.pipelines.models import Mainline, Tag, TagMove
from releases.pipelines.projection import CHANGES, runs

PROJECTIONS: tuple[Projection, ...] = (
    DEPLOYMENTS,
    ACCEPTANCE_RUNS,
    runs(artifact_named),
    FLAGS,
    ALERTS,
    INCIDENTS,
    ARTIFACTS,
    ENVIRONMENTS,
    CHANGES,
)
BY_KIND = {each.kind: each for each in PROJECTIONS}
# Every table that follows from the inbox alone, in an order in which it can be emptied. Facts, names and what git is read
# into belong to no projection.
DERIVED: tuple[type[Model], ...] = (
    Fact,
    SeenName,
    Tag,
    TagMove,
    Mainline,
    *(model for each in PROJECTIONS for model in each.models),
)


def project(things: Iterable[tuple[str, str]], affected: Affected) -> None:
    """Write the rows of these things, as (kind, key), anew from all facts about each, and note what that may change."""
    for kind, key in things:
        if (projection := BY_KIND.get(kind)) is None:
            continue
        facts = list(Fact.objects.filter(kind=kind, key=key))
        if facts:
            projection.project(key, facts, affected)
        else:
            projection.withdraw(key, affected)


def finish(affected: Affected) -> None:
    """Work out what follows from all things of a batch together."""
    for each in PROJECTIONS:
        each.finish(affected)


def empty() -> None:
    """Delete every row that follows from the inbox. What people wrote stays."""
    for each in PROJECTIONS:
        each.reset()
    for model in DERIVED:
        model._default_manager.all().delete()
