"""Repositories, the changes in them, the stories those name, and the CI runs that built them."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models

from portal.kernel.names import FoldedNameField
from portal.kernel.stable_ids import stable_id
from releases.pipelines.querysets import RunQuerySet, StoryLinkQuerySet
from squads.models import Service, Story


class Phase(models.TextChoices):
    """How far something got. Its outcome is a separate field."""

    QUEUED = "queued", "queued"
    WAITING = "waiting", "waiting"
    RUNNING = "running", "running"
    FINISHED = "finished", "finished"


class Outcome(models.TextChoices):
    """How something ended; empty until it has."""

    SUCCESS = "success", "success"
    WARNING = "warning", "warning"
    FAILURE = "failure", "failure"
    ERROR = "error", "error"
    CANCELLED = "cancelled", "cancelled"
    SKIPPED = "skipped", "skipped"
    UNKNOWN = "unknown", "unknown"


class Repository(models.Model):
    """A repository of a service. One that is known from events only has no service until a squad claims it."""

    key = models.CharField(max_length=250, unique=True, help_text="Its name in events, such as shop/checkout.")
    folded = FoldedNameField(of="key")
    url = models.CharField(max_length=1000, blank=True)
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.SET_NULL, related_name="repositories")

    class Meta:
        app_label = "releases"
        verbose_name_plural = "repositories"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key


class RepositoryPart(models.Model):
    """A monorepo path: a folder that belongs to a service of its own. Other folders belong to the repository's service."""

    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="parts")
    prefix = models.CharField(
        max_length=250, help_text="A folder from the repository's root, such as services/checkout."
    )
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="parts")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "releases"
        ordering = ["repository", "prefix"]
        constraints = [models.UniqueConstraint(fields=["repository", "prefix"], name="part_once")]

    def __str__(self) -> str:
        return f"{self.repository}: {self.prefix}"


class Mainline(models.Model):
    """Derived. The mainline's branch and head in the newest pull of a repository; its tags are in the event."""

    repository = models.OneToOneField(Repository, primary_key=True, on_delete=models.CASCADE, related_name="mainline")
    branch = models.CharField(max_length=250, blank=True)
    head = models.CharField(max_length=64, blank=True)
    seen_at = models.DateTimeField()
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"

    def __str__(self) -> str:
        return f"{self.branch} of {self.repository}"


class Change(models.Model):
    """Derived. A commit read from git, or one that only other events named so far.

    `position` numbers the mainline's own commits (first parents) from its root; `landed` is the position of the first
    of them that contains this one, so "X is contained in mainline commit C" is `X.landed <= C.position`.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="changes")
    sha = models.CharField(max_length=100)
    parents = models.TextField(blank=True, help_text="shas, separated by spaces")
    known = models.BooleanField(default=False, help_text="read from git, so its parents are known")
    is_merge = models.BooleanField(default=False)
    author = models.CharField(max_length=200, blank=True)
    authored_at = models.DateTimeField(null=True)
    committed_at = models.DateTimeField(null=True)
    subject = models.CharField(max_length=300, blank=True)
    merged_at = models.DateTimeField(null=True, help_text="when an event said it was merged")
    url = models.CharField(max_length=1000, blank=True)
    commits = models.JSONField(default=list, help_text="[sha, time] of each commit that a squash merge left out")
    paths = models.JSONField(default=list, help_text="folders it touches as git has them, cut to `depth` parts")
    depth = models.PositiveSmallIntegerField(default=0, help_text="0: git was not asked")
    told_paths = models.JSONField(default=list, help_text="files it touches, according to events")
    files = models.JSONField(default=list, help_text="files of the schema that it touches, according to git")
    files_asked = models.PositiveIntegerField(default=0, help_text="by how many patterns git was asked; 0: not asked")
    schema_kind = models.CharField(max_length=8, blank=True, help_text="what its message calls its schema change")
    patch = models.CharField(max_length=64, blank=True, help_text="git's patch-id; empty: not asked, or a merge")
    undoes = models.CharField(max_length=64, blank=True, help_text="the patch-id that this commit undoes exactly")
    position = models.IntegerField(null=True)
    landed = models.IntegerField(null=True)
    told_at = models.DateTimeField(null=True, help_text="when the first event about it arrived, except from git")
    lost = models.BooleanField(default=False, help_text="read from git once, and now on neither mainline nor tag")
    release = models.ForeignKey("releases.Release", null=True, on_delete=models.SET_NULL, related_name="changes")
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["-committed_at", "id"]
        constraints = [models.UniqueConstraint(fields=["repository", "sha"], name="change_once")]
        indexes = [
            models.Index(fields=["sha"], name="change_sha"),
            models.Index(fields=["repository", "landed"], name="change_landed"),
            models.Index(fields=["release", "-committed_at"], name="change_release"),
            models.Index(fields=["patch"], condition=~models.Q(patch=""), name="change_patch"),
            models.Index(fields=["undoes"], condition=~models.Q(undoes=""), name="change_undoes"),
        ]

    def __str__(self) -> str:
        return self.sha[:8]


class ChangeRelation(models.Model):
    """Derived. What a commit's message, or an event about it, says of other commits (providers/commit_relations.py)."""

    id = models.UUIDField(primary_key=True, editable=False)
    change = models.ForeignKey(Change, on_delete=models.CASCADE, related_name="relations")
    kind = models.CharField(max_length=16)
    target = models.CharField(max_length=300)
    by_git = models.BooleanField(help_text="git's own message says so, not an event")
    is_short = models.BooleanField(help_text="the target is the beginning of a sha")

    class Meta:
        app_label = "releases"
        constraints = [
            models.UniqueConstraint(fields=["change", "kind", "target", "by_git"], name="change_relation_once")
        ]
        indexes = [
            models.Index(fields=["target", "kind"], name="change_relation_target"),
            models.Index(fields=["change"], condition=models.Q(is_short=True), name="change_relation_short"),
        ]

    def __str__(self) -> str:
        return f"{self.change_id} {self.kind} {self.target}"


class StoryLink(models.Model):
    """A change names a story. `rule` says where; with a `mention` the link is for reading only, and no evidence.

    Links made or refused by a person are never overwritten. A closed issue ("#7") has a link as well, without a story.
    """

    class Rule(models.TextChoices):
        MESSAGE = "message", "named in the commit message"
        PULL_REQUEST = "pull_request", "named in the title of the pull request"
        DESCRIPTION = "description", "named in the description of the pull request"
        BRANCH = "branch", "named in the branch"
        EVENT = "event", "named in the event"
        PERSON = "person", "linked by a person"

    class Mention(models.TextChoices):
        """Why a link is for reading only."""

        DESCRIPTION = "description", "mentioned in a description"
        QUOTED = "quoted", "mentioned in quoted lines"
        BOT = "bot", "mentioned by a bot"
        REPOSITORY = "repository", "in a repository that isn’t allowed to use the squad’s keys"
        HINT = "hint", "looks like its key"
        NOTHING = "nothing", "only looks like a key"

    # A stable id of change and key: a rebuild makes the same row again.
    id = models.UUIDField(primary_key=True, editable=False)
    # No constraint: a replay of the inbox deletes the derived change for a while, and a person's link must survive that.
    change = models.ForeignKey(Change, on_delete=models.DO_NOTHING, db_constraint=False, related_name="links")
    key = models.CharField(max_length=20)
    story = models.ForeignKey(Story, null=True, on_delete=models.SET_NULL, related_name="change_links")
    rule = models.CharField(max_length=12, choices=Rule)
    mention = models.CharField(
        max_length=12, choices=Mention, blank=True, default="", help_text="empty: part of the story"
    )
    # Where the key stands, as lists of `story_keys.Naming`: what git itself says, and what events tell.
    git_named = models.JSONField(default=list)
    told_named = models.JSONField(default=list)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    refused = models.BooleanField(default=False, help_text="unlinked by a person")
    linked_at = models.DateTimeField(null=True, help_text="when a person linked it")

    objects = StoryLinkQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        constraints = [models.UniqueConstraint(fields=["change", "key"], name="link_once")]
        indexes = [
            models.Index(fields=["key"], name="link_key"),
            models.Index(fields=["story", "change"], name="link_story"),
        ]

    def __str__(self) -> str:
        return f"{self.change_id} → {self.key}"

    def save(self, *args: Any, **options: Any) -> None:
        """Save the link under its stable id."""
        self.pk = self.stable_id_of(self.change_id, self.key)
        super().save(*args, **options)

    @staticmethod
    def stable_id_of(change: UUID, key: str) -> UUID:
        """Return the stable id of the link from a change to a story's key."""
        return stable_id("link", change, key)


class RequiredPipelines(models.Model):
    """A rule of a service: the pipelines that must be green on a commit before it counts as integrated.

    Without one, all runs of a commit that a push, a merge queue or a tag started count together.
    """

    service = models.OneToOneField(
        Service, primary_key=True, on_delete=models.CASCADE, related_name="required_pipelines"
    )
    names = models.JSONField(default=list, help_text="pipeline names; upper and lower case don't matter")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        ordering = ["service"]

    def __str__(self) -> str:
        return f"{self.service}: {', '.join(self.names)}"


class Run(models.Model):
    """Derived. A CI run: one execution of a pipeline for a commit. Each attempt at one is a row."""

    id = models.UUIDField(primary_key=True, editable=False)
    key = models.CharField(max_length=300)
    repository = models.ForeignKey(Repository, null=True, on_delete=models.CASCADE, related_name="runs")
    service = models.ForeignKey(Service, null=True, on_delete=models.SET_NULL, related_name="runs")
    pipeline = models.CharField(max_length=250, blank=True)
    sha = models.CharField(max_length=100, blank=True)
    branch = models.CharField(max_length=250, blank=True)
    trigger = models.CharField(max_length=12, blank=True, help_text="what started it; empty if unknown")
    artifact = models.ForeignKey("releases.Artifact", null=True, on_delete=models.SET_NULL, related_name="runs")
    phase = models.CharField(max_length=10, choices=Phase)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    raw_status = models.CharField(max_length=250, blank=True, help_text="the provider's own")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=1000, blank=True)
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    objects = RunQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-finished_at", "id"]
        indexes = [
            models.Index(fields=["repository", "outcome", "finished_at"], name="run_repository"),
            models.Index(fields=["service", "finished_at"], name="run_service"),
            models.Index(fields=["sha"], name="run_sha"),
            models.Index(fields=["branch"], name="run_branch"),
        ]

    def __str__(self) -> str:
        return f"{self.pipeline or 'run'} {self.key}"


class TagMove(models.Model):
    """Derived. A tag of a repository was seen where it was not before: it was made, or moved. The last one is where it is."""

    id = models.UUIDField(primary_key=True, editable=False)
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="tag_moves")
    name = models.CharField(max_length=250)
    sha = models.CharField(max_length=64)
    tagged_at = models.DateTimeField(help_text="tagger date, else committer date of the commit")
    seen_at = models.DateTimeField(help_text="when a pull first saw it there")
    event = models.ForeignKey("releases.InboundEvent", on_delete=models.PROTECT, related_name="+")

    class Meta:
        app_label = "releases"
        ordering = ["seen_at", "id"]

    def __str__(self) -> str:
        return f"{self.name} at {self.sha[:7]}"


class Tag(models.Model):
    """Derived. A tag that is a release by its source's tag rules."""

    id = models.UUIDField(primary_key=True, editable=False)
    repository = models.ForeignKey(Repository, on_delete=models.CASCADE, related_name="tags")
    name = models.CharField(max_length=250)
    sha = models.CharField(max_length=64)
    tagged_at = models.DateTimeField(help_text="tagger date, else committer date of the commit")
    release = models.ForeignKey("releases.Release", on_delete=models.CASCADE, related_name="tags")

    class Meta:
        app_label = "releases"
        constraints = [models.UniqueConstraint(fields=["repository", "name"], name="tag_once")]

    def __str__(self) -> str:
        return self.name
