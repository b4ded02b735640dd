"""Rows every feature needs: who moved what, and work that must follow a commit."""

from django.conf import settings
from django.db import models


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


class Message(models.Model):
    """A row first, then a task: news that must travel after its transaction commits, until somebody has handled it."""

    topic = models.CharField(max_length=80)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        app_label = "portal"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(handled_at__isnull=True), name="message_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk}"
