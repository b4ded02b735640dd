"""Releases and deployments from tags: what a git source's rules make of the newest snapshot of its repository.

All of it follows from that snapshot, the stored commits and the rules, so it may be computed again at any time.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from portal.kernel.bulk_update import write
from portal.kernel.live import touch
from portal.kernel.numbers import percentile
from portal.kernel.outbox import publish
from portal.kernel.stable_ids import stable_id
from portal.kernel.versions import same_version, version_key
from releases.deployments.deployed_parts import services_deployed_with
from releases.deployments.models import Deployment
from releases.environments.actions import environment_named
from releases.events import ReleaseSaved
from releases.pipelines import commit_graph
from releases.pipelines.actions import parents_of
from releases.pipelines.models import Change, Mainline, Outcome, Phase, Repository, StoryLink, Tag, TagMove
from releases.planning.actions import remember_name
from releases.planning.models import FormerName, Release
from releases.planning.slugs import slug_for, taken_slugs
from releases.providers.git import config, records
from squads.models import ScopeChange, Service, Story
from squads.scope_history.actions import Move, record_moves

AT_ONCE = 1000
# More changed deployments than this are named by their service: looking at the neighbours of each would take longer.
MOST_DEPLOYMENTS = 50
COUNTED = (
    "tagged_at",
    "released_at",
    "created_at",
    "commits",
    "non_merge_commits",
    "lead_time_median",
    "lead_time_p90",
)


@dataclass(slots=True)
class Derived:
    """What changed: changes that moved to another release, deployments, services for which any deployment may have
    come or gone, releases, and the names of tags that came, went or moved."""

    changes: set[UUID] = field(default_factory=set)
    deployments: set[UUID] = field(default_factory=set)
    services: set[int] = field(default_factory=set)
    releases: set[Any] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


def derive_tags(repository: Repository) -> Derived:
    """Bring releases, tags, the changes' releases and the deployments made by tags in line with the newest refs."""
    derived = Derived()
    mainline = Mainline.objects.select_related("event__source").filter(repository=repository).first()
    if mainline is None:
        return derived
    rules = config.tag_rules(mainline.event.source.config)
    refs = records.read_refs(bytes(mainline.event.body))
    tags = [tag for tag in refs.tags if rules.is_release(tag.name)]
    # A pre-release of one moment with its final version comes first, so that both count what is their own.
    tags.sort(key=lambda tag: (tag.tagged_at, version_key(tag.name), tag.name))
    line = rules.line
    if line is None:
        line = repository.service.name if repository.service else repository.key
    releases = _releases(line[:120], tags)
    before = {tag.pk: tag for tag in Tag.objects.filter(repository=repository)}
    derived.releases |= _keep_tags(repository, tags, releases, before)
    stood = {(tag.name, tag.sha) for tag in before.values()}
    derived.names = {name for name, _ in stood ^ {(tag.name, tag.sha) for tag in tags}}
    moved_between = _assign(repository, [(tag.sha, releases[tag.name]) for tag in tags], derived.changes)
    derived.releases |= moved_between
    _mirror(repository, mainline, tags, rules.deploys_to, {tag.name for tag in before.values()}, derived)
    count(derived.releases)
    joined = {tag.release_id: releases[tag.name] for tag in before.values() if tag.name in releases}
    _sweep({tag.release_id for tag in before.values()} - set(releases.values()), joined)
    return derived


def _some(rows: Iterable[Any]) -> Iterator[list[Any]]:
    whole = list(rows)
    for start in range(0, len(whole), AT_ONCE):
        yield whole[start : start + AT_ONCE]


def _releases(line: str, tags: Sequence[records.TagRecord]) -> dict[str, Any]:
    """Return the id of the release of each tag's name, made where there is none yet.

    v5.10 and 5.10 are one version. Where several releases have it, a planned one is meant, then one called as the tag is.
    """
    by_version = _by_version(line)
    known: dict[str, Any] = {}
    fresh: dict[str, Release] = {}
    for tag in tags:
        same = by_version.setdefault(same_version(tag.name), [])
        if not same:
            release = Release(pk=stable_id("release", line, tag.name), line=line, version=tag.name)
            release.origin, release.created_at = Release.Origin.TAG, tag.tagged_at
            fresh[tag.name] = release
            same.append((True, tag.name, release.pk))
        known[tag.name] = min(same, key=lambda each, name=tag.name: (each[0], each[1] != name, each[1]))[2]  # type: ignore[misc]
    _give_slugs(list(fresh.values()))
    Release.objects.bulk_create(fresh.values(), batch_size=500)
    for some in _some(fresh.values()):
        publish(ReleaseSaved(ids=[str(release.pk) for release in some]))
    return known


def _by_version(line: str) -> dict[str, list[tuple[bool, str, Any]]]:
    """Return the releases of a line as (found as a tag, version, id), by what their versions have in common.

    One that was called otherwise before is found by its old name where no other has that name now.
    """
    found: dict[str, list[tuple[bool, str, Any]]] = defaultdict(list)
    for version, pk, origin in Release.objects.filter(line=line).values_list("version", "pk", "origin"):
        found[same_version(version)].append((origin == Release.Origin.TAG, version, pk))
    for version, pk in FormerName.objects.filter(line=line).values_list("version", "release_id"):
        if not found[same_version(version)]:
            found[same_version(version)].append((False, version, pk))
    return found


def _give_slugs(releases: Sequence[Release]) -> None:
    taken: set[str] = set()
    for some in _some(releases):
        taken |= taken_slugs([slug_for(release.line, release.version) for release in some])
    for release in releases:
        release.slug = slug_for(release.line, release.version, taken)
        taken.add(release.slug)


def _keep_tags(
    repository: Repository, tags: Sequence[records.TagRecord], releases: dict[str, Any], before: dict[UUID, Tag]
) -> set[Any]:
    """Make the stored tags exactly these; return the releases whose tags changed."""
    wanted = {
        (pk := stable_id("tag", repository.key, tag.name)): Tag(
            pk=pk,
            repository=repository,
            name=tag.name,
            sha=tag.sha,
            tagged_at=tag.tagged_at,
            release_id=releases[tag.name],
        )
        for tag in tags
    }
    columns = ("sha", "tagged_at", "release_id")

    def said(tag: Tag) -> tuple[Any, ...]:
        return tuple(getattr(tag, name) for name in columns)

    gone = [pk for pk in before if pk not in wanted]
    for some in _some(gone):
        Tag.objects.filter(pk__in=some).delete()
    changed = [tag for pk, tag in wanted.items() if pk not in before or said(before[pk]) != said(tag)]
    Tag.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["sha", "tagged_at", "release"],
        batch_size=500,
    )
    touched = {before[pk].release_id for pk in gone} | {tag.release_id for tag in changed}
    return touched | {before[tag.pk].release_id for tag in changed if tag.pk in before}


def _assign(repository: Repository, order: Sequence[tuple[str, Any]], moved: set[UUID]) -> set[Any]:
    """Give each change the first release, in the order given, that contains it; return the releases concerned."""
    reached = commit_graph.first_reached(parents_of(repository), order)
    rows = Change.objects.filter(repository=repository).values_list("pk", "sha", "release_id")
    concerned: set[Any] = set()
    wanted: list[tuple[UUID, Any]] = []
    for pk, sha, old in rows:
        new = reached.get(sha)
        if new != old:
            wanted.append((pk, new))
            concerned |= {old, new}
    write(Change, ("release",), wanted)
    for some in _some([pk for pk, _ in wanted]):
        # They come to one release board and leave another, though nothing about the stories themselves has changed.
        links = StoryLink.objects.filter(change__in=some, story__isnull=False)
        touch(links.order_by().values_list("story_id", flat=True).distinct())
    moved.update(pk for pk, _ in wanted)
    return concerned - {None}


def _mirror(
    repository: Repository,
    mainline: Mainline,
    tags: Sequence[records.TagRecord],
    deploys_to: str,
    before: set[str],
    derived: Derived,
) -> None:
    """Make the deployments that tags stand for exactly these: one for each place a tag was seen at. They succeeded."""
    seen = _seen_at_several(repository)
    moves = {name: _moved(each) for name, each in seen.items()}
    present = _present_deployments(repository, before | {tag.name for tag in tags}, seen)
    wanted = _deployments_of_tags(repository, mainline, tags, deploys_to, moves)
    columns = ("service_id", "environment_id", "sha", "version", "finished_at", "event_id")
    changed = [
        row
        for pk, row in wanted.items()
        if pk not in present or any(getattr(row, name) != getattr(present[pk], name) for name in columns)
    ]
    gone = [pk for pk in present if pk not in wanted]
    for some in _some(gone):
        Deployment.objects.filter(pk__in=some).delete()
    Deployment.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["id"],
        batch_size=500,
        update_fields=["service", "environment", "sha", "version", "finished_at", "event"],
    )
    # What a deployment that is another now did before, nobody can tell from its row.
    moved = {present[row.pk].service_id for row in changed if row.pk in present}
    derived.services |= moved | {present[pk].service_id for pk in gone}
    if len(changed) > MOST_DEPLOYMENTS:
        derived.services |= {row.service_id for row in changed}
    else:
        derived.deployments |= {row.pk for row in changed}


def _deployment_id(repository: Repository, name: str, seen_at: datetime | None = None, part: str = "") -> UUID:
    """Return the id of the deployment that a tag stands for; with `seen_at`, of the one that its move at that moment does;
    with `part`, of what that is for one more service of the repository."""
    moved = [seen_at.isoformat()] if seen_at else []
    return stable_id("deployment", "tag", repository.key, name, *moved, *(["part", part] if part else []))


def _present_deployments(
    repository: Repository, names: Iterable[str], seen: Mapping[str, list[TagMove]]
) -> dict[UUID, Deployment]:
    """Return the deployments that tags of these names stood for so far, of whatever service."""
    found: dict[UUID, Deployment] = {}
    for some in _some(names):
        moments = [(name, at) for name in some for at in (None, *(each.seen_at for each in seen.get(name, ())))]
        keys = {_key(repository, name) for name in some}
        rows = list(Deployment.objects.filter(key__in=keys).select_related("service"))
        parts = {"", *(row.service.name for row in rows)}
        own = {_deployment_id(repository, name, at, part) for name, at in moments for part in parts}
        found.update((row.pk, row) for row in rows if row.pk in own)
    return found


def _key(repository: Repository, name: str) -> str:
    return f"tag:{repository.key}:{name}"[:300]


def _services(repository: Repository, deploys_to: str) -> dict[str, Service]:
    """Return the services that a tag of a repository deploys, by what tells them apart: "" for the first of them."""
    services = services_deployed_with(repository, (deploys_to,))
    if not services and repository.service:
        services = [repository.service]
    return {each.name if number else "": each for number, each in enumerate(services)}


def _seen_at_several(repository: Repository) -> dict[str, list[TagMove]]:
    """Return, for each tag that was seen anew more than once, when and where, in order."""
    rows = TagMove.objects.filter(repository=repository)
    several = rows.order_by().values("name").annotate(times=Count("pk")).filter(times__gt=1).values("name")
    found: dict[str, list[TagMove]] = defaultdict(list)
    for row in rows.filter(name__in=several).order_by("seen_at", "pk"):
        found[row.name].append(row)
    return found


def _moved(seen: Sequence[TagMove]) -> list[TagMove]:
    """Leave out where a tag was made anew at the commit it was at: it did not move."""
    return [each for number, each in enumerate(seen) if not number or each.sha != seen[number - 1].sha]


def _deployments_of_tags(
    repository: Repository,
    mainline: Mainline,
    tags: Sequence[records.TagRecord],
    deploys_to: str,
    moves: Mapping[str, list[TagMove]],
) -> dict[UUID, Deployment]:
    """Return the deployments that tags stand for, by id; none where tags deploy nothing.

    A tag was deployed when it was made. Where it moved, each move is a deployment of its own, and those before it are history.
    """
    services = _services(repository, deploys_to) if deploys_to else {}
    if not services:
        return {}
    environment = environment_named(deploys_to)
    events = _first_seen_events(mainline, tags)
    dates = _commit_dates(repository, moves)
    found: dict[UUID, Deployment] = {}
    for tag in tags:
        first = (tag.sha, min(tag.tagged_at, mainline.seen_at), events.get(tag.first_seen, mainline.event_id))
        places = _places(moves[tag.name], dates) if tag.name in moves else [(None, *first)]
        for (seen_at, sha, at, event), (part, service) in product(places, services.items()):
            pk = _deployment_id(repository, tag.name, seen_at, part)
            found[pk] = Deployment(
                pk=pk,
                key=_key(repository, tag.name),
                service=service,
                environment=environment,
                phase=Phase.FINISHED,
                outcome=Outcome.SUCCESS,
                sha=sha,
                version=tag.name,
                raw_status="tagged",
                finished_at=at,
                event_id=event,
            )
    return found


def _places(
    moves: Sequence[TagMove], dates: Mapping[str, datetime | None]
) -> Iterator[tuple[datetime | None, str, datetime, UUID]]:
    """Yield what each move of a tag deployed: when it was seen (None for the first), its commit, when it happened, its event.

    A tag object says when it was made. A tag without one has the date of its commit, so it moved when that was seen.
    """
    last: datetime | None = None
    for move in moves:
        at = min(move.tagged_at, move.seen_at)
        if last is not None and (at <= last or dates.get(move.sha) == move.tagged_at):
            at = move.seen_at
        yield (None if last is None else move.seen_at), move.sha, at, move.event_id
        last = at


def _commit_dates(repository: Repository, moves: Mapping[str, list[TagMove]]) -> dict[str, datetime | None]:
    found: dict[str, datetime | None] = {}
    for some in _some({move.sha for each in moves.values() for move in each}):
        rows = Change.objects.filter(repository=repository, sha__in=some)
        found.update(rows.values_list("sha", "committed_at"))
    return found


def _first_seen_events(mainline: Mainline, tags: Sequence[records.TagRecord]) -> dict[str, UUID]:
    """Return the event of the snapshot that first had each tag as it is now, by the time of that snapshot."""
    source = mainline.event.source
    ids = {at: stable_id("event", source.key, records.refs_delivery(at)) for at in {tag.first_seen for tag in tags}}
    kept: set[UUID] = set()
    for some in _some(ids.values()):
        kept.update(type(mainline.event)._default_manager.filter(pk__in=some).values_list("pk", flat=True))
    return {at: pk for at, pk in ids.items() if pk in kept}


@transaction.atomic(savepoint=False)
def count(releases: Iterable[Any]) -> None:
    """Count the changes of these releases anew: how many, and how long they took from author date to tag.

    Merge commits are counted but have no lead time; a negative lead time (a clock that was wrong) stays negative.
    """
    for some in _some(releases):
        tagged = {
            (release, repository): at
            for release, repository, at in Tag.objects.filter(release__in=some).values_list(
                "release_id", "repository_id", "tagged_at"
            )
        }
        newest: dict[UUID, datetime] = {}
        for (pk, _), at in tagged.items():
            newest[pk] = max(at, newest.get(pk, at))
        commits, own, times = _tally(some, tagged)
        rows = []
        # Held: when a person says meanwhile that one is out, that stays.
        for row in Release.objects.filter(pk__in=some).order_by("pk").select_for_update():
            tagged_at = newest.get(row.pk)
            figures = (
                tagged_at,
                _released(row, tagged_at),
                _created(row, tagged_at),
                commits[row.pk],
                own[row.pk],
                percentile(times[row.pk], 0.5),
                percentile(times[row.pk], 0.9),
            )
            if figures != tuple(getattr(row, name) for name in COUNTED):
                rows.append((row.pk, *figures))
        write(Release, COUNTED, rows)


def _tally(
    releases: Sequence[Any], tagged: Mapping[tuple[UUID, int], datetime]
) -> tuple[dict[UUID, int], dict[UUID, int], dict[UUID, list[float]]]:
    """Return per release: all commits, those that are no merges, and the lead times of these in seconds."""
    commits: dict[UUID, int] = defaultdict(int)
    own: dict[UUID, int] = defaultdict(int)
    times: dict[UUID, list[float]] = defaultdict(list)
    rows = Change.objects.filter(release__in=releases).values_list(
        "release_id", "repository_id", "is_merge", "authored_at"
    )
    for release, repository, is_merge, authored_at in rows:
        commits[release] += 1
        if not is_merge:
            own[release] += 1
            at = tagged.get((release, repository))
            if at is not None and authored_at is not None:
                times[release].append((at - authored_at).total_seconds())
    return commits, own, times


def _released(release: Release, tagged_at: datetime | None) -> datetime | None:
    """A release has the date of its tag until a person says when it went out."""
    return release.released_at if release.is_out else tagged_at


def _created(release: Release, tagged_at: datetime | None) -> datetime:
    """A release found as a tag is as old as the tag; nothing derived knows when it was found."""
    return tagged_at if tagged_at and release.origin == Release.Origin.TAG else release.created_at


def _sweep(releases: Iterable[Any], joined: Mapping[Any, Any]) -> None:
    """Delete releases that only a tag called for, now that none does. One that stories are planned for stays.

    Where the tag belongs to another release now (`joined`), which is the same version, stories and address go there.
    """
    for some in _some(releases):
        publish(ReleaseSaved(ids=[str(pk) for pk in some]))
        for pk in some:
            if pk in joined:
                _move_stories(pk, joined[pk])
        empty = Release.objects.filter(
            pk__in=some, origin=Release.Origin.TAG, tags=None, planned_stories=None, changes=None
        )
        others = Release.objects.in_bulk([joined[pk] for pk in some if pk in joined])
        gone = list(empty)
        for release in gone:
            FormerName.objects.filter(release=release).update(release=joined.get(release.pk, release.pk))
            if release.pk in joined:
                _keep_scope(release.pk, joined[release.pk])
        empty.delete()
        for release in gone:
            if release.pk in joined:
                remember_name(release, others[joined[release.pk]])


def _move_stories(before: Any, after: Any) -> None:
    rows = list(Story.objects.filter(release=before).values_list("pk", "ending"))
    ids = [pk for pk, _ in rows]
    Story.objects.filter(pk__in=ids).update(release=after)
    record_moves((Move(pk, before, after, ScopeChange.How.RENAMED) for pk, ending in rows if not ending), by=None)
    touch(ids)


def _keep_scope(gone: Any, release: Any) -> None:
    """Have the scope history of a release that is about to be deleted go on in the one that took its stories."""
    ScopeChange.objects.filter(from_release=gone).update(from_release=release)
    ScopeChange.objects.filter(to_release=gone).update(to_release=release)
    ScopeChange.objects.filter(from_release=release, to_release=release).delete()
