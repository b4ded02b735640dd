"""Addresses of the feed of retrospectives over the API."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from portal.kernel.actors import Actor, actor_of
from portal.kernel.api import Secrets, secrets_schema
from portal.kernel.request_fields import Body
from squads.retrospective_feeds import actions, queries
from squads.retrospective_feeds.models import FeedAddress
from squads.retrospective_feeds.views import url_of


class FeedAddressOut(serializers.ModelSerializer):
    """An address of one's feed of retrospectives. `start` is how its secret begins."""

    class Meta:
        model = FeedAddress
        fields = ["id", "name", "start", "created_at", "last_used_at"]
        read_only_fields = fields


class NewFeedAddressOut(FeedAddressOut):
    """A new address, shown only once."""

    url = serializers.SerializerMethodField()

    class Meta(FeedAddressOut.Meta):
        fields = [*FeedAddressOut.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, address: FeedAddress) -> str:
        return url_of(self.context["secret"])


class FeedAddressIn(Body):
    """A new address."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True, help_text="Where it is used.")


@secrets_schema(
    FeedAddressIn,
    NewFeedAddressOut,
    create="Make an address. The answer has it, shown only once.",
    destroy="Revoke an address.",
)
class FeedAddresses(Secrets):
    """Secret addresses under which your feed reader reads retrospectives. Only your own."""

    marks = {"list": "writing", "create": "writing", "destroy": "writing"}
    serializer_class, body, shown_once = FeedAddressOut, FeedAddressIn, NewFeedAddressOut
    queryset = FeedAddress.objects.none()

    def get_queryset(self) -> QuerySet[FeedAddress]:
        return queries.addresses_of(self.of().pk)

    def of(self) -> Actor:
        """Return whose they are."""
        return actor_of(self.request)

    def issue(self, of: Actor, **said: Any) -> tuple[FeedAddress, str]:
        """Make an address."""
        return actions.add_address(by=of, **said)
