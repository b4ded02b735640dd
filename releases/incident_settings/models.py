"""How a company speaks of incidents: its severities, and the times that join and blame."""

from datetime import timedelta

from django.db import models

# What actions of the first two severities are due in, where nobody chose otherwise.
DUE_DAYS = (15, 30)


class Severity(models.Model):
    """How bad an incident is, in the company's own words. The first in order is the worst."""

    name = models.CharField(max_length=60, unique=True)
    meaning = models.CharField(max_length=500, blank=True)
    order = models.PositiveSmallIntegerField(default=1, help_text="1 is the worst.")
    due_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Days until its actions are due.")
    alert_severities = models.JSONField(default=list, blank=True, help_text="how monitoring systems call it")

    class Meta:
        app_label = "releases"
        verbose_name_plural = "severities"
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.name


def due_days(severity: Severity, place: int) -> int | None:
    """Return in how many days the actions of a severity are due; None where somebody has to choose.

    `place` is its place in the order, the worst is 0. Without days of its own the worst has 15, the next 30.
    """
    if severity.due_days is not None:
        return severity.due_days
    return DUE_DAYS[place] if place < len(DUE_DAYS) else None


class IncidentSettings(models.Model):
    """The one row of what holds for all incidents."""

    reopen_minutes = models.PositiveIntegerField(
        default=60, help_text="An alert that comes back this soon after its incident was over reopens the incident."
    )
    attribution_hours = models.PositiveIntegerField(
        default=24, help_text="Only deployments this long before an incident are proposed as its cause."
    )

    class Meta:
        app_label = "releases"
        verbose_name_plural = "incident settings"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="incident_settings_once")]

    def __str__(self) -> str:
        return "incident settings"

    @property
    def reopen_within(self) -> timedelta:
        """How soon an alert has to come back to reopen its incident."""
        return timedelta(minutes=self.reopen_minutes)

    @property
    def attribution_window(self) -> timedelta:
        """How long before an incident a deployment may have finished to be proposed as its cause."""
        return timedelta(hours=self.attribution_hours)


def incident_settings() -> IncidentSettings:
    """Return the settings; those that nobody changed yet are not in the database."""
    return IncidentSettings.objects.filter(pk=1).first() or IncidentSettings(pk=1)
