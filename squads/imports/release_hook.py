"""Planning missing releases during an import. Packages of releases lie above squads and may not be imported from here, so
portal/subscriptions.py registers the function that plans them."""

from collections.abc import Callable
from typing import Any

from portal.kernel.actors import Actor

# Called with the names of missing releases, the person and the line; returns the new releases by name.
Planner = Callable[..., dict[str, Any]]
PLANNERS: list[Planner] = []


def plan_releases(names: list[str], *, by: Actor, line: str = "") -> dict[str, Any]:
    """Plan the missing releases that an import names, of this line, and return them by name."""
    planned: dict[str, Any] = {}
    for planner in PLANNERS:
        planned.update(planner(names, by=by, line=line))
    return planned
