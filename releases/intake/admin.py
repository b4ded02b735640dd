"""Admin pages of sources and events. Secrets are never shown; what came is never changed."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.kernel.admin import NotDeleted, ReadOnly
from releases.intake import actions, queries
from releases.intake.models import AllowedHost, Fact, InboundEvent, MappingRule, SeenName, Source


@admin.register(Source)
class Sources(NotDeleted):
    list_display = ["name", "key", "kind", "state", "last_success_at", "failures"]
    list_filter = ["kind", "state"]
    search_fields = ["name", "key"]
    fields = [
        "name",
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
        "failures",
    ]
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
        "failures",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(InboundEvent)
class InboundEvents(ReadOnly):
    list_display = ["received_at", "source", "kind", "delivery", "state", "attempts"]
    list_filter = ["state", "source"]
    list_select_related = ["source"]
    search_fields = ["delivery"]
    fields = [
        "source",
        "delivery",
        "kind",
        "content_type",
        "headers",
        "raw",
        "received_at",
        "state",
        "attempts",
        "processed_at",
        "error",
    ]
    readonly_fields = ["raw"]
    actions = ["read_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundEvent]:
        events: QuerySet[InboundEvent] = super().get_queryset(request)
        return events if "/change/" in request.path else events.defer("body", "headers")

    @admin.display(description="body")
    def raw(self, event: InboundEvent) -> SafeString:
        """Show the body as the event's own page does."""
        return format_html("<pre>{}</pre>", queries.shown_body(bytes(event.body)).text)

    @admin.action(description="Read the chosen events again")
    def read_again(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> None:
        """Put the chosen events back among the pending."""
        count = actions.replay(events.values_list("pk", flat=True))
        messages.success(request, f"{count} being read again.")


@admin.register(Fact)
class Facts(ReadOnly):
    list_display = ["at", "kind", "key"]
    list_filter = ["kind"]
    search_fields = ["key"]


@admin.register(AllowedHost)
class AllowedHosts(ReadOnly):
    list_display = ["host", "note", "by", "at"]
    list_select_related = ["by"]
    search_fields = ["host"]


@admin.register(MappingRule)
class MappingRules(ReadOnly):
    list_display = ["kind", "pattern", "source", "role", "service", "environment", "tier"]
    list_filter = ["kind"]
    list_select_related = ["source"]
    search_fields = ["pattern", "service", "environment"]


@admin.register(SeenName)
class SeenNames(ReadOnly):
    list_display = ["name", "kind", "source"]
    list_filter = ["kind"]
    list_select_related = ["source"]
    search_fields = ["name"]
