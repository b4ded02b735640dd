from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.scope_history.models import ScopeChange


@admin.register(ScopeChange)
class ScopeChanges(ReadOnly):
    list_display = ["at", "story", "from_release", "to_release", "by", "how"]
    list_filter = ["how"]
    list_select_related = ["story", "from_release", "to_release", "by"]
    search_fields = ["story__key"]
