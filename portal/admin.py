"""The admin pages of the portal's own rows. Django finds this module by its name."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from portal.accounts.models import User
from portal.kernel.admin import ReadOnly
from portal.kernel.models import Message, StateChange

admin.site.site_header = "Rodeo administration"
admin.site.site_title = "Rodeo"
admin.site.index_title = "What people may set right by hand"
admin.site.register(User, UserAdmin)


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
