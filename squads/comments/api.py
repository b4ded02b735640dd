"""Comments on stories, and related stories, over the API; the same verbs as the pages call."""

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import named_by
from portal.kernel.request_fields import Body
from squads.discussions import actions
from squads.discussions import queries as discussions
from squads.discussions.models import Comment
from squads.stories import relations
from squads.stories.api import OfStory
from squads.stories.models import Story

KEY = OpenApiParameter("key", str, OpenApiParameter.PATH, description="The story's key, such as PAY-12.")
NUMBER = r"[0-9]{1,18}"


class CommentOut(serializers.ModelSerializer):
    """A comment in Markdown. A deleted comment keeps its place without its text."""

    author = named_by("username")

    class Meta:
        model = Comment
        fields = ["id", "author", "body", "created_at", "edited_at", "removed_at"]
        read_only_fields = fields


class CommentIn(Body):
    """The text of a comment, in Markdown. @name mentions a person."""

    body = serializers.CharField(max_length=actions.LONGEST_BODY)


class RelationOut(serializers.Serializer):
    """A related story, and how this story relates to it."""

    id = serializers.IntegerField()
    relation = serializers.ChoiceField([(name, words) for name, words in relations.WORDS.items()], source="saying")
    key = serializers.CharField(source="story.key")
    title = serializers.CharField(source="story.title")
    stage = serializers.ChoiceField(Story.Stage.choices, source="story.stage")


class RelationIn(Body):
    """Another story, and how this story relates to it."""

    relation = serializers.ChoiceField([(name, words) for name, words in relations.WORDS.items()])
    key = serializers.CharField(max_length=20)


@extend_schema(parameters=[KEY])
class Comments(OfStory):
    """Comments. Anyone with an account can comment on a story they can read. Only the author can change a comment."""

    marks = {"create": "writing", "partial_update": "writing", "destroy": "writing"}
    queryset = Comment.objects.all()
    serializer_class = CommentOut
    lookup_value_regex = NUMBER

    def get_queryset(self) -> QuerySet[Comment]:
        return discussions.comments(self.story())

    def _comment(self) -> Comment:
        comment = self.get_queryset().filter(pk=int(self.kwargs["pk"])).first()
        if comment is None:
            raise exceptions.NotFound(f"{self.kwargs['key'].upper()} has no such comment.")
        return comment

    @extend_schema(responses=CommentOut(many=True))
    def list(self, request: Request, key: str) -> Response:
        """List the comments on a story, oldest first."""
        page = self.paginate_queryset(self.get_queryset())
        assert page is not None
        return self.get_paginated_response(CommentOut(page, many=True).data)

    @extend_schema(request=CommentIn, responses={201: CommentOut})
    def create(self, request: Request, key: str) -> Response:
        """Comment on a story. You then watch it."""
        story = self.story()
        serializer = CommentIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        comment = actions.add_comment(story, by=actor_of(request), body=serializer.validated_data["body"])
        return Response(CommentOut(comment).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CommentIn, responses=CommentOut)
    def partial_update(self, request: Request, key: str, pk: str) -> Response:
        """Edit a comment. Only its author can."""
        comment = self._comment()
        actions.check_author(comment, actor_of(request))
        serializer = CommentIn(data=request.data, context={"present": lambda: CommentOut(comment).data})
        serializer.is_valid(raise_exception=True)
        actions.edit_comment(comment, by=actor_of(request), body=serializer.validated_data["body"])
        return Response(CommentOut(comment).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, key: str, pk: str) -> Response:
        """Delete your comment. Its text is removed, its place stays."""
        actions.remove_comment(self._comment(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(parameters=[KEY])
class Relations(OfStory):
    """Related stories: what blocks, duplicates or relates to a story."""

    marks = {"create": "members", "destroy": "members"}
    serializer_class = RelationOut
    lookup_value_regex = NUMBER

    @extend_schema(responses=RelationOut(many=True))
    def list(self, request: Request, key: str) -> Response:
        """List related stories. Those that block this one come first."""
        page = self.paginate_queryset(relations.related(self.story()))  # type: ignore[arg-type]
        assert page is not None
        return self.get_paginated_response(RelationOut(page, many=True).data)

    @extend_schema(request=RelationIn, responses={201: RelationOut})
    def create(self, request: Request, key: str) -> Response:
        """Relate this story to another."""
        story = self.own_story()
        serializer = RelationIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        saying = serializer.validated_data["relation"]
        relation = relations.relate(story, saying, serializer.validated_data["key"], by=actor_of(request))
        # Not looked up in the list, which is bounded: others may have said more about this story than it shows.
        other = relation.other if relation.story_id == story.pk else relation.story
        shown = {"id": relation.pk, "saying": saying, "story": other}
        return Response(RelationOut(shown).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, parameters=[OpenApiParameter("id", int, OpenApiParameter.PATH)])
    def destroy(self, request: Request, key: str, pk: str) -> Response:
        """Remove a relation. Repeating it changes nothing."""
        story = self.own_story()
        relations.unrelate(story, int(pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
