"""People over the API, for administrators: the same verbs as the pages call."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.cache import add_never_cache_headers
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.models import ROLE_CHOICES, User
from portal.kernel.actors import actor_of
from portal.kernel.api import Endpoint
from portal.kernel.request_fields import Body
from portal.people import actions, queries


class PersonOut(serializers.ModelSerializer):
    """An account."""

    name = serializers.CharField(read_only=True)
    role = serializers.ChoiceField(ROLE_CHOICES, read_only=True)
    squads = serializers.IntegerField(source="squad_count", read_only=True, help_text="How many squads they are in.")
    second_factor = serializers.BooleanField(
        source="has_factor", read_only=True, help_text="Whether they use two-step sign-in or a passkey."
    )

    class Meta:
        model = User
        fields = [
            "username",
            "name",
            "email",
            "role",
            "is_active",
            "squads",
            "second_factor",
            "date_joined",
            "last_login",
            "last_seen_at",
        ]
        read_only_fields = fields
        extra_kwargs = {"is_active": {"help_text": "Whether they can sign in."}}


class RoleIn(Body):
    """The new role."""

    role = serializers.ChoiceField(ROLE_CHOICES)
    was = serializers.ChoiceField(
        ROLE_CHOICES, required=False, help_text="The role they have now. If it’s another one, the answer is 409."
    )


class EmailIn(Body):
    """The new address."""

    email = serializers.EmailField(max_length=254)


class PasswordLinkOut(serializers.Serializer):
    """A link that sets a new password, once, within three days."""

    url = serializers.CharField(help_text="Empty if it was mailed.")
    mailed_to = serializers.CharField(help_text="The address it was mailed to. Empty if mail is off or they have none.")


class PersonFilter(django_filters.FilterSet):
    """?text= looks in names and addresses, ?role= and ?state= narrow the list."""

    text = django_filters.CharFilter(method="nothing_more")
    role = django_filters.ChoiceFilter(choices=ROLE_CHOICES, method="nothing_more")
    state = django_filters.ChoiceFilter(choices=[(each, each) for each in queries.STATES], method="nothing_more")

    class Meta:
        model = User
        fields: list[str] = []

    def nothing_more(self, rows: Any, name: str, value: str) -> Any:
        """Leave the rows to `people`, which filters all at once."""
        return rows

    def filter_queryset(self, queryset: Any) -> Any:
        """Ask as the page asks."""
        wanted = {name: value or "" for name, value in self.form.cleaned_data.items()}
        return queries.people(**wanted)


class People(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Accounts of people. For administrators only."""

    marks = dict.fromkeys(
        (
            "list",
            "retrieve",
            "role",
            "email",
            "deactivate",
            "activate",
            "sign_out",
            "second_factor",
            "password_link",
            "destroy",
        ),
        "administrators",
    )
    without_fields = frozenset({"deactivate", "activate", "sign_out", "second_factor", "password_link"})
    serializer_class = PersonOut
    filterset_class = PersonFilter
    lookup_field = "username"
    lookup_value_regex = "[^/]+"

    def get_queryset(self) -> QuerySet[User]:
        return queries.people()

    def _shown(self) -> Response:
        return Response(PersonOut(self.get_object()).data)

    @extend_schema(request=RoleIn, responses=PersonOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def role(self, request: Request, username: str) -> Response:
        """Change a role. 409 if it is no longer the one in `was`. 400 for the only administrator."""
        said = RoleIn(data=request.data)
        said.is_valid(raise_exception=True)
        actions.change_role(self.get_object(), by=actor_of(request), **said.validated_data)
        return self._shown()

    @extend_schema(request=EmailIn, responses=PersonOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def email(self, request: Request, username: str) -> Response:
        """Set an e-mail address. It counts as not confirmed."""
        said = EmailIn(data=request.data)
        said.is_valid(raise_exception=True)
        actions.change_email(self.get_object(), by=actor_of(request), **said.validated_data)
        return self._shown()

    @extend_schema(request=None, responses=PersonOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def deactivate(self, request: Request, username: str) -> Response:
        """Deactivate an account: signs out everywhere and stops its API tokens. 409 if it is inactive."""
        actions.deactivate(self.get_object(), by=actor_of(request))
        return self._shown()

    @extend_schema(request=None, responses=PersonOut)
    @action(detail=True, methods=["post"], filterset_class=None)
    def activate(self, request: Request, username: str) -> Response:
        """Activate an account again. 409 if it is active."""
        actions.activate(self.get_object(), by=actor_of(request))
        return self._shown()

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, username: str) -> Response:
        """Delete an inactive account that never did anything. 400 for every other."""
        actions.delete(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="sign-out", filterset_class=None)
    def sign_out(self, request: Request, username: str) -> Response:
        """Sign someone out everywhere. API tokens keep working."""
        actions.sign_out(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path="second-factor", filterset_class=None)
    def second_factor(self, request: Request, username: str) -> Response:
        """Remove the two-step sign-in and passkeys of someone who lost them. 400 if they have none."""
        actions.reset_second_factor(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={201: PasswordLinkOut})
    @action(detail=True, methods=["post"], url_path="password-link", filterset_class=None)
    def password_link(self, request: Request, username: str) -> Response:
        """Create a link that sets a new password. It’s mailed, or returned if mail doesn’t reach them."""
        link = actions.make_password_link(self.get_object(), by=actor_of(request))
        answer = Response(PasswordLinkOut(link._asdict()).data, status=status.HTTP_201_CREATED)
        add_never_cache_headers(answer)
        return answer
