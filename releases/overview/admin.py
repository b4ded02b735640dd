"""Admin pages of the overview."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.overview.models import DailyReadiness, ReadinessDigest, ReadinessView


@admin.register(DailyReadiness)
class DailyReadinessAdmin(ReadOnly):
    list_display = ["release", "day", "verdict", "blockers", "rodeo_done", "total"]
    list_select_related = ["release"]


@admin.register(ReadinessView)
class ReadinessViews(ReadOnly):
    list_display = ["owner", "name", "query"]
    list_select_related = ["owner"]


@admin.register(ReadinessDigest)
class ReadinessDigests(ReadOnly):
    list_display = ["person", "wanted", "last_week"]
    list_select_related = ["person"]
