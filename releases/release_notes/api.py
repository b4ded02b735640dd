"""Release notes over the API; the same verbs as the pages call."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body, LimitedText
from releases.planning.models import Release
from releases.release_notes import actions, queries
from releases.release_notes.models import NotesVersion, ReleaseNotes
from squads.teams.permissions import check_planner

BEGAN = "The version you read; 0 if there were no notes. If someone changed them since, nothing is saved (409)."


class DifferenceOut(serializers.Serializer[Any]):
    """Lines that someone edited and that generating would change as well. The edited ones stayed."""

    before = serializers.CharField(help_text="As they were generated before.")
    edited = serializers.CharField(help_text="As someone edited them: these are in the notes.")
    generated = serializers.CharField(help_text="As they would be generated.")


class NotesOut(serializers.ModelSerializer):
    """The notes of a release, in Markdown. `outdated` says that generating them again would change something."""

    release = named_by("slug")
    outdated = serializers.SerializerMethodField()
    differences = serializers.SerializerMethodField()

    class Meta:
        model = ReleaseNotes
        fields = ["release", "text", "version", "generated_at", "changed_at", "outdated", "differences"]
        read_only_fields = fields

    def get_outdated(self, notes: ReleaseNotes) -> bool:
        return queries.material(notes.release).text != notes.generated

    @extend_schema(responses=DifferenceOut(many=True))
    def get_differences(self, notes: ReleaseNotes) -> list[dict[str, str]]:
        return queries.differences_of(queries.versions_of(notes.release).first())


class NotesVersionOut(serializers.ModelSerializer):
    """The notes as they once were."""

    by = named_by("username", allow_null=True)
    differences = serializers.SerializerMethodField()

    class Meta:
        model = NotesVersion
        fields = ["version", "text", "made", "by", "at", "differences"]
        read_only_fields = fields

    @extend_schema(responses=DifferenceOut(many=True))
    def get_differences(self, version: NotesVersion) -> list[dict[str, str]]:
        return queries.differences_of(version)


class NotesIn(Body):
    """The notes, as someone wrote them."""

    text = LimitedText(longest=actions.LONGEST, allow_blank=True, trim_whitespace=False)
    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, help_text=BEGAN)


class GenerationIn(Body):
    """Generating the notes."""

    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, help_text=BEGAN)


class NotesMailIn(Body):
    """Who gets the notes by mail."""

    people = serializers.ListField(
        child=serializers.CharField(max_length=150),
        min_length=1,
        max_length=actions.MOST_ADDRESSEES,
        help_text="User names.",
    )
    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1, required=False, help_text=BEGAN)


class MailedOut(serializers.Serializer[Any]):
    """How many mails are on their way."""

    mails = serializers.IntegerField()


class Notes(Endpoint):
    """Notes of a release, generated from its stories and changes and edited by people."""

    marks = {"partial_update": "planners", "generation": "planners", "mail": "planners"}
    serializer_class = NotesOut
    filter_backends: list[Any] = []
    queryset = ReleaseNotes.objects.none()

    def _release(self) -> Release:
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    def _notes(self) -> ReleaseNotes:
        notes = queries.notes_of(self._release())
        if notes is None:
            raise exceptions.NotFound("This release has no notes yet. Generate them first.")
        return notes

    def _written(self) -> Release:
        check_planner(self.request.user)
        return self._release()

    @extend_schema(operation_id="releases_notes_retrieve")
    def retrieve(self, request: Request, slug: str) -> Response:
        """Show the notes."""
        return Response(NotesOut(self._notes()).data)

    @extend_schema(
        responses={(200, "text/markdown"): OpenApiTypes.STR}, operation_id="releases_notes_markdown_retrieve"
    )
    def markdown(self, request: Request, slug: str) -> HttpResponse:
        """Show the notes as a Markdown text."""
        return HttpResponse(self._notes().text, content_type="text/markdown; charset=utf-8")

    @extend_schema(request=NotesIn, responses=NotesOut, operation_id="releases_notes_partial_update")
    def partial_update(self, request: Request, slug: str) -> Response:
        """Write the notes by hand."""
        release = self._written()
        said = NotesIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(NotesOut(actions.edit(release, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=GenerationIn, responses=NotesOut, operation_id="releases_notes_generation_create")
    def generation(self, request: Request, slug: str) -> Response:
        """Generate the notes from the release's stories and changes. Edited lines stay."""
        release = self._written()
        said = GenerationIn(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(NotesOut(actions.generate(release, by=actor_of(request), **said.validated_data)).data)

    @extend_schema(request=NotesMailIn, responses={202: MailedOut}, operation_id="releases_notes_mail_create")
    def mail(self, request: Request, slug: str) -> Response:
        """Mail the notes to people with an account."""
        release = self._written()
        said = NotesMailIn(data=request.data)
        said.is_valid(raise_exception=True)
        count = actions.mail_notes(release, by=actor_of(request), **said.validated_data)
        return Response({"mails": count}, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=NotesVersionOut(many=True), operation_id="releases_notes_versions_list")
    def versions(self, request: Request, slug: str) -> Response:
        """List the notes as they were, newest first."""
        page = self.paginate_queryset(queries.versions_of(self._release()))
        return self.get_paginated_response(NotesVersionOut(page, many=True).data)
