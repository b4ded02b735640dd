"""The access rules and the audit log over the API, for administrators."""

from datetime import UTC
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters.fields import IsoDateTimeField
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts import access
from portal.accounts.models import AccessRules
from portal.administration import queries
from portal.kernel import audit
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint, named_by
from portal.kernel.models import AuditEntry
from portal.kernel.request_fields import Body


class AccessOut(serializers.ModelSerializer):
    """Who can create squads and invite people, and from which mail domains people can come. No domains: from any."""

    domains = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = AccessRules
        fields = ["founders", "inviters", "domains", "version"]
        read_only_fields = fields


class AccessIn(Body):
    """What to change."""

    founders = serializers.ChoiceField(AccessRules.Founders.choices, required=False)
    inviters = serializers.ChoiceField(AccessRules.Inviters.choices, required=False)
    domains = serializers.ListField(
        child=serializers.CharField(max_length=253), required=False, max_length=access.MOST_DOMAINS
    )
    version = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, help_text="The version you read. If it’s another one, the answer is 409."
    )


class Access(Endpoint):
    """The access rules. For administrators only."""

    marks = {"retrieve": "administrators", "partial_update": "administrators"}
    serializer_class = AccessOut
    queryset = AccessRules.objects.none()
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(responses=AccessOut)
    def retrieve(self, request: Request) -> Response:
        """Return the access rules."""
        return Response(AccessOut(access.access_rules()).data)

    @extend_schema(request=AccessIn, responses=AccessOut)
    def partial_update(self, request: Request) -> Response:
        """Change the access rules. 409 if someone else changed them first."""
        said = AccessIn(data=request.data)
        said.is_valid(raise_exception=True)
        rules = access.access_rules()
        present = {"founders": rules.founders, "inviters": rules.inviters, "domains": rules.domains}
        changed = access.change_rules(by=actor_of(request), **{**present, **said.validated_data})
        return Response(AccessOut(changed).data)


class AuditEntryOut(serializers.ModelSerializer):
    """What someone did. `by` is null if it was Rodeo itself."""

    by = named_by("username", allow_null=True)

    class Meta:
        model = AuditEntry
        fields = ["id", "at", "by", "token", "did", "kind", "key"]
        read_only_fields = fields
        extra_kwargs = {
            "did": {"help_text": "A sentence without its subject: made Ana an administrator."},
            "key": {"help_text": "What it is about, such as a user name or a source’s key."},
        }


class MomentField(IsoDateTimeField):
    """A moment that UTC has too, which some of the first and last days anywhere else have not."""

    def clean(self, value: Any) -> Any:
        """Return the moment in UTC."""
        moment = super().clean(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError:
            raise ValidationError("Use a moment between the years 1 and 9999, in UTC.") from None


class MomentFilter(django_filters.IsoDateTimeFilter):
    field_class = MomentField


class AuditFilter(django_filters.FilterSet):
    """?by= takes a user name, ?kind= what it is about, ?since= and ?until= moments."""

    by = django_filters.CharFilter(field_name="by__username", lookup_expr="iexact")
    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in audit.KINDS])
    since = MomentFilter(field_name="at", lookup_expr="gte")
    until = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEntry
        fields: list[str] = []


class AuditEntries(mixins.ListModelMixin, Endpoint):
    """What administrators, project managers and leads did, the newest first. For administrators only."""

    marks = {"list": "administrators"}
    serializer_class = AuditEntryOut
    filterset_class = AuditFilter

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return queries.audit_entries()
