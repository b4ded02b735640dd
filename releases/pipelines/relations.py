"""Which commits repeat others or take them back: keeping what is said of it, and finding it from either end.

Nothing is worked out ahead: a commit's relations follow from its own message and contents, and what they mean together is
asked when evidence is derived, so the order in which commits are read does not matter.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Q

from portal.kernel.stable_ids import stable_id
from releases.pipelines.models import Change, ChangeRelation, StoryLink
from releases.providers.commit_relations import Kind, Relation

FULL_SHA = 40
# A patch that more commits share is a switch turned on and off again by machines: it relates nothing.
MOST_ALIKE = 20
MOST_ROUNDS, MOST_RELATIVES = 50, 2000
AT_ONCE, SHORT_AT_ONCE = 400, 50
SAME = (Kind.PICKS, Kind.ORIGINAL)
TAKES = (Kind.REVERTS, Kind.REVERTS_REQUEST, Kind.REVERTS_SUBJECT)
# What relates a commit to others; which request it became matters only where another names that request.
TELLING = (*SAME, *TAKES)
BY_SHA = (Kind.REVERTS, *SAME)
EVER = datetime.min.replace(tzinfo=UTC)
COLUMNS = (
    "pk",
    "sha",
    "repository_id",
    "parents",
    "is_merge",
    "known",
    "position",
    "landed",
    "merged_at",
    "committed_at",
    "subject",
    "patch",
    "undoes",
    "lost",
    "author",
    "authored_at",
    "event_id",
)


class Node(NamedTuple):
    """A commit, as far as its relations are concerned."""

    pk: UUID
    sha: str
    repository: int
    parents: str
    is_merge: bool
    known: bool
    position: int | None
    landed: int | None
    merged_at: datetime | None
    at: datetime | None
    subject: str
    patch: str
    undoes: str
    lost: bool
    author: str
    authored_at: datetime | None
    event: UUID

    def is_later_than(self, other: "Node") -> bool:
        """Say whether this commit came to the mainline after another, or was made after it."""
        if self.landed is not None and other.landed is not None and self.landed != other.landed:
            return self.landed > other.landed
        return self.at is not None and other.at is not None and self.at > other.at

    def is_rewritten_as(self, other: "Node") -> bool:
        """Say whether a lost commit was amended or rebased into this one of the same story."""
        if not self.lost or other.landed is None or self.repository != other.repository:
            return False
        first = self.parents.split(" ")[:1]
        if first != [""] and first == other.parents.split(" ")[:1]:
            return True
        same_hand = (self.author, self.authored_at) == (other.author, other.authored_at)
        return (self.authored_at is not None and same_hand) or (bool(self.subject) and self.subject == other.subject)


def save(told: Mapping[UUID, Iterable[Relation]], *, by_git: bool) -> None:
    """Make what git (or what events) say of these commits' relations exactly this."""
    wanted = {
        stable_id("relation", pk, each.kind, each.target, by_git): (pk, each)
        for pk, relations in told.items()
        for each in relations
    }
    present: set[UUID] = set()
    for some in _some(list(told)):
        rows = ChangeRelation.objects.filter(change__in=some, by_git=by_git)
        present |= set(rows.values_list("pk", flat=True))
    if gone := present - wanted.keys():
        ChangeRelation.objects.filter(pk__in=gone).delete()
    ChangeRelation.objects.bulk_create(
        (
            ChangeRelation(
                pk=pk,
                change_id=change,
                kind=each.kind,
                target=each.target,
                by_git=by_git,
                is_short=each.kind in BY_SHA and len(each.target) < FULL_SHA,
            )
            for pk, (change, each) in wanted.items()
            if pk not in present
        ),
        batch_size=500,
    )


Pair = tuple[Node, Node]
K = TypeVar("K", UUID, str)


@dataclass(slots=True)
class Relatives(Generic[K]):
    """The commits that some changes are to be seen together with: what repeats them, and what takes them back.

    `same` maps a commit to all that are the same change, itself included; `reverters` maps one to the commits that take it
    back; `brought_by` maps one to the merge that brought it to the mainline. Commits are named by their rows' ids, or, within
    the repositories of one service, by their shas.
    """

    nodes: dict[K, Node] = field(default_factory=dict)
    same: dict[K, set[K]] = field(default_factory=dict)
    reverters: dict[K, set[K]] = field(default_factory=dict)
    brought_by: dict[K, K] = field(default_factory=dict)
    # Those that say themselves that they take something back; of the others only the contents tell.
    say_so: set[K] = field(default_factory=set)

    def join(self, one: K, other: K) -> None:
        """Note that two commits are the same change."""
        together = self.same.get(one, {one}) | self.same.get(other, {other})
        self.same.update(dict.fromkeys(together, together))

    def landing_of(self, node: K) -> datetime | None:
        """Return when the mainline's commit was made that brought this one there."""
        merge = self.nodes.get(self.brought_by[node]) if node in self.brought_by else None
        return merge.at if merge is not None else None

    def are_alone(self, node: K) -> bool:
        """Say whether nothing repeats a commit, and nothing takes it back."""
        return len(self.alike(node)) == 1 and not self.takers(node)

    def alike(self, node: K) -> set[K]:
        """Return the commits that are the same change, this one included."""
        return self.same.get(node) or {node}

    def takers(self, node: K) -> set[K]:
        """Return the commits that take back this one, one that is the same, or the merge that brought it."""
        alike = self.alike(node)
        found: set[K] = set()
        for each in alike:
            found |= self.reverters.get(each, set())
            if each in self.brought_by:
                found |= self.reverters.get(self.brought_by[each], set())
        for each in list(found):
            found |= self.alike(each)
        return found - alike

    def within(self, repositories: Collection[int]) -> "Relatives[str]":
        """Return those of these repositories, by their shas. What two of them have is the one that git was read of."""
        nodes = [(name, node) for name, node in self.nodes.items() if node.repository in repositories]
        nodes.sort(key=lambda each: (not each[1].known, each[1].repository))
        sha: dict[K, str] = {}
        local: Relatives[str] = Relatives()
        for name, node in nodes:
            if node.sha not in local.nodes:
                local.nodes[node.sha] = node
                sha[name] = node.sha
        local.same = {
            sha[each]: {sha[one] for one in some if one in sha} for each, some in self.same.items() if each in sha
        }
        local.reverters = {
            sha[each]: {sha[one] for one in some if one in sha} for each, some in self.reverters.items() if each in sha
        }
        local.brought_by = {sha[a]: sha[b] for a, b in self.brought_by.items() if a in sha and b in sha}
        local.say_so = {sha[each] for each in self.say_so if each in sha}
        return local


def relatives_of(changes: Collection[UUID]) -> Relatives[UUID]:
    """Return what decides whether these changes are in effect somewhere; a number of queries that does not grow with them."""
    found: Relatives[UUID] = Relatives()
    frontier = _nodes(Q(pk__in=list(changes))) if changes else []
    most = len(frontier) + MOST_RELATIVES
    for _ in range(MOST_ROUNDS):
        frontier = list({node.pk: node for node in frontier if node.pk not in found.nodes}.values())
        if not frontier or len(found.nodes) > most:
            break
        found.nodes.update({node.pk: node for node in frontier})
        around = _Around(frontier)
        same, takers, bringers = around.same(), around.takers(), around.bringers()
        # Of two patches that undo each other, the later one takes the other back.
        undoers = [(node, other) for node, other in around.undoers() if other.is_later_than(node)]
        for one, other in same:
            found.join(one.pk, other.pk)
        for node, taker in (*takers, *undoers):
            found.reverters.setdefault(node.pk, set()).add(taker.pk)
        found.say_so |= {taker.pk for _, taker in takers}
        found.brought_by.update({node.pk: merge.pk for node, merge in bringers})
        frontier = [other for _, other in (*same, *takers, *undoers, *bringers)]
    return found


def concerned_by(changes: Collection[UUID]) -> set[UUID]:
    """Return the changes whose being in effect may depend on these: the same, and what they take back, over and over."""
    seen: dict[UUID, Node] = {}
    frontier = _nodes(Q(pk__in=list(changes))) if changes else []
    most = len(frontier) + MOST_RELATIVES
    for _ in range(MOST_ROUNDS):
        frontier = list({node.pk: node for node in frontier if node.pk not in seen}.values())
        if not frontier or len(seen) > most:
            break
        seen.update({node.pk: node for node in frontier})
        around = _Around(frontier)
        frontier = [other for _, other in (*around.same(), *around.taken(), *around.brought())]
    return set(seen)


class Said(NamedTuple):
    """What a commit says of another."""

    node: Node
    kind: str
    target: str


class _Around:
    """One step from some commits to their relatives, as pairs of a commit and its relative."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.here = {node.repository for node in nodes}
        self.own = _said(Q(change__in=[node.pk for node in nodes]))
        # A squash stands for the commits it left out: who names one of these means it.
        self.originals: dict[UUID, list[str]] = defaultdict(list)
        for row in self.own:
            if row.kind == Kind.ORIGINAL:
                self.originals[row.node.pk].append(row.target)
        self.naming = self._naming()

    def _naming(self) -> list[Said]:
        """Return what others say of these commits, of their requests and of their subjects."""
        requests = {row.target for row in self.own if row.kind == Kind.REQUEST}
        found: dict[tuple[UUID, str, str], Said] = {}
        for some in _some(self.nodes):
            subjects = {node.subject for node in some} - {""}
            named = (
                Q(is_short=True)
                | Q(kind__in=BY_SHA, target__in={sha for node in some for sha in (node.sha, *self.originals[node.pk])})
                | Q(kind=Kind.REVERTS_SUBJECT, target__in=subjects)
            )
            for row in _said(Q(change__repository__in=self.here) & named):
                found[row.node.pk, row.kind, row.target] = row
        keys = StoryLink.objects.filter(change__in=[node.pk for node in self.nodes], refused=False).values("key")
        of_stories = Q(kind=Kind.REVERTS_SUBJECT, change__links__key__in=keys)
        for row in _said(Q(change__repository__in=self.here) & of_stories):
            found[row.node.pk, row.kind, row.target] = row
        for numbers in _some(sorted(requests)):
            for row in _said(Q(change__repository__in=self.here, kind=Kind.REVERTS_REQUEST, target__in=numbers)):
                found[row.node.pk, row.kind, row.target] = row
        return list(found.values())

    def same(self) -> list[Pair]:
        """Return what repeats these commits, or what they repeat."""
        named = [(row.node, other) for row, other in _resolved([row for row in self.own if row.kind in SAME])]
        return named + self._named_by(*SAME) + self._alike("patch", "patch") + self._rewritten()

    def takers(self) -> list[Pair]:
        """Return what says that it takes these commits back."""
        return self._named_by(Kind.REVERTS, Kind.REVERTS_REQUEST) + self._named_by_subject()

    def undoers(self) -> list[Pair]:
        """Return the commits whose contents take these back exactly."""
        return self._alike("patch", "undoes")

    def taken(self) -> list[Pair]:
        """Return what these commits take back."""
        rows = [row for row in self.own if row.kind in TAKES]
        return [(row.node, other) for row, other in _resolved(rows)] + self._alike("undoes", "patch")

    def bringers(self) -> list[Pair]:
        """Return the mainline's commit by which each of these, made beside it, came there."""
        places = {(node.repository, node.landed): node for node in self.nodes if node.position is None}
        where = [(repository, landed) for repository, landed in places if landed is not None]
        there = {(node.repository, node.position): node for node in _at("position", where)}
        return [
            (node, there[place])
            for node in self.nodes
            if node.position is None and (place := (node.repository, node.landed)) in there
        ]

    def brought(self) -> list[Pair]:
        """Return the changes of stories that these merges brought to the mainline."""
        merges: dict[tuple[int, int | None], Node] = {
            (node.repository, node.position): node for node in self.nodes if node.is_merge and node.position is not None
        }
        found = _at("landed", merges, links__isnull=False, position__isnull=True)
        return [(merges[node.repository, node.landed], node) for node in found]

    def _rewritten(self) -> list[Pair]:
        """Return what a lost commit was rewritten as, both naming the same story, from either end."""
        links = StoryLink.objects.filter(refused=False, mention="", change__repository__in=self.here)
        lost: dict[str, list[Node]] = defaultdict(list)
        columns = [f"change__{name}" for name in COLUMNS]
        for key, *row in links.filter(change__lost=True).order_by("pk").values_list("key", *columns):
            lost[key].append(Node(*row))
        if not lost:
            return []
        own = {node.pk: node for node in self.nodes}
        named: dict[str, list[Node]] = defaultdict(list)
        for key, *row in (
            links.filter(key__in=lost, change__landed__isnull=False).order_by("pk").values_list("key", *columns)
        ):
            named[key].append(Node(*row))
        pairs = [
            (old, new) for key, some in lost.items() for old in some for new in named[key] if old.is_rewritten_as(new)
        ]
        return [pair for pair in (*pairs, *((new, old) for old, new in pairs)) if pair[0].pk in own]

    def _named_by(self, *kinds: str) -> list[Pair]:
        """Return who names these commits by their shas or requests."""
        by_request: dict[str, list[Node]] = defaultdict(list)
        for row in self.own:
            if row.kind == Kind.REQUEST:
                by_request[row.target].append(row.node)
        by_sha: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            for sha in (node.sha, *self.originals[node.pk]):
                by_sha[sha].append(node)
        rows = [row for row in self.naming if row.kind in kinds]
        # The beginning of a sha may be that of commits that are not among these.
        short = [row for row in rows if row.kind in BY_SHA and len(row.target) < FULL_SHA]
        pairs = [(node, row.node) for row, node in _by_sha(short, self.here) if node.sha in by_sha]
        pairs += [
            (node, row.node)
            for row in rows
            for node in (by_request if row.kind == Kind.REVERTS_REQUEST else by_sha).get(row.target, ())
        ]
        return [(node, other) for node, other in pairs if node.repository == other.repository and node.pk != other.pk]

    def _named_by_subject(self) -> list[Pair]:
        """Return who takes these commits back by their subject alone."""
        rows = [row for row in self.naming if row.kind == Kind.REVERTS_SUBJECT]
        resolved = {(row.node.pk, other.pk) for row, other in _resolved(rows)}
        return [(node, row.node) for row in rows for node in self.nodes if (row.node.pk, node.pk) in resolved]

    def _alike(self, own: str, others: str) -> list[Pair]:
        """Return the commits whose `others` patch is the `own` patch of one of these."""
        wanted: dict[tuple[int, str], list[Node]] = defaultdict(list)
        for node in self.nodes:
            if patch := getattr(node, own):
                wanted[node.repository, patch].append(node)
        alike: dict[tuple[int, str], list[Node]] = defaultdict(list)
        for some in _some(sorted({patch for _, patch in wanted})):
            for other in _nodes(Q(repository__in=self.here, **{f"{others}__in": some})):
                alike[other.repository, getattr(other, others)].append(other)
        return [
            (node, other)
            for place, nodes in wanted.items()
            if len(alike[place]) <= MOST_ALIKE
            for other in alike[place]
            for node in nodes
            if node.pk != other.pk
        ]


def _resolved(rows: list[Said]) -> list[tuple[Said, Node]]:
    """Return the commits that these rows name. A subject counts only where a commit names nothing better, and only one
    commit is called so."""
    if not rows:
        return []
    here = {row.node.repository for row in rows}
    found = [*_by_sha(rows, here), *_by_request(rows, here)]
    better = {row.node.pk for row, _ in found}
    subjects = [row for row in rows if row.kind == Kind.REVERTS_SUBJECT and row.node.pk not in better]
    if not subjects:
        return found
    said = _said(Q(change__in=[row.node.pk for row in subjects], kind__in=(Kind.REVERTS, Kind.REVERTS_REQUEST)))
    better |= {row.node.pk for row, _ in (*_by_sha(said, here), *_by_request(said, here))}
    called: dict[tuple[int, str], list[Node]] = defaultdict(list)
    for some in _some(sorted({row.target for row in subjects})):
        for node in _nodes(Q(repository__in=here, subject__in=some)):
            called[node.repository, node.subject].append(node)
    subjects = [row for row in subjects if row.node.pk not in better]
    for row in subjects:
        named = called[row.node.repository, row.target]
        if len(named) == 1:
            found.append((row, named[0]))
            better.add(row.node.pk)
    return found + _by_key([row for row in subjects if row.node.pk not in better], here)


def _by_key(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    """Return, for what calls itself a revert and names nothing that is known, the newest change before it of a story that
    it names: better to say that work was taken back than to call done what may be gone."""
    if not rows:
        return []
    links = StoryLink.objects.filter(refused=False, change__repository__in=here)
    keys: dict[UUID, set[str]] = defaultdict(set)
    for change, key in links.filter(change__in=[row.node.pk for row in rows]).values_list("change_id", "key"):
        keys[change].add(key)
    named: dict[str, list[Node]] = defaultdict(list)
    asked = {key for some in keys.values() for key in some}
    others = links.filter(key__in=asked).exclude(change__relations__kind__in=TAKES).order_by("change__sha", "pk")
    for key, *row in others.values_list("key", *(f"change__{name}" for name in COLUMNS)):
        named[key].append(Node(*row))
    found = []
    for row in rows:
        before = [
            node
            for key in keys[row.node.pk]
            for node in named[key]
            if node.repository == row.node.repository and row.node.is_later_than(node)
        ]
        if before:
            found.append((row, max(before, key=lambda node: (node.landed or -1, node.at or EVER, node.sha))))
    return found


def _by_sha(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    wanted = [row for row in rows if row.kind in BY_SHA]
    nodes: dict[tuple[int, str], Node] = {}
    for some in _some(sorted({row.target for row in wanted if len(row.target) >= FULL_SHA})):
        nodes.update({(node.repository, node.sha): node for node in _nodes(Q(repository__in=here, sha__in=some))})
    for some in _some(sorted({row.target for row in wanted if len(row.target) < FULL_SHA}), SHORT_AT_ONCE):
        begun = _nodes(reduce(or_, (Q(sha__startswith=target) for target in some)) & Q(repository__in=here))
        for target in some:
            fitting = [node for node in begun if node.sha.startswith(target)]
            if len({node.sha for node in fitting}) == 1:
                nodes.update({(node.repository, target): node for node in fitting})
    found = [(row, nodes[place]) for row in wanted if (place := (row.node.repository, row.target)) in nodes]
    known = {(row.node.pk, row.target) for row, _ in found}
    unknown = [row for row in wanted if row.kind != Kind.ORIGINAL and (row.node.pk, row.target) not in known]
    return found + _squashes(unknown, here)


def _squashes(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    """Return the squashes that stand for the commits which these rows name."""
    squashed: dict[tuple[int, str], list[Node]] = defaultdict(list)
    for some in _some(sorted({row.target for row in rows})):
        for row in _said(Q(change__repository__in=here, kind=Kind.ORIGINAL, target__in=some)):
            squashed[row.node.repository, row.target].append(row.node)
    return [(row, node) for row in rows for node in squashed[row.node.repository, row.target]]


def _by_request(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    wanted = [row for row in rows if row.kind == Kind.REVERTS_REQUEST]
    became: dict[tuple[int, str], list[Node]] = defaultdict(list)
    for some in _some(sorted({row.target for row in wanted})):
        for row in _said(Q(change__repository__in=here, kind=Kind.REQUEST, target__in=some)):
            became[row.node.repository, row.target].append(row.node)
    return [(row, node) for row in wanted for node in became[row.node.repository, row.target]]


def _said(where: Q) -> list[Said]:
    columns = [f"change__{name}" for name in COLUMNS]
    rows = ChangeRelation.objects.filter(where).order_by("pk").values_list(*columns, "kind", "target")
    return [Said(Node(*row[:-2]), row[-2], row[-1]) for row in rows]


def _nodes(where: Q) -> list[Node]:
    return [Node(*row) for row in Change.objects.filter(where).order_by("sha", "pk").values_list(*COLUMNS)]


def _at(column: str, places: Iterable[tuple[int, int | None]], **more: Any) -> list[Node]:
    """Return the commits that stand at these places, as (repository, number), in a column."""
    by_repository: dict[int, list[int]] = defaultdict(list)
    for repository, number in places:
        if number is not None:
            by_repository[repository].append(number)
    found = {}
    for repository, numbers in sorted(by_repository.items()):
        for some in _some(sorted(numbers)):
            found.update(
                {node.pk: node for node in _nodes(Q(repository=repository, **{f"{column}__in": some}, **more))}
            )
    return list(found.values())


def _some(values: list[Any], at_once: int = AT_ONCE) -> Iterable[list[Any]]:
    for start in range(0, len(values), at_once):
        yield values[start : start + at_once]
