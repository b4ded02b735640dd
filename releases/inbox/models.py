"""Sources, and everything they ever told us, raw first."""

import uuid
from datetime import datetime
from typing import Self

from django.db import models
from django.db.models.expressions import RawSQL
from django.urls import reverse

from portal.kernel.secrets import SecretField
from squads.models import Squad


class Source(models.Model):
    """A connection to an outside system. `kind` names its provider (releases/providers)."""

    class State(models.TextChoices):
        ACTIVE = "active", "active"
        PAUSED = "paused", "paused"
        BROKEN = "broken", "broken"  # it failed for good: nobody asks it again before a person has changed something

    key = models.SlugField(max_length=60, unique=True, help_text="Its place in addresses: /hooks/<key>/")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    squad = models.ForeignKey(
        Squad,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="sources",
        help_text="Who to notify when it breaks.",
    )
    # What the system shows to us when it sends; the one before is good for a while, so that nothing is lost meanwhile.
    secret = SecretField(blank=True, default="")
    previous_secret = SecretField(blank=True, default="")
    previous_until = models.DateTimeField(null=True, editable=False)
    # What we show to the system when we ask.
    credential = SecretField(blank=True, default="")
    token_digest = models.CharField(max_length=64, blank=True, db_index=True, help_text="SHA-256 of the bearer token")
    # Whose stories its issues become, and with which label only (docs/adr/0022).
    stories_for = models.ForeignKey(Squad, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stories_label = models.CharField(max_length=100, blank=True)
    stories_since = models.DateTimeField(null=True, editable=False, help_text="when this was turned on")
    config = models.JSONField(default=dict, blank=True)
    repository = models.ForeignKey(
        "releases.Repository", null=True, blank=True, on_delete=models.PROTECT, related_name="sources"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # Pulled sources. A lease is taken with one UPDATE, so that two workers never pull one source at a time.
    leased_until = models.DateTimeField(null=True, editable=False)
    next_pull_at = models.DateTimeField(null=True, editable=False)
    last_pull_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    cursor = models.JSONField(default=dict, editable=False)
    progress = models.JSONField(default=dict, editable=False)
    # What went wrong and the remedy, in plain words; and what the tool itself said, without secrets.
    last_error = models.TextField(blank=True, editable=False)
    error_detail = models.TextField(blank=True, default="", editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    waits_for = models.CharField(max_length=300, blank=True, editable=False, help_text="why the next pull is later")

    class Meta:
        app_label = "releases"
        ordering = ["name"]
        indexes = [models.Index(fields=["state", "next_pull_at"], name="source_due")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("releases:sources:detail", args=[self.key])


class ContentsFile(models.Model):
    """A file that holds the contents of events which were deleted here. It lies on one machine, below its state folder.

    `size` is how much of the file is valid, in bytes: what a killed process wrote after it is not.
    """

    host = models.CharField(max_length=255)
    name = models.CharField(max_length=60)
    size = models.BigIntegerField(default=0)
    events = models.PositiveIntegerField(default=0)
    first_received_at = models.DateTimeField()
    last_received_at = models.DateTimeField()
    written_at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        ordering = ["name", "host"]
        constraints = [models.UniqueConstraint(fields=["host", "name"], name="contents_file")]

    def __str__(self) -> str:
        return f"{self.name} on {self.host}"


# SQLite takes a partial index only where a query repeats its condition with the same constants, and not as parameters.
IS_READ = RawSQL("state IN ('processed', 'ignored')", (), output_field=models.BooleanField())


class InboundEventQuerySet(models.QuerySet):
    """The contents of an event (its body and headers) may be deleted once it is old and was read."""

    def with_contents(self) -> Self:
        """Events that can be read again."""
        return self.filter(contents_deleted_at__isnull=True)

    def without_contents(self) -> Self:
        """Events of which only the facts are kept."""
        return self.filter(contents_deleted_at__isnull=False)

    def deletable(self, before: datetime) -> Self:
        """Events received before a moment, that were read and still have their contents."""
        return self.with_contents().filter(IS_READ, received_at__lt=before)


class InboundEvent(models.Model):
    """One raw message or polled record, stored before anything else happens. Its identity is source + delivery.

    Its contents (body and headers) may be deleted when it is old; the row and its facts stay.
    """

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        PROCESSED = "processed", "processed"
        IGNORED = "ignored", "ignored"
        FAILED = "failed", "failed"

    id = models.UUIDField(primary_key=True, editable=False, default=uuid.uuid4)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="events")
    delivery = models.CharField(max_length=300, help_text="the sender's delivery id, else a digest of the content")
    kind = models.CharField(max_length=150, blank=True, help_text="the provider's name for it")
    content_type = models.CharField(max_length=150, blank=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    processed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    reason = models.TextField(blank=True, default="", help_text="why it, or a part of it, had no result")
    contents_deleted_at = models.DateTimeField(null=True)
    # Looked up from the event only: an index would cost every event that arrives.
    contents_in = models.ForeignKey(ContentsFile, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    objects = InboundEventQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-received_at", "id"]
        indexes = [
            models.Index(fields=["state", "received_at"], name="event_state"),
            models.Index(fields=["received_at"], name="event_received"),
            models.Index(fields=["source", "received_at"], name="event_source"),
            models.Index(fields=["received_at", "id"], condition=models.Q(state="pending"), name="event_pending"),
            models.Index(
                fields=["source", "received_at"],
                condition=models.Q(contents_deleted_at__isnull=True, state__in=("processed", "ignored")),
                name="event_deletable",
            ),
            models.Index(
                fields=["source", "received_at"],
                condition=models.Q(contents_deleted_at__isnull=False),
                name="event_without_contents",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'event'} {self.delivery}"

    def get_absolute_url(self) -> str:
        return reverse("releases:reading:event", args=[self.pk])


class Fact(models.Model):
    """Derived. What one event says about one thing. A row about a thing is a fold over all its facts, in their own
    order of time, whatever the order they came in."""

    id = models.UUIDField(primary_key=True, editable=False)
    event = models.ForeignKey(InboundEvent, on_delete=models.CASCADE, related_name="facts")
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=500)
    at = models.DateTimeField()
    data = models.JSONField(default=dict)

    class Meta:
        app_label = "releases"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["kind", "key"], name="fact_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
