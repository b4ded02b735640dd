"""The admin pages of the portal's own rows. Django finds this module by its name."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.accounts.models import ApiToken, Invitation, KnownName, User
from portal.kernel.admin import ReadOnly
from portal.kernel.models import Message, StateChange
from portal.search.models import SearchEntry, SearchSpelling

admin.site.site_header = "Rodeo administration"
admin.site.site_title = "Rodeo"
admin.site.index_title = "Corrections by hand"


@admin.register(User)
class Users(UserAdmin):
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Rodeo", {"fields": ("is_project_manager",)}))

    def get_deleted_objects(self, objs: Any, request: Any) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Say what goes with an account. Its known names do, which nobody may delete for themselves."""
        gone, counts, refused, kept = super().get_deleted_objects(objs, request)
        return gone, counts, refused - {KnownName._meta.verbose_name}, kept

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Delete each account by itself, so that each is told of."""
        for person in queryset:
            person.delete()


@admin.register(StateChange)
class StateChanges(ReadOnly):
    list_display = ["at", "kind", "key", "from_state", "to_state", "by"]
    list_filter = ["kind"]
    list_select_related = ["by"]
    search_fields = ["key"]


@admin.register(Message)
class Messages(ReadOnly):
    list_display = ["id", "topic", "created_at", "handled_at", "attempts", "next_attempt_at", "dead_at"]
    list_filter = ["topic"]


@admin.register(KnownName)
class KnownNames(ReadOnly):
    """What people go by and went by, which tells who wrote a change."""

    list_display = ["name", "user"]
    search_fields = ["name"]


@admin.register(Invitation)
class Invitations(ReadOnly):
    list_display = ["created_at", "email", "squad", "invited_by", "expires_at", "accepted_at"]
    list_select_related = ["squad", "invited_by"]
    search_fields = ["email"]
    exclude = ["digest"]


@admin.register(ApiToken)
class ApiTokens(ReadOnly):
    list_display = ["name", "start", "user", "squad", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["user", "squad"]
    search_fields = ["name"]
    exclude = ["digest"]


@admin.register(SearchEntry)
class SearchEntries(ReadOnly):
    list_display = ["kind", "key", "title", "updated_at"]
    list_filter = ["kind"]
    search_fields = ["key"]


@admin.register(SearchSpelling)
class SearchSpellings(ReadOnly):
    list_display = ["word", "spelling"]
    search_fields = ["word"]
