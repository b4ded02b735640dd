"""Reading again what events said of a repository, when people connect, claim or release one.

A name such as shop/web may then mean another repository than before (see `pipelines.repositories.get_or_create_repository`).
"""

from django.db.models import Q, QuerySet

from portal.kernel.locks import hold
from releases.evidence.actions import derive_affected
from releases.inbox.actions import replay
from releases.inbox.affected import Affected
from releases.inbox.models import Fact
from releases.pipelines.models import Repository
from releases.pipelines.repositories import repository_key
from releases.planning.tags import derive_tags
from squads.events import ServiceChanged

KINDS = ("change", "run", "artifact", "deployment", "acceptance")


def repositories_changed(event: ServiceChanged) -> None:
    """Have the events read again that name one of these repositories by more or fewer words than its key."""
    repositories = list(Repository.objects.filter(pk__in=event.repositories).select_related("service"))
    keys = [repository.key for repository in repositories]
    if not keys:
        return
    hold("inbox")
    _derive_tags(repositories)
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


def _derive_tags(repositories: list[Repository]) -> None:
    """Work out anew what tags deploy: of which services follows from who claims the repository, and which parts it has."""
    affected = Affected()
    for repository in repositories:
        derived = derive_tags(repository)
        affected.deployments |= derived.deployments
        affected.services |= derived.services
    derive_affected(affected)


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
