"""Who is a bot, over the API."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.bots import actions, queries
from releases.bots.models import BotRule


class BotOut(serializers.ModelSerializer):
    """A rule that someone with this name is a bot, or isn't one."""

    by = named_by("username", allow_null=True)

    class Meta:
        model = BotRule
        fields = ["id", "name", "is_bot", "by", "at"]
        read_only_fields = fields


class BotIn(Body):
    """A name, login or e-mail address. * matches anything."""

    name = serializers.CharField(max_length=200)
    is_bot = serializers.BooleanField(required=False, default=True)


class Bots(mixins.ListModelMixin, Endpoint):
    """Rules for bots. Keys in a bot's notes are only mentions. For administrators only."""

    marks = {"list": "administrators", "create": "administrators", "destroy": "administrators"}
    serializer_class = BotOut
    lookup_value_regex = "[0-9]+"

    def get_queryset(self) -> QuerySet[BotRule]:
        return queries.listed_rules()

    @extend_schema(request=BotIn, responses={201: BotOut})
    def create(self, request: Request) -> Response:
        """Add a rule that someone is a bot, or isn't one."""
        serializer = BotIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        row = actions.say(by=actor_of(request), **serializer.validated_data)
        return Response(BotOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a rule."""
        actions.remove(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
