"""What went wrong: incidents as the company calls them, what outside systems report of them, and their alerts."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from portal.kernel.models import StateChange
from releases.environments.models import Environment
from releases.incident_settings.models import Severity
from releases.incidents.incident_clock import Times, added_later, exact
from squads.models import Service

PREFIX = "INC"


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Questions about incidents."""

    def standing(self) -> Self:
        """Those that are incidents of their own: not merged into another, and not gone with the reports that made them."""
        return self.filter(merged_into=None, withdrawn_at=None)

    def real(self) -> Self:
        """Standing incidents that are no maintenance."""
        return self.standing().filter(is_maintenance=False)

    def open(self) -> Self:
        """Real incidents that aren't resolved."""
        return self.real().filter(resolved_at=None)

    def open_first(self) -> Self:
        """Open ones first, then the newest by when they are first known."""
        return self.order_by(F("resolved_at").desc(nulls_first=True), F("starts_at").desc(nulls_last=True), "-number")


class Incident(models.Model):
    """What the company calls an incident. Its fields follow from reports and corrections (effective.py); never edited here.

    It survives a rebuild: its number, and all that people wrote about it, stay.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=300, blank=True)
    severity = models.ForeignKey(Severity, null=True, on_delete=models.SET_NULL, related_name="incidents")
    services: "models.ManyToManyField[Service, Any]" = models.ManyToManyField(Service, related_name="incidents")
    environments: "models.ManyToManyField[Environment, Any]" = models.ManyToManyField(
        Environment, related_name="incidents"
    )
    impact_started_at = models.DateTimeField(null=True)
    detected_at = models.DateTimeField(null=True)
    declared_at = models.DateTimeField(null=True)
    mitigated_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    starts_at = models.DateTimeField(
        null=True, help_text="impact start, else detection, else declaration, else the rest"
    )
    commander = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    scribe = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    liaison = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    is_maintenance = models.BooleanField(default=False)
    stated = models.JSONField(default=dict, help_text="lengths written down elsewhere: minutes and words by measure")
    # What reports make it: the thread they belong to, and from when until when they lasted when they were read last.
    thread = models.CharField(max_length=300, blank=True, db_index=True)
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True, help_text="when nothing reported it any more")
    merged_into = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="merged")
    merged_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    imported_as = models.CharField(max_length=300, null=True, unique=True, help_text="its row in an imported log")  # noqa: DJ001 - NULL: many
    version = models.PositiveIntegerField(default=1)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-number"]
        indexes = [models.Index(fields=["resolved_at", "starts_at"], name="incident_open_first")]

    def __str__(self) -> str:
        return f"{self.key} {self.title}".rstrip()

    def get_absolute_url(self) -> str:
        return reverse("releases:incidents:detail", args=[self.key])

    @property
    def key(self) -> str:
        """Its number as people write it: INC-12."""
        return f"{PREFIX}-{self.number}"

    @property
    def times(self) -> Times:
        """Its five times."""
        return Times(self.impact_started_at, self.detected_at, self.declared_at, self.mitigated_at, self.resolved_at)

    @property
    def exact_times(self) -> Times:
        """Its times that are known to the minute, from which lengths follow."""
        return exact(self.times, self.stated)

    @property
    def state(self) -> str:
        """Where it stands: open, mitigated or resolved; merged or withdrawn where it is no incident of its own."""
        if self.merged_into_id:
            return "merged"
        if self.withdrawn_at:
            return "withdrawn"
        return "resolved" if self.resolved_at else "mitigated" if self.mitigated_at else "open"

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state in ("open", "mitigated")


class IncidentReport(models.Model):
    """Derived. An incident as one source describes it: as its events say, or from the first of its alerts to the last."""

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    # What may be one incident with it: the group of its alerts, or the incident of the other system.
    thread = models.CharField(max_length=300, default="", db_index=True)
    title = models.CharField(max_length=300, blank=True)
    environment = models.ForeignKey(Environment, null=True, on_delete=models.SET_NULL, related_name="incident_reports")
    service = models.ForeignKey(Service, null=True, on_delete=models.SET_NULL, related_name="incident_reports")
    detected_at = models.DateTimeField(null=True)
    declared_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=1000, blank=True)
    is_maintenance = models.BooleanField(default=False, help_text="its source says that it’s planned work")
    incident = models.ForeignKey(Incident, null=True, on_delete=models.SET_NULL, related_name="reports")
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
    report = models.ForeignKey(IncidentReport, null=True, on_delete=models.SET_NULL, related_name="alerts")
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


class IncidentCorrection(models.Model):
    """What a person said of one field of an incident, and what it was before. Never edited."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="corrections")
    field = models.CharField(max_length=20)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    because = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.field} of {self.incident_id}"


class IncidentUpdate(models.Model):
    """What somebody wrote about an incident while it went on, or later. Never edited.

    `public` is one line that may be told to customers.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="updates")
    text = models.TextField()
    public = models.CharField(max_length=280, blank=True)
    happened_at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        ordering = ["happened_at", "id"]

    def __str__(self) -> str:
        return f"update of {self.incident_id} at {self.happened_at:%Y-%m-%d %H:%M}"

    @property
    def added_later(self) -> bool:
        """Whether it was written after the fact."""
        return added_later(self.happened_at, self.written_at)


class ReportPlacement(models.Model):
    """A person said which incident the report of a thread that lasted at a moment belongs to. The newest counts."""

    thread = models.CharField(max_length=300, db_index=True)
    moment = models.DateTimeField()
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="placements")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.thread} at {self.moment:%Y-%m-%d %H:%M}"


def written_on(incident: Incident) -> bool:
    """Say whether people wrote something on an incident: what it is, an update, a merge or split, or where it came from.

    What was written once is never gone, so in which order it and the reports came makes no difference.
    """
    said = Q(corrections__isnull=False) | Q(updates__isnull=False) | Q(created_by__isnull=False)
    said |= Q(attributions__answered_by__isnull=False)
    return (
        Incident.objects.filter(said, pk=incident.pk).exists()
        or StateChange.objects.filter(kind="incident", key=incident.key).exists()
    )


def starts_at(times: Times) -> datetime | None:
    """Return the moment from which an incident is counted: impact start, else the first known of the others."""
    return next((at for at in times if at is not None), None)
