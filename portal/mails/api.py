"""Mails that aren't sent, over the API: listing them, sending failed ones again, deleting them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import mail as verbs
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.models import Mail
from portal.mails.queries import row_of, unsent_mails


class MailOut(serializers.ModelSerializer):
    """A mail that no mail server has accepted. Its text isn't shown."""

    state = serializers.ChoiceField(
        choices=[Mail.State.WAITING.value, Mail.State.FAILED.value],
        help_text="waiting: Rodeo will try again. failed: the mail server refused it, or Rodeo gave up.",
    )
    to = serializers.SerializerMethodField(help_text="Empty if the key it was encrypted with is missing.")
    subject = serializers.SerializerMethodField()

    class Meta:
        model = Mail
        fields = [
            "id",
            "state",
            "to",
            "subject",
            "message_id",
            "created_at",
            "attempts",
            "error",
            "next_attempt_at",
            "failed_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "attempts": {"help_text": "How often Rodeo tried to send it."},
            "error": {"help_text": "Why it wasn’t accepted: the mail server’s own words, where it said any."},
            "failed_at": {"help_text": "When Rodeo gave up."},
        }

    def get_to(self, mail: Mail) -> str:
        return row_of(mail).to

    def get_subject(self, mail: Mail) -> str:
        return row_of(mail).subject


class Resent(serializers.Serializer):
    """How many mails are being sent again."""

    count = serializers.IntegerField()


class Mails(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Mails that aren't sent. For administrators only."""

    marks = {
        "list": "administrators",
        "retrieve": "administrators",
        "destroy": "administrators",
        "resend": "administrators",
        "resend_all": "administrators",
    }
    without_fields = frozenset({"resend", "resend_all"})
    serializer_class = MailOut
    lookup_field = "pk"
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Mail]:
        return unsent_mails()

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a failed mail. 409 if it isn't failed."""
        verbs.discard(get_object_or_404(Mail, pk=pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={202: Resent})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Send a failed mail again. 409 if it isn't failed."""
        verbs.resend(get_object_or_404(Mail, pk=pk), by=actor_of(request))
        return Response({"count": 1}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses={202: Resent})
    @action(detail=False, methods=["post"], url_path="resend-all")
    def resend_all(self, request: Request) -> Response:
        """Send all failed mails again."""
        return Response({"count": verbs.resend_all(by=actor_of(request))}, status=status.HTTP_202_ACCEPTED)
