"""Voting for groups of cards. Votes stand under a keyed hash of the person, and are counted when voting ends."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from squads.retrospective_sessions.changes import hold
from squads.retrospective_sessions.models import Ballot, CardGroup, RetrospectiveSession
from squads.retrospective_sessions.permissions import check_in_browser


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody's votes stand: how many for which group, how many are left, and how many more than they may have."""

    votes: dict[str, int]
    used: int
    left: int
    over: int
    # Groups with more votes of theirs than one can have now.
    too_many: tuple[str, ...] = ()


def standing_of(session: RetrospectiveSession, by: Actor) -> Standing:
    """Return how somebody's votes stand."""
    found = (
        Ballot.objects.filter(session=session, voter=session.person_hash(by)).values_list("votes", flat=True).first()
    )
    return _standing(session, found or {})


def _standing(session: RetrospectiveSession, votes: dict[str, int]) -> Standing:
    used = sum(votes.values())
    too_many = tuple(sorted(group for group, count in votes.items() if count > session.votes_on_one))
    return Standing(votes, used, max(0, session.votes_each - used), max(0, used - session.votes_each), too_many)


@transaction.atomic
def vote(session: RetrospectiveSession, group_id: UUID, *, by: Actor, votes: int) -> Standing:
    """Have this person's votes for a group be so many. Taking some back is always possible, giving more up to the limits.

    Raises ValidationError naming `votes` or `group`. Doing it twice changes nothing.
    """
    check_in_browser(session, by)
    held = hold(session)
    if held.phase != RetrospectiveSession.Phase.VOTE:
        raise ValidationError("Voting isn’t open now. Ask the facilitator.")
    if not CardGroup.objects.filter(pk=group_id, session=held).exists():
        raise ValidationError({"group": "That group is gone. Look again."})
    if votes < 0:
        raise ValidationError({"votes": "A group can’t have fewer than no votes of yours."})
    ballot = Ballot.objects.filter(session=held, voter=held.person_hash(by)).first()
    ballot = ballot or Ballot(session=held, voter=held.person_hash(by))
    key = str(group_id)
    before = ballot.votes.get(key, 0)
    if votes > before:
        _check_limits(held, ballot.votes, votes - before, votes)
    ballot.votes = {name: count for name, count in {**ballot.votes, key: votes}.items() if count > 0}
    ballot.save()
    return _standing(held, ballot.votes)


def _check_limits(held: RetrospectiveSession, votes: dict[str, int], more: int, wanted: int) -> None:
    used = sum(votes.values())
    if wanted > held.votes_on_one:
        raise ValidationError({"votes": f"You can give one group up to {_votes(held.votes_on_one)}."})
    if used + more > held.votes_each:
        over = f" You’ve given {used}: the limit was lowered." if used > held.votes_each else ""
        raise ValidationError(
            {"votes": f"You have {_votes(held.votes_each)} in all.{over} Take one back from another group first."}
        )


def _votes(count: int) -> str:
    return "one vote" if count == 1 else f"{count} votes"


def count_votes(held: RetrospectiveSession) -> None:
    """Write to each group of a held session how many votes it has, up to the limits as they are now."""
    groups = list(held.groups.all())
    sums: Counter[str] = Counter()
    for votes in held.ballots.order_by("pk").values_list("votes", flat=True):
        sums.update(counted(votes, [str(group.pk) for group in groups], each=held.votes_each, on_one=held.votes_on_one))
    for group in groups:
        group.votes = sums[str(group.pk)]
    CardGroup.objects.bulk_update(groups, ["votes"])


def counted(votes: Mapping[str, int], board: Sequence[str], *, each: int, on_one: int) -> dict[str, int]:
    """Return those of a person's votes that count. The limits may have been lowered since they were given.

    One group counts up to `on_one`. Of more than `each` in all, those are left out that are for the group with most of them,
    and of several such for the one last on the board.
    """
    left = {group: min(votes[group], on_one) for group in board if group in votes}
    for _ in range(sum(left.values()) - each):
        most = max(left.values())
        last = next(group for group in reversed(left) if left[group] == most)
        left[last] -= 1
    return left


def delete_ballots(held: RetrospectiveSession) -> None:
    """Delete who voted for what: from now on there are only the sums."""
    Ballot.objects.filter(session=held).delete()
