"""What happens to accounts and API tokens. Who may is asked at the door."""

import logging
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import Q

from portal.accounts.models import ApiToken, User
from portal.accounts.queries import PREFIX
from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.issued_secrets import digest_of
from portal.kernel.locks import hold, waiting_briefly

logger = logging.getLogger(__name__)

SCOPES = {
    "read": "read: everything an account can read",
    "report": "report: deployments, runs, acceptance runs and flags",
    "write": "write: everything its owner can change",
}
LIFETIMES = {7: "7 days", 30: "30 days", 90: "90 days", 365: "a year"}
# As many as a squad's page lists: no token opens anything unseen.
MOST_OF_SQUAD = 100
# Often enough to see a forgotten token, seldom enough to cost nothing.
USE_NOTED_EVERY = timedelta(minutes=1)


@transaction.atomic
def make_token(
    *, by: Actor, name: str, scopes: Iterable[str], days: int, user: Actor | None = None, squad: Any = None
) -> tuple[ApiToken, str]:
    """Make a token for a person or a squad; return it and its secret, which nobody can see again."""
    chosen = [scope for scope in SCOPES if scope in set(scopes)]
    if not chosen:
        raise ValidationError({"scopes": "Choose at least one."})
    if days not in LIFETIMES:
        raise ValidationError({"days": "Choose 7, 30, 90 or 365 days."})
    if squad is None and "report" in chosen:
        raise ValidationError({"scopes": "Report tokens belong to squads. A lead can create one on the squad’s page."})
    if squad is not None:
        program_of(squad)
        if ApiToken.objects.filter(squad=squad, revoked_at=None).count() >= MOST_OF_SQUAD:
            raise ValidationError(f"The squad already has {MOST_OF_SQUAD} tokens, which is the most. Revoke one first.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name.strip(),
        digest=digest_of(secret),
        start=secret[:12],
        user=user,
        squad=squad,
        scopes=chosen,
        created_by=by,
        expires_at=clock.now() + timedelta(days=days),
    )
    token.clean_fields(exclude=["last_used_at", "revoked_at"])
    token.save(force_insert=True)
    whose = f" for {squad}" if squad is not None else ""
    audit.record(by=by, did=f"created the API token “{token.name}”{whose} ({', '.join(chosen)})", kind="token")
    return token, secret


def program_of(squad: Any) -> User:
    """Return the account in whose name a squad's tokens write, made when the first of them is.

    It is in no squad and has no password: only `Squad.objects.writable_by` knows it, and it can enter by no other door.
    The caller has a transaction open.
    """
    hold(f"program of squad {squad.pk}")
    known = User.objects.filter(program_of=squad).first()
    if known is not None:
        return known
    stem = name = f"squad.{squad.slug}"[:140]
    number = 1
    while User.objects.filter(username=name).exists():
        number += 1
        name = f"{stem}.{number}"
    program = User(username=name, first_name=f"Squad {squad.name}"[:150], is_active=False, program_of=squad)
    program.set_unusable_password()
    program.save(force_insert=True)
    return program


@transaction.atomic
def revoke_token(token: ApiToken, *, by: Actor) -> None:
    """Close a token for good. Saying it twice changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now()):
        whose = f" of {token.squad}" if token.squad_id else ""
        audit.record(by=by, did=f"revoked the API token “{token.name}”{whose}", kind="token")


def note_use(token: ApiToken) -> None:
    """Remember that a token was used, at most once a minute. Never raises: answers go before it."""
    now = clock.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        try:
            with waiting_briefly():
                ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
        except DatabaseError as error:
            logger.warning("the use of a token was not noted (%s)", type(error).__name__)


def rename(user: User, *, first_name: str, last_name: str) -> None:
    """Change how pages call a person."""
    user.first_name, user.last_name = first_name.strip(), last_name.strip()
    user.clean_fields(exclude=["password"])
    user.save(update_fields=["first_name", "last_name"])


@transaction.atomic
def claim(person: User, *, address: str, by_mail: bool) -> list[str]:
    """The owner of an address has proven it for the first time: what opened the account until now opens it no more.

    Whoever used the invitation first, or made the account, may have been somebody else and wait for the owner to move in.
    Return the words for what was taken away. The password is not the caller's to keep unless it was set by the mail that
    proves the address; every session ends with it. Mail alone takes away no second factor: whoever reads another's mail
    must not get around it, and an owner who does not have it is kept out rather than let in beside a stranger.
    """
    taken = []
    if not by_mail:
        if person.has_usable_password():
            taken.append("its password")
        person.set_unusable_password()
        person.save(update_fields=["password"])
        factors, _ = Authenticator.objects.filter(user=person).delete()
        if factors:
            taken.append("its two-step sign-in and passkeys")
    tokens = ApiToken.objects.filter(user=person, revoked_at=None).update(revoked_at=clock.now())
    if tokens:
        taken.append("its API tokens")
    connected, _ = SocialAccount.objects.filter(user=person).delete()
    if connected:
        taken.append("its other ways to sign in")
    others, _ = EmailAddress.objects.filter(user=person).exclude(email__iexact=address).delete()
    if others:
        taken.append("its other e-mail addresses")
    EmailAddress.objects.update_or_create(
        user=person, email=address.lower(), defaults={"verified": True, "primary": True}
    )
    lost = f"; {', '.join(taken)} no longer open it" if taken else ""
    did = f"confirmed the address {address.lower()} of {person.name}’s account{lost}"
    audit.record(by=person, did=did, kind="person", key=person.username)
    return taken


def forget_waiting(address: str) -> None:
    """Its owner has proven an address: nobody else's account waits for it any more, nor stands in the owner's way."""
    waiting = EmailAddress.objects.filter(email__iexact=address, verified=False)
    waiting.exclude(user__email__iexact=address).delete()
