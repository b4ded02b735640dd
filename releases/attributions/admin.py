"""Admin pages of attributions, which people answer on the page of the incident."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.attributions.models import Attribution


@admin.register(Attribution)
class Attributions(ReadOnly):
    list_display = ["incident", "deployment_id", "method", "confidence", "state", "answered_by"]
    list_filter = ["state", "method"]
    list_select_related = ["incident", "answered_by"]
    search_fields = ["incident__title"]
