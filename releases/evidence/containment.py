"""Which of a story's changes a deployed or tested commit contains: yes, no, or not known."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q

from releases.pipelines.models import Change

SHORTEST_SHA = 7


class Commit(NamedTuple):
    """A change, as far as containment is concerned."""

    sha: str
    repository: int
    position: int | None
    landed: int | None
    known: bool
    merged_at: datetime | None
    at: datetime | None


COLUMNS = ("sha", "repository_id", "position", "landed", "known", "merged_at", "committed_at")


class Containment:
    """Answers for the repositories of one service. Built once for many questions."""

    def __init__(self, repositories: Iterable[int], shas: Iterable[str]) -> None:
        self.repositories = list(repositories)
        self.commits: dict[str, Commit] = {}
        self.short: dict[str, str] = {}
        self._parents: dict[int, dict[str, str]] = {}
        self._reach: dict[str, tuple[int, frozenset[str]]] = {}
        wanted = {sha for sha in shas if sha}
        self._load(wanted)

    def _load(self, shas: set[str]) -> None:
        ordered = sorted(shas)
        table = Change.objects.filter(repository_id__in=self.repositories)
        for start in range(0, len(ordered), 500):
            for row in table.filter(sha__in=ordered[start : start + 500]).values_list(*COLUMNS):
                self._keep(row)
        short = [sha for sha in ordered if sha not in self.commits and SHORTEST_SHA <= len(sha) < 40]
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
        self.commits[row[0]] = Commit(*row)

    def resolve(self, sha: str) -> str:
        """Return the full sha of a short one, where exactly one commit fits it; else what was given."""
        return self.short.get(sha, sha)

    def position(self, sha: str) -> int | None:
        """Return the mainline position a commit reaches: its own, or that of the newest mainline ancestor."""
        commit = self.commits.get(self.resolve(sha))
        if commit is None or not commit.known:
            return None
        return commit.position if commit.position is not None else self._reached(commit)[0]

    def contains(self, sha: str, change: Commit) -> bool | None:
        """Say whether the commit `sha` contains `change`; None when nothing tells."""
        if not sha:
            return None
        sha = self.resolve(sha)
        if sha == change.sha:
            return True
        commit = self.commits.get(sha)
        if commit is None or commit.repository != change.repository:
            return None
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
        if len({each.repository for each in changes}) != 1 or not all(each.known for each in changes):
            return lambda sha: None
        repository = changes[0].repository
        landed = sorted((each.landed, each.sha) for each in changes if each.landed is not None)
        places = [place for place, _ in landed]
        made: dict[int, frozenset[str]] = {}

        def held(sha: str) -> frozenset[str] | None:
            commit = self.commits.get(self.resolve(sha)) if sha else None
            if commit is None or commit.position is None or commit.repository != repository:
                return None
            count = bisect_right(places, commit.position)
            if count not in made:
                made[count] = frozenset(each for _, each in landed[:count])
            return made[count]

        return held

    def _reached(self, commit: Commit) -> tuple[int, frozenset[str]]:
        """Walk back from a commit beside the mainline: the newest mainline position reached, and the commits between."""
        if commit.sha in self._reach:
            return self._reach[commit.sha]
        graph = self._beside(commit.repository)
        own: set[str] = set()
        edge: set[str] = set()
        todo = [commit.sha]
        while todo:
            sha = todo.pop()
            if sha in own:
                continue
            if sha in graph:
                own.add(sha)
                todo.extend(graph[sha].split())
            else:
                edge.add(sha)
        base = -1
        ordered = sorted(edge)
        for start in range(0, len(ordered), 500):
            positions = Change.objects.filter(
                repository_id=commit.repository, sha__in=ordered[start : start + 500], position__isnull=False
            ).values_list("position", flat=True)
            base = max([base, *(place for place in positions if place is not None)])
        self._reach[commit.sha] = base, frozenset(own)
        return self._reach[commit.sha]

    def _beside(self, repository: int) -> dict[str, str]:
        if repository not in self._parents:
            self._parents[repository] = dict(
                Change.objects.filter(repository_id=repository, known=True, position__isnull=True).values_list(
                    "sha", "parents"
                )
            )
        return self._parents[repository]
