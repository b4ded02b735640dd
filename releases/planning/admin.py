"""Admin pages of releases. Numbers follow from tags and changes; versions are given on the pages."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from portal.kernel.actors import actor_of
from portal.kernel.admin import NotDeleted, ReadOnly
from releases.planning import actions
from releases.planning.models import FormerName, Release


@admin.register(Release)
class Releases(NotDeleted):
    list_display = ["version", "line", "origin", "released_at", "commits"]
    list_filter = ["origin"]
    search_fields = ["version", "line"]
    fields = [
        "version",
        "line",
        "slug",
        "origin",
        "notes",
        "planned_for",
        "released_at",
        "tagged_at",
        "commits",
        "non_merge_commits",
        "lead_time_median",
        "lead_time_p90",
    ]
    readonly_fields = [
        "version",
        "line",
        "slug",
        "origin",
        "released_at",
        "tagged_at",
        "commits",
        "non_merge_commits",
        "lead_time_median",
        "lead_time_p90",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Release, form: ModelForm, change: bool) -> None:
        actions.edit_release(obj, by=actor_of(request), **form.cleaned_data)


@admin.register(FormerName)
class FormerNames(ReadOnly):
    list_display = ["slug", "release", "at"]
    list_select_related = ["release"]
    search_fields = ["slug"]
