"""Releases: what goes out together."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.versions import LONGEST_KEY, version_key
from releases.planning.querysets import ReleaseQuerySet

LONGEST_GOAL = 2000


class VersionKeyField(models.CharField):
    """The text by which a release's version sorts: it follows from the version whenever a release is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return what is written: the key of the version as it is now."""
        key = version_key(model_instance.version)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, key)
        return key


class Release(models.Model):
    """A named set of stories and changes going out together. Its version is text: 5.10 is not 5.1."""

    class Origin(models.TextChoices):
        PERSON = "person", "created by a person"
        TAG = "tag", "found as a tag"

    # One found as a tag has the identity of its line and version: it is the same release after the inbox is replayed.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.CharField(max_length=200, help_text="Kept as written: 5.10 is not 5.1.")
    line = models.CharField(
        max_length=120,
        blank=True,
        help_text="A product or service, for example. Leave empty for a company-wide release.",
    )
    version_key = VersionKeyField(max_length=LONGEST_KEY, editable=False, default="")
    slug = models.CharField(max_length=340, unique=True, editable=False)
    origin = models.CharField(max_length=6, choices=Origin, default=Origin.PERSON, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_releases",
        help_text="Who makes sure it goes out.",
    )
    goal = models.TextField(
        max_length=LONGEST_GOAL, blank=True, help_text="What the release is for, in a sentence or two."
    )
    notes = models.TextField(blank=True)
    planned_for = models.DateField(
        "target date", null=True, blank=True, help_text="The day it’s planned to go out, in your company’s time zone."
    )
    # What a person said, or else the newest of its tags.
    released_at = models.DateTimeField(
        null=True, blank=True, help_text="When it went out; not in the future. A tag alone doesn’t mean it’s out."
    )
    is_out = models.BooleanField(
        default=False,
        editable=False,
        help_text="whether a person said that it went out; a tag alone says it of none: a candidate has one too",
    )
    revision = models.PositiveIntegerField(default=1, editable=False, help_text="counts what people changed about it")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    abandoned_at = models.DateTimeField(null=True, editable=False)
    abandoned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    abandoned_because = models.TextField(blank=True, default="", editable=False)

    # Derived from its tags and changes by releases.planning.tags; lead times are seconds from author date to tag.
    tagged_at = models.DateTimeField(null=True, editable=False)
    commits = models.PositiveIntegerField(default=0, editable=False)
    non_merge_commits = models.PositiveIntegerField(default=0, editable=False)
    lead_time_median = models.FloatField(null=True, editable=False)
    lead_time_p90 = models.FloatField(null=True, editable=False)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        constraints = [
            models.UniqueConstraint(fields=["line", "version"], name="release_once"),
            models.CheckConstraint(condition=Q(is_out=False) | Q(released_at__isnull=False), name="release_out_since"),
        ]
        indexes = [models.Index(fields=["released_at"], name="release_released_at")]

    def __str__(self) -> str:
        return f"{self.line} {self.version}".strip()

    def get_absolute_url(self) -> str:
        return reverse("releases:planning:board", args=[self.slug])


class FormerName(models.Model):
    """What a release was called before: its old address leads to it, and tags of its old version are still its own."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="former_names")
    slug = models.CharField(max_length=340, unique=True)
    line = models.CharField(max_length=120, blank=True)
    version = models.CharField(max_length=200)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.slug}, now {self.release}"
