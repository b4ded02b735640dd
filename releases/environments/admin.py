"""Admin pages of environments; what is changed here goes through the same verb as the page."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from portal.kernel.actors import actor_of
from portal.kernel.admin import NotDeleted
from releases.environments import actions
from releases.environments.models import Environment


@admin.register(Environment)
class Environments(NotDeleted):
    list_display = ["name", "key", "tier", "order", "discovered", "gone_at"]
    list_filter = ["tier", "discovered"]
    search_fields = ["name", "key"]
    fields = ["key", "slug", "name", "tier", "order", "location", "cluster", "realm", "url", "discovered", "gone_at"]
    readonly_fields = ["key", "slug", "discovered", "gone_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Environment, form: ModelForm, change: bool) -> None:
        actions.edit_environment(obj, by=actor_of(request), **form.cleaned_data)
