"""Grouping cards, by several people at once. A card is always in exactly one group; a group without cards goes."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.transitions import AlreadyMoved
from squads.retrospective_sessions.changes import hold, tell
from squads.retrospective_sessions.columns import LONGEST_NAME
from squads.retrospective_sessions.models import Ballot, CardGroup, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.permissions import check_participant

MOST_MOVED = 100
NOT_NOW = "Cards can be grouped in the group phase only. Ask the facilitator to go back."


class CardMoved(AlreadyMoved):
    """Somebody else moved the card first."""

    def __init__(self, card: SessionCard, current: str) -> None:
        super().__init__("card", "moved", current)
        text = card.text if len(card.text) <= 60 else f"{card.text[:59]}…"
        self.args = (f"Someone else moved “{text}” meanwhile. It’s still here: look where it is now.",)


class SomeMoved(AlreadyMoved):
    """Some of several cards were moved by somebody else first; the others are where they should be."""

    def __init__(self, each: Sequence[CardMoved]) -> None:
        super().__init__("cards", "moved", "moved")
        self.each = each
        self.args = (" ".join(map(str, each)),)


def move_card(
    session: RetrospectiveSession, card_id: UUID, *, by: Actor, leaving: UUID, to: UUID | None
) -> SessionCard:
    """Move one card, as `move_cards` does. Raises CardMoved where somebody else moved it to another place first."""
    try:
        return move_cards(session, {card_id: leaving}, by=by, to=to)[0]
    except SomeMoved as error:
        raise error.each[0] from None


def move_cards(
    session: RetrospectiveSession, leaving: Mapping[UUID, UUID], *, by: Actor, to: UUID | None
) -> list[SessionCard]:
    """Move cards, each named with the group it was seen in, to another group; None makes one new group of all of them.

    Doing it twice changes nothing, nor does asking for a group of their own where they are one already. Raises SomeMoved
    where somebody else moved some of them to another place first: the others are moved then. Raises ValidationError naming
    `card` or `to`, and then none is moved.
    """
    check_participant(session, by)
    if not leaving:
        raise ValidationError({"card": "Tick the cards to move first."})
    if len(leaving) > MOST_MOVED:
        raise ValidationError(
            {"card": f"You can move up to {MOST_MOVED} cards at once, and {len(leaving)} are ticked. Untick some."}
        )
    with transaction.atomic():
        held = _grouping(session)
        cards = _cards_of(held, leaving)
        here, refused = _movable(cards, leaving, to)
        target = _move(held, here, to) if here else None
    for card in here:
        card.group = target  # type: ignore[assignment]
    # Raised when the others are saved.
    if refused:
        raise SomeMoved(refused)
    return cards


def _cards_of(held: RetrospectiveSession, wanted: Collection[UUID]) -> list[SessionCard]:
    found = {card.pk: card for card in held.cards.select_related("group").filter(pk__in=list(wanted))}
    if len(found) < len(wanted):
        raise ValidationError({"card": "This session has no such card. Look again."})
    return [found[pk] for pk in wanted]


def _movable(
    cards: Sequence[SessionCard], leaving: Mapping[UUID, UUID], to: UUID | None
) -> tuple[list[SessionCard], list[CardMoved]]:
    """Return the cards that can go there now, and what to say of those that somebody else moved; none if all are there."""
    groups = {card.group_id for card in cards}
    alone = to is None and len(groups) == 1 and SessionCard.objects.filter(group__in=groups).count() == len(cards)
    if alone:
        return [], []
    there = [card for card in cards if card.group_id != to]
    here = [card for card in there if card.group_id == leaving[card.pk]]
    return here, [CardMoved(card, str(card.group_id)) for card in there if card.group_id != leaving[card.pk]]


def _move(held: RetrospectiveSession, cards: Sequence[SessionCard], to: UUID | None) -> CardGroup:
    if to is None:
        last = held.groups.order_by("-position").values_list("position", flat=True).first()
        group = CardGroup.objects.create(session=held, section=cards[0].section, position=(last or 0) + 1)
    else:
        found = CardGroup.objects.filter(pk=to, session=held).first()
        if found is None:
            raise ValidationError({"to": "That group is gone: its cards were moved meanwhile. Choose another."})
        group = found
    left = {card.group_id for card in cards}
    moved = SessionCard.objects.filter(pk__in=[card.pk for card in cards], group__in=left).update(group=group)
    if moved != len(cards):
        raise CardMoved(cards[0], "")
    _dissolve(held, left, group)
    tell(held)
    return group


def _dissolve(held: RetrospectiveSession, left: Collection[UUID], into: CardGroup) -> None:
    """Delete groups that have no card now. A name goes on where the other has none; votes for them are given back."""
    gone = list(held.groups.filter(pk__in=left, cards=None))
    if not gone:
        return
    name = next((old.name for old in gone if old.name), "")
    if name and not into.name:
        CardGroup.objects.filter(pk=into.pk, name="").update(name=name)
    keys = {str(old.pk) for old in gone}
    ballots = [each for each in held.ballots.order_by("pk") if keys & each.votes.keys()]
    for ballot in ballots:
        ballot.votes = {group: votes for group, votes in ballot.votes.items() if group not in keys}
    Ballot.objects.bulk_update(ballots, ["votes"])
    CardGroup.objects.filter(pk__in=[old.pk for old in gone]).delete()


@transaction.atomic
def name_group(
    session: RetrospectiveSession, group_id: UUID, *, by: Actor, name: str, before: str | None = None
) -> None:
    """Give a group a name; an empty one removes it. With `before`, the name it was seen with, nobody's is overwritten."""
    check_participant(session, by)
    held = _grouping(session)
    name = " ".join(name.replace("\0", "").split())
    if len(name) > LONGEST_NAME:
        raise ValidationError({"name": f"This has over {LONGEST_NAME} characters. Shorten it."})
    group = CardGroup.objects.filter(pk=group_id, session=held).first()
    if group is None:
        raise ValidationError({"group": "That group is gone: its cards were moved meanwhile."})
    if group.name == name:
        return
    if before is not None and group.name != before:
        taken = AlreadyMoved("group", "named", group.name)
        taken.args = (f"Someone else called this group “{group.name}” meanwhile. Change that if you like.",)
        raise taken
    CardGroup.objects.filter(pk=group.pk).update(name=name)
    tell(held)


def _grouping(session: RetrospectiveSession) -> RetrospectiveSession:
    held = hold(session)
    if held.phase != RetrospectiveSession.Phase.GROUP:
        raise ValidationError(NOT_NOW)
    return held
