"""The admin pages of the portal's own rows. Django finds this module by its name."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from portal.accounts.models import ApiToken, Invitation, User
from portal.kernel.admin import ReadOnly
from portal.kernel.models import Message, StateChange
from portal.search.models import SearchEntry, SearchSpelling

admin.site.site_header = "Rodeo administration"
admin.site.site_title = "Rodeo"
admin.site.index_title = "What people may set right by hand"


@admin.register(User)
class Users(UserAdmin):
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Rodeo", {"fields": ("is_project_manager",)}))


@admin.register(StateChange)
class StateChanges(ReadOnly):
    list_display = ["at", "kind", "key", "from_state", "to_state", "by"]
    list_filter = ["kind"]
    list_select_related = ["by"]
    search_fields = ["key"]


@admin.register(Message)
class Messages(ReadOnly):
    list_display = ["id", "topic", "created_at", "handled_at", "attempts"]
    list_filter = ["topic"]


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
