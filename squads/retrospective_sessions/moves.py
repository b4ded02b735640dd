"""Grouping cards, by several people at once. A card is always in exactly one group; a group without cards goes."""

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from portal.kernel.actors import Actor
from portal.kernel.transitions import AlreadyMoved
from squads.retrospective_sessions.changes import hold, tell
from squads.retrospective_sessions.columns import LONGEST_NAME
from squads.retrospective_sessions.models import Ballot, CardGroup, RetrospectiveSession, SessionCard
from squads.retrospective_sessions.permissions import check_participant

NOT_NOW = "Cards can be grouped in the group phase only. Ask the facilitator to go back."


class CardMoved(AlreadyMoved):
    """Somebody else moved the card first."""

    def __init__(self, card: SessionCard, current: str) -> None:
        super().__init__("card", "moved", current)
        text = card.text if len(card.text) <= 60 else f"{card.text[:59]}…"
        self.args = (f"Someone else moved “{text}” meanwhile. It’s still here: look where it is now.",)


class SomeMoved(AlreadyMoved):
    """Some of several cards were moved by somebody else first; the others are where they should be."""

    def __init__(self, said: list[str]) -> None:
        super().__init__("cards", "moved", "moved")
        self.args = (" ".join(said),)


@transaction.atomic
def move_card(
    session: RetrospectiveSession, card_id: UUID, *, by: Actor, leaving: UUID, to: UUID | None
) -> SessionCard:
    """Move a card from the group it was seen in to another; None makes a group of its own.

    Doing it twice changes nothing. Raises CardMoved where somebody else moved it to another place first, ValidationError
    where the group it should go to is gone.
    """
    check_participant(session, by)
    held = _grouping(session)
    card = SessionCard.objects.select_related("group").filter(pk=card_id, session=held).first()
    if card is None:
        raise ValidationError({"card": "This session has no such card. Look again."})
    if to is not None and card.group_id == to:
        return card
    if card.group_id != leaving:
        raise CardMoved(card, str(card.group_id))
    if to is None:
        last = held.groups.order_by("-position").values_list("position", flat=True).first()
        group = CardGroup.objects.create(session=held, section=card.section, position=(last or 0) + 1)
    else:
        found = CardGroup.objects.filter(pk=to, session=held).first()
        if found is None:
            raise ValidationError({"to": "That group is gone: its cards were moved meanwhile. Choose another."})
        group = found
    if SessionCard.objects.filter(pk=card.pk, group=leaving).update(group=group) != 1:
        raise CardMoved(card, "")
    if not SessionCard.objects.filter(group=leaving).exists():
        _dissolve(held, leaving, group)
    tell(held)
    card.group = group
    return card


def _dissolve(held: RetrospectiveSession, gone: UUID, into: CardGroup) -> None:
    """Delete a group without cards. Its name goes on where the other has none; votes for it are given back."""
    old = CardGroup.objects.get(pk=gone)
    if old.name and not into.name:
        CardGroup.objects.filter(pk=into.pk, name="").update(name=old.name)
    for ballot in Ballot.objects.filter(session=held):
        if ballot.votes.pop(str(gone), None) is not None:
            ballot.save(update_fields=["votes"])
    old.delete()


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
