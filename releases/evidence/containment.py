"""Which of a story's changes a deployed or tested commit contains: yes, no, or not known.

A change is contained where any commit is that is the same change, unless something takes it back there.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from django.db.models import Q

from releases.evidence.effects import Effects
from releases.pipelines.models import Change
from releases.pipelines.relation_lookup import FULL_SHA, SHORTEST_SHA
from releases.pipelines.relations import Relatives

T = TypeVar("T", int, datetime)


def spellings_of_shas(shas: Iterable[str]) -> list[str]:
    """Return shas with all the beginnings by which they may be named."""
    return sorted({sha[:length] for sha in shas if sha for length in (*range(SHORTEST_SHA, FULL_SHA), len(sha))})


class Commit(NamedTuple):
    """A change, as far as containment is concerned."""

    sha: str
    repository: int
    position: int | None
    landed: int | None
    known: bool
    merged_at: datetime | None
    at: datetime | None


OF_NODE = ("sha", "repository", "position", "landed", "known", "merged_at", "at")
COLUMNS = ("sha", "repository_id", "position", "landed", "known", "merged_at", "committed_at")


class Landed(Generic[T]):
    """Some changes in the order in which they came to the mainline, by their place there or by the time."""

    def __init__(self, changes: Iterable[tuple[T | None, str]]) -> None:
        ordered = sorted((place, sha) for place, sha in changes if place is not None)  # type: ignore[type-var]
        self._places: list[T] = [place for place, _ in ordered]
        self._shas = [sha for _, sha in ordered]
        self._until: dict[int, frozenset[str]] = {}

    def until(self, place: T) -> frozenset[str]:
        """Return which of them were there at a place or a time."""
        count = bisect_right(self._places, place)  # type: ignore[type-var]
        if count not in self._until:
            self._until[count] = frozenset(self._shas[:count])
        return self._until[count]


class Containment:
    """Answers for the repositories of one service. Built once for many questions."""

    def __init__(
        self, repositories: Iterable[int], shas: Iterable[str], relatives: Relatives[str] | None = None
    ) -> None:
        self.repositories = list(repositories)
        self.relatives = relatives or Relatives()
        self.commits: dict[str, Commit] = {}
        # Commits that several of the repositories have: one was moved, or is a fork of another.
        self._twins: dict[str, dict[int, Commit]] = {}
        self.short: dict[str, str] = {}
        self._parents: dict[int, dict[str, str]] = {}
        self._reach: dict[tuple[int, str], tuple[int, frozenset[str]]] = {}
        self._alone: dict[str, bool] = {}
        for node in self.relatives.nodes.values():
            self._keep(tuple(getattr(node, name) for name in OF_NODE))
        self._load({sha for sha in shas if sha} | self.relatives.nodes.keys())

    def _load(self, shas: set[str]) -> None:
        ordered = sorted(shas)
        table = Change.objects.filter(repository_id__in=self.repositories)
        for start in range(0, len(ordered), 500):
            for row in table.filter(sha__in=ordered[start : start + 500]).values_list(*COLUMNS):
                self._keep(row)
        short = [sha for sha in ordered if sha not in self.commits and SHORTEST_SHA <= len(sha) < FULL_SHA]
        for start in range(0, len(short), 50):
            some = short[start : start + 50]
            query = Q()
            for sha in some:
                query |= Q(sha__startswith=sha)
            found: dict[str, list[str]] = {}
            for row in table.filter(query).values_list(*COLUMNS):
                self._keep(row)
                for sha in some:
                    if row[0].startswith(sha):
                        found.setdefault(sha, []).append(row[0])
            # A short sha that fits two commits names neither.
            self.short.update({sha: full[0] for sha, full in found.items() if len(full) == 1})

    def _keep(self, row: tuple) -> None:  # type: ignore[type-arg]
        commit, known = Commit(*row), self.commits.get(row[0])
        if known is None or known.repository == commit.repository:
            self.commits[commit.sha] = commit
        else:
            self._twins.setdefault(commit.sha, {known.repository: known})[commit.repository] = commit

    def take(self, rows: Iterable[tuple], short: Mapping[str, str]) -> None:  # type: ignore[type-arg]
        """Know these commits too, which the caller read (COLUMNS), and what short shas mean."""
        for row in rows:
            self._keep(row)
        self.short.update(short)

    def resolve(self, sha: str) -> str:
        """Return the full sha of a short one, where exactly one commit fits it; else what was given."""
        return self.short.get(sha, sha)

    def knows(self, sha: str) -> bool:
        """Say whether git was read as far as this commit."""
        commit = self.commits.get(self.resolve(sha))
        return commit is not None and commit.known

    def extent(self, sha: str) -> tuple[int, int, frozenset[str]] | None:
        """Return the repository of a commit, the newest place of its mainline in the commit's history, and the commits there
        that are beside the mainline; None where git was not read as far."""
        commit = self.commits.get(self.resolve(sha))
        if commit is None or not commit.known:
            return None
        if commit.position is not None:
            return commit.repository, commit.position, frozenset()
        return (commit.repository, *self._reached(commit))

    def contains(self, sha: str, change: Commit) -> bool | None:
        """Say whether `change` is in effect in the commit `sha`; None when nothing tells."""
        if self._is_alone(change.sha):
            return self.holds(sha, change)
        return self.effects(sha).of(change.sha)

    def _is_alone(self, sha: str) -> bool:
        known = self._alone.get(sha)
        if known is None:
            known = self._alone[sha] = self.relatives.are_alone(sha)
        return known

    def effects(self, sha: str) -> Effects:
        """Return what is in effect in the commit `sha`."""
        return Effects(self.relatives, lambda each: self._holds(sha, each), self.comes_after)

    def _holds(self, sha: str, other: str) -> bool | None:
        commit = self.commits.get(other)
        return None if commit is None else self.holds(sha, commit)

    def comes_after(self, sha: str, earlier: str) -> bool:
        """Say whether a commit was made on top of another; one that nothing tells of is taken at its word."""
        return self._holds(sha, earlier) is not False

    def holds(self, sha: str, change: Commit) -> bool | None:
        """Say whether the commit `sha` has this very commit in its history; None when nothing tells."""
        if not sha:
            return None
        sha = self.resolve(sha)
        if sha == change.sha:
            return True
        commit = self.commits.get(sha)
        if self._twins and commit is not None and (sha in self._twins or change.sha in self._twins):
            return self._holds_in_any(sha, change)
        if commit is None or commit.repository != change.repository:
            return None
        return self._holds_there(commit, change)

    def _holds_in_any(self, sha: str, change: Commit) -> bool | None:
        """Answer for the repository that knows both best, of those that have them."""
        holders = self._twins.get(sha) or {self.commits[sha].repository: self.commits[sha]}
        changes = self._twins.get(change.sha) or {change.repository: change}
        answers = [self._holds_there(holders[each], changes[each]) for each in holders.keys() & changes.keys()]
        return True if True in answers else False if False in answers else None

    def _holds_there(self, commit: Commit, change: Commit) -> bool | None:
        if commit.known and change.known:
            if commit.position is not None:
                return change.landed is not None and change.landed <= commit.position
            base, own = self._reached(commit)
            return change.sha in own or (change.landed is not None and change.landed <= base)
        # No graph: what was merged to one mainline earlier is contained in what was merged later.
        if commit.merged_at and change.merged_at:
            return change.merged_at <= commit.merged_at
        return None

    def quick(self, changes: list[Commit]) -> Callable[[str], frozenset[str] | None]:
        """Return what says which of these changes a commit of their mainline contains, by one look-up per commit.

        It answers None for every other commit, and where `contains` has to be asked change by change.
        """
        if (
            self._twins
            or len({each.repository for each in changes}) != 1
            or not all(self._is_alone(each.sha) for each in changes)
        ):
            return lambda sha: None
        by_graph = Landed((each.landed, each.sha) for each in changes) if all(each.known for each in changes) else None
        by_time = None
        if all(each.merged_at for each in changes):
            by_time = Landed((each.merged_at, each.sha) for each in changes)
        no_graph = not any(each.known for each in changes)

        def held(sha: str) -> frozenset[str] | None:
            commit = self.commits.get(self.resolve(sha)) if sha else None
            if commit is None or commit.repository != changes[0].repository:
                return None
            if by_graph and commit.known:
                return None if commit.position is None else by_graph.until(commit.position)
            if by_time and commit.merged_at and (no_graph or not commit.known):
                return by_time.until(commit.merged_at)
            return None

        return held

    def prepare(self, shas: Iterable[str]) -> None:
        """Walk back from all of these that are beside a mainline at once: two queries for any number, none for none."""
        commits = [self.commits[sha] for each in shas if (sha := self.resolve(each)) in self.commits]
        self._walk([each for each in commits if each.known and each.position is None])

    def _reached(self, commit: Commit) -> tuple[int, frozenset[str]]:
        """Walk back from a commit beside the mainline: the newest mainline position reached, and the commits between."""
        self._walk([commit])
        return self._reach[commit.repository, commit.sha]

    def _walk(self, commits: list[Commit]) -> None:
        commits = [each for each in commits if (each.repository, each.sha) not in self._reach]
        self._read_beside({each.repository for each in commits})
        edges: dict[tuple[int, str], set[str]] = {}
        for commit in commits:
            place = commit.repository, commit.sha
            own, edges[place] = _between(self._parents[commit.repository], commit.sha)
            self._reach[place] = -1, frozenset(own)
        ordered = sorted({(repository, sha) for (repository, _), some in edges.items() for sha in some})
        positions: dict[tuple[int, str], int] = {}
        for start in range(0, len(ordered), 500):
            some = ordered[start : start + 500]
            rows = Change.objects.filter(
                repository__in={repository for repository, _ in some},
                sha__in={sha for _, sha in some},
                position__isnull=False,
            )
            for repository, sha, position in rows.values_list("repository_id", "sha", "position"):
                positions[repository, sha] = position or 0
        for (repository, sha), edge in edges.items():
            base = max((positions[repository, each] for each in edge if (repository, each) in positions), default=-1)
            self._reach[repository, sha] = base, self._reach[repository, sha][1]

    def _read_beside(self, repositories: set[int]) -> None:
        fresh = repositories - self._parents.keys()
        if not fresh:
            return
        self._parents.update({repository: {} for repository in fresh})
        rows = Change.objects.filter(repository__in=fresh, known=True, position__isnull=True)
        for repository, sha, parents in rows.values_list("repository_id", "sha", "parents"):
            self._parents[repository][sha] = parents


def _between(graph: Mapping[str, str], sha: str) -> tuple[set[str], set[str]]:
    """Return what can be reached from a commit in a graph of parents, and where that leaves the graph."""
    own: set[str] = set()
    edge: set[str] = set()
    todo = [sha]
    while todo:
        each = todo.pop()
        if each in own:
            continue
        if each in graph:
            own.add(each)
            todo.extend(graph[each].split())
        else:
            edge.add(each)
    return own, edge
