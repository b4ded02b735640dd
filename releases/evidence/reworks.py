"""What became of a story's changes after they were made: taken back, brought back, replaced, rewritten or lost."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from releases.evidence.containment import Commit
from releases.evidence.effects import Effects
from releases.evidence.service_history import LinkedChange, ServiceHistory
from releases.pipelines.relation_lookup import Node
from squads.judge.case import LOST, PRODUCTION, REPLACED, RESTORED, REVERTED, REWRITTEN

MOST_TOLD = 200
MOMENT = timedelta(microseconds=1)


class Rework(NamedTuple):
    """One thing that became of a change. `by` is the sha of what did it, `label` names that in words."""

    change: LinkedChange
    detail: str
    at: datetime
    by: str
    label: str
    event: Any = None


class Taken(NamedTuple):
    """A change was taken back on the mainline, or brought back, by a commit that came there at `at`."""

    is_back: bool
    at: datetime
    node: Node
    place: Any


def is_on_mainline(history: ServiceHistory, commit: Commit) -> bool:
    """Say whether a change, or what repeats it, is on the mainline, or on a line that was shipped to production."""
    relatives, known = history.containment.relatives, history.containment.commits
    alike = [known.get(sha, commit) for sha in relatives.alike(commit.sha)]
    if any(each.landed is not None or (not each.known and each.merged_at is not None) for each in alike):
        return True
    beside = [each for each in alike if each.known and not _is_lost(history, each.sha)]
    return any(
        history.containment.holds(deployment.sha, each)
        for each in beside
        for deployments in history.deployments.values()
        if deployments[0].tier in PRODUCTION
        for deployment in deployments
    )


def taken_back_by(history: ServiceHistory, version: str, sha: str) -> str:
    """Return the commit that takes a change back in a deployed commit that has it in its history; "" for none."""
    relatives = history.containment.relatives
    if not version or relatives.are_alone(sha):
        return ""
    effects = history.containment.effects(version)
    return next(filter(None, map(effects.taken_back_by, sorted(relatives.alike(sha)))), "")


def reworks(history: ServiceHistory, changes: list[LinkedChange], own: set[str]) -> Iterator[Rework]:
    """Yield what became of these changes of one story in one service, in no order. `own` are all commits that the story is
    linked to, those that only take others back included."""
    taken = {each.commit.sha: list(_taken(history, each)) for each in changes}
    stands = [each for each in changes if not (steps := taken[each.commit.sha]) or steps[-1].is_back]
    for change in changes:
        if not history.containment.relatives.are_alone(change.commit.sha):
            for step in taken[change.commit.sha]:
                detail = RESTORED if step.is_back else REVERTED
                yield Rework(change, detail, step.at, step.node.sha, _named(step.node), step.node.event)
            yield from _rewritten(history, change)
        if change not in stands:
            yield from _replaced(change, taken[change.commit.sha][-1], stands, history, own)
        yield from _lost(history, change)


def _named(node: Node) -> str:
    return f"{node.sha[:7]} {node.subject}".strip()


def _taken(history: ServiceHistory, change: LinkedChange) -> Iterator[Taken]:
    """Yield each time that the mainline took a change back or brought it back, in order."""
    relatives = history.containment.relatives
    if relatives.are_alone(change.commit.sha):
        return
    nodes = [relatives.nodes[sha] for sha in _family(history, change.commit.sha) if sha in relatives.nodes]
    places = sorted({place for node in nodes if (place := _place(node)) is not None})
    stood = was_there = False
    # Of a family that only machines make, what is so now is all that is told.
    for place in places if len(nodes) <= MOST_TOLD else places[-1:]:
        effects = _effects_at(history, place)
        stands = bool(effects.of(change.commit.sha))
        if was_there and stands != stood:
            here = [node for node in nodes if _place(node) == place]
            yield _step(history, here, effects, change, stands)
        stood, was_there = stands, was_there or stands


def _step(history: ServiceHistory, here: list[Node], effects: Effects, change: LinkedChange, is_back: bool) -> Taken:
    relatives = history.containment.relatives
    takers = {effects.taken_back_by(sha) for sha in relatives.alike(change.commit.sha)}
    node = next((node for node in here if node.sha in takers), here[0])
    at = relatives.landing_of(node.sha) or node.merged_at or node.at or change.at
    return Taken(is_back, at, node, _place(node))


def _family(history: ServiceHistory, sha: str) -> set[str]:
    relatives = history.containment.relatives
    found: set[str] = set()
    todo = {sha}
    while todo:
        each = todo.pop()
        if each not in found:
            found.add(each)
            todo |= relatives.alike(each) | relatives.takers(each)
    return found


def _place(node: Node) -> tuple[int, Any] | None:
    """Return what orders commits on the mainline: where they landed; without git, when they were merged."""
    if node.landed is not None:
        return (1, node.landed)
    return (0, node.merged_at) if not node.known and node.merged_at is not None else None


def _effects_at(history: ServiceHistory, place: tuple[int, Any]) -> Effects:
    """Return what is in effect on the mainline as it was at a place."""
    relatives = history.containment.relatives

    def holds(sha: str) -> bool:
        node = relatives.nodes.get(sha)
        own = _place(node) if node is not None else None
        return own is not None and own <= place

    return Effects(relatives, holds, history.containment.comes_after)


def _replaced(
    change: LinkedChange, last: Taken, stands: Iterable[LinkedChange], history: ServiceHistory, own: set[str]
) -> Iterator[Rework]:
    """A later change of the same story takes the place of one that was taken back, and so does what took it back where
    that is the story's own work and not called a revert."""
    relatives = history.containment.relatives
    others = [each for each in stands if (node := relatives.nodes.get(each.commit.sha)) and _place(node) is not None]
    later = [each for each in others if (_place(relatives.nodes[each.commit.sha]) or (0, 0)) > last.place]
    own_work = bool(others) and last.node.sha in own and last.node.sha not in relatives.say_so
    own_work = own_work or any(last.node.sha in relatives.alike(each.commit.sha) for each in others)
    if later:
        first = min(later, key=lambda each: (each.at, each.commit.sha))
        at = max(last.at, first.at)
        yield Rework(change, REPLACED, at, first.commit.sha, f"{first.commit.sha[:7]} {first.subject}".strip())
    elif own_work:
        yield Rework(change, REPLACED, last.at, last.node.sha, _named(last.node), last.node.event)


def _rewritten(history: ServiceHistory, change: LinkedChange) -> Iterator[Rework]:
    """Production runs a commit that was rewritten, and not what it was rewritten as."""
    relatives, commits = history.containment.relatives, history.containment.commits
    alike = [relatives.nodes[sha] for sha in sorted(relatives.alike(change.commit.sha)) if sha in relatives.nodes]
    landed = min((node for node in alike if node.landed is not None), key=lambda node: node.landed or 0, default=None)
    if landed is None:
        return
    running = [some[-1].sha for some in history.deployments.values() if some[-1].tier in PRODUCTION]
    running = [sha for sha in running if not history.containment.holds(sha, commits[landed.sha])]
    for node in alike:
        if node.lost and any(history.containment.holds(sha, commits[node.sha]) for sha in running):
            at = max(each for each in (node.at, landed.at, change.at) if each is not None)
            yield Rework(change, REWRITTEN, at, node.sha, f"{node.sha[:7]} was rewritten as {landed.sha[:7]}")


def _is_lost(history: ServiceHistory, sha: str) -> bool:
    node = history.containment.relatives.nodes.get(sha)
    return node is not None and node.lost


def _lost(history: ServiceHistory, change: LinkedChange) -> Iterator[Rework]:
    """Neither a branch nor anything that runs holds the change any more: it is asked for no longer."""
    alike = history.containment.relatives.alike(change.commit.sha)
    if not all(_is_lost(history, sha) for sha in alike):
        return
    commits = [history.containment.commits[sha] for sha in sorted(alike)]
    held_until = change.at
    for deployments in history.deployments.values():
        held = [any(history.containment.holds(each.sha, commit) for commit in commits) for each in deployments]
        if held and held[-1]:
            return
        ends = [after.at for now, after in zip(held, deployments[1:], strict=False) if now]
        held_until = max([held_until, *ends])
    ran = [verdict.at for verdict in history.verdicts if verdict.commit in alike]
    # What it proved while it was there stays in the story's history.
    at = max([held_until, *ran]) + MOMENT
    yield Rework(change, LOST, at, change.commit.sha, f"{change.commit.sha[:7]} {change.subject}".strip())
