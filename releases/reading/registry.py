"""Every projection there is, in one list: which kinds of facts become rows, and what a rebuild empties."""

from collections.abc import Iterable

from django.db.models import Model

from releases.artifacts.actions import artifact_named
from releases.artifacts.projection import ARTIFACTS
from releases.deployment_checks.projection import DEPLOYMENT_CHECKS
from releases.deployments.projection import ACCEPTANCE_RUNS, DEPLOYMENTS
from releases.environments.projection import ENVIRONMENTS
from releases.flags.projection import FLAGS
from releases.inbox.affected import Affected
from releases.inbox.fold import rows_of
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
    DEPLOYMENT_CHECKS,
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
# Of events without contents, these are all that is left.
OF_EVENTS = (Fact, SeenName)


def project(things: Iterable[tuple[str, str]], affected: Affected) -> None:
    """Write the rows of these things, as (kind, key), anew from all facts about each, and note what that may change.

    The key of a row counts as a thing without facts: the row is withdrawn unless facts of another key write it.
    """
    gone: list[tuple[str, str]] = []
    written: set[tuple[str, str]] = set()
    for kind, key in things:
        if (projection := BY_KIND.get(kind)) is None:
            continue
        facts = list(Fact.objects.filter(kind=kind, key=key))
        if not facts:
            gone.append((kind, key))
            continue
        for row, own in rows_of(key, facts).items():
            projection.project(row, own, affected)
            written.add((kind, row))
    for kind, key in gone:
        if (kind, key) not in written:
            BY_KIND[kind].withdraw(key, affected)


def rows_written(things: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the rows that the facts about these things make now, as (kind, key)."""
    return [
        (kind, row)
        for kind, key in things
        if kind in BY_KIND
        for row in rows_of(key, Fact.objects.filter(kind=kind, key=key))
    ]


def finish(affected: Affected) -> None:
    """Work out what follows from all things of a batch together."""
    for each in PROJECTIONS:
        each.finish(affected)


def empty() -> None:
    """Delete every row that follows from the inbox. What people wrote stays, and so does what nobody can read again."""
    for each in PROJECTIONS:
        each.reset()
    for model in DERIVED:
        rows = model._default_manager.all()
        if model in OF_EVENTS:
            rows = rows.filter(event__contents_deleted_at__isnull=True)
        rows.delete()
