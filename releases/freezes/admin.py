"""Admin pages of freezes; they are changed on their own pages."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.freezes.models import Freeze, FreezeFeed, FreezeLift


@admin.register(Freeze)
class Freezes(ReadOnly):
    list_display = ["name", "zone", "starts_on", "ends_on", "rule", "holidays", "changed_at"]
    search_fields = ["name", "uid"]


@admin.register(FreezeLift)
class FreezeLifts(ReadOnly):
    list_display = ["freeze", "day", "release", "by", "at", "expires_at", "withdrawn_at"]
    list_select_related = ["freeze", "release", "by"]
    search_fields = ["freeze__name"]


@admin.register(FreezeFeed)
class FreezeFeeds(ReadOnly):
    list_display = ["user", "start", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["user"]
    exclude = ["digest"]
