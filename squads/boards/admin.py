"""Admin pages of saved views."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.boards.models import SavedView


@admin.register(SavedView)
class SavedViews(ReadOnly):
    list_display = ["name", "squad", "owner", "shared"]
    list_select_related = ["squad", "owner"]
    search_fields = ["name"]
