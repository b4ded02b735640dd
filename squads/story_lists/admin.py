"""Admin pages of lists of stories, read-only."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.story_lists.models import ManyChange, ManyRow, StoryView


@admin.register(StoryView)
class StoryViews(ReadOnly):
    list_display = ["name", "owner", "is_default"]
    list_select_related = ["owner"]
    search_fields = ["name"]


@admin.register(ManyChange)
class ManyChanges(ReadOnly):
    list_display = ["at", "act", "words", "by", "undone_at"]
    list_select_related = ["by"]


@admin.register(ManyRow)
class ManyRows(ReadOnly):
    list_display = ["key", "outcome", "change", "undone"]
    list_select_related = ["change"]
    search_fields = ["key"]
