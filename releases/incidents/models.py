"""What went wrong, as outside systems told it."""

from django.db import models

from releases.environments.models import Environment
from squads.models import Service


class Incident(models.Model):
    """Derived. An incident as its events describe it, from the first alert to its resolution."""

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    title = models.CharField(max_length=300, blank=True)
    environment = models.ForeignKey(Environment, null=True, on_delete=models.SET_NULL, related_name="incidents")
    service = models.ForeignKey(Service, null=True, on_delete=models.SET_NULL, related_name="incidents")
    detected_at = models.DateTimeField(null=True)
    declared_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=1000, blank=True)
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["-detected_at", "id"]
        indexes = [models.Index(fields=["environment", "detected_at"], name="incident_environment")]

    def __str__(self) -> str:
        return self.title or self.key


class Alert(models.Model):
    """Derived. An alert of a monitoring system, from when it opened until it was resolved."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        RESOLVED = "resolved", "resolved"

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    group = models.CharField(max_length=300, blank=True)
    title = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, choices=State)
    severity = models.CharField(max_length=60, blank=True)
    raw_status = models.CharField(max_length=250, blank=True, help_text="the system's own")
    environment = models.ForeignKey(Environment, null=True, on_delete=models.SET_NULL, related_name="alerts")
    service = models.ForeignKey(Service, null=True, on_delete=models.SET_NULL, related_name="alerts")
    is_incident = models.BooleanField(default=False, help_text="a rule says that it is (part of) an incident")
    incident = models.ForeignKey(Incident, null=True, on_delete=models.SET_NULL, related_name="alerts")
    opened_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    labels = models.JSONField(default=dict)
    url = models.CharField(max_length=1000, blank=True)
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        db_table = "releases_signal"
        ordering = ["-opened_at", "id"]
        indexes = [
            models.Index(fields=["state", "opened_at"], name="signal_state"),
            models.Index(fields=["key"], name="signal_key"),
            models.Index(fields=["group"], name="signal_group"),
        ]

    def __str__(self) -> str:
        return self.title or self.key
