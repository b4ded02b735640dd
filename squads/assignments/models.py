"""Who works on a story.

Packages import only downwards, and stories lie above this one: the story is declared by name.
"""

from django.conf import settings
from django.db import models


class Assignment(models.Model):
    """A person who is to do a story, and who said so. Whoever somebody else assigned has seen it or not."""

    story = models.ForeignKey("squads.Story", on_delete=models.CASCADE, related_name="assignments")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, help_text="when they saw that someone else assigned them")

    class Meta:
        app_label = "squads"
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["story", "person"], name="assignment_once")]
        indexes = [
            models.Index(fields=["person"], condition=models.Q(seen_at__isnull=True), name="assignment_unseen"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} on {self.story_id}"
