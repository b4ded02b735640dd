"""Ending stories other than done over the API; the same verbs as the pages call."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.request_fields import Body
from squads.endings import actions
from squads.stories import queries
from squads.stories.api import OfStory
from squads.stories.models import Story
from squads.stories.serializers import ReasonField, StoryDetail

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The story's key, such as PAY-12.")


class CancelIn(Body):
    """Why you cancel the story."""

    because = ReasonField()


class DuplicateIn(Body):
    """The key of the story that this one duplicates."""

    key = serializers.CharField(max_length=40)
    because = ReasonField(required=False, allow_blank=True)


class ReopenIn(Body):
    """Why you reopen the story."""

    because = ReasonField(required=False, allow_blank=True)


@extend_schema(parameters=[KEY])
class Endings(OfStory):
    """Cancelling, closing as a duplicate, reopening and deleting stories."""

    marks = {"cancel": "members", "duplicate": "members", "reopen": "members", "remove": "leads"}
    without_fields = frozenset({"remove"})
    serializer_class = StoryDetail
    queryset = Story.objects.all()
    pagination_class = None

    def _shown(self, story: Story) -> Response:
        context = {"owners": queries.owner_names([story.standing]), "reader": self.request.user}
        return Response(StoryDetail(story, context=context).data, headers={"ETag": f'"v{story.version}"'})

    @extend_schema(request=CancelIn, responses=StoryDetail, operation_id="stories_cancel_create")
    def cancel(self, request: Request, key: str) -> Response:
        """Cancel a story. Lists, boards and measures then leave it out. 409 if it is already cancelled or a duplicate."""
        story, said = self.own_story(), CancelIn(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(actions.cancel(story, by=actor_of(request), **said.validated_data))

    @extend_schema(request=DuplicateIn, responses=StoryDetail, operation_id="stories_duplicate_create")
    def duplicate(self, request: Request, key: str) -> Response:
        """Close a story as a duplicate of another and relate the two. 409 if it is already cancelled or a duplicate."""
        story, said = self.own_story(), DuplicateIn(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(actions.close_as_duplicate(story, by=actor_of(request), **said.validated_data))

    @extend_schema(request=ReopenIn, responses=StoryDetail, operation_id="stories_reopen_create")
    def reopen(self, request: Request, key: str) -> Response:
        """Reopen a cancelled story or a duplicate. 409 if it is open."""
        story, said = self.own_story(), ReopenIn(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(actions.reopen(story, by=actor_of(request), **said.validated_data))

    @extend_schema(request=None, responses={204: None}, operation_id="stories_delete_create")
    def remove(self, request: Request, key: str) -> Response:
        """Delete a story that was created by mistake. It leaves no trace.

        For leads of its squad and administrators, within a day, while nothing refers to it. Otherwise, cancel it.
        """
        actions.delete_story(self.story(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
