"""States of feature flags."""

from django.db import models

from releases.environments.models import Environment
from releases.flags.querysets import FlagStateQuerySet


class FlagState(models.Model):
    """Derived. A feature flag was on or off in an environment, for an audience, at a moment."""

    id = models.UUIDField(primary_key=True, editable=False)
    flag = models.CharField(max_length=120)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="flag_states")
    on = models.BooleanField()
    audience = models.CharField(max_length=60, default="everyone")
    at = models.DateTimeField()
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    objects = FlagStateQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["flag", "at"], name="flagstate_flag")]

    def __str__(self) -> str:
        return f"{self.flag} {'on' if self.on else 'off'} in {self.environment}"
