"""Lists of stories that people keep under a name, and what was done to many stories at once."""

import uuid

from django.conf import settings
from django.db import models

from portal.kernel import clock
from squads.stories.models import Story


class StoryView(models.Model):
    """A filter and order of the list of all stories under a name. It is its owner's alone."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="story_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="the query of the list's address")
    is_default = models.BooleanField(default=False, help_text="whether its owner sees it first")

    class Meta:
        app_label = "squads"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="story_view_once"),
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(is_default=True), name="story_view_default_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ManyChange(models.Model):
    """What somebody did to many stories at once. It is kept for a while, so that it can be undone."""

    class Act(models.TextChoices):
        PLAN = "plan", "plan for a release"
        ASSIGN = "assign", "assign"
        UNASSIGN = "unassign", "unassign"
        LABEL = "label", "add a label"
        UNLABEL = "unlabel", "remove a label"
        PRIORITY = "priority", "set the priority"
        MOVE = "move", "move to a stage"
        SQUAD = "squad", "move to a squad"
        CANCEL = "cancel", "cancel"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    act = models.CharField(max_length=10, choices=Act)
    words = models.CharField(max_length=400, help_text="what became of the stories, such as “planned for Shop 5.10”")
    at = models.DateTimeField(default=clock.now)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "squads"
        ordering = ["-at", "id"]
        indexes = [models.Index(fields=["by", "-at"], name="many_change_by")]

    def __str__(self) -> str:
        return f"{self.act} at {self.at:%Y-%m-%d %H:%M}"


class ManyRow(models.Model):
    """What became of one of these stories, and what it was before."""

    class Outcome(models.TextChoices):
        CHANGED = "changed", "changed"
        SAME = "same", "needed no change"
        REFUSED = "refused", "refused"

    change = models.ForeignKey(ManyChange, on_delete=models.CASCADE, related_name="rows")
    # None: there is no story of this key.
    story = models.ForeignKey(Story, null=True, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=40, help_text="its key before")
    outcome = models.CharField(max_length=7, choices=Outcome)
    why = models.TextField(blank=True, help_text="why it was refused")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    version = models.PositiveIntegerField(null=True, help_text="the story's, after the change")
    undone = models.BooleanField(default=False)
    not_undone = models.TextField(blank=True, help_text="why it could not be undone")

    class Meta:
        app_label = "squads"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.key} {self.outcome}"
