"""Sources, and everything they ever told us, raw first."""

import uuid

from django.db import models
from django.urls import reverse

from portal.kernel.secrets import SecretField
from releases.pipelines.models import Repository


class Source(models.Model):
    """A connection to an outside system. `kind` names its provider (releases/pipelines/providers)."""

    class State(models.TextChoices):
        ACTIVE = "active", "active"
        PAUSED = "paused", "paused"

    key = models.SlugField(max_length=60, unique=True, help_text="Its place in addresses: /hooks/<key>/")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State, default=State.ACTIVE)
    secret = SecretField(blank=True, default="")
    token_digest = models.CharField(max_length=64, blank=True, db_index=True, help_text="SHA-256 of the bearer token")
    config = models.JSONField(default=dict, blank=True)
    repository = models.ForeignKey(Repository, null=True, blank=True, on_delete=models.PROTECT, related_name="sources")
    created_at = models.DateTimeField(auto_now_add=True)

    # Pulled sources. A claim is taken with one UPDATE, so that two workers never pull one source at a time.
    claimed_until = models.DateTimeField(null=True, editable=False)
    next_pull_at = models.DateTimeField(null=True, editable=False)
    last_pull_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    cursor = models.JSONField(default=dict, editable=False)
    progress = models.JSONField(default=dict, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        app_label = "releases"
        ordering = ["name"]
        indexes = [models.Index(fields=["state", "next_pull_at"], name="source_due")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("releases:intake:source", args=[self.key])


class InboundEvent(models.Model):
    """One raw message or polled record, stored before anything else happens. Its identity is source + delivery."""

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

    class Meta:
        app_label = "releases"
        ordering = ["-received_at", "id"]
        indexes = [
            models.Index(fields=["state", "received_at"], name="event_state"),
            models.Index(fields=["received_at"], name="event_received"),
            models.Index(fields=["source", "received_at"], name="event_source"),
            models.Index(fields=["received_at", "id"], condition=models.Q(state="pending"), name="event_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'event'} {self.delivery}"

    def get_absolute_url(self) -> str:
        return reverse("releases:intake:event", args=[self.pk])


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
