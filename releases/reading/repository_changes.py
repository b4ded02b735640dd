"""Reading again what events said of a repository, when people connect, claim or release one.

A name such as shop/web may then mean another repository than before (see `pipelines.repositories.get_or_create_repository`).
"""

from django.db.models import Q, QuerySet

from portal.kernel.locks import hold
from releases.inbox.actions import replay
from releases.inbox.models import Fact
from releases.pipelines.models import Repository
from releases.pipelines.repositories import repository_key
from squads.events import ServiceChanged

KINDS = ("change", "run", "artifact", "deployment", "acceptance")


def repositories_changed(event: ServiceChanged) -> None:
    """Have the events read again that name one of these repositories by more or fewer words than its key."""
    keys = list(Repository.objects.filter(pk__in=event.repositories).values_list("key", flat=True))
    if not keys:
        return
    hold("inbox")
    named = Q()
    for last in {key.rpartition("/")[2] for key in keys}:
        named |= Q(data__repository__iendswith=f"/{last}") | Q(data__repository__iexact=last)
    facts = Fact.objects.filter(named, kind__in=KINDS)
    replay(_without_service(facts, keys).values_list("event_id", flat=True).distinct())
    other = [
        name
        for name in facts.order_by().values_list("data__repository", flat=True).distinct()
        if any(_may_mean(repository_key(name), key) for key in keys)
    ]
    replay(facts.filter(data__repository__in=other).values_list("event_id", flat=True).distinct())


def _may_mean(name: str, key: str) -> bool:
    name, key = name.lower(), key.lower()
    return name != key and (name.endswith(f"/{key}") or key.endswith(f"/{name}"))


def _without_service(facts: "QuerySet[Fact]", keys: list[str]) -> "QuerySet[Fact]":
    """Return the deployments and checks of these repositories that name no service: whose they are follows from who claims the
    repository, and which parts it has."""
    named = Q()
    for key in keys:
        named |= Q(data__repository__iexact=key)
    return facts.filter(named, kind__in=("deployment", "acceptance")).exclude(data__has_key="service")
