"""Sources and events over the API; the same verbs as the pages call. Secrets never leave."""

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.kernel.actors import actor_of
from portal.kernel.api import Chosen, Endpoint, named_by
from portal.kernel.request_fields import Body
from releases.inbox.models import Source
from releases.providers.zones import ZONE
from releases.sources import actions as sources
from releases.sources import connect_git, connect_system, git_preview
from squads.models import Squad

STORIES_FOR = "The squad that gets its issues as stories. Null for none."
STORIES_LABEL = "Only issues with this label become stories."


class SourceOut(serializers.ModelSerializer):
    """A source without its secrets. `config` has its settings, such as which tags are releases."""

    repository = named_by("key", allow_null=True)
    squad = named_by("slug", allow_null=True)
    stories_for = named_by("slug", allow_null=True)
    has_secret = serializers.SerializerMethodField()
    config = serializers.JSONField(read_only=True)
    progress = serializers.JSONField(read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Source
        fields = [
            "key",
            "name",
            "kind",
            "state",
            "repository",
            "squad",
            "config",
            "has_secret",
            "created_at",
            "next_pull_at",
            "last_pull_at",
            "last_success_at",
            "progress",
            "last_error",
            "error_detail",
            "failures",
            "waits_for",
            "stories_for",
            "stories_label",
            "stories_since",
            "url",
        ]
        read_only_fields = fields

    def get_has_secret(self, source: Source) -> bool:
        return bool(source.secret or source.credential)


class GitIn(Body):
    """A git repository to connect. Send it again with the same address to change its settings."""

    url = serializers.CharField(
        max_length=1000, help_text="https://…, ssh://…, git@host:path, or a path on the server."
    )
    service = serializers.CharField(max_length=120, help_text="The service in this repository.")
    squad = Chosen(slug_field="slug", queryset=Squad.objects.all())
    release_tags = serializers.CharField(max_length=200, required=False, allow_blank=True, help_text="Such as v*.")
    deploys_to = serializers.CharField(
        max_length=120,
        required=False,
        allow_blank=True,
        help_text="The environment that a release tag deploys to, if any.",
    )
    branch = serializers.CharField(max_length=250, required=False, allow_blank=True)
    line = serializers.CharField(max_length=120, required=False, allow_blank=True)
    secret = serializers.CharField(max_length=1000, required=False, allow_blank=True, write_only=True)
    user = serializers.CharField(max_length=120, required=False, allow_blank=True)
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    repository = serializers.CharField(max_length=250, required=False, allow_blank=True)


class GitPreviewIn(GitIn):
    """The same as to connect it, but you can leave out the service."""

    service = serializers.CharField(max_length=120, required=False, allow_blank=True)


class TouchedStoryOut(serializers.Serializer):
    """A story that the history mentions."""

    key = serializers.CharField(source="story.key")
    title = serializers.CharField(source="story.title")
    squad = serializers.CharField(source="story.squad.slug")
    stage = serializers.CharField(source="story.stage")
    changes = serializers.IntegerField(help_text="How many changes would be part of it.")
    mentions = serializers.IntegerField(help_text="How many changes would only mention it.")
    newest = serializers.CharField(help_text="The newest of these changes.")
    withdraws = serializers.BooleanField(
        help_text="Whether it is in production now, but won't count as deployed until these changes are."
    )


class GitPreviewOut(serializers.Serializer):
    """The stories that connecting a repository would change. Nothing is saved."""

    repository = serializers.CharField()
    commits = serializers.IntegerField()
    whole = serializers.BooleanField(help_text="Whether all commits were read.")
    stories = TouchedStoryOut(many=True)
    more = serializers.IntegerField(help_text="How many more stories there are after the first 200.")
    withdrawn = serializers.IntegerField(help_text="How many of the listed stories would be withdrawn.")


class PushIn(Body):
    """A source that sends its events to Rodeo."""

    kind = serializers.ChoiceField(sources.PUSH_KINDS)
    name = serializers.CharField(max_length=120)
    repository = serializers.CharField(max_length=250, required=False, allow_blank=True)
    zone = serializers.CharField(max_length=60, required=False, allow_blank=True, help_text=ZONE.help)


class SystemIn(Body):
    """A system to connect. docs/providers lists the settings of each kind."""

    kind = serializers.ChoiceField(connect_system.SYSTEM_KINDS)
    name = serializers.CharField(max_length=120)
    url = serializers.CharField(max_length=1000, required=False, allow_blank=True, help_text="The address to poll.")
    asked = serializers.BooleanField(required=False, default=True, help_text="Whether to poll it every few minutes.")
    credential = serializers.CharField(max_length=8000, required=False, allow_blank=True, write_only=True)
    secret = serializers.CharField(
        max_length=1000,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="Leave it out and Rodeo creates one.",
    )
    squad = Chosen(slug_field="slug", queryset=Squad.objects.all(), required=False, allow_null=True)
    settings = serializers.DictField(required=False)
    stories_for = Chosen(
        slug_field="slug", queryset=Squad.objects.all(), required=False, allow_null=True, help_text=STORIES_FOR
    )
    stories_label = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text=STORIES_LABEL)


class SystemChange(Body):
    """The fields of a source to change. Fields you leave out stay as they are, including secrets."""

    instead = {
        "state": "POST …/pause/ and POST …/resume/ do that.",
        "kind": "Connect another source for another kind.",
    }

    name = serializers.CharField(max_length=120, required=False)
    url = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    asked = serializers.BooleanField(required=False)
    credential = serializers.CharField(max_length=8000, required=False, write_only=True)
    secret = serializers.CharField(max_length=1000, required=False, write_only=True)
    squad = Chosen(slug_field="slug", queryset=Squad.objects.all(), required=False, allow_null=True)
    settings = serializers.DictField(required=False)
    stories_for = Chosen(
        slug_field="slug", queryset=Squad.objects.all(), required=False, allow_null=True, help_text=STORIES_FOR
    )
    stories_label = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text=STORIES_LABEL)


class SeenOut(serializers.Serializer):
    """What Rodeo can see in a system."""

    seen = serializers.ListField(child=serializers.CharField())


class PushOut(serializers.Serializer):
    """A source and its new token. The token is shown only once."""

    source = SourceOut()
    token = serializers.CharField()


class SourceFilter(django_filters.FilterSet):
    """?text= looks in names."""

    text = django_filters.CharFilter(field_name="name", lookup_expr="icontains")

    class Meta:
        model = Source
        fields = ["kind", "state"]


class Sources(mixins.ListModelMixin, mixins.RetrieveModelMixin, Endpoint):
    """Sources: connections to other systems."""

    marks = dict.fromkeys(
        (
            "git",
            "git_preview",
            "push",
            "pull",
            "system",
            "partial_update",
            "test",
            "secret",
            "pause",
            "resume",
            "destroy",
        ),
        "administrators",
    )
    without_fields = frozenset({"pull", "test", "secret", "pause", "resume"})
    serializer_class = SourceOut
    lookup_field = "key"
    filterset_class = SourceFilter

    def get_queryset(self) -> QuerySet[Source]:
        return Source.objects.select_related("repository", "squad", "stories_for").order_by("name", "pk")

    @extend_schema(request=GitIn, responses={201: SourceOut, 200: SourceOut})
    @action(detail=False, methods=["post"], filterset_class=None)
    def git(self, request: Request) -> Response:
        """Connect a git repository (201), or change the settings of a connected one (200)."""
        sources.check_administrator(request.user)
        serializer = GitIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        source, new = connect_git.connect_git(by=actor_of(request), **serializer.validated_data)
        return Response(SourceOut(source).data, status=status.HTTP_201_CREATED if new else status.HTTP_200_OK)

    @extend_schema(request=GitPreviewIn, responses={200: GitPreviewOut})
    @action(detail=False, methods=["post"], filterset_class=None, url_path="git/preview")
    def git_preview(self, request: Request) -> Response:
        """Preview which stories connecting a git repository would change. Nothing is saved."""
        sources.check_administrator(request.user)
        serializer = GitPreviewIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        rules = ("release_tags", "deploys_to", "branch", "line", "user")
        connect_git.validate_rules(**{name: data[name] for name in rules if name in data})
        read = ("url", "squad", "branch", "secret", "user", "repository")
        preview = git_preview.preview_git(by=actor_of(request), **{name: data[name] for name in read if name in data})
        return Response(GitPreviewOut(preview).data)

    @extend_schema(request=PushIn, responses={201: PushOut})
    @action(detail=False, methods=["post"], filterset_class=None)
    def push(self, request: Request) -> Response:
        """Create a source for a system that sends events. The answer has its token, shown only once."""
        sources.check_administrator(request.user)
        serializer = PushIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        source, token = sources.create_push_source(by=actor_of(request), **serializer.validated_data)
        return Response({"source": SourceOut(source).data, "token": token}, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses={202: SourceOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def pull(self, request: Request, key: str) -> Response:
        """Pull a source within seconds."""
        sources.check_administrator(request.user)
        source = self.get_object()
        sources.pull_soon(source)
        source.refresh_from_db()
        return Response(SourceOut(source).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=SystemIn, responses={201: PushOut})
    @action(detail=False, methods=["post"], filterset_class=None)
    def system(self, request: Request) -> Response:
        """Connect a system. The answer has the secret for its events, shown only once."""
        sources.check_administrator(request.user)
        serializer = SystemIn(data=request.data)
        serializer.is_valid(raise_exception=True)
        source, token = connect_system.connect_system(by=actor_of(request), **serializer.validated_data)
        return Response({"source": SourceOut(source).data, "token": token}, status=status.HTTP_201_CREATED)

    @extend_schema(request=SystemChange, responses={200: SourceOut})
    def partial_update(self, request: Request, key: str) -> Response:
        """Change a source. To change a git repository, connect it again."""
        sources.check_administrator(request.user)
        source = self.get_object()
        present = {"present": lambda: SourceOut(source).data}
        serializer = SystemChange(data=request.data, context=present)
        serializer.is_valid(raise_exception=True)
        kept = {name: source.config[name] for name in source.config if name != "url"}
        before = {
            "name": source.name,
            "url": source.config.get("url", ""),
            "asked": bool(source.config.get("url")),
            "squad": source.squad,
            "settings": kept,
            "stories_for": source.stories_for,
            "stories_label": source.stories_label,
        }
        now = {**before, **serializer.validated_data}
        if now["stories_for"] is None and "stories_label" not in serializer.validated_data:
            now["stories_label"] = ""
        source = connect_system.edit_system(source, by=actor_of(request), **now)
        return Response(SourceOut(source).data)

    @extend_schema(request=None, responses={200: SeenOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def test(self, request: Request, key: str) -> Response:
        """Test a source: list what Rodeo can see there."""
        sources.check_administrator(request.user)
        return Response({"seen": connect_system.check_access(self.get_object(), by=actor_of(request))})

    @extend_schema(request=None, responses={200: PushOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def secret(self, request: Request, key: str) -> Response:
        """Create a new secret, shown only once. The old one works for another day, but not for report sources."""
        sources.check_administrator(request.user)
        source = self.get_object()
        token = connect_system.rotate_secret(source, by=actor_of(request), at_once=source.kind == "report")
        return Response({"source": SourceOut(source).data, "token": token})

    @extend_schema(request=None, responses={200: SourceOut})
    @action(detail=True, methods=["post"], filterset_class=None)
    def pause(self, request: Request, key: str) -> Response:
        """Pause a source. Its events stay, and a running pull is stopped."""
        sources.check_administrator(request.user)
        source = self.get_object()
        sources.pause(source, by=actor_of(request))
        return Response(SourceOut(source).data)

    @extend_schema(request=None, responses={200: SourceOut})
    @pause.mapping.delete
    def resume(self, request: Request, key: str) -> Response:
        """Resume a paused or broken source. If Rodeo polls it, it does so at once."""
        sources.check_administrator(request.user)
        source = self.get_object()
        sources.resume(source, by=actor_of(request))
        return Response(SourceOut(source).data)

    @extend_schema(request=None, responses={204: None})
    def destroy(self, request: Request, key: str) -> Response:
        """Delete a source that has no events. One with events can only be paused, because evidence depends on them."""
        sources.check_administrator(request.user)
        sources.remove(self.get_object(), by=actor_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
