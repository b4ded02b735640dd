"""The changes of a story over the API: which belong to it, linking and unlinking; the same verbs as the pages call."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.request_fields import Body
from releases.evidence import links
from releases.pipelines.models import Outcome, Phase, StoryLink
from squads.stories import queries
from squads.stories.api import OfStory

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The story's key, such as PAY-12.")


class RunBrief(serializers.Serializer):
    """The newest run of one pipeline for a change."""

    pipeline = serializers.CharField()
    phase = serializers.ChoiceField(Phase.choices)
    outcome = serializers.ChoiceField(Outcome.choices, allow_blank=True)
    url = serializers.CharField(allow_blank=True)


class LinkedChangeOut(serializers.Serializer):
    """A change of a story. `rule` says why it is linked."""

    id = serializers.UUIDField(source="change.pk")
    sha = serializers.CharField(source="change.sha")
    repository = serializers.CharField(source="change.repository.key")
    subject = serializers.CharField(source="change.subject")
    author = serializers.CharField(source="change.author")
    on_mainline = serializers.BooleanField()
    rule = serializers.ChoiceField(StoryLink.Rule.choices, source="link.rule")
    mention = serializers.ChoiceField(
        StoryLink.Mention.choices,
        source="link.mention",
        allow_blank=True,
        help_text="Why the change only mentions the story. Empty if it is part of the story.",
    )
    became = serializers.CharField(
        help_text="What happened to it, such as “reverted by 4f2a91c”. Empty if nothing did.", allow_blank=True
    )
    runs = RunBrief(many=True)


class LinkIn(Body):
    """The change to link: its full sha, or enough of its start to be unique."""

    sha = serializers.CharField(max_length=400)


def _asks_for_mentions(request: Request) -> bool:
    text = request.query_params.get("mentions", "false").lower()
    if text not in ("true", "false"):
        raise exceptions.ValidationError({"mentions": "Write true or false."})
    return text == "true"


@extend_schema(parameters=[KEY])
class LinkedChanges(OfStory):
    """The changes of a story."""

    marks = {"create": "members", "destroy": "members"}
    serializer_class = LinkedChangeOut
    lookup_value_regex = r"[0-9a-fA-F-]{32,36}"

    def known_parameters(self) -> tuple[str, ...]:
        """A list may be asked for mentions."""
        return ("mentions",) if self.action == "list" else ()

    @extend_schema(
        responses=LinkedChangeOut(many=True),
        parameters=[
            OpenApiParameter(
                "mentions", bool, description="true lists the changes that only mention the story instead."
            )
        ],
    )
    def list(self, request: Request, key: str) -> Response:
        """List the changes of a story with their runs, newest first."""
        wanted = queries.mentions if _asks_for_mentions(request) else queries.changes
        page = self.paginate_queryset(wanted(self.story()))
        assert page is not None
        return self.get_paginated_response(LinkedChangeOut(queries.linked(page), many=True).data)

    @extend_schema(request=LinkIn, responses={201: LinkedChangeOut})
    def create(self, request: Request, key: str) -> Response:
        """Link a change to a story. It counts for the story a moment later."""
        story = self.own_story()
        said = LinkIn(data=request.data)
        said.is_valid(raise_exception=True)
        change = links.change_named(said.validated_data["sha"])
        links.link_change(change, story, by=actor_of(request))
        (shown,) = queries.linked(queries.changes(story).filter(change=change))
        return Response(LinkedChangeOut(shown).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, parameters=[OpenApiParameter("id", UUID, OpenApiParameter.PATH)])
    def destroy(self, request: Request, key: str, pk: str) -> Response:
        """Unlink a change from a story, whatever its message says. Repeating it changes nothing."""
        story = self.own_story()
        try:
            change = links.change_of(story, UUID(pk))
        except ValueError:
            raise exceptions.NotFound("That isn't the id of a change.") from None
        if change is not None:
            links.unlink_change(change, story, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
