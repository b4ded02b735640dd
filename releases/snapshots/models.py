"""Evidence snapshots: the whole judgement of a release, as it was at one moment."""

import uuid
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.urls import reverse

from portal.kernel import clock
from releases.gates.readiness import VERDICTS
from releases.planning.models import Release


class Kept(Exception):
    """A snapshot is never changed."""


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Snapshots are created and read. The database refuses changes too (see the migration that made the table)."""

    def update(self, **_: Any) -> NoReturn:
        """Refuse."""
        raise Kept("Snapshots are never changed. Take another one.")


class Snapshot(models.Model):
    """What was known and judged of a release. It outlives the release, so it only names it.

    `document` is JSON in one fixed form (documents.py); `sha256` is the digest of its bytes in UTF-8.
    """

    class Reason(models.TextChoices):
        BEGAN = "began", "when it began to go out"
        SHIPPED = "shipped", "when it went out"
        SAID = "said", "when somebody said that it’s out"
        BY_HAND = "by_hand", "by hand"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.UUIDField(db_index=True)
    release_name = models.CharField(max_length=340)
    release_slug = models.CharField(max_length=340)
    reason = models.CharField(max_length=7, choices=Reason)
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=9, choices=list(VERDICTS.items()))
    sentence = models.TextField()
    document = models.TextField()
    sha256 = models.CharField(max_length=64, unique=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        app_label = "releases"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"snapshot of {self.release_name}, {self.at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Create it. Raises Kept for one that is there already."""
        if not self._state.adding:
            raise Kept("Snapshots are never changed. Take another one.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def get_absolute_url(self) -> str:
        return reverse("releases:snapshots:detail", args=[self.sha256])


class Shipping(models.Model):
    """A release was noticed to go out to production, or back from it: a row for each time. Never edited.

    `shipped_at` is when that was, by what deployments or people say; None: nothing tells. `why_not` says why no snapshot was
    taken then.
    """

    class Moment(models.TextChoices):
        BEGAN = "began", "a part of it is in production"
        OUT = "out", "all of it is in production"
        BACK = "back", "nothing of it is in production any more"
        SAID = "said", "somebody said that it’s out"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="shippings", db_index=False)
    moment = models.CharField(max_length=5, choices=Moment)
    shipped_at = models.DateTimeField(null=True)
    noticed_at = models.DateTimeField(default=clock.now)
    why_not = models.TextField(blank=True)

    class Meta:
        app_label = "releases"
        ordering = ["pk"]
        indexes = [models.Index(fields=["release", "id"], name="shipping_of_release")]

    def __str__(self) -> str:
        return f"{self.release}: {self.get_moment_display()}"
