"""Admin pages of snapshots; nothing changes them."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.snapshots.models import Shipping, Snapshot


@admin.register(Snapshot)
class Snapshots(ReadOnly):
    list_display = ["at", "release_name", "reason", "by", "verdict", "sha256"]
    search_fields = ["release_name", "sha256"]
    list_select_related = ["by"]


@admin.register(Shipping)
class Shippings(ReadOnly):
    list_display = ["noticed_at", "release", "moment", "shipped_at", "why_not"]
    list_select_related = ["release"]
