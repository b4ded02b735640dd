"""How long things are kept, over the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body
from portal.retention import actions, queries
from portal.retention.models import LONGEST, SHORTEST_AUDIT, SHORTEST_EVENTS, Retention

FOR_EVER = "null keeps them for ever."


class KeptOut(serializers.Serializer):
    """One kind of rows that are deleted when they are old."""

    kind = serializers.CharField()
    days = serializers.IntegerField(allow_null=True, help_text=f"How long they are kept. {FOR_EVER}")
    decided_by = serializers.CharField(help_text="The environment variable that decides this, if one does.")
    count = serializers.IntegerField(source="count.number", help_text="How many there are, counted to 100,001.")
    oldest = serializers.DateTimeField(allow_null=True)
    deleted = serializers.IntegerField(source="deletion.deleted", help_text="How many were deleted so far.")
    deleted_at = serializers.DateTimeField(source="deletion.deleted_at", allow_null=True)
    looked_at = serializers.DateTimeField(source="deletion.looked_at", allow_null=True)
    error = serializers.CharField(source="deletion.error", help_text="Why nothing can be deleted, if so.")


class RetentionOut(serializers.Serializer):
    """How long things are kept, and how much there is of them."""

    events_days = serializers.IntegerField(allow_null=True, help_text=f"Days to keep contents of events. {FOR_EVER}")
    export_events = serializers.BooleanField(help_text="Whether contents are written to files before they are deleted.")
    audit_days = serializers.IntegerField(allow_null=True, help_text=f"Days to keep the audit log. {FOR_EVER}")
    version = serializers.IntegerField()
    kept = serializers.SerializerMethodField()

    @extend_schema(responses=KeptOut(many=True))
    def get_kept(self, row: Retention) -> list[dict[str, Any]]:
        """Return every kind."""
        return list(KeptOut(queries.kept(row), many=True).data)


class RetentionIn(Body):
    """Changes to how long things are kept. `version` is the one you read, so that nobody's change is overwritten."""

    instead = {"kept": "This follows from the settings."}
    events_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=SHORTEST_EVENTS, max_value=LONGEST, help_text=FOR_EVER
    )
    export_events = serializers.BooleanField(required=False)
    audit_days = serializers.IntegerField(
        required=False, allow_null=True, min_value=SHORTEST_AUDIT, max_value=LONGEST, help_text=FOR_EVER
    )
    version = serializers.IntegerField(required=False, min_value=1)
    confirm = serializers.BooleanField(
        required=False, default=False, help_text="Whether things may be deleted that were kept before."
    )


class RetentionSettings(Endpoint):
    """How long things are kept. For administrators only."""

    marks = {"retrieve": "administrators", "partial_update": "administrators"}
    serializer_class = RetentionOut
    filter_backends = []
    pagination_class = None

    @extend_schema(responses=RetentionOut)
    def retrieve(self, request: Request) -> Response:
        """Return how long things are kept, and how much there is of them."""
        return Response(RetentionOut(Retention.current()).data)

    @extend_schema(request=RetentionIn, responses=RetentionOut)
    def partial_update(self, request: Request) -> Response:
        """Change how long things are kept. 400 with what would go if that deletes more and `confirm` is not true. 409 if
        `version` is not the newest."""
        row = Retention.current()
        said = RetentionIn(data=request.data, context={"present": lambda: RetentionOut(row).data})
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        confirmed, version = values.pop("confirm"), values.pop("version", None)
        changed = actions.change_retention(
            by=actor_of(request), version=version, confirmed=confirmed, **{**queries.shown(row), **values}
        )
        return Response(RetentionOut(changed).data)
