"""What was planned for which release, since when, and by whom."""

from django.conf import settings
from django.db import models


class ScopeChange(models.Model):
    """A story came into a release, went out of it, or went from one to another. Never edited.

    What counts is what the release ships: a story that is cancelled goes out, and comes in again when it is reopened. It
    belongs to the story itself, so it stays right when the story gets another key.
    """

    class How(models.TextChoices):
        CREATED = "created", "planned when it was created"
        PLANNED = "planned", "planned"
        IMPORTED = "imported", "imported"
        CANCELLED = "cancelled", "cancelled"
        DUPLICATE = "duplicate", "closed as a duplicate"
        REOPENED = "reopened", "reopened"
        RENAMED = "renamed", "the tag belongs to another release"
        EARLIER = "earlier", "from before scope changes were recorded"

    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="scope_changes")
    # Declared by name: squads never reads a release, it only names one (docs/adr/0002).
    from_release = models.ForeignKey(
        "releases.Release", null=True, on_delete=models.SET_NULL, related_name="scope_losses", db_index=False
    )
    to_release = models.ForeignKey(
        "releases.Release", null=True, on_delete=models.SET_NULL, related_name="scope_gains", db_index=False
    )
    at = models.DateTimeField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    how = models.CharField(max_length=10, choices=How)

    class Meta:
        app_label = "squads"
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["from_release", "at"], name="scope_from_release"),
            models.Index(fields=["to_release", "at"], name="scope_to_release"),
        ]

    def __str__(self) -> str:
        return f"{self.story_id}: {self.from_release_id or 'no release'} → {self.to_release_id or 'no release'}"
