"""Admin pages of severities and incident settings; they are changed on their own page."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.incident_settings.models import IncidentSettings, Severity


@admin.register(Severity)
class Severities(ReadOnly):
    list_display = ["order", "name", "meaning", "due_days"]
    search_fields = ["name"]


@admin.register(IncidentSettings)
class Settings(ReadOnly):
    list_display = ["reopen_minutes", "attribution_hours"]
