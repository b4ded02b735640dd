"""Admin pages of feed addresses, read-only; they are made and revoked by their own people."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.retrospective_feeds.models import FeedAddress


@admin.register(FeedAddress)
class FeedAddresses(ReadOnly):
    list_display = ["person", "name", "start", "created_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "start", "person__username"]
    list_select_related = ["person"]
    exclude = ["digest"]
