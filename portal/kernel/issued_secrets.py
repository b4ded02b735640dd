"""Secrets that open one thing for whoever has them: links, feeds and tokens of programs.

Each is random, shown once, kept as a digest, and revoked for good. Who may make or revoke one is asked by the verbs of the
feature.
"""

import hashlib
import hmac
import logging
import secrets
from datetime import timedelta
from typing import ClassVar, Self, TypeVar

from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.db.models import Q

from portal.kernel import audit, clock
from portal.kernel.actors import Actor
from portal.kernel.locks import waiting_briefly
from portal.kernel.models import StateChange
from portal.kernel.transitions import signed

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound="IssuedSecret", covariant=True)
OPEN, REVOKED = "open", "revoked"
LENGTH_OF_START = 12


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: its SHA-256. The secrets are random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


class IssuedSecretQuerySet(models.QuerySet[Row]):
    """Questions about secrets."""

    def behind(self, secret: str) -> Row | None:
        """Return the one of these that has this secret and still opens something."""
        digest = digest_of(secret)
        # Only digests meet the database's comparison, whose timing tells nothing about a secret.
        found = self.filter(digest=digest).first()
        if found is None or not hmac.compare_digest(found.digest, digest) or not found.is_open:
            return None
        return found


class IssuedSecret(models.Model):
    """A secret that opens one thing. Its row stays once it is revoked, until what it opens goes."""

    # How its secrets begin, what the history calls it, which entries of the audit log are about it, and how often use is noted.
    PREFIX: ClassVar[str]
    KIND: ClassVar[str]
    AUDITED_AS: ClassVar[str]
    NOTED_EVERY: ClassVar[timedelta] = timedelta(minutes=1)

    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(
        max_length=LENGTH_OF_START, editable=False, help_text="its first characters, to recognise it by"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = IssuedSecretQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """Say whether it opens anything still."""
        return self.revoked_at is None

    @property
    def history_key(self) -> str:
        """What its history is kept under."""
        return str(self)[:200]

    @property
    def audit_key(self) -> str:
        """What names the thing it opens in the audit log."""
        return ""

    @property
    def opens(self) -> str:
        """What it opens, in words, for its history and the audit log: “the board of Shop 1.0”."""
        raise NotImplementedError

    @transaction.atomic
    def issue(self, *, by: Actor) -> str:
        """Save it with a new secret, and return that; nobody can see it again."""
        secret = self.PREFIX + secrets.token_urlsafe(32)
        self.digest, self.start = digest_of(secret), secret[:LENGTH_OF_START]
        self.clean_fields()
        self.save()
        self._record("", OPEN, by)
        return secret

    @transaction.atomic
    def revoke(self, *, by: Actor) -> None:
        """Close it for good. Saying it twice changes nothing."""
        rows = type(self)._default_manager.filter(pk=self.pk, revoked_at=None)
        if rows.update(**self._revocation(by)):
            self._record(OPEN, REVOKED, by)

    def note_merge(self, was: str, into: str, *, by: Actor) -> None:
        """Write into the audit log that it opens another thing now: the one that its own was merged into."""
        did = f"moved the {self.KIND} {self} from {was} to {into}, which it was merged into"
        audit.record(by=by, did=did, kind=self.AUDITED_AS, key=self.audit_key)

    def _revocation(self, by: Actor) -> dict[str, object]:
        return {"revoked_at": clock.now()}

    def note_use(self) -> None:
        """Remember that it was used, once in a while. Never raises: answers go before it."""
        before = clock.now() - self.NOTED_EVERY
        if self.last_used_at is not None and self.last_used_at >= before:
            return
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        try:
            with waiting_briefly():
                type(self)._default_manager.filter(stale, pk=self.pk).update(last_used_at=clock.now())
        except DatabaseError as error:
            logger.warning("the use of a %s was not noted (%s)", self.KIND, type(error).__name__)

    def _record(self, before: str, after: str, by: Actor) -> None:
        """Write its history and the entry of the audit log."""
        because = signed(by, self.opens)
        StateChange.objects.create(
            kind=self.KIND,
            key=self.history_key,
            from_state=before,
            to_state=after,
            by=by,
            because=because,
            at=clock.now(),
        )
        did = "created" if after == OPEN else "revoked"
        audit.record(by=by, did=f"{did} the {self.KIND} {self} for {because}", kind=self.AUDITED_AS, key=self.audit_key)


class ExpiringSecret(IssuedSecret):
    """A secret that is given to others, by whom, and until when."""

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField()
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        """Say whether it opens anything still."""
        return self.revoked_at is None and self.expires_at > clock.now()

    @classmethod
    def lasting(cls, days: int, *, by: Actor, **fields: object) -> Self:
        """Return one that isn't saved yet, for so many days."""
        now = clock.now()
        return cls(created_by=by, created_at=now, expires_at=now + timedelta(days=days), **fields)

    def _revocation(self, by: Actor) -> dict[str, object]:
        return {**super()._revocation(by), "revoked_by": by}
