"""What administrators do to accounts. Pages and API call these; `by` is always an administrator.

Every verb is guarded: it holds the account and looks at it again, so that of two administrators who change one account at
once, the second is told (AlreadyMoved). There is always an active administrator left.
"""

from typing import NamedTuple

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import ProtectedError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode

from portal.accounts import sessions
from portal.accounts.models import ADMINISTRATOR, MANAGER, ROLES, User
from portal.kernel import audit
from portal.kernel.actors import Actor
from portal.kernel.locks import hold
from portal.kernel.mail import send_soon
from portal.kernel.policy import check_administrator
from portal.kernel.transitions import AlreadyMoved

ACTIVE, INACTIVE = "active", "inactive"
LAST = "{} is the only administrator. Make someone else an administrator first."


def _held(person: User, by: Actor) -> User:
    """Return the account as it is now, held until the transaction ends. Refuses everybody but administrators."""
    check_administrator(by, "manage people")
    # One lock for all accounts: two administrators who step down at once would else leave none.
    hold("roles of people")
    row: User | None = User.objects.select_for_update().filter(pk=person.pk).first()
    if row is None:
        raise AlreadyMoved(person.name, "changed", "deleted")
    if row.program_of_id:
        raise ValidationError(
            f"{row.name} is the account of a squad’s API tokens. Revoke the tokens on the squad’s page."
        )
    return row


def _check_no_token(by: Actor, what: str) -> None:
    # What hands an account over to somebody takes a person who is signed in: a token lies in a script.
    if getattr(by, "token", None) is not None:
        raise PermissionDenied(f"API tokens can’t {what}. Do it on the person’s page, or sign in to the API yourself.")


def _check_not_own(row: User, by: Actor, what: str) -> None:
    # Under Your account it takes the present password, or another proof of who one is. A browser left open, or a token that
    # was lost, must not get around that.
    if row.pk == by.pk:
        raise ValidationError(f"This is your own account. Change {what} under Your account.")


def _check_other_administrator(row: User) -> None:
    if row.is_staff and not User.objects.filter(is_staff=True, is_active=True).exclude(pk=row.pk).exists():
        raise ValidationError(LAST.format(row.name))


def _record(row: User, did: str, by: Actor) -> None:
    audit.record(by=by, did=did, kind="person", key=row.username)


@transaction.atomic
def change_role(person: User, role: str, *, by: Actor, was: str | None = None) -> User:
    """Make somebody a reader, a project manager or an administrator. Doing it twice changes nothing.

    `was` is the role that whoever decided saw: AlreadyMoved is raised when it is another one by now.
    """
    if role not in ROLES:
        raise ValidationError({"role": "Choose reader, project_manager or administrator."})
    row = _held(person, by)
    before = row.role
    if before != (was or before):
        raise AlreadyMoved(row.name, ROLES[role], ROLES[before])
    if before == role:
        return row
    if before == ADMINISTRATOR:
        _check_other_administrator(row)
    row.is_staff = row.is_superuser = role == ADMINISTRATOR
    row.is_project_manager = role == MANAGER
    row.save(update_fields=["is_staff", "is_superuser", "is_project_manager"])
    _record(row, f"made {row.name} {_a(ROLES[role])}, who was {_a(ROLES[before])}", by)
    return row


def _a(role: str) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"


@transaction.atomic
def change_email(person: User, email: str, *, by: Actor) -> User:
    """Set somebody's e-mail address, which nobody has confirmed then. Raises ValidationError naming `email`.

    Ways to sign in by mail that led to the old address end with it.
    """
    row = _held(person, by)
    _check_no_token(by, "change e-mail addresses")
    if settings.RODEO_MAIL and row.email:
        # Mail to this address sets a new password.
        _check_not_own(row, by, "your address")
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationError({"email": "Enter an address like ana@example.org."}) from None
    proven = EmailAddress.objects.filter(email__iexact=email, verified=True).exclude(user=row)
    if proven.exists() or User.objects.filter(email__iexact=email).exclude(pk=row.pk).exists():
        raise ValidationError({"email": "Another account has this address."})
    if email == row.email:
        return row
    before, row.email = row.email, email
    row.clean_fields(exclude=["password"])
    row.save(update_fields=["email"])
    EmailAddress.objects.filter(user=row).delete()
    _record(row, f"changed the e-mail address of {row.name} from {before or 'none'} to {email}", by)
    return row


@transaction.atomic
def deactivate(person: User, *, by: Actor) -> User:
    """Close an account: nobody signs in with it, its sessions end, its API tokens and open invitations stop working.

    Raises AlreadyMoved when it is closed already. What the person did keeps their name.
    """
    row = _held(person, by)
    if row.pk == by.pk:
        raise ValidationError("You can’t deactivate your own account. Ask another administrator.")
    if not row.is_active:
        raise AlreadyMoved(row.name, INACTIVE, INACTIVE)
    _check_other_administrator(row)
    row.is_active = False
    row.save(update_fields=["is_active"])
    sessions.end_all(row)
    _record(row, f"deactivated {row.name}", by)
    return row


@transaction.atomic
def activate(person: User, *, by: Actor) -> User:
    """Open a closed account again: its password and tokens work as before. Raises AlreadyMoved when it is open."""
    row = _held(person, by)
    if row.is_active:
        raise AlreadyMoved(row.name, ACTIVE, ACTIVE)
    row.is_active = True
    row.save(update_fields=["is_active"])
    _record(row, f"activated {row.name}", by)
    return row


@transaction.atomic
def delete(person: User, *, by: Actor) -> None:
    """Delete an inactive account that never did anything. Raises ValidationError for every other: history keeps its name."""
    row = _held(person, by)
    if row.is_active:
        raise ValidationError(f"{row.name}’s account is active. Deactivate it first.")
    name, username = row.name, row.username
    try:
        with transaction.atomic():
            row.delete()
    except ProtectedError:
        raise ValidationError(
            f"{name} did things that are kept with their name, so the account stays, inactive."
        ) from None
    audit.record(by=by, did=f"deleted the account of {name} ({username})", kind="person", key=username)


@transaction.atomic
def sign_out(person: User, *, by: Actor) -> None:
    """Sign somebody out everywhere. API tokens go on working."""
    row = _held(person, by)
    sessions.end_all(row)
    audit.record(by=by, did=f"signed {row.name} out everywhere", kind="session", key=row.username)


@transaction.atomic
def reset_second_factor(person: User, *, by: Actor) -> None:
    """Take away two-step sign-in and passkeys of somebody who lost them, end their sessions, and tell them by mail.

    Raises ValidationError where there is nothing to take away, and for one's own account.
    """
    row = _held(person, by)
    _check_not_own(row, by, "your two-step sign-in")
    _check_no_token(by, "reset two-step sign-in")
    if not Authenticator.objects.filter(user=row).delete()[0]:
        raise ValidationError(f"{row.name} has no two-step sign-in.")
    sessions.end_all(row)
    _record(row, f"reset the two-step sign-in of {row.name}", by)
    if settings.RODEO_MAIL and row.email:
        text = render_to_string("portal/people/second_factor_reset.txt", {"person": row, "by": by})
        send_soon(EmailMessage("Rodeo: your two-step sign-in was reset", text, None, [row.email]))


class PasswordLink(NamedTuple):
    """A link that sets a new password, once. `mailed_to` is the address it went to; then `url` is empty."""

    url: str
    mailed_to: str = ""


@transaction.atomic
def make_password_link(person: User, *, by: Actor) -> PasswordLink:
    """Make a link with which somebody sets a new password: mailed to them, or returned where mail does not reach them.

    It works once, for three days. Raises ValidationError where passwords are off, the account is closed or one's own.
    """
    row = _held(person, by)
    _check_not_own(row, by, "your password")
    _check_no_token(by, "make links for new passwords")
    if not settings.RODEO_PASSWORD_SIGN_IN:
        raise ValidationError("Passwords are off here, so nobody needs a new one.")
    if not row.is_active:
        raise ValidationError(f"{row.name}’s account is inactive. Activate it first.")
    key = default_token_generator.make_token(row)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(row), key])
    url = f"{settings.RODEO_BASE_URL}{path}"
    mailed = bool(settings.RODEO_MAIL and row.email)
    _record(row, f"made a link for a new password for {row.name}{', mailed to them' if mailed else ''}", by)
    if not mailed:
        return PasswordLink(url)
    text = render_to_string("portal/people/password_link.txt", {"person": row, "by": by, "url": url})
    send_soon(EmailMessage("Rodeo: set a new password", text, None, [row.email]))
    return PasswordLink("", row.email)


def audit_address(person: User) -> str:
    """Return the page of what this person did."""
    return f"{reverse('administration:audit')}?{urlencode({'by': person.username})}"
