"""Releases stand above squads. Whoever puts the portal together (portal/subscriptions.py) says here how one is planned."""

from collections.abc import Callable
from typing import Any

from portal.kernel.actors import Actor

# Called with the person and the names of releases that are not there; returns the new releases by name.
Planner = Callable[..., dict[str, Any]]
PLANNERS: list[Planner] = []


def plan(names: list[str], *, by: Actor) -> dict[str, Any]:
    """Plan the releases that an import names and nobody planned, and return them by name."""
    made: dict[str, Any] = {}
    for planner in PLANNERS:
        made.update(planner(names, by=by))
    return made
