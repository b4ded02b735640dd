"""Which commits repeat others or take them back: keeping what is said of it, and finding it from either end.

Nothing is worked out ahead: a commit's relations follow from its own message and contents, and what they mean together is
asked when evidence is derived, so the order in which commits are read does not matter.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Q

from portal.kernel.stable_ids import stable_id
from releases.pipelines.models import ChangeRelation
from releases.pipelines.relation_lookup import BY_SHA, FULL_SHA, Around, Node, nodes_where, some_at_once
from releases.providers.commit_relations import Relation

MOST_ROUNDS, MOST_RELATIVES = 50, 2000


def save(told: Mapping[UUID, Iterable[Relation]], *, by_git: bool) -> None:
    """Make what git (or what events) say of these commits' relations exactly this."""
    wanted = {
        stable_id("relation", pk, each.kind, each.target, by_git): (pk, each)
        for pk, relations in told.items()
        for each in relations
    }
    present: set[UUID] = set()
    for some in some_at_once(list(told)):
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
    brought_by: dict[K, set[K]] = field(default_factory=dict)
    # Those that say themselves that they take something back, whatever it is; of the others only the contents tell.
    say_so: set[K] = field(default_factory=set)

    def join(self, one: K, other: K) -> None:
        """Note that two commits are the same change."""
        together = self.same.get(one, {one}) | self.same.get(other, {other})
        self.same.update(dict.fromkeys(together, together))

    def landing_of(self, node: K) -> datetime | None:
        """Return when the mainline's commit was made that brought this one there."""
        merges = (self.nodes.get(each) for each in self.brought_by.get(node, ()))
        return next((merge.at for merge in merges if merge is not None and merge.position is not None), None)

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
            for merge in self.brought_by.get(each, ()):
                found |= self.reverters.get(merge, set())
        for each in list(found):
            found |= self.alike(each)
        return found - alike

    def within(self, repositories: Collection[int]) -> "Relatives[str]":
        """Return those of these repositories, by their shas. What two of them have is the one that git was read of."""
        sha = {name: node.sha for name, node in self.nodes.items() if node.repository in repositories}
        local: Relatives[str] = Relatives()
        for name in sorted(sha, key=lambda each: (not self.nodes[each].known, self.nodes[each].repository)):
            local.nodes.setdefault(sha[name], self.nodes[name])
        for name, some in self.same.items():
            for one in some:
                if name in sha and one in sha and sha[name] != sha[one]:
                    local.join(sha[name], sha[one])
        for mine, theirs in ((local.reverters, self.reverters), (local.brought_by, self.brought_by)):
            for name, some in theirs.items():
                if name in sha:
                    mine.setdefault(sha[name], set()).update(sha[one] for one in some if one in sha)
        local.say_so = {sha[each] for each in self.say_so if each in sha}
        return local


def relatives_of(changes: Collection[UUID]) -> Relatives[UUID]:
    """Return what decides whether these changes are in effect somewhere; a number of queries that does not grow with them."""
    found: Relatives[UUID] = Relatives()
    frontier = nodes_where(Q(pk__in=list(changes))) if changes else []
    most = len(frontier) + MOST_RELATIVES
    for _ in range(MOST_ROUNDS):
        frontier = list({node.pk: node for node in frontier if node.pk not in found.nodes}.values())
        if not frontier or len(found.nodes) > most:
            break
        found.nodes.update({node.pk: node for node in frontier})
        around = Around(frontier)
        same, takers, bringers = around.same(), around.takers(), around.bringers()
        # Of two patches that undo each other, the later one takes the other back.
        undoers = [(node, other) for node, other in around.undoers() if other.is_later_than(node)]
        for one, other in same:
            found.join(one.pk, other.pk)
        for node, taker in (*takers, *undoers):
            found.reverters.setdefault(node.pk, set()).add(taker.pk)
        found.say_so |= around.reverts()
        for node, merge in bringers:
            found.brought_by.setdefault(node.pk, set()).add(merge.pk)
        frontier = [other for _, other in (*same, *takers, *undoers, *bringers)]
    return found


def concerned_by(changes: Collection[UUID]) -> set[UUID]:
    """Return the changes whose being in effect may depend on these: the same, and what they take back, over and over."""
    seen: dict[UUID, Node] = {}
    frontier = nodes_where(Q(pk__in=list(changes))) if changes else []
    most = len(frontier) + MOST_RELATIVES
    for _ in range(MOST_ROUNDS):
        frontier = list({node.pk: node for node in frontier if node.pk not in seen}.values())
        if not frontier or len(seen) > most:
            break
        seen.update({node.pk: node for node in frontier})
        around = Around(frontier)
        frontier = [*around.named_in_any_way(), *(other for _, other in (*around.same(), *around.taken()))]
        frontier += [other for _, other in around.brought()]
    return set(seen)
