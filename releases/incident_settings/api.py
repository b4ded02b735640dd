"""Severities of incidents over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.policy import check_manager
from portal.kernel.request_fields import Body
from releases.incident_settings import actions
from releases.incident_settings.models import Severity


class SeverityOut(serializers.ModelSerializer):
    """How bad an incident is. `actions_due_days` is what counts: its own days, else 15 for the worst and 30 for the next; null
    where somebody has to choose."""

    actions_due_days = serializers.SerializerMethodField()

    class Meta:
        model = Severity
        fields = ["id", "name", "meaning", "order", "due_days", "actions_due_days", "alert_severities"]
        read_only_fields = fields

    def get_actions_due_days(self, row: Severity) -> int | None:
        """Return in how many days its actions are due."""
        due: int | None = self.context["due_days"].get(row.pk)
        return due


class SeverityIn(Body):
    """A severity, in the company's words. `order` 1 is the worst; `alert_severities` is how monitoring systems call it."""

    name = serializers.CharField(max_length=60)
    meaning = serializers.CharField(max_length=500, required=False, allow_blank=True)
    order = serializers.IntegerField(min_value=1, max_value=99, required=False)
    due_days = serializers.IntegerField(min_value=1, max_value=999, required=False, allow_null=True)
    alert_severities = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, max_length=actions.MOST_WORDS
    )


class Severities(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Severities of incidents, the worst first. Anyone can read them; administrators and project managers change them."""

    marks = {"create": "managers", "partial_update": "managers", "destroy": "managers"}
    serializer_class = SeverityOut
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Severity]:
        return Severity.objects.order_by("order", "pk")

    def get_serializer_context(self) -> dict[str, Any]:
        """Hand in when the actions of each severity are due: that depends on its place among all."""
        due = {each["severity"].pk: each["due_days"] for each in actions.shown()}
        return {**super().get_serializer_context(), "due_days": due}

    @extend_schema(request=SeverityIn, responses={201: SeverityOut})
    def create(self, request: Request) -> Response:
        """Add a severity. For administrators and project managers."""
        check_manager(request.user, actions.CHANGE)
        said = SeverityIn(data=request.data)
        said.is_valid(raise_exception=True)
        made = actions.save_severity(None, by=actor_of(request), **said.validated_data)
        return Response(self.get_serializer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=SeverityIn(partial=True), responses=SeverityOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a severity. Alerts mean what it says from then on, those of the past as well."""
        check_manager(request.user, actions.CHANGE)
        row = self.get_object()
        said = SeverityIn(data=request.data, partial=True, context={"present": lambda: self.get_serializer(row).data})
        said.is_valid(raise_exception=True)
        saved = actions.save_severity(row, by=actor_of(request), **said.validated_data)
        return Response(self.get_serializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a severity. Incidents that had it have none until someone chooses one."""
        row = self.get_object()
        actions.delete_severity(row, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
