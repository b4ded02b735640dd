"""Who may do what with a retrospective. Every door asks here."""

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


def may_write(row: Retrospective, user: Anyone) -> bool:
    """Say whether this person can change a retrospective: the squad's members, its facilitator, the people added."""
    if not user.is_authenticated or row.squad.archived_at:
        return False
    if row.facilitator_id == user.pk or row.squad.is_writable_by(user):
        return True
    return RetrospectiveParticipant.objects.filter(retrospective=row, person=user.pk).exists()


def check_writer(row: Retrospective, user: Anyone) -> None:
    """Refuse somebody who can't change a retrospective."""
    if row.squad.archived_at:
        raise PermissionDenied(f"{row.squad} is archived, so its retrospectives can’t be changed.")
    if not may_write(row, user):
        raise PermissionDenied(
            f"Only members of {row.squad}, the facilitator and people they add can change this retrospective."
        )


def check_member(row: Retrospective, user: Anyone, doing: str) -> None:
    """Refuse everybody but the squad's members and the facilitator: who reads it, and when it's published, is theirs to say."""
    if not (user.is_authenticated and (row.facilitator_id == user.pk or row.squad.is_writable_by(user))):
        raise PermissionDenied(f"Only members of {row.squad} and the facilitator can {doing}.")
    check_person(user, doing)
