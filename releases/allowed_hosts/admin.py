"""Admin pages of allowed hosts."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.allowed_hosts.models import AllowedHost


@admin.register(AllowedHost)
class AllowedHosts(ReadOnly):
    list_display = ["host", "note", "by", "at"]
    list_select_related = ["by"]
    search_fields = ["host"]
