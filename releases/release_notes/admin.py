"""Admin pages of release notes; they are written on their own page."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.release_notes.models import NotesVersion, ReleaseNotes


@admin.register(ReleaseNotes)
class Notes(ReadOnly):
    list_display = ["release", "version", "generated_at", "changed_at"]
    search_fields = ["release__version", "text"]
    list_select_related = ["release"]


@admin.register(NotesVersion)
class NotesVersions(ReadOnly):
    list_display = ["notes", "version", "made", "by", "at"]
    search_fields = ["notes__release__version", "text"]
    list_select_related = ["notes__release", "by"]
