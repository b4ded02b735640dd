"""From facts about environments to their rows. What people wrote about one is left alone."""

from typing import Any

from portal.kernel import clock
from releases.environments.actions import environment_named, forget_removals, update_from_events
from releases.environments.models import Environment
from releases.inbox.affected import Affected
from releases.inbox.fold import fold
from releases.inbox.models import Fact
from releases.inbox.projection import Projection


def project(key: str, facts: list[Fact], affected: Affected) -> None:
    """An environment was created, changed or deleted."""
    merged, last = fold(facts)
    environment = environment_named(key)
    before, removals = environment.removals, _removals(facts)
    told: dict[str, Any] = {
        "gone_at": last.at if last.data.get("gone") else None,
        "emptied_at": clock.parse(removals[-1][0]) if removals else None,
        "removals": removals,
    }
    if environment.discovered:
        told["name"] = merged.get("name", "")[:120] or environment.name
        told["url"] = merged.get("url", "")[:1000] or environment.url
    update_from_events(environment, **told)
    if removals != before:
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
    forget_removals(gone)


def reset() -> None:
    """Before a rebuild no environment is known to be gone."""
    forget_removals(Environment.objects.filter(emptied_at__isnull=False))


ENVIRONMENTS = Projection(kind="environment", project=project, withdraw=withdraw, reset=reset)
