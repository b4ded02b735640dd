"""What releases ship: of every service the commit, the artifact, the schema changes, and what must be deployed before it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from natsort import natsort_keygen

from releases.artifacts.purls import digest_in, package_in
from releases.contents.artifact_choice import Made, artifact_of, origins_of
from releases.contents.commits import Found, Shipped, changed_services, commit_of
from releases.contents.histories import Histories, Lacking, read_histories
from releases.contents.release_facts import ChangeRow, ReleaseFacts, facts_of, read_artifacts
from releases.contents.schema_changes import SchemaChange as SchemaChange
from releases.contents.schema_changes import schema_changes_of
from releases.deployments.models import Deployment
from releases.planning.models import Release

natural = natsort_keygen()


@dataclass(frozen=True, slots=True)
class ServiceContent:
    """What a release ships of one service. What isn't known is empty, and `why` says so."""

    service: int
    name: str
    slug: str
    squad: str
    squad_slug: str
    repository: str
    # The release's tag there, if it names this commit; empty if none does.
    tag: str
    sha: str
    # The artifact, and its digest; a purl without one does not say which artifact it is.
    purl: str
    digest: str
    configuration: str
    # How commit and artifact are known, or why not.
    why: str
    chosen_by: str
    schema_changes: tuple[SchemaChange, ...]
    # Names of the services of this release that must be deployed before it.
    after: tuple[str, ...]
    # Changes of which neither git nor an event told the files, by sha: there may be schema changes in them.
    unread: tuple[str, ...] = ()
    # What its stories ask for and the commit lacks, or may lack.
    lacking: tuple[Lacking, ...] = ()
    # The commits that the artifact was made from, as far as anything tells.
    made_from: tuple[str, ...] = ()
    # Nothing leads from what production runs of it to the commit, so what else comes with it isn't known.
    production_unknown: bool = False

    @property
    def schema_unknown(self) -> int:
        """How many of its changes may change the schema, for all anything tells."""
        return len(self.unread)

    @property
    def package(self) -> str:
        """The artifact without its version."""
        return package_in(self.purl)

    @property
    def short_digest(self) -> str:
        """The beginning of the digest, for people to compare."""
        return self.digest.partition(":")[2][:12]

    @property
    def unnamed(self) -> int:
        """How many schema changes nobody named."""
        return sum(not each.kind for each in self.schema_changes)

    @property
    def unnamed_first(self) -> list[SchemaChange]:
        """The schema changes, first those that nobody named."""
        return sorted(self.schema_changes, key=lambda each: bool(each.kind))


@dataclass(frozen=True, slots=True)
class Contents:
    """What a release ships. `unclaimed` are repositories that it changes and that no service owns."""

    release: UUID
    # Planned for it or named by its changes, as (pk, key), without those that were cancelled or are duplicates.
    stories: tuple[tuple[int, str], ...]
    services: tuple[ServiceContent, ...]
    unclaimed: tuple[str, ...] = ()
    # The services that each story changes, by the story's pk; by its key where no service owns the repository.
    services_of: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    # The commits of each story, by its pk, each with what it changes as in `services_of`.
    changes_of: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def contents_of(releases: Iterable[Release], *, with_history: bool = True) -> dict[UUID, Contents]:
    """Return what each of these releases ships, in twelve queries for any number of them, and some more where git's history
    must be asked further (histories.py).

    Without `with_history` it's the services with their commits and artifacts: what these lack and bring isn't looked up.
    """
    return _contents_of(facts_of(releases), with_history)


def contents_and_running(release: Release) -> tuple[Contents, dict[int, list[Deployment]]]:
    """Return what a release ships, and what runs of each of its services now, in the order of environments."""
    facts = facts_of([release])
    return _contents_of(facts)[release.pk], facts.running


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is known of a service before git's history is asked: what the release changes of it, and what of it is deployed."""

    shipped: Shipped | None
    found: Found
    made: Made

    @property
    def changes(self) -> tuple[ChangeRow, ...]:
        """The changes of the release itself."""
        return self.shipped.changes if self.shipped else ()


def shipments_of(facts: ReleaseFacts) -> tuple[dict[tuple[UUID, int], Shipment], dict[UUID, tuple[str, ...]]]:
    """Return what the releases ship, by release and service; and the repositories of each that no service owns."""
    changed, unclaimed = {}, {}
    commits: dict[tuple[UUID, int], Found] = {}
    for release in facts.releases:
        changed[release], keys = changed_services(facts, release)
        unclaimed[release] = tuple(keys)
        for service in _services(facts, release, changed[release]):
            commits[release, service] = _commit(facts, release, service, changed[release].get(service))
    read_artifacts(
        facts, {each.sha for each in commits.values()} - {""}, {each.purl for each in facts.chosen.values()} - {""}
    )
    return {
        place: Shipment(changed[place[0]].get(place[1]), *_made(facts, place, found))
        for place, found in commits.items()
    }, unclaimed


def _contents_of(facts: ReleaseFacts, with_history: bool = True) -> dict[UUID, Contents]:
    if not facts.releases:
        return {}
    shipments, unclaimed = shipments_of(facts)
    histories = histories_of(facts, shipments) if with_history else Histories()
    services: dict[UUID, list[ServiceContent]] = {release: [] for release in facts.releases}
    together: dict[UUID, set[int]] = {release: set() for release in facts.releases}
    for release, service in shipments:
        together[release].add(service)
    for (release, service), each in shipments.items():
        services[release].append(_service(facts, (release, service), each, together[release], histories))
    return {release: _contents(facts, release, services[release], unclaimed[release]) for release in facts.releases}


def histories_of(facts: ReleaseFacts, shipments: Mapping[tuple[UUID, int], Shipment]) -> Histories:
    """Return what git's history says of what the releases ship."""
    tips = {place: each.found.sha for place, each in shipments.items() if each.found.sha}
    return read_histories(facts, tips, {place: each.changes for place, each in shipments.items()})


def _services(facts: ReleaseFacts, release: UUID, changed: dict[int, Shipped]) -> set[int]:
    """Return the services that a release ships: chosen, changed, and those of its tags' repositories; of one that makes
    several, those it changes, unless that is none."""
    found = set(changed) | {service for of, service in facts.chosen if of == release}
    for tag in facts.tags[release]:
        repository = facts.repositories[tag.repository_id]
        if not repository.services() & set(changed):
            found |= repository.services()
    return found


def _commit(facts: ReleaseFacts, release: UUID, service: int, shipped: Shipped | None) -> Found:
    found = commit_of(facts, release, service, shipped)
    chosen = facts.chosen.get((release, service))
    if chosen is not None and chosen.sha:
        tag = found.tag if found.sha == chosen.sha else ""
        return Found(chosen.sha, f"Chosen by {chosen.by.name}.", found.repository, tag)
    return found


def _made(facts: ReleaseFacts, place: tuple[UUID, int], found: Found) -> tuple[Found, Made]:
    """Return the commit and the artifact of a service: one of which the other is known tells that."""
    chosen = facts.chosen.get(place)
    if chosen is None or not chosen.purl:
        return found, artifact_of(facts, place[1], found.sha) if found.sha else Made("", "", "")
    origins = origins_of(facts, chosen.purl)
    made = Made(chosen.purl, digest_in(chosen.purl), f"The artifact was chosen by {chosen.by.name}.", origins)
    if chosen.sha:
        return found, made
    sha = origins[0] if len(origins) == 1 else ""
    tag = found.tag if sha == found.sha else ""
    why = "" if sha else "The commit it was made from isn’t known."
    return Found(sha, f"Chosen by {chosen.by.name}.", found.repository, tag), replace(made, why=why)


def _contents(
    facts: ReleaseFacts, release: UUID, services: Iterable[ServiceContent], unclaimed: tuple[str, ...]
) -> Contents:
    return Contents(
        release,
        tuple(sorted(facts.stories[release].items(), key=lambda each: natural(each[1]))),
        tuple(sorted(services, key=lambda each: (each.name, each.service))),
        unclaimed,
        {pk: tuple(sorted({each.service for each in facts.wanted.get(pk, ())})) for pk in facts.stories[release]},
        {pk: tuple((each.service, each.sha) for each in facts.wanted.get(pk, ())) for pk in facts.stories[release]},
    )


def _service(
    facts: ReleaseFacts, place: tuple[UUID, int], shipment: Shipment, together: set[int], histories: Histories
) -> ServiceContent:
    service, chosen = facts.services[place[1]], facts.chosen.get(place)
    found, made = shipment.found, shipment.made
    changes, unread = schema_changes_of(facts, place[1], histories.coming(place, shipment.changes))
    return ServiceContent(
        service=service.pk,
        name=service.name,
        slug=service.slug,
        squad=service.squad.name if service.squad else "",
        squad_slug=service.squad.slug if service.squad else "",
        repository=found.repository.key if found.repository else "",
        tag=found.tag,
        sha=found.sha,
        purl=made.purl,
        digest=made.digest,
        configuration=chosen.configuration if chosen is not None else "",
        why=" ".join(filter(None, (found.why, made.why))),
        chosen_by=str(chosen.by) if chosen is not None else "",
        schema_changes=changes,
        after=tuple(sorted(facts.services[each].name for each in _before(facts, service.pk, together))),
        unread=unread,
        lacking=histories.lacking.get(place, ()),
        made_from=made.made_from,
        production_unknown=place in histories.unknown_since,
    )


def _before(facts: ReleaseFacts, service: int, together: set[int]) -> set[int]:
    """Return the services of a release that go before one, also by way of services that the release doesn't ship."""
    found: set[int] = set()
    seen, todo = {service}, [service]
    while todo:
        then = todo.pop()
        for first, second in facts.order:
            if second == then and first not in seen:
                seen.add(first)
                if first in together:
                    found.add(first)
                else:
                    todo.append(first)
    return found
