"""Admin pages of incidents and alerts, which follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.incidents.models import Alert, Incident


@admin.register(Incident)
class Incidents(ReadOnly):
    list_display = ["detected_at", "title", "service", "environment", "resolved_at"]
    list_select_related = ["service", "environment"]
    search_fields = ["title", "key"]


@admin.register(Alert)
class Alerts(ReadOnly):
    list_display = ["opened_at", "title", "state", "severity", "service", "environment"]
    list_filter = ["state"]
    list_select_related = ["service", "environment"]
    search_fields = ["title", "key"]
