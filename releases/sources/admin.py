"""Admin pages of sources. Secrets are never shown."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from portal.kernel.admin import NotDeleted
from releases.inbox.models import Source
from releases.sources import actions


@admin.register(Source)
class Sources(NotDeleted):
    list_display = ["name", "key", "kind", "state", "last_success_at", "failures"]
    list_filter = ["kind", "state"]
    search_fields = ["name", "key"]
    readonly_fields = [
        "key",
        "kind",
        "state",
        "repository",
        "config",
        "created_at",
        "next_pull_at",
        "last_pull_at",
        "last_success_at",
        "progress",
        "last_error",
        "error_detail",
        "failures",
    ]
    fields = ["name", *readonly_fields]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Source, form: ModelForm, change: bool) -> None:
        actions.rename_source(obj, form.cleaned_data["name"])
