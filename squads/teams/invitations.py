"""Invitations: links that let one person in, once, within a week."""

import secrets
from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth import get_user_model, password_validation
from django.core.exceptions import ValidationError
from django.db import transaction

from portal.accounts.access import check_address, check_inviter
from portal.accounts.models import Invitation, User
from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.issued_secrets import digest_of
from portal.kernel.locks import hold
from squads.teams import queries
from squads.teams.models import Membership, Squad

VALID_FOR = timedelta(days=7)
# As many as the squad's page lists, so that its leads see every open one.
MOST_OPEN = 100


@transaction.atomic
def invite(
    *, by: Actor, email: str, role: str = Membership.Role.MEMBER, squad: Squad | None = None
) -> tuple[Invitation, str]:
    """Invite somebody; return the invitation and the secret of its link, which nobody can see again."""
    check_inviter(by)
    if role not in Membership.Role.values:
        raise ValidationError({"role": "Choose member or lead."})
    check_address(email)
    if squad is not None and squad.members.filter(email__iexact=email.strip()).exists():
        raise ValidationError({"email": f"This person is already in {squad}."})
    if squad is not None and queries.open_invitations(squad=squad).count() >= MOST_OPEN:
        raise ValidationError(f"{MOST_OPEN} open invitations, which is the most. Withdraw one first.")
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        email=email.strip(),
        squad=squad,
        role=role,
        digest=digest_of(secret),
        invited_by=by,
        expires_at=clock.now() + VALID_FOR,
    )
    invitation.clean_fields(exclude=["accepted_by", "accepted_at", "revoked_at"])
    invitation.save(force_insert=True)
    where = f" as {_a_role(role)} of {squad}" if squad is not None else ""
    audit.record(by=by, did=f"invited {invitation.email}{where}", kind="invitation", key=invitation.email)
    return invitation, secret


def _a_role(role: str) -> str:
    return f"a {Membership.Role(role).label}"


@transaction.atomic
def revoke(invitation: Invitation, *, by: Actor) -> None:
    """Withdraw an invitation that was not accepted yet. Doing it twice changes nothing."""
    still_open = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None)
    if still_open.update(revoked_at=clock.now()):
        did = f"withdrew the invitation of {invitation.email}"
        audit.record(by=by, did=did, kind="invitation", key=invitation.email)


@transaction.atomic
def accept(invitation: Invitation, *, by: User) -> Invitation:
    """Accept an invitation, and join its squad if it names one. Each can be accepted once."""
    now = clock.now()
    valid = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now)
    if valid.update(accepted_at=now, accepted_by=by) != 1:
        raise ValidationError("This invitation was used, withdrawn or has expired. Ask for a new one.")
    did = f"accepted the invitation of {invitation.email} by {invitation.invited_by.name}"
    audit.record(by=by, did=did, kind="invitation", key=invitation.email)
    if invitation.squad is not None:
        membership, new = Membership.objects.get_or_create(
            squad=invitation.squad, user=by, defaults={"role": invitation.role}
        )
        if not new and invitation.role == Membership.Role.LEAD and not membership.is_lead:
            membership.role = Membership.Role.LEAD
            membership.save(update_fields=["role"])
    return invitation


@transaction.atomic
def accept_as_new(invitation: Invitation, *, username: str, password: str, first_name: str, last_name: str) -> User:
    """Create the account of somebody who was invited, with the invitation's e-mail address, and accept it for them."""
    hold("names of accounts")
    check_address(invitation.email)
    person: Any = get_user_model()(
        username=get_adapter().clean_username(username.strip()),
        email=invitation.email,
        first_name=first_name.strip(),
        last_name=last_name.strip(),
    )
    if get_user_model().objects.filter(email__iexact=invitation.email).exists():
        raise ValidationError(f"There’s already an account for {invitation.email}. Sign in, then open this link again.")
    try:
        password_validation.validate_password(password, person)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from None
    person.set_password(password)
    person.clean_fields(exclude=["password"])
    person.save(force_insert=True)
    accept(invitation, by=person)
    return person  # type: ignore[no-any-return]
