"""What went wrong, as outside systems told it."""

from django.db import models

from releases.environments.models import Environment
from squads.models import Service


class Incident(models.Model):
    """Derived. An incident as its events describe it, from the first signal to its resolution."""

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
