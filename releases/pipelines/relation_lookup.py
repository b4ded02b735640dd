"""Finding the commits that a commit's relations name, and those that name it, in a few queries for many commits."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from releases.pipelines.models import Change, ChangeRelation, StoryLink
from releases.providers.commit_relations import Kind

SHORTEST_SHA, FULL_SHA = 7, 40
# A patch that more commits share is a switch turned on and off again by machines: it relates nothing.
MOST_ALIKE = 20
AT_ONCE, SHORT_AT_ONCE = 400, 50
SAME = (Kind.PICKS, Kind.ORIGINAL)
TAKES = (Kind.REVERTS, Kind.REVERTS_REQUEST, Kind.REVERTS_SUBJECT)
# What relates a commit to others; which request it became matters only where another names that request.
TELLING = (*SAME, *TAKES)
BY_SHA = (Kind.REVERTS, *SAME)
PATCHES = (("patch", "patch"), ("patch", "undoes"), ("undoes", "patch"))
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


Pair = tuple[Node, Node]


class Said(NamedTuple):
    """What a commit says of another."""

    node: Node
    kind: str
    target: str


class Around:
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
        here = Q(change__repository__in=self.here)
        for some in some_at_once(self.nodes, SHORT_AT_ONCE):
            shas = {sha for node in some for sha in (node.sha, *self.originals[node.pk])}
            begun = {sha[:length] for sha in shas for length in range(SHORTEST_SHA, FULL_SHA)}
            named = (
                Q(is_short=True, target__in=begun)
                | Q(kind__in=BY_SHA, target__in=shas)
                | Q(kind=Kind.REVERTS_SUBJECT, target__in={node.subject for node in some} - {""})
            )
            for row in _said(here & named):
                found[row.node.pk, row.kind, row.target] = row
        keys = StoryLink.objects.filter(change__in=[node.pk for node in self.nodes]).values("key")
        for row in _said(here & Q(kind=Kind.REVERTS_SUBJECT, change__links__key__in=keys)):
            found[row.node.pk, row.kind, row.target] = row
        for numbers in some_at_once(sorted(requests)):
            for row in _said(Q(change__repository__in=self.here, kind=Kind.REVERTS_REQUEST, target__in=numbers)):
                found[row.node.pk, row.kind, row.target] = row
        return list(found.values())

    def same(self) -> list[Pair]:
        """Return what repeats these commits, or what they repeat."""
        named = [(row.node, other) for row, other in _resolved([row for row in self.own if row.kind in SAME])]
        pairs = named + self._named_by(*SAME) + self._alike("patch", "patch")
        return pairs + self._rewritten() + self._elsewhere()

    def _elsewhere(self) -> list[Pair]:
        """Return the same commits as other repositories have them: one that was moved, or a fork."""
        own: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes:
            own[node.sha].append(node)
        found = [other for some in some_at_once(sorted(own)) for other in nodes_where(Q(sha__in=some))]
        return [(node, other) for other in found for node in own[other.sha] if node.pk != other.pk]

    def named_in_any_way(self) -> list[Node]:
        """Return all that may be meant by what these commits say, or by whoever may mean one of them: what is read next may
        make another one of them the one that is meant."""
        rows = _said(Q(change__in={row.node.pk for row in self.naming})) if self.naming else []
        rows += self.own
        found = [node for row in self.naming for node in (row.node,)]
        shas = {row.target for row in rows if row.kind in BY_SHA}
        for some in some_at_once(sorted({row.target for row in rows if row.kind == Kind.REVERTS_SUBJECT})):
            found += nodes_where(Q(repository__in=self.here, subject__in=some))
        for some in some_at_once(sorted(sha for sha in shas if len(sha) >= FULL_SHA)):
            found += nodes_where(Q(repository__in=self.here, sha__in=some))
        for some in some_at_once(sorted(sha for sha in shas if len(sha) < FULL_SHA), SHORT_AT_ONCE):
            found += _begun_by(some, self.here)
        tellers = {row.node.pk for row in rows if row.kind in TAKES}
        keys = StoryLink.objects.filter(change__in=tellers).values("key")
        found += [node for _, node in _by_request(rows, self.here)]
        found += nodes_where(Q(repository__in=self.here, links__key__in=keys)) if tellers else []
        return found + [node for own, others in PATCHES for node in self._with_patches(own, others)]

    def _with_patches(self, own: str, others: str) -> list[Node]:
        """Return the commits here whose `others` patch is the `own` patch of one of these."""
        patches = {getattr(node, own) for node in self.nodes} - {""}
        return [
            node
            for some in some_at_once(sorted(patches))
            for node in nodes_where(Q(repository__in=self.here, **{f"{others}__in": some}))
        ]

    def reverts(self) -> set[UUID]:
        """Return those of these commits that say that they take something back."""
        return {row.node.pk for row in self.own if row.kind in TAKES}

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
        """Return the merges by which these commits, made beside it, came to the mainline, and those beside it that brought
        them to where they are and that somebody takes back."""
        places = {(node.repository, node.landed): node for node in self.nodes if node.position is None}
        where = [(repository, landed) for repository, landed in places if landed is not None]
        there = {(node.repository, node.position): node for node in _at("position", where)}
        pairs = [
            (node, there[place])
            for node in self.nodes
            if node.position is None and (place := (node.repository, node.landed)) in there
        ]
        taken = ChangeRelation.objects.filter(kind__in=TAKES, target=OuterRef("sha"))
        inner = nodes_where(Q(Exists(taken), repository__in=self.here, is_merge=True, position__isnull=True))
        for merge in inner:
            brought = _brought_beside(merge)
            pairs += [
                (node, merge) for node in self.nodes if node.repository == merge.repository and node.sha in brought
            ]
        return pairs

    def brought(self) -> list[Pair]:
        """Return the changes of stories that these merges brought."""
        merges: dict[tuple[int, int | None], Node] = {
            (node.repository, node.position): node for node in self.nodes if node.is_merge and node.position is not None
        }
        found = _at("landed", merges, links__isnull=False, position__isnull=True)
        pairs = [(merges[node.repository, node.landed], node) for node in found]
        for merge in (node for node in self.nodes if node.is_merge and node.position is None):
            for some in some_at_once(sorted(_brought_beside(merge))):
                linked = nodes_where(Q(repository=merge.repository, sha__in=some, links__isnull=False))
                pairs += [(merge, node) for node in linked]
        return pairs

    def _rewritten(self) -> list[Pair]:
        """Return what a lost commit was rewritten as, both naming the same story, from either end."""
        # Who names the same story: whether it is part of it is another question.
        links = StoryLink.objects.filter(change__repository__in=self.here)
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
        for other in self._with_patches(own, others):
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
    """Return the commits that these rows name. A subject counts only where a commit names nothing better: it
    means the newest commit before it that is called so."""
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
    for some in some_at_once(sorted({row.target for row in subjects})):
        for node in nodes_where(Q(repository__in=here, subject__in=some)):
            called[node.repository, node.subject].append(node)
    subjects = [row for row in subjects if row.node.pk not in better]
    for row in subjects:
        before = [node for node in called[row.node.repository, row.target] if row.node.is_later_than(node)]
        if before:
            found.append((row, max(before, key=_newest)))
            better.add(row.node.pk)
    return found + _by_key([row for row in subjects if row.node.pk not in better], here)


def _by_key(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    """Return, for what calls itself a revert and names nothing that is known, the newest change before it of a story that
    it names: better to say that work was taken back than to call done what may be gone."""
    if not rows:
        return []
    links = StoryLink.objects.filter(change__repository__in=here)
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
            found.append((row, max(before, key=_newest)))
    return found


def _newest(node: Node) -> tuple[int, datetime, str]:
    return (-1 if node.landed is None else node.landed), node.at or EVER, node.sha


def _by_sha(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    wanted = [row for row in rows if row.kind in BY_SHA]
    nodes: dict[tuple[int, str], Node] = {}
    for some in some_at_once(sorted({row.target for row in wanted if len(row.target) >= FULL_SHA})):
        nodes.update({(node.repository, node.sha): node for node in nodes_where(Q(repository__in=here, sha__in=some))})
    for some in some_at_once(sorted({row.target for row in wanted if len(row.target) < FULL_SHA}), SHORT_AT_ONCE):
        begun = _begun_by(some, here)
        for target in some:
            fitting = [node for node in begun if node.sha.startswith(target)]
            if len({node.sha for node in fitting}) == 1:
                nodes.update({(node.repository, target): node for node in fitting})
    found = [(row, nodes[place]) for row in wanted if (place := (row.node.repository, row.target)) in nodes]
    known = {(row.node.pk, row.target) for row, _ in found}
    unknown = [row for row in wanted if row.kind != Kind.ORIGINAL and (row.node.pk, row.target) not in known]
    return found + _squashes(unknown, here)


def _begun_by(targets: list[str], here: set[int]) -> list[Node]:
    """Return the commits whose shas begin with one of these."""
    return nodes_where(reduce(or_, (Q(sha__startswith=target) for target in targets)) & Q(repository__in=here))


def _squashes(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    """Return the squashes that stand for the commits which these rows name."""
    squashed: dict[tuple[int, str], list[Node]] = defaultdict(list)
    for some in some_at_once(sorted({row.target for row in rows})):
        for row in _said(Q(change__repository__in=here, kind=Kind.ORIGINAL, target__in=some)):
            squashed[row.node.repository, row.target].append(row.node)
    return [(row, node) for row in rows for node in squashed[row.node.repository, row.target]]


def _by_request(rows: list[Said], here: set[int]) -> list[tuple[Said, Node]]:
    wanted = [row for row in rows if row.kind == Kind.REVERTS_REQUEST]
    became: dict[tuple[int, str], list[Node]] = defaultdict(list)
    for some in some_at_once(sorted({row.target for row in wanted})):
        for row in _said(Q(change__repository__in=here, kind=Kind.REQUEST, target__in=some)):
            became[row.node.repository, row.target].append(row.node)
    return [(row, node) for row in wanted for node in became[row.node.repository, row.target]]


def _brought_beside(merge: Node) -> set[str]:
    """Return what a merge beside the mainline brought: what its other parents hold and its first does not."""
    rows = Change.objects.filter(repository=merge.repository, known=True, position__isnull=True)
    parents = {sha: above.split() for sha, above in rows.values_list("sha", "parents")}
    first, *others = merge.parents.split()

    def reached(starts: list[str]) -> set[str]:
        found: set[str] = set()
        while starts:
            sha = starts.pop()
            if sha in parents and sha not in found:
                found.add(sha)
                starts += parents[sha]
        return found

    return reached(others) - reached([first])


def _said(where: Q) -> list[Said]:
    columns = [f"change__{name}" for name in COLUMNS]
    rows = ChangeRelation.objects.filter(where).order_by("pk").values_list(*columns, "kind", "target")
    return list(dict.fromkeys(Said(Node(*row[:-2]), row[-2], row[-1]) for row in rows))


def nodes_where(where: Q) -> list[Node]:
    """Return the commits for which this holds, each once, in the order of their shas."""
    rows = Change.objects.filter(where).order_by("sha", "pk").values_list(*COLUMNS)
    return list(dict.fromkeys(Node(*row) for row in rows))


def _at(column: str, places: Iterable[tuple[int, int | None]], **more: Any) -> list[Node]:
    """Return the commits that stand at these places, as (repository, number), in a column."""
    by_repository: dict[int, list[int]] = defaultdict(list)
    for repository, number in places:
        if number is not None:
            by_repository[repository].append(number)
    found = {}
    for repository, numbers in sorted(by_repository.items()):
        for some in some_at_once(sorted(numbers)):
            found.update(
                {node.pk: node for node in nodes_where(Q(repository=repository, **{f"{column}__in": some}, **more))}
            )
    return list(found.values())


def some_at_once(values: list[Any], at_once: int = AT_ONCE) -> Iterable[list[Any]]:
    """Yield as many of the values as one statement may name, until all were yielded."""
    for start in range(0, len(values), at_once):
        yield values[start : start + at_once]
