"""Admin pages of squads and services. What has consequences goes through the same verbs as the pages."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from portal.kernel.actors import actor_of
from portal.kernel.admin import NotDeleted, ReadOnly
from squads.teams import actions
from squads.teams.models import Membership, Notice, Service, Squad


class Memberships(admin.TabularInline):
    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Squad)
class Squads(NotDeleted):
    list_display = ["name", "key_prefix", "kind"]
    search_fields = ["name", "key_prefix"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [Memberships]
    exclude = ["wip_limits", "batch_limit"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["key_prefix"] if obj is not None and obj.next_number > 1 else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ["name"]}

    def save_model(self, request: HttpRequest, obj: Squad, form: ModelForm, change: bool) -> None:
        actions.save_squad(obj)


@admin.register(Service)
class Services(NotDeleted):
    list_display = ["name", "squad", "discovered"]
    list_filter = ["discovered"]
    list_select_related = ["squad"]
    search_fields = ["name"]
    fields = ["name", "slug", "squad", "description", "discovered"]
    readonly_fields = ["name", "slug", "discovered"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Service, form: ModelForm, change: bool) -> None:
        actions.edit_service(obj, by=actor_of(request), **form.cleaned_data)


@admin.register(Notice)
class Notices(ReadOnly):
    list_display = ["at", "squad", "text"]
    list_select_related = ["squad"]
    search_fields = ["text"]
