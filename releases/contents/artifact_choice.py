"""Which artifact of a service a release ships, and how that is known. Pure."""

from collections import defaultdict
from dataclasses import dataclass

from releases.artifacts.purls import digest_in, name_in, package_in, same_artifact
from releases.contents.release_facts import ArtifactRow, ReleaseFacts, RepositoryRow
from releases.providers.monorepo_paths import part_named


@dataclass(frozen=True, slots=True)
class Made:
    """The artifact of a commit, or why none is named."""

    purl: str
    digest: str
    why: str
    # The commits that it was made from, as far as anything tells.
    made_from: tuple[str, ...] = ()


def artifact_of(facts: ReleaseFacts, service: int, sha: str) -> Made:
    """Return the artifact that was made of a service from a commit. Where several may be meant, none is."""
    packages: dict[str, set[str]] = defaultdict(set)
    for row in facts.artifacts:
        if row.sha == sha and _is_of(facts, row, service):
            packages[package_in(row.purl)].add(row.purl)
    if not packages:
        return Made("", "", f"No artifact of {sha[:7]} is known.")
    package = _deployed_package(facts, service, set(packages)) if len(packages) > 1 else next(iter(packages))
    if not package:
        names = " and ".join(sorted(packages))
        return Made("", "", f"{sha[:7]} has several artifacts, {names}, and none is the one that runs. Choose one.")
    purls = sorted(packages[package])
    digests = {digest_in(purl) for purl in purls} - {""}
    if len(digests) > 1:
        return Made("", "", f"{sha[:7]} has {len(digests)} artifacts {package} with different digests. Choose one.")
    if not digests:
        purl = purls[0] if len(purls) == 1 else ""
        return Made(purl, "", f"The digest of {package} isn’t known.")
    digest = digests.pop()
    return Made(next(purl for purl in purls if digest_in(purl) == digest), digest, "", (sha,))


def origins_of(facts: ReleaseFacts, purl: str) -> tuple[str, ...]:
    """Return the commits that an artifact was made from, as told by what made or deployed it, or one with its digest."""
    return tuple(sorted({row.sha for row in facts.artifacts if same_artifact(row.purl, purl)}))


def _is_of(facts: ReleaseFacts, row: ArtifactRow, service: int) -> bool:
    """Say whether an artifact is of a service: what made or deployed it says so, or its repository makes nothing else, or,
    of several services, its name is that of one."""
    if row.service is not None:
        return row.service == service
    if row.repository is None:
        return False
    repository = facts.repositories.get(row.repository)
    if repository is None:
        return False
    if not repository.parts:
        return repository.service == service
    return _part_named(facts, repository, row.purl) == service


def _part_named(facts: ReleaseFacts, repository: RepositoryRow, purl: str) -> int | None:
    by_folder = {prefix: facts.services[part].name for prefix, part in repository.parts.items()}
    meant = part_named(name_in(purl), by_folder)
    found = [part for part in repository.parts.values() if facts.services[part].name == meant]
    return found[0] if found else repository.service


def _deployed_package(facts: ReleaseFacts, service: int, packages: set[str]) -> str:
    """Return the one of these packages that runs somewhere; "" if none or several do."""
    running = {package_in(each.artifact.purl) for each in facts.running[service] if each.artifact is not None}
    both = running & packages
    return both.pop() if len(both) == 1 else ""
