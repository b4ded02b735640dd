"""Imports from files, and issues of trackers that stories came from."""

import hashlib
import json

from django.conf import settings
from django.db import models

from squads.stories.models import Story
from squads.teams.models import Squad


class Import(models.Model):
    """An uploaded file, stored from its preview until it is imported, and the report of its import."""

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

    @property
    def reading(self) -> str:
        """A digest of kind and mapping, which tells whether somebody changed them since a preview."""
        content = json.dumps([self.kind, self.mapping], sort_keys=True)
        return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16]


class Ticket(models.Model):
    """The tracker's issue that a story came from, as it was last seen there. Its state moves no story.

    `said` holds the tracker's last values of the story's fields: a field that still has that value follows the tracker,
    one with another value was edited by a person here and stays.
    """

    class State(models.TextChoices):
        OPEN = "open", "open"
        CLOSED = "closed", "closed"
        MOVED = "moved", "moved"
        DELETED = "deleted", "deleted"

    story = models.OneToOneField(Story, on_delete=models.CASCADE, related_name="ticket")
    key = models.CharField(max_length=200, unique=True, help_text="such as github:shop/checkout#7")
    system = models.CharField(max_length=40, help_text="the tracker's name")
    url = models.CharField(max_length=1000, blank=True)
    author = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    since = models.DateTimeField(null=True, help_text="since when; empty if it was always open")
    moved_to = models.CharField(max_length=1000, blank=True)
    said = models.JSONField(default=dict)
    seen_at = models.DateTimeField(help_text="when the tracker last changed it")

    class Meta:
        app_label = "squads"
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key

    @property
    def name(self) -> str:
        """What it is called there: shop/checkout#7."""
        return self.key.partition(":")[2]
