"""What two releases or artifacts have that the other lacks: stories, changes, schema changes and flags.

Each service is compared by the commit that either ships, by what git says those contain: never by names. Where git was not
read, that is said.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from releases.evidence.containment import COLUMNS, Commit, Containment
from releases.pipelines.models import Change, Repository, RepositoryPart, StoryLink
from releases.pipelines.relations import Relatives, concerned_by, relatives_of
from releases.providers.monorepo_paths import services_of
from releases.release_comparison.schema import SchemaFiles
from releases.release_comparison.sides import Piece, Side
from squads.models import Story

# Between two commits, over all services: more than that is another product than the one it is compared with.
MOST_CHANGES = 2000
MOST_SHOWN = 100


@dataclass(slots=True)
class Only:
    """What one side has of a service that the other lacks; each list is cut, and `counts` says how many there are."""

    stories: list[Story] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    # Each as (change, file, kind).
    schema: list[tuple[Change, str, str]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    # Of so many of its changes no file is known, so there may be schema changes in them.
    schema_unknown: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def cut(self) -> None:
        """Keep the first of each list, and how many there were."""
        for name in ("stories", "changes", "schema", "flags"):
            found = getattr(self, name)
            self.counts[name] = len(found)
            setattr(self, name, found[:MOST_SHOWN])


@dataclass(slots=True)
class Row:
    """One service of both sides. `why_not` says why it can't be compared; `unknown` counts changes of which nothing tells."""

    name: str
    slug: str
    here: Piece | None
    there: Piece | None
    only_here: Only = field(default_factory=Only)
    only_there: Only = field(default_factory=Only)
    why_not: str = ""
    unknown: int = 0

    @property
    def is_same(self) -> bool:
        """Whether both ship the same commit."""
        return bool(self.here and self.there and self.here.sha and self.here.sha == self.there.sha)

    @property
    def is_compared(self) -> bool:
        """Whether what only one has is known."""
        return self.here is not None and self.there is not None and not self.is_same and not self.why_not


@dataclass(slots=True)
class Compared:
    """Two sides, service by service, those that differ first. `more` says that only the newest changes were looked at."""

    here: Side
    there: Side
    rows: list[Row]
    more: bool = False
    # Keys of stories that are planned for one and have no change, so that no commit can contain them.
    without_change: tuple[list[str], list[str]] = ([], [])


def compare(here: Side, there: Side) -> Compared:
    """Compare two sides: a number of queries that grows with nothing but commits beside a mainline, two for each."""
    rows = [
        Row(piece.name, piece.slug, here.pieces.get(pk), there.pieces.get(pk))
        for pk, piece in (there.pieces | here.pieces).items()
    ]
    made = Compared(here, there, rows)
    asked = {each.here.service: each for each in rows if each.here and each.there and not each.is_same}
    if asked:
        _Comparison(asked).fill(made)
    made.without_change = _without_change(here), _without_change(there)
    made.rows.sort(key=lambda row: (not row.is_compared, row.is_same, row.name))
    return made


def _without_change(side: Side) -> list[str]:
    keys = dict(side.planned)
    linked = StoryLink.objects.asking().filter(story__in=keys).values_list("story_id", flat=True)
    return [key for pk, key in side.planned if pk not in set(linked)] if keys else []


class Range(NamedTuple):
    """Where two commits of a repository differ: between two places of its mainline, and in commits beside it."""

    repository: int
    after: int
    until: int
    beside: frozenset[str]


class _Comparison:
    """The services of two sides that differ, on their way to being compared."""

    def __init__(self, asked: dict[int, Row]) -> None:
        self.asked = asked
        self.repositories: dict[int, set[int]] = defaultdict(set)
        self.parts: dict[int, dict[str, str]] = defaultdict(dict)
        self.owners: dict[int, int | None] = {}
        for pk, owner in Repository.objects.filter(self._repositories()).values_list("pk", "service_id").distinct():
            self.owners[pk] = owner
            if owner in asked:
                self.repositories[owner].add(pk)
        for pk, prefix, service in RepositoryPart.objects.filter(repository__in=self.owners).values_list(
            "repository_id", "prefix", "service_id"
        ):
            self.parts[pk][prefix] = str(service)
            if service in asked:
                self.repositories[service].add(pk)

    def _repositories(self) -> Q:
        return Q(service__in=self.asked) | Q(parts__service__in=self.asked)

    def fill(self, made: Compared) -> None:
        """Find what only one side has of each of the services."""
        tips = {piece.sha for row in self.asked.values() for piece in (row.here, row.there) if piece and piece.sha}
        places = Containment(self.owners, tips)
        ranges = self._ranges(places)
        found, made.more = self._changes(ranges)
        relatives = relatives_of(found.keys())
        containment = Containment(
            self.owners, {*tips, *(each.sha for each in found.values())}, relatives.within(self.owners)
        )
        sides = self._sides(found, containment, relatives)
        stories = _stories({pk for some in sides.values() for pair in some for pk in pair})
        schema = SchemaFiles(self.asked, found.values())
        for service, pair in sides.items():
            row = self.asked[service]
            for only, ids in zip((row.only_here, row.only_there), pair, strict=True):
                _fill(only, [found[pk] for pk in ids], service, stories, schema)

    def _ranges(self, places: Containment) -> dict[int, Range]:
        """Return where the commits of each service differ; note why, where nothing tells."""
        found = {}
        for service, row in self.asked.items():
            row.why_not = self._why_not(row, service, places)
            extents = [places.extent(piece.sha) for piece in (row.here, row.there) if piece]
            if row.why_not or not all(extents):
                continue
            (repository, one, own), (other_repository, two, other) = (each for each in extents if each)
            if repository != other_repository:
                row.why_not = "The two commits are in different repositories."
                continue
            found[service] = Range(repository, min(one, two), max(one, two), own ^ other)
        return found

    def _why_not(self, row: Row, service: int, places: Containment) -> str:
        if not self.repositories[service]:
            return "No repository is connected for this service."
        for piece in (row.here, row.there):
            if piece is not None and not piece.sha:
                return piece.why or "The commit isn’t known."
            if piece is not None and not places.knows(piece.sha):
                return f"Git wasn’t read as far as {piece.sha[:7]}."
        return ""

    def _changes(self, ranges: dict[int, Range]) -> tuple[dict[UUID, Change], bool]:
        """Return the changes that may be in one commit only: between both, and those that these take back."""
        if not ranges:
            return {}, False
        where = Q()
        for each in ranges.values():
            where |= Q(repository=each.repository, landed__gt=each.after, landed__lte=each.until)
            if each.beside:
                where |= Q(repository=each.repository, sha__in=sorted(each.beside)[:MOST_CHANGES])
        rows = Change.objects.filter(where, known=True).order_by("-committed_at", "pk").values_list("pk", flat=True)
        ids = list(rows[: MOST_CHANGES + 1])
        more = len(ids) > MOST_CHANGES
        wanted = {*ids[:MOST_CHANGES], *concerned_by(ids[:MOST_CHANGES])}
        return {each.pk: each for each in Change.objects.filter(pk__in=wanted).order_by("-committed_at", "pk")}, more

    def _sides(
        self, found: dict[UUID, Change], containment: Containment, relatives: Relatives[UUID]
    ) -> dict[int, tuple[list[UUID], list[UUID]]]:
        """Return, by service, the changes that are in effect in the one commit only, and in the other only."""
        sides: dict[int, tuple[list[UUID], list[UUID]]] = defaultdict(lambda: ([], []))
        seen: set[tuple[int, UUID]] = set()
        for pk, change in found.items():
            commit = Commit(*(getattr(change, name) for name in COLUMNS))
            for service in self._services(change):
                row = self.asked[service]
                if row.why_not or row.here is None or row.there is None:
                    continue
                # Of commits that are the same change one stands for all.
                same = service, min(relatives.alike(pk))
                held = containment.contains(row.here.sha, commit), containment.contains(row.there.sha, commit)
                if None in held:
                    row.unknown += 1
                elif held[0] != held[1] and same not in seen:
                    seen.add(same)
                    sides[service][0 if held[0] else 1].append(pk)
        return sides

    def _services(self, change: Change) -> set[int]:
        repository = change.repository_id
        parts, owner = self.parts.get(repository), self.owners.get(repository)
        if parts:
            paths = change.paths if change.depth else change.told_paths
            return {int(each) for each in services_of(paths, parts, str(owner or "")) if each} & self.asked.keys()
        return {owner} & self.asked.keys() if owner is not None else set()


def _stories(changes: Iterable[UUID]) -> dict[UUID, list[Story]]:
    """Return the stories that these changes belong to, by key."""
    found: dict[UUID, list[Story]] = defaultdict(list)
    links = StoryLink.objects.asking().filter(change__in=list(changes)).select_related("story__squad").order_by("key")
    for link in links:
        if link.story is not None and not link.story.ending:
            found[link.change_id].append(link.story)
    return found


def _fill(
    only: Only, changes: list[Change], service: int, stories: dict[UUID, list[Story]], schema: SchemaFiles
) -> None:
    own = {story.pk: story for change in changes for story in stories.get(change.pk, ())}
    only.stories = sorted(own.values(), key=lambda story: (story.squad.name, story.number))
    # A merge brings what other changes are.
    only.changes = [change for change in changes if not change.is_merge]
    only.flags = sorted({story.flag for story in only.stories if story.flag})
    for change in only.changes:
        files = schema.of(change, service)
        only.schema_unknown += files is None
        only.schema += [(change, path, kind) for path, kind in files or ()]
    only.cut()
