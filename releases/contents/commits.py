"""Which commit of a service a release ships, and how that is known. Pure."""

from dataclasses import dataclass
from uuid import UUID

from releases.contents.release_facts import ChangeRow, ReleaseFacts, RepositoryRow, Wanted
from releases.providers.monorepo_paths import services_of

CHOOSE = "Choose the commit."


@dataclass(frozen=True, slots=True)
class Found:
    """The commit of a service: where it is, the tag that names it, and how it is known or why not."""

    sha: str
    why: str
    repository: RepositoryRow | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What a release changes of a service: the changes of its stories and its own, and those that its stories ask for."""

    changes: tuple[ChangeRow, ...]
    wanted: tuple[Wanted, ...]


def changed_services(facts: ReleaseFacts, release: UUID) -> tuple[dict[int, Shipped], list[str]]:
    """Return what a release changes, by service; and the repositories of its changes that no service owns.

    What a story's evidence left out, as another commit repeats it, is no change of the release.
    """
    wanted = [each for story in facts.stories[release] for each in facts.wanted.get(story, ())]
    asked = {each.sha for each in wanted}
    changes: dict[int, dict[UUID, ChangeRow]] = {}
    unclaimed = set()
    for change in facts.changes.values():
        if change.release != release and change.sha not in asked:
            continue
        services = services_of_change(facts, change)
        if not services:
            unclaimed.add(facts.repositories[change.repository].key)
        for service in services:
            changes.setdefault(service, {})[change.pk] = change
    found = {}
    for service, own in changes.items():
        name = facts.services[service].name[:250]
        of_service = {each.sha: each for each in wanted if each.service == name}
        found[service] = Shipped(tuple(own.values()), tuple(of_service.values()))
    return found, sorted(unclaimed)


def services_of_change(facts: ReleaseFacts, change: ChangeRow) -> set[int]:
    """Return the services that a change belongs to: its repository's, or those whose folders it touches."""
    repository = facts.repositories[change.repository]
    if not repository.parts:
        return repository.services()
    names = {prefix: str(service) for prefix, service in repository.parts.items()}
    # Git knows every folder; a system that tells may leave some out.
    paths = change.folders if change.depth else change.told
    return {int(each) for each in services_of(paths, names, str(repository.service or "")) if each}


def commit_of(facts: ReleaseFacts, release: UUID, service: int, shipped: Shipped | None) -> Found:
    """Return the commit that the release's tag names; else the newest on the mainline, if it has all that the release
    changes; else none, and why."""
    changes = shipped.changes if shipped else ()
    touched = {each.repository for each in changes}
    tagged = {tag.repository_id for tag in facts.tags[release]}
    own = [each for each in facts.repositories.values() if service in each.services()]
    own = [each for each in own if each.pk in touched] or [each for each in own if each.pk in tagged] or own
    if not own:
        return Found("", f"No repository is connected for {facts.services[service].name}. {CHOOSE}")
    if len(own) > 1:
        keys = " and ".join(sorted(each.key for each in own))
        return Found("", f"It’s made from several repositories, {keys}. {CHOOSE}")
    (repository,) = own
    if repository.pk in tagged:
        return _tagged(facts, release, repository)
    if shipped is None:
        return Found("", f"Nothing in this release changes {facts.services[service].name}. {CHOOSE}", repository)
    return _newest(shipped, repository)


def _tagged(facts: ReleaseFacts, release: UUID, repository: RepositoryRow) -> Found:
    tags = [tag for tag in facts.tags[release] if tag.repository_id == repository.pk]
    if len({tag.sha for tag in tags}) > 1:
        names = " and ".join(f"{tag.name} at {tag.sha[:7]}" for tag in sorted(tags, key=lambda tag: tag.name))
        return Found("", f"Tags of this release name different commits: {names}. {CHOOSE}", repository)
    tag = tags[0]
    return Found(tag.sha, f"Tag {tag.name} of {repository.key}.", repository, tag.name)


def _newest(shipped: Shipped, repository: RepositoryRow) -> Found:
    """Return the newest commit of the mainline, unless a change is missing there or was taken back."""
    wanted = {each.sha: each for each in shipped.wanted}
    for change in sorted(shipped.changes, key=lambda each: each.sha):
        each = wanted.get(change.sha)
        if each is not None and each.is_reverted:
            return Found(
                "", f"{change.sha[:7]} was taken back on the mainline of {repository.key}. {CHOOSE}", repository
            )
        there = change.landed is not None if repository.is_read else change.merged_at is not None
        if not there:
            return Found("", f"{change.sha[:7]} isn’t on the mainline of {repository.key} yet.", repository)
    if not repository.head:
        return Found("", f"The mainline of {repository.key} isn’t known. {CHOOSE}", repository)
    newest = "the newest commit on the mainline" if repository.is_read else "the newest merged change known"
    why = f"No tag and nothing chosen: {newest} of {repository.key}, with all changes of this release."
    return Found(repository.head, why, repository)
