"""Views of a squad's board that people keep."""

from django.conf import settings
from django.db import models

from squads.teams.models import Squad


class SavedView(models.Model):
    """A filter of a squad's board under a name: one person's own, or shared with the squad."""

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, help_text="the query of the board's address")
    shared = models.BooleanField(default=False)

    class Meta:
        app_label = "squads"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["squad", "owner", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name
