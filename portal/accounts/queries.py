"""What the account pages and the API's door read."""

import hashlib
import hmac
from typing import Any

from django.db.models import QuerySet

from portal.accounts.models import ApiToken, User

PREFIX = "rodeo_"


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256. The secrets are random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


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
