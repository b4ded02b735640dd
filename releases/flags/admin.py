"""Admin pages of flag states, which follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.flags.models import FlagState


@admin.register(FlagState)
class FlagStates(ReadOnly):
    list_display = ["at", "flag", "environment", "on", "audience"]
    list_select_related = ["environment"]
    search_fields = ["flag"]
