"""The files of a story over the API."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Json, named_by
from portal.kernel.request_fields import Body
from squads.attachments import actions, queries
from squads.attachments.models import Attachment
from squads.stories.api import OfStory


class AttachmentOut(serializers.ModelSerializer):
    """A file on a story. `kind` follows from its first bytes: an image that pages show, or a file to download."""

    by = named_by("username")
    url = serializers.SerializerMethodField()

    class Meta:
        model = Attachment
        fields = ["id", "name", "kind", "size", "by", "at", "url"]
        read_only_fields = fields

    def get_url(self, attachment: Attachment) -> str:
        return f"/api/v1/stories/{self.context['key']}/attachments/{attachment.pk}/content/"


class AttachmentIn(Body):
    """A file to attach, as multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, help_text=f"At most {actions.MOST_MEGABYTES} MB.")


class Attachments(OfStory):
    """Files on stories."""

    marks = {"create": "members", "destroy": "members"}
    without_fields = frozenset({"destroy"})
    serializer_class = AttachmentOut
    parser_classes = [Json, MultiPartParser]
    queryset = Attachment.objects.all()

    def _one(self, story: Any, pk: str) -> Attachment:
        attachment: Attachment | None = queries.attachments(story).filter(pk=pk).first()
        if attachment is None:
            raise exceptions.NotFound(f"{story.key} has no such file.")
        attachment.story = story
        return attachment

    @extend_schema(operation_id="stories_attachments_list")
    def list(self, request: Request, key: str) -> Response:
        """List the files on a story, oldest first."""
        story = self.story()
        page = self.paginate_queryset(queries.attachments(story))
        return self.get_paginated_response(AttachmentOut(page, many=True, context={"key": story.key}).data)

    @extend_schema(
        request={"multipart/form-data": AttachmentIn},
        responses={201: AttachmentOut},
        operation_id="stories_attachments_create",
    )
    def create(self, request: Request, key: str) -> Response:
        """Attach a file to a story."""
        story = self.own_story()
        said = AttachmentIn(data=request.data)
        said.is_valid(raise_exception=True)
        made = actions.attach(story, said.validated_data["file"], by=actor_of(request))
        return Response(AttachmentOut(made, context={"key": story.key}).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="stories_attachments_destroy")
    def destroy(self, request: Request, key: str, pk: str) -> Response:
        """Remove a file for good."""
        actions.remove(self._one(self.own_story(), pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="stories_attachments_content"
    )
    def content(self, request: Request, key: str, pk: str) -> HttpResponse:
        """Download a file."""
        return queries.handed_out(self._one(self.story(), pk))
