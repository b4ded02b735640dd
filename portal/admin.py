"""The admin pages of the portal's own rows. Django finds this module by its name."""

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin  # noqa: F401
import django.contrib.auth.admin  # noqa: F401
from django.contrib import admin

from portal.accounts.models import AccessRules, ApiToken, Invitation, KnownName, User
from portal.kernel.admin import ReadOnly
from portal.kernel.models import AuditEntry, Mail, Message, StateChange
from portal.retention.models import Deletion, Retention
from portal.search.models import SearchEntry, SearchSpelling

# The apps imported above register their own rows: confirmed addresses, second factors, connected accounts. Whoever changes
# one comes into somebody's account, and nothing would say so. Accounts have one door (portal/people).
admin.site.unregister(list(admin.site._registry))

admin.site.site_header = "Rodeo administration"
admin.site.site_title = "Rodeo"
admin.site.index_title = "Corrections by hand"


@admin.register(User)
class Users(ReadOnly):
    """Accounts are managed under Administration, where every change is guarded and recorded."""

    list_display = ["username", "email", "first_name", "last_name", "is_staff", "is_project_manager", "is_active"]
    search_fields = ["username", "email", "first_name", "last_name"]
    exclude = ["password"]


@admin.register(AuditEntry)
class AuditEntries(ReadOnly):
    list_display = ["at", "by", "did"]
    list_filter = ["kind"]
    list_select_related = ["by"]


@admin.register(AccessRules)
class TheAccessRules(ReadOnly):
    list_display = ["founders", "inviters", "domains"]


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


@admin.register(Mail)
class Mails(ReadOnly):
    list_display = ["id", "state", "created_at", "sent_at", "attempts", "error"]
    list_filter = ["state"]
    exclude = ["sealed"]


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


@admin.register(Retention)
class Retentions(ReadOnly):
    list_display = ["pk", "events_days", "export_events", "audit_days"]
    search_fields = ["pk"]


@admin.register(Deletion)
class Deletions(ReadOnly):
    list_display = ["kind", "deleted", "deleted_at", "looked_at"]
    search_fields = ["kind"]
