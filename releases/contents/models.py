"""What people say about what a release ships: chosen commits, kinds of schema changes, and the order of services."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models

from portal.kernel import clock
from portal.kernel.stable_ids import stable_id
from releases.pipelines.models import Change
from releases.planning.models import Release
from squads.models import Service


class ReleaseContent(models.Model):
    """What a person, or CI for one, chose that a release ships of a service. It counts before anything that is found."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="chosen_contents")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="chosen_contents")
    sha = models.CharField(max_length=100, blank=True, help_text="the commit to be deployed; empty: found")
    purl = models.CharField(max_length=500, blank=True, help_text="the artifact to be deployed; empty: found")
    configuration = models.CharField(max_length=200, blank=True, help_text="the version of configuration that ships")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1, help_text="the number of times it was chosen")

    class Meta:
        app_label = "releases"
        ordering = ["release", "service"]
        constraints = [models.UniqueConstraint(fields=["release", "service"], name="release_content_once")]

    def __str__(self) -> str:
        return f"{self.service} of {self.release}"


class SchemaPatterns(models.Model):
    """Which files are schema changes: of one service, or of the whole company (`service` is empty)."""

    service = models.OneToOneField(
        Service, null=True, blank=True, on_delete=models.CASCADE, related_name="schema_patterns"
    )
    patterns = models.JSONField(default=list)
    asked = models.PositiveIntegerField(default=0, help_text="how many patterns git is asked by to know these files")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    version = models.PositiveIntegerField(default=1, help_text="the number of edits")

    class Meta:
        app_label = "releases"
        verbose_name_plural = "schema patterns"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"schema patterns of {self.service or 'the company'}"


class AskedPattern(models.Model):
    """A pattern that git is asked by, after the default ones, for good: the files of a commit are known by the first so many.

    Its number is never given to another, so that what a commit was asked by stays true when people change their patterns.
    """

    number = models.PositiveIntegerField(primary_key=True)
    pattern = models.CharField(max_length=200, unique=True)

    class Meta:
        app_label = "releases"
        ordering = ["number"]

    def __str__(self) -> str:
        return self.pattern


class SchemaNaming(models.Model):
    """A person called one file of a change an expanding or a contracting schema change."""

    class Kind(models.TextChoices):
        EXPAND = "expand", "expand"
        CONTRACT = "contract", "contract"

    # A stable id of change and path: a rebuild finds it again.
    id = models.UUIDField(primary_key=True, editable=False)
    # No constraint: a replay of the inbox deletes the derived change for a while, and what a person said survives that.
    change = models.ForeignKey(Change, on_delete=models.DO_NOTHING, db_constraint=False, related_name="schema_namings")
    path = models.CharField(max_length=1000)
    kind = models.CharField(max_length=8, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["change", "path"]

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}"

    def save(self, *args: Any, **options: Any) -> None:
        """Save it under its stable id."""
        self.pk = self.stable_id_of(self.change_id, self.path)
        super().save(*args, **options)

    @staticmethod
    def stable_id_of(change: UUID, path: str) -> UUID:
        """Return the stable id of what a person says of a file of a change."""
        return stable_id("schema naming", change, path)


class DeployOrder(models.Model):
    """One service must be deployed before another, in every release that ships both."""

    first = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="deployed_before")
    then = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="deployed_after")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["first__name", "then__name"]
        constraints = [models.UniqueConstraint(fields=["first", "then"], name="deploy_order_once")]

    def __str__(self) -> str:
        return f"{self.first} before {self.then}"
