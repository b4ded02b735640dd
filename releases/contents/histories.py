"""What git's history says of the commits that releases ship: whether they have what is planned, and what they bring along."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, Q, QuerySet

from portal.kernel import clock
from portal.kernel.among import Among, Given
from portal.kernel.prepared import Prepared
from releases.contents.commits import services_of_change
from releases.contents.release_facts import ChangeRow, ReleaseFacts, Wanted, columns_of, take_changes
from releases.evidence.containment import COLUMNS, Commit, Containment
from releases.pipelines.models import Change
from releases.pipelines.relations import relatives_of
from squads.judge.case import PRODUCTION

# A release, and a service that it ships.
Place = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Lacking:
    """A change that a story asks for and that the commit to be deployed doesn't have; `is_known` is False where nothing tells."""

    story: str
    sha: str
    is_known: bool


class Stretch(NamedTuple):
    """What a commit has that production lacks: the mainline after one place until another, and commits beside it.

    Without git, the places are the times at which changes were merged.
    """

    repository: int
    after: object
    until: object
    beside: frozenset[str] = frozenset()
    # Commits beside the mainline that production has, wherever they came later.
    without: frozenset[str] = frozenset()
    is_read: bool = True

    def has(self, change: ChangeRow) -> bool:
        """Say whether a change is in it."""
        if change.repository != self.repository or change.known != self.is_read or change.sha in self.without:
            return False
        place = change.landed if self.is_read else change.merged_at
        if place is None or change.sha in self.beside:
            return change.sha in self.beside and (place is None or place > self.after)  # type: ignore[operator]
        return self.after < place <= self.until  # type: ignore[operator]


@dataclass(slots=True)
class Histories:
    """What is known of each service that a release ships."""

    lacking: dict[Place, tuple[Lacking, ...]] = field(default_factory=dict)
    # The changes that come to production with it and touch files of the schema, or may.
    brought: dict[Place, list[ChangeRow]] = field(default_factory=dict)
    # Those of its own changes and of these that take each other back exactly, so that together they bring nothing.
    undone: dict[Place, set[UUID]] = field(default_factory=dict)
    # Nothing leads from what production runs of it to the commit to be deployed.
    unknown_since: set[Place] = field(default_factory=set)

    def coming(self, place: Place, own: Iterable[ChangeRow]) -> list[ChangeRow]:
        """Return the changes whose schema changes come with a service: the release's own, and all that production lacks."""
        every = {each.pk: each for each in (*own, *self.brought.get(place, ()))}
        gone = self.undone.get(place, set())
        return [each for pk, each in every.items() if pk not in gone]


def read_histories(
    facts: ReleaseFacts, tips: Mapping[Place, str], own: Mapping[Place, Iterable[ChangeRow]]
) -> Histories:
    """Read what git's history says of these commits, in two queries; in some more where it takes more than that to tell whether
    a change is contained, as on branches beside the mainline. `own` are the changes of the releases themselves."""
    found = Histories()
    if not tips:
        return found
    running = {service: _in_production(facts, service) for _, service in tips}
    asked = {place: _asked(facts, place) for place in tips}
    shas = {*tips.values(), *(sha for some in running.values() for sha in some)} - {""}
    containment = _containment(facts, tips, asked, shas)
    for place, sha in tips.items():
        lacking = (_lacking(containment, sha, story, each) for story, each in asked[place])
        found.lacking[place] = tuple(sorted(filter(None, lacking), key=lambda each: (each.story, each.sha)))
    _read_brought(facts, found, containment, tips, running)
    for place, sha in tips.items():
        there = found.brought.get(place)
        if there is None:
            there = [each for each in own.get(place, ()) if containment.holds(sha, _commit_of(each))]
        found.undone[place] = _undone(there)
    return found


def _containment(
    facts: ReleaseFacts, tips: Mapping[Place, str], asked: Mapping[Place, list[tuple[str, Wanted]]], shas: set[str]
) -> Containment:
    """Return what answers for these commits, with the relatives of changes of which more than their place must tell."""
    containment = Containment(facts.repositories, ())
    containment.take(COMMITS.rows(shas=shas, repositories=facts.repositories), {})
    containment.take((_commit_of(each) for each in facts.changes.values()), {})
    doubtful = {
        each.sha
        for place, sha in tips.items()
        if sha in containment.commits
        for _, each in asked[place]
        if not _is_plain(containment, sha, each)
    }
    if doubtful:
        relatives = relatives_of({each.pk for each in facts.changes.values() if each.sha in doubtful})
        every = shas | {each.sha for some in asked.values() for _, each in some}
        containment = Containment(facts.repositories, every, relatives.within(facts.repositories))
    containment.prepare(shas)
    return containment


def _commits() -> "QuerySet[Any, Any]":
    rows = Change.objects.filter(Among(F("sha"), Given("shas")), Among(F("repository"), Given("repositories")))
    return rows.order_by("pk").values_list(*COLUMNS)


COMMITS = Prepared(_commits)


def _commit_of(change: ChangeRow) -> Commit:
    return Commit(
        change.sha, change.repository, change.position, change.landed, change.known, change.merged_at, change.at
    )


def _in_production(facts: ReleaseFacts, service: int) -> list[str]:
    """Return the commits of a service that production runs, in all its environments; "" for one that nothing tells."""
    there = [each for each in facts.running.get(service, ()) if each.environment.judged_tier in PRODUCTION]
    return [facts.deployed_commit(service, each) for each in there]


def _asked(facts: ReleaseFacts, place: Place) -> list[tuple[str, Wanted]]:
    """Return what the stories of a release ask for of a service, each with the story's key."""
    release, service = place
    # Evidence keeps as much of a name.
    name = facts.services[service].name[:250]
    stories = facts.stories[release].items()
    return [(key, each) for pk, key in stories for each in facts.wanted.get(pk, ()) if each.service == name]


def _is_plain(containment: Containment, sha: str, wanted: Wanted) -> bool:
    """Say whether a commit has a change for sure: it is that, or stands on the mainline after it, where nothing ever took the
    change back, as the evidence says."""
    tip, change = containment.commits.get(sha), containment.commits.get(wanted.sha)
    if sha == wanted.sha:
        return True
    if tip is None or change is None or wanted.was_reverted or (tip.known and tip.position is None):
        return False
    return containment.holds(sha, change) is True


def _lacking(containment: Containment, sha: str, story: str, wanted: Wanted) -> Lacking | None:
    if _is_plain(containment, sha, wanted):
        return None
    change = containment.commits.get(wanted.sha)
    inside = containment.contains(sha, change) if change is not None else None
    return None if inside else Lacking(story, wanted.sha, inside is False)


def _read_brought(
    facts: ReleaseFacts,
    found: Histories,
    containment: Containment,
    tips: Mapping[Place, str],
    running: Mapping[int, list[str]],
) -> None:
    stretches: dict[Place, list[Stretch]] = {}
    for place, sha in tips.items():
        ways = [_stretch(containment, each, sha) for each in running[place[1]] if each != sha]
        stretches[place] = [each for each in ways if each is not None]
        if None in ways:
            found.unknown_since.add(place)
    rows = _changes_in(facts, [each for some in stretches.values() for each in some])
    by_repository: dict[int, list[ChangeRow]] = defaultdict(list)
    for row in rows:
        by_repository[row.repository].append(row)
    for place, some in stretches.items():
        if some:
            near = {row.pk: row for each in some for row in by_repository[each.repository] if each.has(row)}
            # Of one that touches files of the schema, these say whose they are.
            own = [row for row in near.values() if row.files or place[1] in services_of_change(facts, row)]
            found.brought[place] = own


def _stretch(containment: Containment, before: str, sha: str) -> Stretch | None:
    """Return what a commit has that another lacks; None where nothing tells."""
    old, new = containment.commits.get(before), containment.commits.get(sha)
    if not before or old is None or new is None or old.repository != new.repository:
        return None
    here, there = containment.extent(before), containment.extent(sha)
    if here is not None and there is not None:
        return Stretch(new.repository, here[1], there[1], there[2] - here[2], here[2])
    if not old.known and not new.known and old.merged_at and new.merged_at:
        return Stretch(new.repository, old.merged_at, new.merged_at, is_read=False)
    return None


def _changes_in(facts: ReleaseFacts, stretches: Iterable[Stretch]) -> list[ChangeRow]:
    """Read the changes there that touch files of the schema, or may. A merge beside the mainline brings nothing to it that other
    changes don't: what it is compared with isn't what production runs."""
    where = Q()
    by_place: dict[tuple[int, bool], list[Stretch]] = defaultdict(list)
    for each in stretches:
        if each.beside or each.after < each.until:  # type: ignore[operator]
            by_place[each.repository, each.is_read].append(each)
    for (repository, is_read), some in by_place.items():
        column = "landed" if is_read else "merged_at"
        after, until = min(each.after for each in some), max(each.until for each in some)  # type: ignore[type-var]
        here = Q(**{f"{column}__gt": after, f"{column}__lte": until})
        beside = sorted({sha for each in some for sha in each.beside})
        if beside:
            here |= Q(Among(F("sha"), beside))
        where |= Q(here, repository=repository, known=is_read)
    if not by_place:
        return []
    most = max(facts.patterns(service)[1] for service in facts.services)
    touching = ~Q(files=[]) | Q(files_asked__lt=most)
    found: dict[UUID, ChangeRow] = {}
    rows = Change.objects.filter(where, touching).exclude(is_merge=True, known=True, position=None)
    take_changes(facts, columns_of(rows), found)
    return list(found.values())


def _undone(changes: Iterable[ChangeRow]) -> set[UUID]:
    """Return those of these changes of which one takes another back exactly; what brings one back stands again."""
    standing: dict[tuple[int, str], list[ChangeRow]] = defaultdict(list)
    found: set[UUID] = set()
    for each in sorted(changes, key=_order):
        if each.undoes and (taken := standing[each.repository, each.undoes]):
            found |= {each.pk, taken.pop().pk}
        elif each.patch:
            standing[each.repository, each.patch].append(each)
    return found


def _order(change: ChangeRow) -> tuple[bool, int, str, str]:
    """Sort what came to the mainline first before the rest, which is sorted by time."""
    return change.landed is None, change.landed or 0, clock.iso(change.at) or "", change.sha
