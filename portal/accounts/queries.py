"""What the account pages and the API's door read."""

import hmac
from typing import Any

from allauth.account.models import EmailAddress
from django.db.models import QuerySet

from portal.accounts.models import ApiToken, User
from portal.kernel.issued_secrets import digest_of

PREFIX = "rodeo_"


def token_behind(secret: str) -> ApiToken | None:
    """Return the open token with this secret; nothing if it is unknown, revoked or expired, or its person is gone."""
    digest = digest_of(secret)
    # Only digests meet the database's comparison, whose timing tells nothing about a secret.
    found = ApiToken.objects.select_related("user", "squad__program").filter(digest=digest).first()
    if found is None or not hmac.compare_digest(found.digest, digest) or not found.is_open:
        return None
    return found if found.squad_id or (found.user is not None and found.user.is_active) else None


def acting(token: ApiToken) -> User:
    """Return whoever a token acts as: its person, or the account in whose name the squad's programs write."""
    actor: Any = token.user if token.user is not None else token.squad.program  # type: ignore[union-attr]
    actor.token = token
    return actor  # type: ignore[no-any-return]


def tokens_of(**whose: Any) -> "QuerySet[ApiToken]":
    """Return the tokens of a person or squad that were not revoked, the newest first."""
    return ApiToken.objects.filter(revoked_at=None, **whose).select_related("created_by")


def is_proven(person: User) -> bool:
    """Say whether somebody has shown for any address of this account that it is theirs."""
    return bool(EmailAddress.objects.filter(user=person, verified=True).exists())


def holders_of(address: str) -> list[User]:
    """Return the accounts that an address opens: the one that has proven it, else those that have it as their own.

    An address that an account only asked to change to opens nothing: anybody can ask for anybody's.
    """
    proven = User.objects.filter(emailaddress__email__iexact=address, emailaddress__verified=True)
    found = list(proven.distinct())
    return found or list(User.objects.filter(email__iexact=address, program_of=None))
