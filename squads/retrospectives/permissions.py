"""Who may do what with a retrospective. Every door asks here."""

from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.http import Http404

from portal.kernel.actors import Anyone
from squads.retrospectives.models import Retrospective, RetrospectiveParticipant
from squads.teams.permissions import check_person


def retrospective_at(slug: str, reader: Anyone) -> Retrospective:
    """Return the retrospective at an address, if this person can read it; one they can't read isn't there for them."""
    rows = Retrospective.objects.readable_by(reader).select_related("squad", "facilitator", "session")
    row = rows.filter(slug=slug).first()
    if row is None:
        raise Http404("There’s no retrospective at this address, or you can’t read it.")
    return row


class Rights(NamedTuple):
    """What somebody may do with a retrospective: `write` it; and as a `member` say who reads it, publish and reopen it."""

    write: bool
    member: bool


def rights(row: Retrospective, user: Anyone, *, in_squad: bool, added: bool) -> Rights:
    """Return what this person may do, given whether they write for its squad and whether they were added.

    Its facilitator counts as a member. What belongs to an archived squad, nobody changes.
    """
    if not user.is_authenticated or row.squad.archived_at:
        return Rights(False, False)
    member = in_squad or row.facilitator_id == user.pk
    return Rights(member or added, member)


def rights_of(row: Retrospective, user: Anyone) -> Rights:
    """Return what this person may do."""
    known = rights(row, user, in_squad=row.squad.is_writable_by(user), added=False)
    if known.write or not user.is_authenticated:
        return known
    added = RetrospectiveParticipant.objects.filter(retrospective=row, person=user.pk).exists()
    return rights(row, user, in_squad=known.member, added=added)


def may_write(row: Retrospective, user: Anyone) -> bool:
    """Say whether this person can change a retrospective: the squad's members, its facilitator, the people added."""
    return rights_of(row, user).write


def check_writer(row: Retrospective, user: Anyone) -> None:
    """Refuse somebody who can't change a retrospective."""
    _check_active(row)
    if not rights_of(row, user).write:
        raise PermissionDenied(
            f"Only members of {row.squad}, the facilitator and people they add can change this retrospective."
        )


def check_member(row: Retrospective, user: Anyone, doing: str) -> None:
    """Refuse everybody but the squad's members and the facilitator: who reads it, and when it's published, is theirs to say."""
    _check_active(row)
    if not rights_of(row, user).member:
        raise PermissionDenied(f"Only members of {row.squad} and the facilitator can {doing}.")
    check_person(user, doing)


def _check_active(row: Retrospective) -> None:
    if row.squad.archived_at:
        raise PermissionDenied(f"{row.squad} is archived, so its retrospectives can’t be changed.")
