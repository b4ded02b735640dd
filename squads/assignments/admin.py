"""Admin pages of assignments, read-only: people are assigned on the pages of stories."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.assignments.models import Assignment


@admin.register(Assignment)
class Assignments(ReadOnly):
    list_display = ["story", "person", "by", "at", "seen_at"]
    list_select_related = ["story", "person", "by"]
    search_fields = ["story__key", "person__username"]
