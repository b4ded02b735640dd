"""What releases ship, over the API; the same verbs as the pages call."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.contents import actions, patterns, queries
from releases.contents.models import DeployOrder
from releases.pipelines.models import Change
from releases.planning.models import Release
from releases.providers import parse, schema_files
from squads.models import Service

METHODS = ["get", "post", "put", "delete", "head", "options"]


class SchemaChangeOut(serializers.Serializer):
    """A file of the schema that a change touches. `kind` is expand, contract, or empty while nobody named it."""

    change = serializers.UUIDField()
    sha = serializers.CharField()
    path = serializers.CharField()
    kind = serializers.CharField()
    named_by = serializers.CharField(help_text="A person, or “the commit message”.")
    url = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class LackingOut(serializers.Serializer):
    """A change of a story that the commit to be deployed doesn't contain."""

    story = serializers.CharField()
    sha = serializers.CharField()
    is_known = serializers.BooleanField(help_text="False: nothing tells whether the commit contains it.")


class ServiceContentOut(serializers.Serializer):
    """What a release ships of one service. What isn't known is empty, and `why` says so."""

    service = serializers.CharField(source="slug")
    name = serializers.CharField()
    squad = serializers.CharField(source="squad_slug")
    repository = serializers.CharField()
    tag = serializers.CharField()
    sha = serializers.CharField(help_text="The commit to be deployed.")
    purl = serializers.CharField(help_text="The artifact to be deployed.")
    digest = serializers.CharField()
    configuration = serializers.CharField(help_text="The version of configuration that ships with it.")
    why = serializers.CharField(help_text="How this is known, or why not.")
    chosen_by = serializers.CharField()
    lacking = LackingOut(many=True, help_text="Changes of its stories that the commit doesn’t contain, or may not.")
    made_from = serializers.ListField(
        child=serializers.CharField(),
        help_text="The commits that the artifact was made from, as far as anything tells.",
    )
    schema_changes = SchemaChangeOut(
        many=True, help_text="Of the release’s own changes, and of all others that production lacks."
    )
    schema_unknown = serializers.IntegerField(help_text="Changes whose files nobody told.")
    production_unknown = serializers.BooleanField(
        help_text="Nothing tells what else the commit changes in production, so there may be more schema changes."
    )
    after = serializers.ListField(
        child=serializers.CharField(), help_text="Services of this release that must be deployed before it, by name."
    )


class ContentsOut(serializers.Serializer):
    """What a release ships."""

    stories = serializers.SerializerMethodField()
    services = ServiceContentOut(many=True)
    unclaimed = serializers.ListField(
        child=serializers.CharField(), help_text="Repositories that it changes and that no service owns."
    )

    @extend_schema(responses=serializers.ListField(child=serializers.CharField()))
    def get_stories(self, contents: queries.Contents) -> list[str]:
        """Return the keys of its stories."""
        return [key for _, key in contents.stories]


class ContentIn(Body):
    """What a release ships of a service. What you leave out is found automatically."""

    sha = serializers.CharField(
        max_length=64, required=False, allow_blank=True, default="", help_text="The commit. Send the full sha."
    )
    purl = serializers.CharField(
        max_length=parse.LONGEST_PURL,
        required=False,
        allow_blank=True,
        default="",
        help_text="The artifact, with its digest, such as pkg:oci/checkout@sha256%3A….",
    )
    configuration = serializers.CharField(
        max_length=actions.LONGEST_CONFIGURATION, required=False, allow_blank=True, default=""
    )
    example = {"sha": "4f2a91c06b1d9d1c5f8f4b7d1f0a6a6f2b7c9e11", "configuration": "2026-12-01"}


class Contents(Endpoint):
    """What a release ships: the commit and artifact of each service, its schema changes, and the order of deployment."""

    marks = {"update": "members", "destroy": "members"}
    http_method_names = METHODS
    serializer_class = ContentsOut
    filter_backends: list[Any] = []
    pagination_class = None

    def _release(self) -> Release:
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    def _service(self) -> Service:
        return get_object_or_404(Service.objects.select_related("squad"), slug=self.kwargs["service"])

    def _shown(self, release: Release, service: Service) -> queries.ServiceContent:
        services = queries.contents_of([release])[release.pk].services
        found = next((each for each in services if each.service == service.pk), None)
        if found is None:
            raise Http404(f"{release} ships nothing of {service}.")
        return found

    @extend_schema(responses=ContentsOut, operation_id="releases_contents_retrieve_all")
    def whole(self, request: Request, slug: str) -> Response:
        """Return what the release ships of all its services."""
        release = self._release()
        return Response(ContentsOut(queries.contents_of([release])[release.pk]).data)

    @extend_schema(responses=ServiceContentOut, operation_id="releases_contents_retrieve")
    def retrieve(self, request: Request, slug: str, service: str) -> Response:
        """Return what the release ships of one service."""
        return Response(ServiceContentOut(self._shown(self._release(), self._service())).data)

    @extend_schema(request=ContentIn, responses=ServiceContentOut, operation_id="releases_contents_update")
    def update(self, request: Request, slug: str, service: str) -> Response:
        """Choose what the release ships of a service. It replaces what was chosen before. For project managers and members
        of the service's squad."""
        release, chosen = self._release(), self._service()
        actions.check_chooser(chosen, request.user)
        said = ContentIn(data=request.data)
        said.is_valid(raise_exception=True)
        actions.choose_content(release, chosen, by=actor_of(request), **said.validated_data)
        return Response(ServiceContentOut(self._shown(release, chosen)).data)

    @extend_schema(responses={204: None}, operation_id="releases_contents_destroy")
    def destroy(self, request: Request, slug: str, service: str) -> Response:
        """Clear what was chosen: it is found automatically again."""
        actions.clear_content(self._release(), self._service(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class SchemaNameIn(Body):
    """A file of a change, and what its schema change does: expand, contract, or empty to take back what you said."""

    change = serializers.UUIDField(help_text="As in schema_changes of the contents.")
    path = serializers.CharField(max_length=1000)
    kind = serializers.ChoiceField(choices=["", *schema_files.KINDS])


class SchemaChanges(Endpoint):
    """The schema changes of a service in a release."""

    marks = {"update": "members"}
    http_method_names = METHODS
    serializer_class = SchemaNameIn
    filter_backends: list[Any] = []
    pagination_class = None

    @extend_schema(request=SchemaNameIn, responses={204: None}, operation_id="releases_contents_schema_changes_update")
    def update(self, request: Request, slug: str, service: str) -> Response:
        """Call a file of a change an expanding or a contracting schema change, in every release that has the change. For
        project managers and members of the service's squad."""
        get_object_or_404(Release, slug=slug)
        of = get_object_or_404(Service.objects.select_related("squad"), slug=service)
        actions.check_chooser(of, request.user)
        said = SchemaNameIn(data=request.data)
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        changes = Change.objects.select_related("repository__service__squad")
        change = changes.filter(pk=values.pop("change")).first()
        if change is None:
            raise serializers.ValidationError({"change": "There’s no such change. Take one of the contents."})
        actions.name_schema_change(change, by=actor_of(request), **values)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PatternsOut(serializers.Serializer):
    """Which files are schema changes. `service` is empty for the company's; `version` is 0 where nobody set any."""

    service = serializers.CharField(source="slug")
    own = serializers.BooleanField(help_text="Whether the service has patterns of its own.")
    patterns = serializers.ListField(child=serializers.CharField())
    by = serializers.CharField()
    version = serializers.IntegerField()


class PatternsIn(Body):
    """Patterns of files. None at all goes back to those of the company, or the default ones."""

    patterns = serializers.ListField(
        child=serializers.CharField(max_length=schema_files.LONGEST), max_length=schema_files.MOST
    )
    version = serializers.IntegerField(
        required=False, min_value=0, help_text="The one you read. Nothing is overwritten."
    )
    example = {"patterns": ["**/migrations/*.py", "!**/__init__.py"]}


class PatternsSettings(Endpoint):
    """Which files are schema changes: of the company, and of services with patterns of their own."""

    http_method_names = METHODS
    serializer_class = PatternsOut
    filter_backends: list[Any] = []
    pagination_class = None

    def _service(self) -> Service | None:
        slug = self.kwargs.get("slug")
        return get_object_or_404(Service.objects.select_related("squad"), slug=slug) if slug is not None else None

    @extend_schema(responses=PatternsOut)
    def retrieve(self, request: Request, **_: Any) -> Response:
        """Return the patterns."""
        return Response(PatternsOut(patterns.shown(self._service())).data)

    @extend_schema(request=PatternsIn, responses=PatternsOut)
    def update(self, request: Request, **_: Any) -> Response:
        """Set the patterns. For project managers, administrators and, of a service, leads of its squad. 409 if `version` is
        not the newest."""
        service = self._service()
        actions.check_decider(service, request.user)
        said = PatternsIn(data=request.data)
        said.is_valid(raise_exception=True)
        values = said.validated_data
        actions.set_patterns(service, values["patterns"], by=actor_of(request), version=values.get("version"))
        return Response(PatternsOut(patterns.shown(service)).data)


class CompanyPatterns(PatternsSettings):
    """Which files are schema changes, unless a service has patterns of its own."""

    marks = {"update": "managers"}


class ServicePatterns(PatternsSettings):
    """Which files are schema changes of a service."""

    marks = {"update": "leads"}


class DeployOrderOut(serializers.ModelSerializer):
    """One service must be deployed before another, in every release that ships both."""

    first = named_by("slug")
    then = named_by("slug")
    by = named_by("username", allow_null=True)

    class Meta:
        model = DeployOrder
        fields = ["id", "first", "then", "by", "at"]
        read_only_fields = fields


class DeployOrderIn(Body):
    """The service that goes first, and the one that follows."""

    first = Chosen(slug_field="slug", queryset=Service.objects.select_related("squad"))
    then = Chosen(slug_field="slug", queryset=Service.objects.select_related("squad"))


class DeployOrderFilter(django_filters.FilterSet):
    """?first= and ?then= are services' slugs."""

    first = django_filters.CharFilter(field_name="first__slug")
    then = django_filters.CharFilter(field_name="then__slug")

    class Meta:
        model = DeployOrder
        fields: list[str] = []


class DeployOrders(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """The required order of deployment between services."""

    marks = {"create": "leads", "destroy": "leads"}
    serializer_class = DeployOrderOut
    filterset_class = DeployOrderFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[DeployOrder]:
        rows = DeployOrder.objects.select_related("first__squad", "then__squad", "by")
        return rows.order_by("first__name", "then__name")

    @extend_schema(request=DeployOrderIn, responses={201: DeployOrderOut})
    def create(self, request: Request) -> Response:
        """Require an order. For project managers, administrators and leads of either squad."""
        said = DeployOrderIn(data=request.data)
        said.is_valid(raise_exception=True)
        row = actions.require_order(**said.validated_data, by=actor_of(request))
        return Response(DeployOrderOut(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a rule. For project managers, administrators and leads of either squad."""
        actions.remove_order(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
