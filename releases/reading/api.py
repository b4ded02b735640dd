"""Events over the API: what came, what it became, and reading it again."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.api import Endpoint, named_by
from portal.kernel.paging import ApiPages
from releases.inbox import actions as inbox_actions
from releases.inbox.models import Fact, InboundEvent
from releases.reading.queries import check_replay


class EventOut(serializers.ModelSerializer):
    """One event."""

    source = named_by("key")
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = InboundEvent
        fields = [
            "id",
            "source",
            "delivery",
            "kind",
            "content_type",
            "received_at",
            "state",
            "attempts",
            "processed_at",
            "error",
            "reason",
            "contents_deleted_at",
            "url",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "contents_deleted_at": {
                "help_text": "When its body and headers were deleted, because it was old. Its facts stay."
            }
        }


class FactOut(serializers.ModelSerializer):
    """One fact from an event."""

    data = serializers.JSONField(read_only=True)

    class Meta:
        model = Fact
        fields = ["kind", "key", "at", "data"]
        read_only_fields = fields


class EventDetail(EventOut):
    """One event with its headers, its body as text, and its results (the first 200 facts)."""

    headers = serializers.JSONField(read_only=True)
    body = serializers.SerializerMethodField()
    facts = serializers.SerializerMethodField()

    class Meta(EventOut.Meta):
        fields = [*EventOut.Meta.fields, "headers", "body", "facts"]
        read_only_fields = fields

    def get_body(self, event: InboundEvent) -> str:
        return bytes(event.body).decode("utf-8", "replace")

    def get_facts(self, event: InboundEvent) -> list[dict[str, Any]]:
        return [FactOut(fact).data for fact in event.facts.order_by("at", "id")[:200]]


class EventPages(ApiPages):
    """Events are counted only while they are few, however many there are."""

    most_counted = 10_000
    by_number = False


class EventFilter(django_filters.FilterSet):
    """?source= takes a key; ?kind= and ?text= look in kinds and delivery ids."""

    source = django_filters.CharFilter(field_name="source__key")
    kind = django_filters.CharFilter(field_name="kind", lookup_expr="icontains")
    text = django_filters.CharFilter(field_name="delivery", lookup_expr="icontains")

    class Meta:
        model = InboundEvent
        fields = ["state"]


class Events(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """All events, as received."""

    marks = {"replay": "members"}
    without_fields = frozenset({"replay"})
    serializer_class = EventOut
    lookup_field = "pk"
    lookup_value_regex = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    filterset_class = EventFilter
    pagination_class = EventPages

    def get_queryset(self) -> QuerySet[InboundEvent]:
        events = InboundEvent.objects.select_related("source")
        return events if self.action == "retrieve" else events.defer("body", "headers").order_by("-received_at", "id")

    def get_serializer_class(self) -> Any:
        return EventDetail if self.action == "retrieve" else EventOut

    @extend_schema(request=None, responses={202: EventOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def replay(self, request: Request, pk: str) -> Response:
        """Reprocess one event. 400 if its contents were deleted."""
        check_replay(request.user)
        event = self.get_object()
        inbox_actions.reprocess(event)
        event.refresh_from_db(fields=["state", "error", "reason"])
        return Response(EventOut(event).data, status=status.HTTP_202_ACCEPTED)


class Replayed(serializers.Serializer):
    """How many events are being reprocessed."""

    count = serializers.IntegerField()


class FailedEvents(Endpoint):
    """Events that couldn't be read."""

    marks = {"create": "members"}
    without_fields = frozenset({"create"})
    serializer_class = Replayed

    @extend_schema(request=None, responses={202: Replayed})
    def create(self, request: Request) -> Response:
        """Reprocess all failed events."""
        check_replay(request.user)
        return Response({"count": inbox_actions.replay_failed()}, status=status.HTTP_202_ACCEPTED)
