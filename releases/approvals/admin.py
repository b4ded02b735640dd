"""Admin pages of approvals: history, to be looked at."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.approvals.models import Approval


@admin.register(Approval)
class Approvals(ReadOnly):
    list_display = ["release", "kind", "person", "squad", "asked_by", "asked_at", "state", "answered_by", "voided_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["release", "person", "squad", "asked_by", "answered_by"]
    search_fields = ["release__slug"]
