"""Admin pages of actions: to be looked at."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.retrospective_actions.models import ActionAnswer, RetrospectiveAction


@admin.register(RetrospectiveAction)
class Actions(ReadOnly):
    list_display = ["title", "kind", "squad", "due", "story"]
    list_select_related = ["squad", "story"]
    search_fields = ["title"]


@admin.register(ActionAnswer)
class Answers(ReadOnly):
    list_display = ["action", "helped", "note", "by", "at"]
    list_select_related = ["action", "by"]
