"""Rows every feature needs: who moved what, and work that must follow a commit."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q


class StateChange(models.Model):
    """One move of one thing between two states, by one person (or by Rodeo, when `by` is empty). Never edited."""

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200)
    from_state = models.CharField(max_length=40)
    to_state = models.CharField(max_length=40)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    because = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "portal"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["kind", "key", "at"], name="statechange_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.from_state} → {self.to_state}"


class MessageQuerySet(models.QuerySet):
    """A message waits until it is delivered or dead."""

    def waiting(self) -> Self:
        """Messages that are to be delivered, now or later."""
        return self.filter(handled_at__isnull=True, dead_at__isnull=True)

    def due(self, at: datetime) -> Self:
        """Waiting messages whose turn it is at this moment, oldest first."""
        return self.waiting().filter(Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=at)).order_by("pk")

    def dead(self) -> Self:
        """Messages that failed for so long that they are no longer tried."""
        return self.filter(handled_at__isnull=True, dead_at__isnull=False)


class Message(models.Model):
    """A row first, then a task: news that must travel after its transaction commits, until somebody has handled it.

    `attempts` counts failures, the first of which was at `failed_at`; `error` is the newest. Without `next_attempt_at`
    it is due at once.
    """

    topic = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    failed_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    dead_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(handled_at__isnull=True, dead_at__isnull=True), name="message_due"),
            models.Index(fields=["dead_at"], condition=Q(dead_at__isnull=False), name="message_dead"),
            models.Index(fields=["handled_at"], condition=Q(handled_at__isnull=False), name="message_delivered"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"

    @property
    def state(self) -> str:
        """Where the message is: waiting, delivered or dead."""
        return "delivered" if self.handled_at else "dead" if self.dead_at else "waiting"
