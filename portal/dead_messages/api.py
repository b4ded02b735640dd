"""Dead messages over the API: what failed for too long, and having it delivered again."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from portal.dead_messages.queries import dead_messages
from portal.kernel import outbox
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.models import Message


class DeadMessageOut(serializers.ModelSerializer):
    """A message inside the portal that failed for so long that it is no longer retried automatically."""

    payload = serializers.SerializerMethodField(help_text="Its content, without secrets.")

    class Meta:
        model = Message
        fields = ["id", "topic", "payload", "created_at", "failed_at", "dead_at", "attempts", "error"]
        read_only_fields = fields
        extra_kwargs = {
            "failed_at": {"help_text": "When it first failed."},
            "dead_at": {"help_text": "When the retries ended."},
            "attempts": {"help_text": "How often it failed."},
            "error": {"help_text": "The last error."},
        }

    def get_payload(self, message: Message) -> dict[str, Any]:
        return outbox.shown_payload(message)


class Redelivered(serializers.Serializer):
    """How many messages are being redelivered."""

    count = serializers.IntegerField()


class DeadMessages(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Messages that failed for too long. For administrators only."""

    marks = {
        "list": "administrators",
        "retrieve": "administrators",
        "redeliver": "administrators",
        "redeliver_all": "administrators",
    }
    without_fields = frozenset({"redeliver", "redeliver_all"})
    serializer_class = DeadMessageOut
    lookup_field = "pk"
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Message]:
        return dead_messages()

    @extend_schema(request=None, responses={202: Redelivered})
    @action(detail=True, methods=["post"])
    def redeliver(self, request: Request, pk: str) -> Response:
        """Redeliver one dead message. 409 if it is no longer dead."""
        message = get_object_or_404(Message.objects.only("pk"), pk=pk)
        outbox.redeliver(message.pk, by=actor_of(request))
        return Response({"count": 1}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: Redelivered})
    @action(detail=False, methods=["post"], url_path="redeliver-all")
    def redeliver_all(self, request: Request) -> Response:
        """Redeliver all dead messages."""
        return Response({"count": outbox.redeliver_all(by=actor_of(request))}, status=status.HTTP_202_ACCEPTED)
