"""Mapping rules over the API, and what is unmapped; the same verbs as the pages call."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.paging import ApiPages
from portal.kernel.request_fields import Body
from releases.environments.models import Environment
from releases.inbox.models import Source
from releases.mappings import actions, merging, unmapped
from releases.mappings.models import MappingRule


class MappingRuleOut(serializers.ModelSerializer):
    """A mapping rule: what names of this kind that match the pattern mean."""

    source = named_by("key", allow_null=True)
    by = named_by("username", allow_null=True)

    class Meta:
        model = MappingRule
        fields = [
            "id",
            "source",
            "kind",
            "pattern",
            "order",
            "role",
            "service",
            "environment",
            "tier",
            "severity",
            "by",
            "created_at",
        ]
        read_only_fields = fields


class MappingRuleIn(Body):
    """A rule. Without a source it applies to all; without an order it comes last. {1} and {name} are groups of the pattern."""

    source = Chosen(slug_field="key", queryset=Source.objects.all(), required=False, allow_null=True)
    kind = serializers.ChoiceField(MappingRule.Kind.choices)
    pattern = serializers.CharField(
        max_length=200, help_text="A pattern such as deploy-*, or a regular expression (RE2) between slashes."
    )
    role = serializers.ChoiceField(MappingRule.Role.choices, required=False, allow_blank=True)
    service = serializers.CharField(max_length=120, required=False, allow_blank=True)
    environment = serializers.CharField(max_length=120, required=False, allow_blank=True)
    tier = serializers.ChoiceField(Environment.Tier.choices, required=False, allow_blank=True)
    severity = serializers.CharField(max_length=60, required=False, allow_blank=True)
    order = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)


class MappingRuleFilter(django_filters.FilterSet):
    """?source= is a source's key."""

    source = django_filters.CharFilter(field_name="source__key")

    class Meta:
        model = MappingRule
        fields = ["kind", "role"]


class MappingRules(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Mapping rules: what names from other systems mean. After a change, events with matching names are reprocessed."""

    marks = {"create": "managers", "partial_update": "managers", "destroy": "managers"}
    serializer_class = MappingRuleOut
    filterset_class = MappingRuleFilter
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[MappingRule]:
        return MappingRule.objects.select_related("source", "by").order_by("order", "pk")

    @extend_schema(request=MappingRuleIn, responses={201: MappingRuleOut})
    def create(self, request: Request) -> Response:
        """Create a rule. For administrators and project managers."""
        actions.check_mapper(request.user)
        serializer = MappingRuleIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        rule = actions.create_rule(by=actor_of(request), **serializer.validated_data)
        return Response(MappingRuleOut(rule).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=MappingRuleIn, responses=MappingRuleOut)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change a rule. For administrators and project managers."""
        rule = self.get_object()
        actions.check_mapper(request.user)
        present = {"present": lambda: MappingRuleOut(rule).data}
        serializer = MappingRuleIn(data=request.data, partial=True, context=present)
        serializer.is_valid(raise_exception=True)
        return Response(MappingRuleOut(actions.edit_rule(rule, by=actor_of(request), **serializer.validated_data)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a rule. For administrators and project managers."""
        rule = self.get_object()
        actions.check_mapper(request.user)
        actions.remove_rule(rule, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class UnmappedOut(serializers.Serializer):
    """A name from an event that Rodeo doesn't recognise yet. `event` is one that has it."""

    kind = serializers.ChoiceField(list(unmapped.KINDS))
    name = serializers.CharField()
    source = serializers.CharField(allow_blank=True)
    event = serializers.UUIDField(allow_null=True)
    hint = serializers.CharField(allow_blank=True)
    same_as = serializers.CharField(allow_blank=True, help_text="For a twin: the same name in another spelling.")


class UnmappedNames(Endpoint):
    """Unmapped names."""

    serializer_class = UnmappedOut
    pagination_class = ApiPages
    filter_backends: list[Any] = []
    parameters = ("kind",)
    queryset = MappingRule.objects.none()

    @extend_schema(
        operation_id="unmapped_list",
        parameters=[OpenApiParameter("kind", str, enum=list(unmapped.KINDS), description="Only names of this kind.")],
    )
    def list(self, request: Request) -> Response:
        """List names that Rodeo doesn't recognise yet. Pipelines that look like deployments come first."""
        kind = request.query_params.get("kind", "")
        if kind and kind not in unmapped.KINDS:
            raise serializers.ValidationError({"kind": f"Choose one of {', '.join(unmapped.KINDS)}."})
        page = self.paginate_queryset(unmapped.all_unmapped().of(kind))  # type: ignore[arg-type]
        return self.get_paginated_response(UnmappedOut(page, many=True).data)


class MergerIn(Body):
    """Two environments, services or repositories whose names differ only in upper and lower case."""

    kind = serializers.ChoiceField([(kind, kind) for kind in merging.KINDS])
    name = serializers.CharField(max_length=250, help_text="The spelling to merge.")
    into = serializers.CharField(max_length=250, help_text="The spelling to keep.")


class MergerOut(serializers.Serializer):
    """What was done."""

    detail = serializers.CharField()


class Mergers(Endpoint):
    """Merging twins. GET /api/v1/unmapped/?kind=twin lists them."""

    marks = {"create": "managers"}
    serializer_class = MergerOut
    pagination_class = None
    filter_backends: list[Any] = []
    queryset = MappingRule.objects.none()

    @extend_schema(request=MergerIn, responses={200: MergerOut})
    def create(self, request: Request) -> Response:
        """Merge two names, including their past. For administrators and project managers."""
        actions.check_mapper(request.user)
        serializer = MergerIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({"detail": merging.merge_twins(**serializer.validated_data, by=actor_of(request))})
