"""Admin pages of comments, mentions and watchers, read-only: only its author edits a comment."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.discussions.models import Comment, Mention, Watch


@admin.register(Comment)
class Comments(ReadOnly):
    list_display = ["created_at", "story", "author", "edited_at", "removed_at"]
    list_select_related = ["story", "author"]
    search_fields = ["story__key"]


@admin.register(Mention)
class Mentions(ReadOnly):
    list_display = ["comment", "person", "seen_at"]
    list_select_related = ["comment", "person"]
    search_fields = ["person__username"]


@admin.register(Watch)
class Watches(ReadOnly):
    list_display = ["story", "person", "since"]
    list_select_related = ["story", "person"]
    search_fields = ["story__key"]
