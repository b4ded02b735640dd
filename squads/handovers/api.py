"""Handing a story to another squad over the API; the same verb as the page calls."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen
from portal.kernel.request_fields import Body
from squads.handovers.actions import check_may_move, move_to_squad
from squads.stories.api import OfStory
from squads.stories.models import Story
from squads.teams.models import Squad

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The story's key, such as PAY-12.")


class SquadOfStory(Body):
    """The squad that gets the story."""

    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())


class HandedOver(serializers.Serializer):
    """The story's new key and squad."""

    key = serializers.CharField()
    squad = serializers.CharField(source="squad.slug")
    url = serializers.CharField(source="get_absolute_url")


@extend_schema(parameters=[KEY])
class Handovers(OfStory):
    """Moving stories to another squad."""

    marks = {"create": "planners"}
    serializer_class = HandedOver
    queryset = Story.objects.all()
    pagination_class = None

    @extend_schema(request=SquadOfStory, responses=HandedOver, operation_id="stories_squad_create")
    def create(self, request: Request, key: str) -> Response:
        """Move a story to another squad. It gets that squad's next key, and the old one keeps working.

        For members of both squads, project managers and administrators. 409 if the story is already in that squad.
        """
        story = self.story()
        said = SquadOfStory(data=request.data)
        said.is_valid(raise_exception=True)
        squad = said.validated_data["squad"]
        check_may_move(story, squad, request.user)
        return Response(HandedOver(move_to_squad(story, squad, by=actor_of(request))).data)
