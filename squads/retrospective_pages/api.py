"""Retrospectives over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import User
from portal.kernel import problems
from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from squads.retrospective_pages.views import wanted_of
from squads.retrospectives import actions, queries
from squads.retrospectives.editing import LONGEST_TEXT, MOST_SERVICES, MOST_THEMES, ROLE, TEXT, Conflict, edit
from squads.retrospectives.models import LONGEST_ENTRY, Retrospective, RetrospectiveSection, TimelineEntry
from squads.retrospectives.permissions import may_write, retrospective_at
from squads.retrospectives.roles import LONGEST_ROLE, roles_of
from squads.teams.models import Service, Squad

FILTERS = ("q", "squad", "service", "severity", "kind", "theme", "year", "state", "subject")
ASKED = [
    OpenApiParameter("q", str, description="Words in it."),
    OpenApiParameter("squad", str, description="Slug of a squad."),
    OpenApiParameter("service", str, description="Slug of a service."),
    OpenApiParameter("severity", str),
    OpenApiParameter("kind", str, enum=Retrospective.Kind.values),
    OpenApiParameter("theme", str),
    OpenApiParameter("year", str, description="In which it began."),
    OpenApiParameter("state", str, enum=Retrospective.State.values),
    OpenApiParameter("subject", str, description="What it is about, as incident:KEY."),
]


class SectionOut(serializers.ModelSerializer):
    """A section, its text in Markdown. `written` is the text as it was written, with the names of people who have a role.

    Who can't write gets null.
    """

    written = serializers.SerializerMethodField()

    class Meta:
        model = RetrospectiveSection
        fields = ["key", "title", "hint", "text", "written"]
        read_only_fields = fields

    def get_written(self, section: RetrospectiveSection) -> str | None:
        return section.source("text") if self.context.get("writes") else None


class RetrospectiveLine(serializers.ModelSerializer):
    """A retrospective as lists show it. `lead` is its first paragraph, `minutes` how long reading it takes."""

    squad = named_by("slug")
    minutes = serializers.IntegerField(read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Retrospective
        fields = [
            "id",
            "slug",
            "kind",
            "state",
            "title",
            "squad",
            "severity",
            "began_at",
            "ended_at",
            "restricted",
            "lead",
            "minutes",
            "created_at",
            "changed_at",
            "published_at",
            "version",
            "url",
        ]
        read_only_fields = fields


class RetrospectiveOut(RetrospectiveLine):
    """A retrospective with its sections. `subject_…` says what it is about."""

    facilitator = named_by("username", allow_null=True)
    services = serializers.SlugRelatedField("slug", many=True, read_only=True)
    themes = serializers.SlugRelatedField("name", many=True, read_only=True)
    sections = SectionOut(many=True, read_only=True)
    locked = serializers.BooleanField(source="is_locked", read_only=True)
    roles = serializers.SerializerMethodField(
        help_text="What readers see instead of names, by user name. Null for who can’t write."
    )

    class Meta(RetrospectiveLine.Meta):
        fields = [
            *RetrospectiveLine.Meta.fields,
            "facilitator",
            "services",
            "themes",
            "sections",
            "roles",
            "subject_kind",
            "subject_key",
            "subject_title",
            "subject_url",
            "reopened_at",
            "locked",
            "reads",
        ]
        read_only_fields = fields

    def get_roles(self, row: Retrospective) -> dict[str, str] | None:
        return roles_of(row) if self.context.get("writes") else None


class Facilitator(Chosen):
    """A person who can sign in, by user name; null for nobody."""

    def __init__(self) -> None:
        people = User.objects.filter(is_active=True, program_of=None)
        super().__init__("username", queryset=people, required=False, allow_null=True)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Refuse an empty name: the framework takes it for nobody."""
        if data == "":
            self.fail("does_not_exist", slug_name=self.slug_field, value=data)
        return super().run_validation(data)


def _services() -> serializers.ListField:
    return serializers.ListField(
        child=Chosen("slug", queryset=Service.objects.all()), required=False, max_length=MOST_SERVICES
    )


def _themes() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=40), required=False, max_length=MOST_THEMES)


class RetrospectiveIn(Body):
    """What a new retrospective is about. Its timeline fills itself from the hours around `began_at` to `ended_at`."""

    squad = Chosen("slug", queryset=Squad.objects.all())
    kind = serializers.ChoiceField(Retrospective.Kind.choices)
    title = serializers.CharField(max_length=200)
    began_at = serializers.DateTimeField(required=False, allow_null=True)
    ended_at = serializers.DateTimeField(required=False, allow_null=True)
    severity = serializers.CharField(max_length=60, required=False, allow_blank=True)
    services = _services()
    themes = _themes()
    facilitator = Facilitator()
    restricted = serializers.BooleanField(required=False)
    example = {"squad": "payments", "kind": "incident", "title": "Checkout was down"}


class RetrospectiveChange(Body):
    """What to change. `sections` maps the keys of sections to their new texts; others stay.

    Send texts as `written` has them. `roles` maps user names to what readers see instead; an empty one shows the name again.
    `version` is the one you read, which `sections` need: changes of different lines are merged, and of the same lines nothing is
    saved.
    """

    title = serializers.CharField(max_length=200, required=False)
    sections = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_TEXT, allow_blank=True, trim_whitespace=False), required=False
    )
    roles = serializers.DictField(
        child=serializers.CharField(max_length=LONGEST_ROLE, allow_blank=True), required=False
    )
    began_at = serializers.DateTimeField(required=False, allow_null=True)
    ended_at = serializers.DateTimeField(required=False, allow_null=True)
    severity = serializers.CharField(max_length=60, required=False, allow_blank=True)
    services = _services()
    themes = _themes()
    facilitator = Facilitator()
    restricted = serializers.BooleanField(required=False)
    because = serializers.CharField(max_length=300, required=False, allow_blank=True)
    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    example = {"sections": {"summary": "Checkout was down for an hour."}, "version": 3}


class TimelineEntryOut(serializers.ModelSerializer):
    """Something that happened. `said_at` is the time as it was written, where the day is unknown."""

    class Meta:
        model = TimelineEntry
        fields = ["id", "kind", "state", "at", "until", "said_at", "text", "note", "url"]
        read_only_fields = fields


class TimelineEntryIn(Body):
    """What happened, as a person knows it."""

    text = serializers.CharField(max_length=LONGEST_ENTRY)
    at = serializers.DateTimeField(required=False, allow_null=True)
    until = serializers.DateTimeField(required=False, allow_null=True)
    url = serializers.CharField(max_length=400, required=False, allow_blank=True)
    example = {"at": "2026-03-04T12:05:00Z", "text": "The on-call engineer was paged."}


class Retrospectives(mixins.ListModelMixin, Endpoint):
    """Retrospectives: what squads learned. Restricted ones and drafts are there for those who can read them."""

    marks = {"create": "members", "partial_update": "members", "review": "members", "publication": "members"}
    marks |= {"add_to_timeline": "members"}
    without_fields = frozenset({"review", "publication"})
    parameters = FILTERS
    filter_backends: list[Any] = []
    serializer_class = RetrospectiveLine
    queryset = Retrospective.objects.none()
    lookup_field = "slug"
    lookup_value_regex = r"[-\w]{1,90}"

    def known_parameters(self) -> tuple[str, ...]:
        """Return the filters of the list, and nothing elsewhere."""
        return FILTERS if self.action == "list" else ()

    def get_queryset(self) -> QuerySet[Retrospective]:
        for name, known in (("kind", Retrospective.Kind.values), ("state", Retrospective.State.values)):
            if (said := self.request.query_params.get(name)) and said not in known:
                raise serializers.ValidationError({name: f"Choose one of {', '.join(known)}."})
        return queries.listed(self.request.user, wanted_of(self.request)).rows

    def _row(self) -> Retrospective:
        return retrospective_at(self.kwargs["slug"], self.request.user)

    def _shown(self, row: Retrospective, code: int = status.HTTP_200_OK) -> Response:
        writes = may_write(row, self.request.user)
        return Response(RetrospectiveOut(row, context={"writes": writes}).data, status=code)

    def _of_writers(self, row: Retrospective) -> Any:
        return RetrospectiveOut(row, context={"writes": True}).data

    @extend_schema(parameters=ASKED, responses=RetrospectiveLine(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List retrospectives, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(responses=RetrospectiveOut)
    def retrieve(self, request: Request, slug: str) -> Response:
        """Read a retrospective with its sections."""
        return self._shown(self._row())

    @extend_schema(request=RetrospectiveIn, responses={201: RetrospectiveOut})
    def create(self, request: Request) -> Response:
        """Begin a retrospective: a draft whose timeline is filled."""
        said = RetrospectiveIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = said.validated_data
        about = {name: data[name] for name in ("began_at", "ended_at", "severity", "services") if name in data}
        more = {name: data[name] for name in ("themes", "facilitator", "restricted") if name in data}
        row = actions.create(
            data["squad"],
            by=actor_of(request),
            kind=data["kind"],
            title=data["title"],
            subject=actions.Subject(**about),
            **more,
        )
        return self._shown(row, status.HTTP_201_CREATED)

    @extend_schema(request=RetrospectiveChange, responses=RetrospectiveOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a retrospective."""
        row = self._row()
        said = RetrospectiveChange(data=request.data, context={"present": lambda: self._of_writers(row)})
        said.is_valid(raise_exception=True)
        data = dict(said.validated_data)
        if data.get("sections") and "version" not in data:
            raise serializers.ValidationError(
                {"version": "Say which version you read, so that no text is overwritten."}
            )
        version, because = data.pop("version", None), data.pop("because", "")
        texts = {f"{TEXT}{key}": text for key, text in data.pop("sections", {}).items()}
        texts |= {f"{ROLE}{handle.lower()}": words for handle, words in data.pop("roles", {}).items()}
        try:
            edit(row, by=actor_of(request), base_version=version, because=because, **data, **texts)
        except Conflict as conflict:
            raise problems.Conflict(f"{conflict} It’s at version {conflict.version} now.") from conflict
        return self._shown(row)

    @extend_schema(methods=["post"], request=None, responses=RetrospectiveOut)
    @extend_schema(methods=["delete"], responses={204: None})
    @action(detail=True, methods=["post", "delete"])
    def review(self, request: Request, slug: str) -> Response:
        """Show a draft to everyone who may read (POST), or make it a draft again (DELETE)."""
        if request.method == "DELETE":
            actions.back_to_draft(self._row(), by=actor_of(request))
            return Response(status=status.HTTP_204_NO_CONTENT)
        return self._shown(actions.ask_for_review(self._row(), by=actor_of(request)))

    @extend_schema(request=None, responses=RetrospectiveOut)
    @action(detail=True, methods=["post"])
    def publication(self, request: Request, slug: str) -> Response:
        """Publish a retrospective. Only people can."""
        return self._shown(actions.publish(self._row(), by=actor_of(request)))

    @extend_schema(responses=TimelineEntryOut(many=True))
    @action(detail=True, methods=["get"])
    def timeline(self, request: Request, slug: str) -> Response:
        """List what happened, in order."""
        page = self.paginate_queryset(queries.timeline_of(self._row()))
        assert page is not None
        return self.get_paginated_response(TimelineEntryOut(page, many=True).data)

    @extend_schema(request=TimelineEntryIn, responses={201: TimelineEntryOut})
    @timeline.mapping.post
    def add_to_timeline(self, request: Request, slug: str) -> Response:
        """Add what happened to the timeline."""
        row = self._row()
        said = TimelineEntryIn(data=request.data)
        said.is_valid(raise_exception=True)
        data = {"at": None, **said.validated_data}
        entry = actions.add_entry(row, by=actor_of(request), **data)
        return Response(TimelineEntryOut(entry).data, status=status.HTTP_201_CREATED)
