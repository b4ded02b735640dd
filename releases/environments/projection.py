"""From facts about environments to their rows. What people wrote about one is left alone."""

from releases.environments.actions import environment_named
from releases.environments.models import Environment
from releases.inbox.affected import Affected
from releases.inbox.fold import fold
from releases.inbox.models import Fact
from releases.inbox.projection import Projection


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """An environment was created, changed or deleted."""
    merged, last = fold(facts)
    environment = environment_named(key)
    before, environment.gone_at = environment.gone_at, last.at if last.data.get("gone") else None
    if environment.discovered:
        environment.name = merged.get("name", "")[:120] or environment.name
        environment.url = merged.get("url", "")[:1000] or environment.url
    environment.save(update_fields=["gone_at", "name", "url"])
    if environment.gone_at != before:
        # What ran there runs no more, or runs there again.
        affected.environments.add(environment.pk)


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the environment any more, so nothing says that it is gone."""
    gone = Environment.objects.filter(key=key, gone_at__isnull=False)
    affected.environments |= set(gone.values_list("pk", flat=True))
    gone.update(gone_at=None)


def reset() -> None:
    """Before a rebuild no environment is known to be gone."""
    Environment.objects.filter(gone_at__isnull=False).update(gone_at=None)


ENVIRONMENTS = Projection(kind="environment", project=project, withdraw=withdraw, reset=reset)
