"""Which files are schema changes: the patterns of services and of the company, and by which of them git is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from portal.kernel import clock
from releases.contents.models import AskedPattern, SchemaPatterns
from releases.contents.queries import histories_of, shipments_of
from releases.contents.release_facts import facts_of
from releases.contents.schema_changes import SchemaChange, schema_changes_of
from releases.planning.models import Release
from releases.providers import schema_files
from squads.models import Service

# Only open releases are looked at, the newest of them.
MOST_RELEASES = 50
MOST_SHOWN = 100
DEFAULT_ASKED = len(schema_files.wanted(schema_files.DEFAULT))


@dataclass(frozen=True, slots=True)
class Effect:
    """What other patterns would do to an open release: files that become schema changes, and files that cease to be."""

    release: Release
    service: str
    added: tuple[SchemaChange, ...]
    removed: tuple[SchemaChange, ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """What other patterns would do. `fresh` are patterns that git has not been asked by yet: what they find isn't known."""

    releases: tuple[Effect, ...]
    fresh: tuple[str, ...]


def patterns_of(service: Service | None) -> SchemaPatterns:
    """Return the patterns that are in force for a service, or for the company: a row that may not be saved, of its own, of
    the company, or of the defaults."""
    rows = {row.service_id: row for row in SchemaPatterns.objects.filter(service=service).select_related("by")}
    if service is not None and service.pk not in rows:
        rows |= {row.service_id: row for row in SchemaPatterns.objects.filter(service=None).select_related("by")}
    row = rows.get(service.pk if service else None) or rows.get(None)
    return row or SchemaPatterns(patterns=list(schema_files.DEFAULT), asked=DEFAULT_ASKED)


@dataclass(frozen=True, slots=True)
class Shown:
    """The patterns in force for a service, or for the company (its slug is empty), and the version of its own row."""

    slug: str
    own: bool
    patterns: list[str]
    by: str
    version: int


def shown(service: Service | None) -> Shown:
    """Return the patterns in force, and whether they are its own; `version` is 0 where nobody set any for it."""
    row = patterns_of(service)
    own = row.pk is not None and row.service_id == (service.pk if service else None)
    by = row.by.username if row.by else ""
    return Shown(service.slug if service else "", own, list(row.patterns), by, row.version if own else 0)


def asked_patterns(*, any_more: bool = True) -> list[str]:
    """Return the patterns that git is asked by, in the order of their numbers. Without `any_more`, the default ones alone."""
    more = AskedPattern.objects.order_by("number").values_list("pattern", flat=True) if any_more else ()
    return [*schema_files.wanted(schema_files.DEFAULT), *more]


def effects_of(service: Service | None, patterns: list[str]) -> Effects:
    """Return what these patterns would change in open releases, if they were those of a service, or of the company."""
    wanted = schema_files.wanted(patterns)
    fresh = tuple(each for each in wanted if each not in set(asked_patterns()))
    releases = list(Release.objects.ahead(clock.now()).order_by("-created_at", "pk")[:MOST_RELEASES])
    facts = facts_of(releases)
    shipments, _ = shipments_of(facts)
    histories = histories_of(facts, shipments)
    order = {release.pk: place for place, release in enumerate(releases)}
    found = []
    for place in sorted(shipments, key=lambda each: (order[each[0]], facts.services[each[1]].name)):
        release, pk = place
        if pk != service.pk if service else facts.has_own_patterns(pk):
            continue
        changes = histories.coming(place, shipments[place].changes)
        before, _ = schema_changes_of(facts, pk, changes)
        after, _ = schema_changes_of(facts, pk, changes, patterns)
        added, removed = _without(after, before), _without(before, after)
        if added or removed:
            found.append(Effect(releases[order[release]], facts.services[pk].name, added, removed))
    return Effects(tuple(found[:MOST_SHOWN]), fresh)


def _without(some: Iterable[SchemaChange], others: Iterable[SchemaChange]) -> tuple[SchemaChange, ...]:
    known: set[tuple[UUID, str]] = {(each.change, each.path) for each in others}
    return tuple(each for each in some if (each.change, each.path) not in known)
