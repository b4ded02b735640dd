"""What has to be read for a release, over the API; the same verbs as the page calls."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.gates.facts import LearningFact
from releases.gates.learnings import readers
from releases.learnings import actions, queries
from releases.planning.models import Release
from releases.readiness.models import LearningRead
from squads.models import Retrospective


class LearningReadOut(serializers.ModelSerializer):
    """Who said that they read it, when, and in which version of its text."""

    by = named_by("username")

    class Meta:
        model = LearningRead
        fields = ["by", "at", "version"]
        read_only_fields = fields


class LearningOut(serializers.ModelSerializer):
    """A retrospective to read for a release. `read` is whether somebody read its text as it is now, which is that of `version`.

    `readers` are the squads of which one member has to read it; none: whoever answers for the release.
    """

    retrospective = serializers.CharField(source="slug")
    squad = named_by("slug")
    services = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    read = serializers.SerializerMethodField()
    readers = serializers.SerializerMethodField()
    reads = serializers.SerializerMethodField()

    class Meta:
        model = Retrospective
        fields = [
            "retrospective",
            "title",
            "kind",
            "squad",
            "services",
            "published_at",
            "version",
            "read",
            "readers",
            "reads",
        ]
        read_only_fields = fields

    def _fact(self, row: Retrospective) -> LearningFact:
        found: LearningFact = self.context["learnings"][str(row.pk)]
        return found

    def get_services(self, row: Retrospective) -> list[str]:
        """Return the names of the release's services that it is about."""
        return list(self._fact(row).services)

    def get_version(self, row: Retrospective) -> int:
        """Return the version in which its text last changed."""
        return self._fact(row).version

    def get_read(self, row: Retrospective) -> bool:
        """Say whether somebody read it as it is now."""
        return self._fact(row).last_read is not None

    def get_readers(self, row: Retrospective) -> list[str]:
        """Return the slugs of squads."""
        return sorted(readers(self.context["facts"], self._fact(row)))

    @extend_schema_field(LearningReadOut(many=True))
    def get_reads(self, row: Retrospective) -> Any:
        """Return who read it, the newest first."""
        return LearningReadOut(self.context["reads"].get(str(row.pk), []), many=True).data


class LearningReadIn(Body):
    """The version that you read, as the list has it. 400 if the text changed since."""

    version = serializers.IntegerField(min_value=1, max_value=10**9)


class Learnings(mixins.ListModelMixin, Endpoint):
    """The retrospectives to read for a release, where its gates ask for that; else 404 says so."""

    marks = {"say_read": "members", "take_back": "members"}
    without_fields = frozenset({"take_back"})
    serializer_class = LearningOut
    filter_backends: list[Any] = []
    queryset = Retrospective.objects.none()

    def release(self) -> Release:
        """Return the release that the address names."""
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    def handle_exception(self, exc: Exception) -> Any:
        """Say why there's nothing to read, where that's not because of the address."""
        said = str(exc) if isinstance(exc, Http404) else ""
        return super().handle_exception(NotFound(said) if said in (queries.NOT_ASKED, queries.NOT_AMONG) else exc)

    def get_queryset(self) -> QuerySet[Retrospective]:
        self.wanted = queries.wanted_for(self.release())
        ids = [each.id for each in self.wanted.learnings]
        rows = Retrospective.objects.public().filter(pk__in=ids).select_related("squad")
        return rows.order_by("-published_at", "pk")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List them, the newest first."""
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self._shown(page or []))

    def _shown(self, rows: Any) -> Any:
        found = {str(row.pk): row for row in rows}
        context = {
            "facts": self.wanted.facts,
            "learnings": {each.id: each for each in self.wanted.learnings},
            "reads": queries.reads_of(self.release(), found),
        }
        return LearningOut(rows, many=True, context=context).data

    @extend_schema(
        request=LearningReadIn, responses={201: LearningReadOut}, operation_id="releases_learnings_read_create"
    )
    def say_read(self, request: Request, slug: str, retrospective: str) -> Response:
        """Say that you read it. For people of a squad that owns or changes a service it is about. 409 if you said so already."""
        said = LearningReadIn(data=request.data)
        said.is_valid(raise_exception=True)
        _, row = actions.say_read(self.release(), retrospective, by=actor_of(request), **said.validated_data)
        return Response(LearningReadOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="releases_learnings_read_destroy")
    def take_back(self, request: Request, slug: str, retrospective: str) -> Response:
        """Say that you didn't read it after all. 409 if you didn't say that you did."""
        actions.take_back(self.release(), retrospective, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
