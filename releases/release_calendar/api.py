"""The calendar of releases over the API."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel import days
from portal.kernel.actors import Actor, actor_of
from portal.kernel.api import Endpoint, Secrets, secrets_schema
from portal.kernel.request_fields import Body
from releases.release_calendar import actions, queries
from releases.release_calendar.models import CalendarAddress
from releases.release_calendar.views import url_of

MOST_DAYS = 400
BEFORE, AFTER = timedelta(days=31), timedelta(days=92)


class EntryOut(serializers.Serializer[Any]):
    """One thing in the calendar, with its first and last day in the company's time zone."""

    kind = serializers.CharField(
        help_text="planned, late, tagged, out, abandoned, or what another feature adds, such as freeze."
    )
    first = serializers.DateField()
    last = serializers.DateField()
    title = serializers.CharField()
    line = serializers.CharField()
    url = serializers.CharField()


class Calendar(Endpoint):
    """Releases by day: what is planned, and what went out."""

    serializer_class = EntryOut
    parameters = ("from", "to", "line")
    filter_backends: list[Any] = []
    queryset = CalendarAddress.objects.none()

    @extend_schema(
        responses=EntryOut(many=True),
        operation_id="calendar_list",
        parameters=[
            OpenApiParameter("from", str, description="The first day, such as 2026-03-01. A month ago without it."),
            OpenApiParameter("to", str, description="The last day. Three months after today without it."),
            OpenApiParameter("line", str, description="Only releases of this line."),
        ],
    )
    def list(self, request: Request) -> Response:
        """List what is in the calendar between two days, at most 400 days."""
        now = days.today()
        first, last = self._day(request, "from", now - BEFORE), self._day(request, "to", now + AFTER)
        if last < first or (last - first).days > MOST_DAYS:
            raise serializers.ValidationError({"to": f"Enter a day up to {MOST_DAYS} days after the first."})
        found, more = queries.entries(first, last, request.query_params.get("line"), queries.MOST_EVENTS)
        if more:
            raise serializers.ValidationError({"to": "That’s too much at once. Ask for fewer days, or for one line."})
        return self.get_paginated_response(EntryOut(self.paginate_queryset(found), many=True).data)

    def _day(self, request: Request, name: str, otherwise: Any) -> Any:
        said = request.query_params.get(name, "")
        if not said:
            return otherwise
        try:
            day = serializers.DateField().to_internal_value(said)
        except serializers.ValidationError:
            day = None
        if day is None or not queries.FIRST <= day <= queries.LAST:
            raise serializers.ValidationError({name: "Enter a day such as 2026-03-14."})
        return day


class AddressOut(serializers.ModelSerializer):
    """An address of one's calendar feed. `start` is how its secret begins."""

    class Meta:
        model = CalendarAddress
        fields = ["id", "name", "start", "created_at", "last_used_at"]
        read_only_fields = fields


class NewAddressOut(AddressOut):
    """A new address, shown only once."""

    url = serializers.SerializerMethodField()

    class Meta(AddressOut.Meta):
        fields = [*AddressOut.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, address: CalendarAddress) -> str:
        return url_of(self.context["secret"])


class AddressIn(Body):
    """A new address."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="Where it is used.")


@secrets_schema(
    AddressIn,
    NewAddressOut,
    create="Make an address. The answer has it, shown only once.",
    destroy="Revoke an address.",
)
class CalendarAddresses(Secrets):
    """Secret addresses under which your calendar program reads releases. Only your own."""

    marks = {"list": "writing", "create": "writing", "destroy": "writing"}
    serializer_class, body, shown_once = AddressOut, AddressIn, NewAddressOut
    queryset = CalendarAddress.objects.none()

    def get_queryset(self) -> QuerySet[CalendarAddress]:
        return queries.addresses_of(self.of().pk)

    def of(self) -> Actor:
        """Return whose they are."""
        return actor_of(self.request)

    def issue(self, of: Actor, **said: Any) -> tuple[CalendarAddress, str]:
        """Make an address."""
        return actions.add_address(by=of, **said)
