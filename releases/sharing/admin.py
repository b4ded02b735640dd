"""Admin pages of shared links; they are created and revoked on the release's own page."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.sharing.models import ReleaseLink


@admin.register(ReleaseLink)
class ReleaseLinks(ReadOnly):
    list_display = ["release", "name", "start", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "start"]
    list_select_related = ["release", "created_by"]
    exclude = ["digest"]
