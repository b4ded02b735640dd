"""Readiness over the API: the verdict, and what people say for it; the same verbs as the pages call."""

from typing import Any

from django.core.exceptions import ValidationError as Objection
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.policy import check_manager
from portal.kernel.request_fields import Body, check_names
from releases.gates.findings import STATES
from releases.gates.readiness import NAMES, VERDICT_CHOICES
from releases.planning.lookup import moved
from releases.planning.models import Release
from releases.readiness import actions, gate_templates, overrides, queries
from releases.readiness.documents import document
from releases.readiness.models import ChecklistItem, FlagNeed, GateOverride, GateTemplate
from squads.teams.permissions import check_planner

PK = "[0-9]{1,18}"


class GateBlockerOut(serializers.Serializer[Any]):
    """One thing that keeps a gate closed. `identity` stays the same until what it is about changes."""

    state = serializers.ChoiceField(STATES[1:])
    identity = serializers.CharField()
    text = serializers.CharField()
    remedy = serializers.CharField()
    who = serializers.CharField(help_text="Who can act, in words.")
    squad = serializers.CharField(help_text="The slug of their squad; empty if it is none.")
    since = serializers.DateTimeField(allow_null=True)
    url = serializers.CharField()


class CountingOverrideOut(serializers.Serializer[Any]):
    """An override, as the verdict names it."""

    id = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    reason = serializers.CharField()
    until = serializers.DateTimeField()


class VoidOverrideOut(CountingOverrideOut):
    """An override that doesn't count, and why."""

    why_void = serializers.CharField()


class GateOut(serializers.Serializer[Any]):
    """What one gate says. `passes` is true as well if somebody overrode it; `state` is as judged."""

    gate = serializers.ChoiceField(NAMES)
    title = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    passes = serializers.BooleanField()
    reason = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    evidence_at = serializers.DateTimeField(allow_null=True, help_text="When the oldest evidence was made.")
    url = serializers.CharField()
    who = serializers.CharField()
    remedy = serializers.CharField()
    blockers = GateBlockerOut(many=True)
    override = CountingOverrideOut(allow_null=True)
    void_overrides = VoidOverrideOut(many=True)


class ReadinessOut(serializers.Serializer[Any]):
    """The verdict on a release, judged when you ask. `ready` is false as long as anything fails or isn't known."""

    ready = serializers.BooleanField()
    verdict = serializers.ChoiceField(VERDICT_CHOICES)
    sentence = serializers.CharField()
    at = serializers.DateTimeField()
    service = serializers.CharField(help_text="The service it was judged for; empty for the whole release.")
    gates = GateOut(many=True)


SERVICE = OpenApiParameter("service", str, description="Judge only what concerns this service, by its name.")


class ReleaseReadiness(Endpoint):
    """The readiness of a release."""

    serializer_class = ReadinessOut
    leads_on = True
    parameters = ("service",)
    pagination_class = None
    filter_backends: list[Any] = []

    def handle_exception(self, exc: Exception) -> Any:
        """Lead from the address that a release had before it was renamed to its address now."""
        elsewhere = moved(self.request._request, self.kwargs.get("slug", "")) if isinstance(exc, Http404) else None
        return elsewhere or super().handle_exception(exc)

    @extend_schema(responses=ReadinessOut, parameters=[SERVICE])
    def retrieve(self, request: Request, slug: str) -> Response:
        """Judge every gate of a release now. A service that it doesn't ship is unknown, never ready."""
        check_names(list(request.query_params), [*self.parameters, "format"], "parameter")
        release = get_object_or_404(Release, slug=slug)
        service = request.query_params.get("service", "").strip()
        if service:
            judged = queries.readiness_for_service(release, service)
        else:
            judged = queries.readiness_of([release])[release.pk]
        return Response(document(judged), headers={"Cache-Control": "no-store"})


class OfRelease(mixins.ListModelMixin, Endpoint):
    """What people say for the readiness of one release."""

    filter_backends: list[Any] = []
    lookup_value_regex = PK

    def release(self) -> Release:
        """Return the release that the address names."""
        return get_object_or_404(Release, slug=self.kwargs["slug"])


class OverrideOut(serializers.ModelSerializer):
    """An override of a gate. The readiness says whether it counts now."""

    release = named_by("slug")
    by = named_by("username")
    withdrawn_by = named_by("username", allow_null=True)

    class Meta:
        model = GateOverride
        fields = [
            "id",
            "release",
            "gate",
            "reason",
            "until",
            "covers",
            "shown",
            "by",
            "at",
            "withdrawn_at",
            "withdrawn_by",
        ]
        read_only_fields = fields


class OverrideIn(Body):
    """The gate to let pass, for which blockers, why, and until when. 400 if something else blocks it by now."""

    gate = serializers.ChoiceField(NAMES)
    reason = serializers.CharField(max_length=overrides.LONGEST_REASON)
    until = serializers.DateTimeField(help_text=f"At most {overrides.MOST_DAYS} days ahead.")
    covers = serializers.ListField(
        # As many fit into a body (DATA_UPLOAD_MAX_MEMORY_SIZE). The page, which sends what it showed, takes any number.
        child=serializers.CharField(max_length=1200),
        max_length=2000,
        help_text="The identity of each blocker that you saw in the readiness.",
    )
    service = serializers.CharField(
        max_length=200,
        required=False,
        allow_blank=True,
        help_text="The service, if you saw them in its readiness: what only its pipeline waits for is there alone.",
    )


class Overrides(OfRelease):
    """Overrides of gates. For the release's owner, project managers and administrators."""

    marks = {"create": "answers", "destroy": "answers"}
    without_fields = frozenset({"destroy"})
    serializer_class = OverrideOut
    queryset = GateOverride.objects.none()

    def get_queryset(self) -> QuerySet[GateOverride]:
        rows = GateOverride.objects.filter(release__slug=self.kwargs["slug"])
        return rows.select_related("release", "by", "withdrawn_by").order_by("-at", "-pk")

    @extend_schema(request=OverrideIn, responses={201: OverrideOut}, operation_id="releases_overrides_create")
    def create(self, request: Request, slug: str) -> Response:
        """Override a gate. It ends when something else blocks the gate, or at the time you name."""
        release, said = self.release(), OverrideIn(data=request.data)
        overrides.check_may_override(release, request.user)
        said.is_valid(raise_exception=True)
        row = overrides.override(release, by=actor_of(request), **said.validated_data)
        return Response(OverrideOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="releases_overrides_destroy")
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Withdraw an override. 409 if somebody did already."""
        row = get_object_or_404(self.get_queryset(), pk=pk)
        overrides.withdraw(row, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class FlagNeedOut(serializers.ModelSerializer):
    """What a flag must be when the release goes out."""

    release = named_by("slug")
    by = named_by("username")

    class Meta:
        model = FlagNeed
        fields = ["id", "release", "flag", "on", "audience", "by", "at"]
        read_only_fields = fields


class FlagNeedIn(Body):
    """A flag, and what it must be. It replaces what was said before."""

    flag = serializers.CharField(max_length=actions.LONGEST_FLAG)
    on = serializers.BooleanField()
    audience = serializers.CharField(max_length=actions.LONGEST_AUDIENCE, required=False, allow_blank=True)


class FlagNeeds(OfRelease):
    """What feature flags must be when a release goes out."""

    marks = {"create": "planners", "destroy": "planners"}
    without_fields = frozenset({"destroy"})
    serializer_class = FlagNeedOut
    queryset = FlagNeed.objects.none()

    def get_queryset(self) -> QuerySet[FlagNeed]:
        rows = FlagNeed.objects.filter(release__slug=self.kwargs["slug"])
        return rows.select_related("release", "by").order_by("flag", "pk")

    @extend_schema(request=FlagNeedIn, responses={201: FlagNeedOut}, operation_id="releases_flag_needs_create")
    def create(self, request: Request, slug: str) -> Response:
        """Say what a flag must be."""
        release, said = self.release(), FlagNeedIn(data=request.data)
        check_planner(request.user)
        said.is_valid(raise_exception=True)
        row = actions.need_flag(release, by=actor_of(request), **said.validated_data)
        return Response(FlagNeedOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="releases_flag_needs_destroy")
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Say no longer what a flag must be. Whoever said it may, and who answers for the release: its owner, project managers,
        administrators."""
        check_planner(request.user)
        actions.drop_flag(get_object_or_404(self.get_queryset(), pk=pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChecklistItemOut(serializers.ModelSerializer):
    """A line of the checklist, of this release or of every release of its line; ticked for this release by whom, and when."""

    release = named_by("slug", allow_null=True)
    by = named_by("username")
    ticked_by = serializers.SerializerMethodField()
    ticked_at = serializers.SerializerMethodField()

    class Meta:
        model = ChecklistItem
        fields = ["id", "release", "line", "text", "who", "by", "at", "ticked_by", "ticked_at"]
        read_only_fields = fields

    @extend_schema(responses=serializers.CharField(allow_null=True))
    def get_ticked_by(self, item: ChecklistItem) -> str | None:
        tick = next(iter(getattr(item, "open_ticks", ())), None)
        return tick.by.username if tick else None

    @extend_schema(responses=serializers.DateTimeField(allow_null=True))
    def get_ticked_at(self, item: ChecklistItem) -> Any:
        tick = next(iter(getattr(item, "open_ticks", ())), None)
        return tick.at if tick else None


class ChecklistItemIn(Body):
    """A new line of the checklist of a release."""

    text = serializers.CharField(max_length=actions.LONGEST_TEXT)
    who = serializers.CharField(max_length=actions.LONGEST_WHO, required=False, allow_blank=True)


class Checklists(OfRelease):
    """The checklist of a release, with the lines that every release of its line has."""

    marks = {"create": "planners", "destroy": "planners", "tick": "planners", "untick": "planners"}
    without_fields = frozenset({"destroy", "tick", "untick"})
    serializer_class = ChecklistItemOut
    queryset = ChecklistItem.objects.none()

    def get_queryset(self) -> QuerySet[ChecklistItem]:
        return queries.checklist_of(self.release())

    @extend_schema(request=ChecklistItemIn, responses={201: ChecklistItemOut}, operation_id="releases_checklist_create")
    def create(self, request: Request, slug: str) -> Response:
        """Add a line."""
        release, said = self.release(), ChecklistItemIn(data=request.data)
        check_planner(request.user)
        said.is_valid(raise_exception=True)
        row = actions.add_item(by=actor_of(request), release=release, **said.validated_data)
        return Response(ChecklistItemOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None}, operation_id="releases_checklist_destroy")
    def destroy(self, request: Request, slug: str, pk: str) -> Response:
        """Remove a line. Whoever added it may, and who answers for the release: its owner, project managers,
        administrators. One of every release of a line is removed by project managers and administrators."""
        check_planner(request.user)
        actions.remove_item(get_object_or_404(self.get_queryset(), pk=pk), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={200: ChecklistItemOut}, operation_id="releases_checklist_tick_create")
    def tick(self, request: Request, slug: str, pk: str) -> Response:
        """Say that a line is done. 409 if it is ticked."""
        return self._set(request, pk, actions.tick)

    @extend_schema(responses={200: ChecklistItemOut}, operation_id="releases_checklist_tick_destroy")
    def untick(self, request: Request, slug: str, pk: str) -> Response:
        """Say that a line isn't done after all. 409 if it isn't ticked."""
        return self._set(request, pk, actions.untick)

    def _set(self, request: Request, pk: str, verb: Any) -> Response:
        check_planner(request.user)
        verb(get_object_or_404(self.get_queryset(), pk=pk), self.release(), by=actor_of(request))
        return Response(ChecklistItemOut(get_object_or_404(self.get_queryset(), pk=pk)).data)


class LineItemOut(serializers.ModelSerializer):
    """A line that is on the checklist of every release of a line of releases; an empty line is every line."""

    by = named_by("username")

    class Meta:
        model = ChecklistItem
        fields = ["id", "line", "text", "who", "by", "at"]
        read_only_fields = fields


class LineItemIn(ChecklistItemIn):
    """A new line of the checklist of every release of a line of releases."""

    line = serializers.CharField(max_length=gate_templates.LONGEST_LINE, required=False, allow_blank=True)


class LineChecklists(mixins.ListModelMixin, Endpoint):
    """What is on the checklist of every release of a line. For project managers and administrators."""

    marks = {"create": "managers", "destroy": "managers"}
    without_fields = frozenset({"destroy"})
    serializer_class = LineItemOut
    filter_backends: list[Any] = []
    lookup_value_regex = PK
    queryset = ChecklistItem.objects.filter(release=None, removed_at=None).select_related("by").order_by("line", "pk")

    @extend_schema(request=LineItemIn, responses={201: LineItemOut})
    def create(self, request: Request) -> Response:
        """Add a line."""
        check_manager(request.user, actions.CHOOSE)
        said = LineItemIn(data=request.data)
        said.is_valid(raise_exception=True)
        row = actions.add_item(by=actor_of(request), **said.validated_data)
        return Response(LineItemOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a line."""
        check_manager(request.user, actions.CHOOSE)
        actions.remove_item(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class GateSettingOut(serializers.Serializer[Any]):
    """A gate, and what is set for it."""

    gate = serializers.ChoiceField(NAMES)
    values = serializers.DictField(child=serializers.JSONField(), required=False)


class GateTemplateOut(serializers.ModelSerializer):
    """The gates of a line of releases. An empty line is every line that has no gates of its own."""

    gates = GateSettingOut(many=True, read_only=True)
    monitors = serializers.ListField(child=serializers.CharField(), read_only=True)
    by = named_by("username", allow_null=True)

    class Meta:
        model = GateTemplate
        fields = ["id", "line", "gates", "monitors", "version", "by", "at"]
        read_only_fields = fields


class GateTemplateIn(Body):
    """The gates that a line is to have. They replace those it has."""

    line = serializers.CharField(max_length=gate_templates.LONGEST_LINE, allow_blank=True)
    gates = serializers.ListField(
        child=serializers.DictField(),
        max_length=len(NAMES),
        help_text='Each as {"gate": "stories", "values": {"stage": "tested"}}. What you leave out is as usual.',
    )
    monitors = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=50,
        required=False,
        help_text="Keys of sources that watch every service of these releases.",
    )
    version = serializers.IntegerField(
        required=False, min_value=0, help_text="The version you read, 0 if there was none. 409 if it changed since."
    )


class GateChangeOut(serializers.Serializer[Any]):
    """A gate of a release before and after; empty where it isn't a gate."""

    title = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    reason = serializers.CharField()


class ReleaseChangeOut(serializers.Serializer[Any]):
    """What would change in one open release."""

    release = serializers.CharField(source="release.slug")
    before = serializers.ChoiceField(VERDICT_CHOICES, source="before.verdict")
    after = serializers.ChoiceField(VERDICT_CHOICES, source="after.verdict")
    gates = GateChangeOut(many=True)


class PreviewOut(serializers.Serializer[Any]):
    """What a change of gates would change. `looked_at` open releases were judged; `more` weren't."""

    changes = ReleaseChangeOut(many=True)
    looked_at = serializers.IntegerField()
    more = serializers.IntegerField()


class GateTemplates(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """The gates of lines of releases. For project managers and administrators."""

    marks = {"create": "managers", "destroy": "managers", "preview": "managers"}
    without_fields = frozenset({"destroy"})
    serializer_class = GateTemplateOut
    filter_backends: list[Any] = []
    lookup_value_regex = PK
    queryset = GateTemplate.objects.select_related("by").order_by("line", "pk")

    def _said(self, request: Request) -> dict[str, Any]:
        check_manager(request.user, gate_templates.CHOOSE)
        said = GateTemplateIn(data=request.data)
        said.is_valid(raise_exception=True)
        return {"monitors": [], "version": None, **said.validated_data}

    @extend_schema(request=GateTemplateIn, responses={201: GateTemplateOut})
    def create(self, request: Request) -> Response:
        """Choose the gates of a line. They count in its open releases at once; ask for a preview first."""
        row = gate_templates.save_template(by=actor_of(request), **self._said(request))
        return Response(GateTemplateOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=GateTemplateIn, responses=PreviewOut, operation_id="gate_templates_preview_create")
    def preview(self, request: Request) -> Response:
        """Show what gates would change in the open releases of a line. Nothing is saved."""
        said = self._said(request)
        try:
            gates = gate_templates.cleaned(said["gates"])
            monitors = gate_templates.cleaned_monitors(said["monitors"])
        except Objection as error:
            raise ValidationError(error.message_dict) from None
        return Response(PreviewOut(gate_templates.preview(said["line"].strip(), gates, monitors)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Have a line use the gates of every line again."""
        check_manager(request.user, gate_templates.CHOOSE)
        gate_templates.delete_template(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
