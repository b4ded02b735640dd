"""Which services a deployment of a repository with parts is of."""

from collections.abc import Iterable, Sequence

from releases.environments.tiers import KNOWN_WORDS
from releases.pipelines.models import Repository, RepositoryPart
from releases.providers.monorepo_paths import part_named
from squads.models import Service


def part_key(key: str, service: str) -> str:
    """Return the key of what a thing of a whole repository is to one more of its services."""
    return f"{key} of {service}"


def keys_of_services(key: str, services: Sequence[Service | None]) -> dict[str, Service | None]:
    """Return the key of the row of each service: the first has the thing's own, as that of a thing of one service has."""
    first, *others = services
    return {key: first} | {part_key(key, each.name): each for each in others if each is not None}


def services_deployed_with(repository: Repository, environments: Iterable[str]) -> list[Service]:
    """Return the services of a repository with parts that are deployed together; [] where it has none.

    Where one of the environment's names names a part, as web-production does, it is that part's service alone; else the
    repository's own service, if somebody claimed it, and that of every part.
    """
    parts = list(RepositoryPart.objects.filter(repository=repository).select_related("service").order_by("prefix"))
    by_folder = {part.prefix: part.service.name for part in parts}
    for name in environments:
        if meant := part_named(name, by_folder, KNOWN_WORDS):
            return [next(part.service for part in parts if part.service.name == meant)]
    own = [repository.service] if repository.service and parts else []
    return list(dict.fromkeys([*own, *(part.service for part in parts)]))
