"""Admin pages of inbound events. What came is never changed."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.kernel.admin import ReadOnly
from releases.inbox import actions as inbox_actions
from releases.inbox.models import ContentsFile, Fact, InboundEvent
from releases.reading import queries


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
        "reason",
        "contents_deleted_at",
        "contents_in",
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

    @admin.action(description="Reprocess the chosen events")
    def read_again(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> None:
        """Put the chosen events back among the pending."""
        chosen = InboundEvent.objects.filter(pk__in=events.values_list("pk", flat=True))
        left = chosen.without_contents().count()
        count = inbox_actions.replay_of(chosen.with_contents())
        messages.success(
            request, f"Reprocessing {count}." + (f" Not {left}: their contents were deleted." if left else "")
        )


@admin.register(Fact)
class Facts(ReadOnly):
    list_display = ["at", "kind", "key"]
    list_filter = ["kind"]
    search_fields = ["key"]


@admin.register(ContentsFile)
class ContentsFiles(ReadOnly):
    list_display = ["name", "host", "events", "size", "written_at"]
    search_fields = ["name", "host"]
