"""Rows every feature needs: who moved what, and work that must follow a commit."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from portal.kernel.secrets import SecretField

# Nothing is put off for longer than about an hour. What is due later than this was put off by a clock that ran ahead.
LONGEST_WAIT = timedelta(hours=2)


def is_due(at: datetime) -> Q:
    """Return the condition on `next_attempt_at` of rows whose turn it is at this moment; a row without one is due at once."""
    return Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=at) | Q(next_attempt_at__gt=at + LONGEST_WAIT)


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


class AuditEntry(models.Model):
    """What somebody did that not everybody may, or that opens a door to others (see portal.kernel.audit). Never edited.

    `by` is empty for Rodeo itself. `did` is a sentence without its subject: “made Ana an administrator”.
    """

    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    token = models.CharField(max_length=80, blank=True, help_text="the API token it was done with")
    did = models.TextField()
    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=200, blank=True)

    class Meta:
        app_label = "portal"
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["at", "id"], name="audit_at"),
            models.Index(fields=["by", "at"], name="audit_by"),
            models.Index(fields=["kind", "at"], name="audit_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}: {self.did}"


class MessageQuerySet(models.QuerySet):
    """A message waits until it is delivered or dead."""

    def waiting(self) -> Self:
        """Messages that are to be delivered, now or later."""
        return self.filter(handled_at__isnull=True, dead_at__isnull=True)

    def due(self, at: datetime) -> Self:
        """Waiting messages whose turn it is at this moment, oldest first."""
        return self.waiting().filter(is_due(at)).order_by("pk")

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


class MailQuerySet(models.QuerySet):
    """A mail waits until a mail server has accepted it, or until it has failed for good."""

    def waiting(self) -> Self:
        """Mails that are to be sent, now or later."""
        return self.filter(state=Mail.State.WAITING)

    def due(self, at: datetime) -> Self:
        """Waiting mails whose turn it is at this moment, oldest first."""
        return self.waiting().filter(is_due(at)).order_by("pk")

    def failed(self) -> Self:
        """Mails that are no longer tried."""
        return self.filter(state=Mail.State.FAILED)

    def unsent(self) -> Self:
        """Mails that no mail server has accepted, those that failed for good first."""
        return self.exclude(state=Mail.State.SENT).order_by("state", "-pk")


class Mail(models.Model):
    """One mail to one address. It is waiting until a mail server has accepted it (sent), or refused it for good (failed).

    `sealed` is the whole mail, encrypted, and empty once it is sent: then only times and counts are kept, and no address.
    `attempts` counts how often sending began, `error` is why it last failed. It is given up when it fails after
    `retry_until`. `message_id` is the same at every attempt, so that receivers recognise a mail that came twice.
    """

    class State(models.TextChoices):
        FAILED = "failed"
        WAITING = "waiting"
        SENT = "sent"

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    message_id = models.CharField(max_length=255, unique=True)
    sealed = SecretField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    retry_until = models.DateTimeField()
    next_attempt_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        app_label = "portal"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="mail_waiting"),
            models.Index(fields=["id"], condition=Q(state="failed"), name="mail_failed"),
            models.Index(fields=["sent_at"], condition=Q(state="sent"), name="mail_sent"),
        ]

    def __str__(self) -> str:
        return f"Mail #{self.pk}"
