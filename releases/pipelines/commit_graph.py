"""The positions of commits on their repository's mainline. Pure: shas and parents in, numbers out; no Django in here.

Parents that are not known (a shallow repository, a history still being read) are ignored. Nothing here recurses, so a
history may be of any depth.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

Parents = Mapping[str, Sequence[str]]
T = TypeVar("T")


def mainline(parents: Parents, head: str) -> list[str]:
    """Return the mainline's own commits, first parents only, from the oldest known to the head."""
    chain: list[str] = []
    seen: set[str] = set()
    sha = head
    while sha in parents and sha not in seen:
        chain.append(sha)
        seen.add(sha)
        first = parents[sha]
        sha = first[0] if first else ""
    chain.reverse()
    return chain


def first_reached(parents: Parents, marks: Iterable[tuple[str, T]]) -> dict[str, T]:
    """Return for each commit the mark of the first (sha, mark) pair, in the order given, from which it is reachable."""
    reached: dict[str, T] = {}
    for start, mark in marks:
        if start not in parents or start in reached:
            continue
        reached[start] = mark
        waiting = [start]
        while waiting:
            for parent in parents[waiting.pop()]:
                if parent in parents and parent not in reached:
                    reached[parent] = mark
                    waiting.append(parent)
    return reached


def positions(parents: Parents, head: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the position of each mainline commit, and for every commit that the mainline contains where it landed.

    A commit landed at the position of the first mainline commit that contains it: X is contained in mainline commit C
    exactly when `landed[X] <= position[C]`. Commits that the head does not contain are in neither.
    """
    chain = mainline(parents, head)
    position = {sha: number for number, sha in enumerate(chain)}
    return position, first_reached(parents, position.items())
