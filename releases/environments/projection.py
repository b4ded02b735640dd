"""From facts about environments to their rows. What people wrote about one is left alone."""

from portal.kernel import clock
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
    before, environment.removals = environment.removals, _removals(facts)
    environment.gone_at = last.at if last.data.get("gone") else None
    environment.emptied_at = clock.parse(environment.removals[-1][0]) if environment.removals else None
    if environment.discovered:
        environment.name = merged.get("name", "")[:120] or environment.name
        environment.url = merged.get("url", "")[:1000] or environment.url
    environment.save(update_fields=["gone_at", "emptied_at", "removals", "name", "url"])
    if environment.removals != before:
        # What ran there runs no more, or did not stop then.
        affected.environments.add(environment.pk)
    elif environment.removals:
        affected.returned.add(environment.pk)


def _removals(facts: list[Fact]) -> list[list[str | None]]:
    """Return when the environment was deleted, and when an event said that it is there again, for each time."""
    found: list[list[str | None]] = []
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.id.hex)):
        is_gone = bool(found) and found[-1][1] is None
        if fact.data.get("gone"):
            found += [] if is_gone else [[clock.iso(fact.at), None]]
        elif is_gone:
            found[-1][1] = clock.iso(fact.at)
    return found


def withdraw(key: str, affected: Affected) -> None:
    """Nothing tells of the environment any more, so nothing says that it is gone."""
    gone = Environment.objects.filter(key=key, emptied_at__isnull=False)
    affected.environments |= set(gone.values_list("pk", flat=True))
    gone.update(gone_at=None, emptied_at=None, removals=[])


def reset() -> None:
    """Before a rebuild no environment is known to be gone."""
    Environment.objects.filter(emptied_at__isnull=False).update(gone_at=None, emptied_at=None, removals=[])


ENVIRONMENTS = Projection(kind="environment", project=project, withdraw=withdraw, reset=reset)
