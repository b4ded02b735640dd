"""Admin pages of incidents, which follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.incidents.models import Incident


@admin.register(Incident)
class Incidents(ReadOnly):
    list_display = ["detected_at", "title", "service", "environment", "resolved_at"]
    list_select_related = ["service", "environment"]
    search_fields = ["title", "key"]
