"""Links to releases over the API; the same verbs as the pages call."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework import serializers

from portal.kernel.actors import actor_of
from portal.kernel.api import Secrets, named_by, secrets_schema
from portal.kernel.request_fields import Body
from releases.planning.models import Release
from releases.sharing import actions, queries
from releases.sharing.models import ReleaseLink
from releases.sharing.views import address_of
from squads.teams.permissions import check_planner


class ReleaseLinkOut(serializers.ModelSerializer):
    """A read-only link to a release. `start` is how its secret begins; `revoked_at` and `expires_at` say until when it works."""

    release = named_by("slug")
    created_by = named_by("username")
    revoked_by = named_by("username", allow_null=True)

    class Meta:
        model = ReleaseLink
        fields = [
            "id",
            "release",
            "name",
            "shows",
            "start",
            "created_by",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
            "revoked_by",
        ]
        read_only_fields = fields


class NewReleaseLinkOut(ReleaseLinkOut):
    """A new link, with its address, which is shown only once."""

    url = serializers.SerializerMethodField()

    class Meta(ReleaseLinkOut.Meta):
        fields = [*ReleaseLinkOut.Meta.fields, "url"]
        read_only_fields = fields

    def get_url(self, link: ReleaseLink) -> str:
        return address_of(self.context["secret"])


class ReleaseLinkIn(Body):
    """Who a link is for, and when it expires."""

    name = serializers.CharField(max_length=80, required=False, allow_blank=True)
    shows = serializers.ChoiceField(choices=ReleaseLink.Shows.choices, default=ReleaseLink.Shows.BOARD)
    days = serializers.ChoiceField(choices=list(actions.LIFETIMES))


@secrets_schema(
    ReleaseLinkIn,
    NewReleaseLinkOut,
    operation="releases_links",
    create="Create a link. The answer has its address, shown only once.",
    destroy="Revoke a link. It stays in the list.",
)
class ReleaseLinks(Secrets):
    """Read-only links to a release, for people without an account. For people who can edit the release."""

    marks = {"list": "planners", "create": "planners", "destroy": "planners"}
    serializer_class, body, shown_once = ReleaseLinkOut, ReleaseLinkIn, NewReleaseLinkOut
    queryset = ReleaseLink.objects.none()

    def get_queryset(self) -> QuerySet[ReleaseLink]:
        return queries.links_of(self.of())

    def of(self) -> Release:
        """Return the release, for whoever can edit it."""
        check_planner(self.request.user)
        return get_object_or_404(Release, slug=self.kwargs["slug"])

    def issue(self, of: Release, **said: Any) -> tuple[ReleaseLink, str]:
        """Create a link."""
        return actions.share(of, by=actor_of(self.request), **said)
