"""Who may do what to a squad and what belongs to it. Every door asks here, so that every door refuses in the same words."""

from typing import Protocol

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


class Owned(Protocol):
    """A release, of which this app knows only whose it is."""

    @property
    def owner_id(self) -> int | None: ...


def answers_for(release: Owned | None, user: Anyone) -> bool:
    """Say whether this person answers for a release: its owner, project managers, administrators. No program does.

    Without a release (None), for all of them: project managers and administrators.
    """
    if not user.is_authenticated or user.program_of_id:
        return False
    owns = release is not None and release.owner_id == user.pk
    return bool(user.is_staff or user.is_project_manager or owns)


def check_answers_for(release: Owned | None, user: Anyone, doing: str) -> None:
    """Refuse whoever doesn't answer for a release to do what its gates depend on."""
    if not answers_for(release, user):
        owner = "the release’s owner, " if release is not None else ""
        raise PermissionDenied(f"Only {owner}project managers and administrators can {doing}.")


def check_person(user: Anyone, doing: str) -> None:
    """Refuse programs to do what counts as the word of a person."""
    if user.is_authenticated and user.program_of_id:
        raise PermissionDenied(f"Only people can {doing}. A squad’s token can’t.")
