"""Admin pages of the calendar; addresses are made and revoked by their own people."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.release_calendar.models import CalendarAddress, CalendarEntry


@admin.register(CalendarAddress)
class CalendarAddresses(ReadOnly):
    list_display = ["person", "name", "start", "created_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "start", "person__username"]
    list_select_related = ["person"]
    exclude = ["digest"]


@admin.register(CalendarEntry)
class CalendarEntries(ReadOnly):
    list_display = ["release", "sequence", "said", "changed_at"]
    search_fields = ["said"]
    list_select_related = ["release"]
