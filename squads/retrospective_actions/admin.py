"""Admin pages of actions: to be looked at."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.retrospective_actions.models import RetrospectiveAction


@admin.register(RetrospectiveAction)
class Actions(ReadOnly):
    list_display = ["title", "kind", "squad", "due", "story"]
    list_select_related = ["squad", "story"]
    search_fields = ["title"]
