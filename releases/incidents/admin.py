"""Admin pages of incidents, their reports and alerts, which are changed on their own pages or follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.incidents.models import (
    Alert,
    Incident,
    IncidentCorrection,
    IncidentReport,
    IncidentUpdate,
    ReportPlacement,
)


@admin.register(Incident)
class Incidents(ReadOnly):
    list_display = ["number", "title", "severity", "starts_at", "resolved_at", "is_maintenance", "merged_into"]
    list_filter = ["is_maintenance"]
    list_select_related = ["severity", "merged_into"]
    search_fields = ["title", "thread"]


@admin.register(IncidentReport)
class Reports(ReadOnly):
    list_display = ["detected_at", "title", "service", "environment", "resolved_at", "incident"]
    list_select_related = ["service", "environment", "incident"]
    search_fields = ["title", "key"]


@admin.register(Alert)
class Alerts(ReadOnly):
    list_display = ["opened_at", "title", "state", "severity", "service", "environment"]
    list_filter = ["state"]
    list_select_related = ["service", "environment"]
    search_fields = ["title", "key"]


@admin.register(IncidentCorrection)
class Corrections(ReadOnly):
    list_display = ["at", "incident", "field", "by", "because"]
    list_select_related = ["incident", "by"]
    search_fields = ["incident__title"]


@admin.register(IncidentUpdate)
class Updates(ReadOnly):
    list_display = ["happened_at", "incident", "by", "written_at"]
    list_select_related = ["incident", "by"]
    search_fields = ["text"]


@admin.register(ReportPlacement)
class Placements(ReadOnly):
    list_display = ["at", "thread", "moment", "incident", "by"]
    list_select_related = ["incident", "by"]
    search_fields = ["thread"]
