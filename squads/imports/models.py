"""Work brought in from elsewhere."""

from django.conf import settings
from django.db import models

from squads.teams.models import Squad


class Import(models.Model):
    """A file somebody brought: kept from its preview until it was imported, with what came of it."""

    class State(models.TextChoices):
        PREVIEW = "preview", "preview"
        DONE = "done", "done"

    squad = models.ForeignKey(Squad, on_delete=models.CASCADE, related_name="imports")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=10, help_text="csv, jira, trello, taiga or github")
    name = models.CharField(max_length=200, help_text="the file's name")
    body = models.BinaryField()
    mapping = models.JSONField(default=dict, help_text="our field by the file's column")
    state = models.CharField(max_length=8, choices=State, default=State.PREVIEW)
    report = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "squads"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.kind} import of {self.name}"
