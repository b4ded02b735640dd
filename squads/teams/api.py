"""Squads and services over the API; the same verbs as the pages call."""

from typing import Any

import django_filters
from django.contrib.auth import get_user_model
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.access import check_founder
from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, YesNoFilter, named_by
from portal.kernel.request_fields import Body, LimitedList, LimitedText
from squads.teams import actions, queries
from squads.teams.models import Membership, Service, Squad
from squads.teams.permissions import check_lead, check_member


class SquadOut(serializers.ModelSerializer):
    """A squad."""

    members = named_by("username", many=True)
    key_repositories = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="The only repositories that can use its keys. Empty means all.",
    )
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Squad
        fields = [
            "slug",
            "name",
            "key_prefix",
            "kind",
            "mission",
            "key_repositories",
            "descriptions_count",
            "members",
            "archived_at",
            "url",
        ]
        read_only_fields = fields


class SquadIn(Body):
    """The fields of a squad that people can change."""

    instead = {
        "archived_at": "POST …/archive/ and …/unarchive/ change it.",
        "members": "POST …/members/ adds a person, DELETE …/members/NAME/ removes one.",
        "slug": "It comes from the squad’s original name and never changes.",
    }

    name = serializers.CharField(max_length=80)
    key_prefix = serializers.CharField(
        max_length=10, help_text="Starts every story key, like PAY in PAY-12. 2 to 10 capital letters or digits."
    )
    kind = serializers.ChoiceField(Squad.Kind.choices, required=False)
    mission = LimitedText(longest=actions.LONGEST_TEXT, required=False, allow_blank=True)
    key_repositories = LimitedList(
        most=actions.MOST_REPOSITORIES,
        child=serializers.CharField(max_length=250),
        required=False,
        help_text="The only repositories that can use its keys, such as shop/checkout. Empty means all.",
    )
    descriptions_count = serializers.BooleanField(
        required=False,
        help_text="Whether keys in pull request descriptions make the change part of the story. If not, they are mentions.",
    )


class ArchiveIn(Body):
    """Why you archive or unarchive the squad."""

    because = serializers.CharField(required=False, allow_blank=True, max_length=actions.LONGEST_REASON)


class MemberIn(Body):
    """A person by user name, with their role."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(Membership.Role.choices, required=False)
    accepts = serializers.BooleanField(
        required=False, help_text="Whether they can be asked to accept the squad's stories."
    )


class SquadFilter(django_filters.FilterSet):
    """?text= looks in names, ?member= for a user name, ?archived= says whether archived ones; they come last."""

    text = django_filters.CharFilter(field_name="name", lookup_expr="icontains")
    member = django_filters.CharFilter(field_name="members__username")
    archived = YesNoFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Squad
        fields = ["kind"]


class Squads(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Squads: teams with a mission."""

    marks = {
        "create": "founders",
        "partial_update": "leads",
        "members": "leads",
        "member": "leads",
        "archive": "leads",
        "unarchive": "leads",
    }
    serializer_class = SquadOut
    lookup_field = "slug"
    filterset_class = SquadFilter

    def get_queryset(self) -> QuerySet[Squad]:
        people = get_user_model().objects.order_by("username").only("pk", "username")
        return Squad.objects.archived_last().prefetch_related(Prefetch("members", queryset=people))

    def _led(self) -> Squad:
        squad: Squad = get_object_or_404(Squad, slug=self.kwargs["slug"])
        check_lead(squad, self.request.user)
        return squad

    def _shown(self, squad: Squad, code: int = status.HTTP_200_OK) -> Response:
        return Response(SquadOut(self.get_queryset().get(pk=squad.pk)).data, status=code)

    @extend_schema(request=SquadIn, responses={201: SquadOut})
    def create(self, request: Request) -> Response:
        """Create a squad. You become its first member and lead."""
        check_founder(request.user)
        serializer = SquadIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        return self._shown(
            actions.create_squad(by=actor_of(request), **serializer.validated_data), status.HTTP_201_CREATED
        )

    @extend_schema(request=SquadIn(partial=True), responses=SquadOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a squad. The key prefix can only change while it has no stories."""
        squad = self._led()
        present = {"present": lambda: SquadOut(squad).data}
        serializer = SquadIn(data=request.data, partial=True, context=present)
        serializer.is_valid(raise_exception=True)
        return self._shown(actions.edit_squad(squad, by=actor_of(request), **serializer.validated_data))

    @extend_schema(request=ArchiveIn, responses=SquadOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def archive(self, request: Request, slug: str) -> Response:
        """Archive a squad. Its stories and services stay readable; it takes no new work. 409 if it is already archived."""
        squad, said = self._led(), ArchiveIn(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(actions.archive_squad(squad, by=actor_of(request), **said.validated_data))

    @extend_schema(request=ArchiveIn, responses=SquadOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def unarchive(self, request: Request, slug: str) -> Response:
        """Unarchive a squad. 409 if it is not archived."""
        squad, said = self._led(), ArchiveIn(data=request.data)
        said.is_valid(raise_exception=True)
        return self._shown(actions.unarchive_squad(squad, by=actor_of(request), **said.validated_data))

    @extend_schema(request=MemberIn, responses=SquadOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def members(self, request: Request, slug: str) -> Response:
        """Add a member, or change their role and whether they accept stories. Repeating it changes nothing."""
        squad = self._led()
        serializer = MemberIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        actions.add_member(squad, by=actor_of(request), **serializer.validated_data)
        return self._shown(squad)

    @extend_schema(responses={204: None}, parameters=[OpenApiParameter("username", str, OpenApiParameter.PATH)])
    @action(detail=True, methods=["delete"], url_path=r"members/(?P<username>[^/]+)", filterset_class=None)
    def member(self, request: Request, slug: str, username: str) -> Response:
        """Remove a member: yourself, or anyone as a lead. What they did keeps their name."""
        squad: Squad = get_object_or_404(Squad, slug=slug)
        if username.lower() != getattr(request.user, "username", "").lower():
            check_lead(squad, request.user)
        actions.remove_member(squad, username, by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServiceOut(serializers.ModelSerializer):
    """A service. `squad` is its owner, or null if it has none."""

    squad = named_by("slug", allow_null=True)
    repositories = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Service
        fields = ["slug", "name", "squad", "description", "repositories", "discovered", "url"]
        read_only_fields = fields

    def get_repositories(self, service: Any) -> list[str]:
        return [repository.key for repository in service.repositories.all()]


class ServiceIn(Body):
    """A new service. Its name is the one in your deployment system, and can't be changed later."""

    name = serializers.CharField(max_length=120)
    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())
    description = LimitedText(longest=actions.LONGEST_TEXT, required=False, allow_blank=True)
    repositories = LimitedList(
        most=actions.MOST_REPOSITORIES,
        child=serializers.CharField(max_length=actions.LONGEST_KEY),
        required=False,
    )


class ServiceChange(Body):
    """The fields of a service that people can change."""

    squad = Chosen(slug_field="slug", queryset=Squad.objects.all(), required=False)
    description = LimitedText(longest=actions.LONGEST_TEXT, required=False, allow_blank=True)
    repositories = LimitedList(
        most=actions.MOST_REPOSITORIES,
        child=serializers.CharField(max_length=actions.LONGEST_KEY),
        required=False,
    )


class ClaimIn(Body):
    """The squad that becomes the owner."""

    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())


class ServiceFilter(django_filters.FilterSet):
    """?squad= takes a slug, ?text= looks in names, ?unowned=true finds those to claim."""

    squad = django_filters.CharFilter(field_name="squad__slug")
    text = django_filters.CharFilter(field_name="name", lookup_expr="icontains")
    unowned = YesNoFilter(field_name="squad", lookup_expr="isnull")
    discovered = YesNoFilter()

    class Meta:
        model = Service
        fields: list[str] = []


class Services(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Services: what you deploy."""

    marks = {"create": "members", "partial_update": "members", "claim": "members"}
    serializer_class = ServiceOut
    lookup_field = "slug"
    filterset_class = ServiceFilter

    def get_queryset(self) -> QuerySet[Service]:
        repositories = Prefetch("repositories", queryset=queries.repositories().order_by("key"))
        return Service.objects.unmerged().order_by("name").select_related("squad").prefetch_related(repositories)

    def _shown(self, service: Service, code: int = status.HTTP_200_OK) -> Response:
        return Response(ServiceOut(self.get_queryset().get(pk=service.pk)).data, status=code)

    @extend_schema(request=ServiceIn, responses={201: ServiceOut})
    def create(self, request: Request) -> Response:
        """Create a service owned by one of your squads."""
        said = ServiceIn(data=request.data)
        said.is_valid(raise_exception=True)
        check_member(said.validated_data["squad"], request.user, "its services")
        return self._shown(actions.create_service(by=actor_of(request), **said.validated_data), status.HTTP_201_CREATED)

    @extend_schema(request=ServiceChange, responses=ServiceOut)
    def partial_update(self, request: Request, slug: str) -> Response:
        """Change a service's description, repositories or owner."""
        service = get_object_or_404(Service.objects.select_related("squad"), slug=slug)
        check_member(service.squad, request.user, f"service {service}")
        present = {"present": lambda: ServiceOut(service).data}
        serializer = ServiceChange(data=request.data, partial=True, context=present)
        serializer.is_valid(raise_exception=True)
        return self._shown(actions.edit_service(service, by=actor_of(request), **serializer.validated_data))

    @extend_schema(request=ClaimIn, responses=ServiceOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def claim(self, request: Request, slug: str) -> Response:
        """Claim a service that was discovered in an event and has no owner."""
        service = get_object_or_404(Service, slug=slug)
        said = ClaimIn(data=request.data)
        said.is_valid(raise_exception=True)
        check_member(said.validated_data["squad"], request.user, "its services")
        return self._shown(actions.claim_service(service, said.validated_data["squad"], by=actor_of(request)))
