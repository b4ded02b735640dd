"""How long what grows is kept, and what has been deleted of it."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from portal.kernel import clock

SHORTEST_EVENTS, SHORTEST_AUDIT, LONGEST = 30, 365, 36_500


class Retention(models.Model):
    """The settings; there is one row. Empty days are for ever."""

    events_days = models.PositiveIntegerField(null=True)
    export_events = models.BooleanField(default=True)
    audit_days = models.PositiveIntegerField(null=True)
    # Contents that were restored from files are left alone until then.
    events_wait_until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        app_label = "portal"

    def __str__(self) -> str:
        return "retention"

    @classmethod
    def current(cls) -> Self:
        """Return the settings; nobody has changed them yet where there is no row."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    def contents_deleted_before(self) -> datetime | None:
        """Return the moment before which contents of events are deleted; None: not now, or never."""
        if self.events_days is None or (self.events_wait_until and self.events_wait_until > clock.now()):
            return None
        return start_of(self.events_days)

    def audit_deleted_before(self) -> datetime | None:
        """Return the moment before which entries of the audit log are deleted; None: never."""
        return None if self.audit_days is None else start_of(self.audit_days)


def start_of(days: int) -> datetime:
    """Return the moment, so many days before the start of today (UTC), before which things are old.

    It moves once a day, so that there is work once a day and not at every minute.
    """
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days)


class Deletion(models.Model):
    """What was deleted of one kind of old rows so far, and what keeps more from being deleted."""

    class Kind(models.TextChoices):
        CONTENTS = "contents", "contents of events"
        EVENTS = "events", "ignored events"
        MESSAGES = "messages", "delivered messages"
        MAILS = "mails", "sent mails"
        SESSIONS = "sessions", "ended sessions"
        CACHE = "cache", "expired entries of the cache"
        AUDIT = "audit", "entries of the audit log"
        CHECKS = "checks", "answers about deployments"

    kind = models.CharField(max_length=10, choices=Kind, unique=True)
    deleted = models.BigIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        app_label = "portal"

    def __str__(self) -> str:
        return self.get_kind_display()
