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
    """News inside the portal that failed for so long that it is no longer delivered by itself."""

    payload = serializers.SerializerMethodField(help_text="What it says, without secrets.")

    class Meta:
        model = Message
        fields = ["id", "topic", "payload", "created_at", "failed_at", "dead_at", "attempts", "error"]
        read_only_fields = fields
        extra_kwargs = {
            "failed_at": {"help_text": "When it failed for the first time."},
            "dead_at": {"help_text": "When it was given up."},
            "attempts": {"help_text": "How often it failed."},
            "error": {"help_text": "Why it failed the last time."},
        }

    def get_payload(self, message: Message) -> dict[str, Any]:
        return outbox.shown_payload(message)


class Redelivered(serializers.Serializer):
    """How many messages are being delivered again."""

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
        """Have one dead message delivered again. 409 when it is not dead any more."""
        message = get_object_or_404(Message.objects.only("pk"), pk=pk)
        outbox.redeliver(message.pk, by=actor_of(request))
        return Response({"count": 1}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: Redelivered})
    @action(detail=False, methods=["post"], url_path="redeliver-all")
    def redeliver_all(self, request: Request) -> Response:
        """Have every dead message delivered again."""
        return Response({"count": outbox.redeliver_all(by=actor_of(request))}, status=status.HTTP_202_ACCEPTED)
