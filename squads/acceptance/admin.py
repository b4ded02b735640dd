"""Admin pages of requests for acceptance: history, to be looked at."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.acceptance.models import AcceptancePlan, AcceptanceRequest


@admin.register(AcceptanceRequest)
class AcceptanceRequests(ReadOnly):
    list_display = ["asked_at", "story", "asked_by", "accepter", "state", "answered_by"]
    list_filter = ["state"]
    list_select_related = ["story", "asked_by", "accepter", "answered_by"]
    search_fields = ["story__key"]


@admin.register(AcceptancePlan)
class AcceptancePlans(ReadOnly):
    list_display = ["story", "person", "by", "at"]
    list_select_related = ["story", "person", "by"]
    search_fields = ["story__key"]
