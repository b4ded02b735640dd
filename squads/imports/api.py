"""Imports over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, Json, named_by
from portal.kernel.problems import TooBig
from portal.kernel.request_fields import Body, check_names
from squads.imports import actions, formats, queries
from squads.imports.formats.dates import ORDERS
from squads.imports.formats.meanings import ENDINGS, LEAVE_OUT
from squads.imports.models import Import
from squads.stories.models import Story
from squads.teams.models import Squad
from squads.teams.permissions import check_member

MOST_PROBLEMS = 1000


class ProblemOut(serializers.Serializer):
    """Why a row is skipped, and how to fix it."""

    place = serializers.CharField()
    column = serializers.CharField()
    reason = serializers.CharField()
    remedy = serializers.CharField()


class CountsOut(serializers.Serializer):
    """How many rows are new, updated, unchanged or skipped. `left_out` counts those skipped by status."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    left_out = serializers.IntegerField()


class ImportOut(serializers.ModelSerializer):
    """A file that was uploaded."""

    squad = named_by("slug")
    by = named_by("username")

    class Meta:
        model = Import
        fields = ["id", "squad", "kind", "name", "state", "by", "created_at", "done_at"]
        read_only_fields = fields


class ImportDetail(ImportOut):
    """A file with its preview, or its results. `problems` has the first 1,000. Answer the `questions` with PATCH."""

    counts = serializers.SerializerMethodField()
    problems = serializers.SerializerMethodField()
    notes = serializers.SerializerMethodField()
    questions = serializers.SerializerMethodField()
    columns = serializers.SerializerMethodField()
    types = serializers.SerializerMethodField()
    statuses = serializers.SerializerMethodField()
    first = serializers.SerializerMethodField()
    last = serializers.SerializerMethodField()

    class Meta(ImportOut.Meta):
        fields = [
            *ImportOut.Meta.fields,
            "counts",
            "problems",
            "notes",
            "questions",
            "columns",
            "types",
            "statuses",
            "first",
            "last",
        ]
        read_only_fields = fields

    def _plan(self) -> queries.Plan | None:
        plan: queries.Plan | None = self.context.get("plan")
        return plan

    @extend_schema_field(CountsOut)
    def get_counts(self, imported: Import) -> Any:
        plan = self._plan()
        return CountsOut(plan.counts if plan else imported.report).data

    @extend_schema_field(ProblemOut(many=True))
    def get_problems(self, imported: Import) -> Any:
        plan = self._plan()
        found = plan.problems if plan else [formats.Problem(*each) for each in imported.report["problems"]]
        return ProblemOut(found[:MOST_PROBLEMS], many=True).data

    def get_notes(self, imported: Import) -> list[str]:
        plan = self._plan()
        return plan.notes if plan else list(imported.report["notes"])

    def get_questions(self, imported: Import) -> list[str]:
        plan = self._plan()
        return plan.validated.questions if plan else []

    def get_columns(self, imported: Import) -> dict[str, str]:
        plan = self._plan()
        return plan.parsed.chosen if plan else {}

    def get_types(self, imported: Import) -> dict[str, str]:
        plan = self._plan()
        return {term.text: term.meaning for term in plan.validated.types} if plan else {}

    def get_statuses(self, imported: Import) -> dict[str, str]:
        plan = self._plan()
        return {term.text: term.meaning for term in plan.validated.statuses} if plan else {}

    def get_first(self, imported: Import) -> str:
        return str(imported.report.get("first", ""))

    def get_last(self, imported: Import) -> str:
        return str(imported.report.get("last", ""))


class ImportIn(Body):
    """The file and its format. Rodeo detects the format if you leave it out."""

    file = serializers.FileField()
    kind = serializers.ChoiceField(formats.CHOICES, required=False)


class MappingIn(Body):
    """What the file's columns, values and dates mean. What you leave out stays as it is, or is guessed."""

    kind = serializers.ChoiceField(formats.CHOICES, required=False)
    columns = serializers.DictField(
        child=serializers.CharField(allow_blank=True),
        required=False,
        help_text="The file's column for each of Rodeo's fields.",
    )
    types = serializers.DictField(child=serializers.ChoiceField(Story.Type.choices), required=False)
    statuses = serializers.DictField(
        child=serializers.ChoiceField([*Story.Progress.choices, *ENDINGS.items(), (LEAVE_OUT, "skip")]), required=False
    )
    plan_releases = serializers.BooleanField(required=False, help_text="Whether to create missing releases.")
    dates = serializers.ChoiceField(
        [*ORDERS.items()], required=False, allow_blank=True, help_text="What comes first in ambiguous dates."
    )
    zone = serializers.CharField(
        max_length=60,
        required=False,
        allow_blank=True,
        help_text="The zone of times without one, such as Europe/Berlin. The default is UTC.",
    )
    milestones = serializers.BooleanField(
        required=False, help_text="Whether to treat sprints and milestones as releases."
    )
    line = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="The release line for sprints and milestones."
    )

    def validate_columns(self, columns: dict[str, str]) -> dict[str, str]:
        """Refuse fields that no story gets from a file, each by its name."""
        check_names(columns, queries.FIELDS)
        return columns


class ImportRunIn(Body):
    """Whether to skip rows with problems. If not, one such row stops the import."""

    leave_out = serializers.BooleanField(required=False)


class Imports(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, Endpoint):
    """Imports: upload a file, check the preview, then run it."""

    # A file holds what its squad did not choose to show yet.
    marks = {
        "list": "members",
        "retrieve": "members",
        "create": "members",
        "partial_update": "members",
        "destroy": "members",
        "run": "members",
    }
    serializer_class = ImportOut
    parser_classes = [Json, MultiPartParser]
    lookup_value_regex = r"[0-9]{1,18}"
    filter_backends = []

    def _squad(self) -> Squad:
        squad: Squad = get_object_or_404(Squad, slug=self.kwargs["slug"])
        check_member(squad, self.request.user, "its imports")
        return squad

    def get_queryset(self) -> QuerySet[Import]:
        if getattr(self, "swagger_fake_view", False):
            return Import.objects.none()
        rows: QuerySet[Import] = self._squad().imports.select_related("squad", "by")
        return rows if self.detail else rows.defer("body", "mapping")

    def _respond(self, imported: Import, code: int = status.HTTP_200_OK) -> Response:
        context: dict[str, Any] = {}
        if imported.state == Import.State.PREVIEW:
            try:
                context["plan"] = queries.plan_import(imported, *queries.read_file(imported))
            except formats.Refused as refused:
                raise serializers.ValidationError({"file": str(refused)}) from None
        return Response(ImportDetail(imported, context=context).data, status=code)

    @extend_schema(responses=ImportDetail)
    def retrieve(self, request: Request, slug: str, pk: str) -> Response:
        """Show the preview of a file, or its results."""
        return self._respond(self.get_object())

    @extend_schema(request={"multipart/form-data": ImportIn}, responses={201: ImportDetail})
    def create(self, request: Request, slug: str) -> Response:
        """Upload a file. The answer is a preview; nothing is imported yet."""
        squad = self._squad()
        serializer = ImportIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        file = serializer.validated_data["file"]
        try:
            formats.check_size(file.size)
        except formats.Refused as refused:
            raise TooBig(str(refused)) from None
        imported = actions.upload(
            squad,
            by=actor_of(request),
            name=file.name,
            body=file.read(),
            kind=serializer.validated_data.get("kind", ""),
        )
        return self._respond(imported, status.HTTP_201_CREATED)

    @extend_schema(request=MappingIn(partial=True), responses=ImportDetail)
    def partial_update(self, request: Request, slug: str, pk: str) -> Response:
        """Map columns and values. The answer is the new preview."""
        imported = self.get_object()
        serializer = MappingIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        changes = dict(serializer.validated_data)
        kind = changes.pop("kind", "")
        return self._respond(actions.change_mapping(imported, by=actor_of(request), kind=kind, changes=changes))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Discard a file that wasn't imported."""
        actions.discard(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ImportRunIn, responses=ImportDetail)
    @action(detail=True, methods=["post"])
    def run(self, request: Request, slug: str, pk: str) -> Response:
        """Import all valid rows, or none if that fails. 409 if the file was already imported."""
        imported = self.get_object()
        serializer = ImportRunIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        actions.run_import(
            imported, by=actor_of(request), leave_out_bad=serializer.validated_data.get("leave_out", False)
        )
        return self._respond(imported)
