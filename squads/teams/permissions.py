"""Who may do what to a squad and what belongs to it. Every door asks here, so that every door refuses in the same words."""

from django.core.exceptions import PermissionDenied

from portal.kernel.actors import Anyone
from squads.teams.models import Membership, Squad

PLANNERS = "Only project managers and squad members can plan releases. Join or create a squad first."


def only_members(squad: Squad, what: str) -> PermissionDenied:
    """Return the refusal of somebody who may not write for a squad."""
    if squad.archived_at:
        return PermissionDenied(
            f"{squad} is archived, so {what} can’t be changed. A lead or an administrator can unarchive it."
        )
    return PermissionDenied(f"Only members of {squad} can change {what}.")


def check_member(squad: Squad | None, user: Anyone, what: str) -> None:
    """Refuse somebody who may not write for the squad that owns `what`, naming the squad."""
    if squad is None:
        raise PermissionDenied(f"{what[:1].upper()}{what[1:]} has no owner yet. Claim it for your squad first.")
    if not squad.is_writable_by(user):
        raise only_members(squad, what)


def check_lead(squad: Squad, user: Anyone, what: str = "") -> None:
    """Refuse somebody who does not lead a squad, naming it."""
    if not squad.is_led_by(user):
        raise PermissionDenied(f"Only leads of {squad} and administrators can change {what or squad}.")


def in_a_squad(user: Anyone) -> bool:
    """Say whether this person may write for any squad."""
    return bool(user.is_authenticated and (user.is_staff or Squad.objects.writable_by(user).exists()))


def leads_a_squad(user: Anyone) -> bool:
    """Say whether this person leads any squad."""
    return bool(user.is_authenticated and user.memberships.filter(role=Membership.Role.LEAD).exists())


def may_plan(user: Anyone) -> bool:
    """Say whether this person may write what all squads share, releases and environments: project managers and members of any."""
    return bool(user.is_authenticated and (user.is_project_manager or in_a_squad(user)))


def may_plan_for(squad: Squad, user: Anyone) -> bool:
    """Say whether this person may choose the release of a squad's stories: its members, and project managers."""
    return bool(user.is_authenticated and (user.is_project_manager or squad.is_writable_by(user)))


def check_planner(user: Anyone, otherwise: str = PLANNERS) -> None:
    """Refuse somebody who is in no squad and plans nothing, in the words of what they wanted to write."""
    if not may_plan(user):
        raise PermissionDenied(otherwise)
