"""Release notes, as they are and as they were."""

from django.conf import settings
from django.db import models

from portal.kernel import clock
from releases.planning.models import Release


class ReleaseNotes(models.Model):
    """The notes of one release. `generated` is what was last made of its stories, `text` what people made of that."""

    release = models.OneToOneField(Release, primary_key=True, on_delete=models.CASCADE, related_name="release_notes")
    generated = models.TextField(blank=True)
    text = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    generated_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        verbose_name_plural = "release notes"

    def __str__(self) -> str:
        return f"notes of {self.release}"


class NotesVersion(models.Model):
    """The notes of a release as they once were: who made them so, when, and by what."""

    class Made(models.TextChoices):
        GENERATED = "generated", "generated"
        EDITED = "edited", "edited"

    notes = models.ForeignKey(ReleaseNotes, on_delete=models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    made = models.CharField(max_length=9, choices=Made)
    # What people and generating both changed, where people's lines stayed: [before, edited, generated], each some lines.
    differences = models.JSONField(default=list)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    because = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["notes", "version"], name="notes_version_once")]

    def __str__(self) -> str:
        return f"{self.notes}, version {self.version}"
