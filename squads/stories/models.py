"""Stories and the evidence about them."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse

from portal.kernel import clock
from portal.kernel.models import StateChange
from portal.kernel.transitions import move
from squads.stories.querysets import EvidenceQuerySet, StoryQuerySet
from squads.teams.models import Squad


class Story(models.Model):
    """One deliverable piece of work. `progress` is moved by people; `stage` and `standing` follow from evidence."""

    class Type(models.TextChoices):
        USER_STORY = "user_story", "user story"
        DEFECT = "defect", "defect"
        CHORE = "chore", "chore"

    class Progress(models.TextChoices):
        TODO = "todo", "to do"
        IN_PROGRESS = "in_progress", "in progress"
        DEV_DONE = "dev_done", "dev done"

    class Stage(models.TextChoices):
        TODO = "todo", "to do"
        IN_PROGRESS = "in_progress", "in progress"
        DEV_DONE = "dev_done", "dev done"
        INTEGRATED = "integrated", "integrated"
        TESTED = "tested", "tested"
        DEPLOYED = "deployed", "deployed"
        RODEO_DONE = "rodeo_done", "rodeo done"

    squad = models.ForeignKey(Squad, on_delete=models.PROTECT, related_name="stories")
    number = models.PositiveIntegerField(editable=False)
    key = models.CharField(max_length=20, unique=True, editable=False)
    title = models.CharField(max_length=200)
    type = models.CharField(max_length=10, choices=Type, default=Type.USER_STORY)
    description = models.TextField(blank=True)
    acceptance_criteria = models.TextField(blank=True, help_text="What must be seen in production, one per line.")
    # Declared by name: squads never reads a release, it only names one (docs/adr/0002).
    release = models.ForeignKey(
        "releases.Release", null=True, blank=True, on_delete=models.SET_NULL, related_name="planned_stories"
    )
    flag = models.CharField(
        max_length=120, blank=True, help_text="The feature toggle that hides this story, if one does."
    )
    audience = models.CharField(
        max_length=60, default="everyone", blank=True, help_text="For whom the flag must be on."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")

    progress = models.CharField(max_length=12, choices=Progress, default=Progress.TODO, editable=False)
    progress_at = models.DateTimeField(null=True, editable=False)

    stage = models.CharField(max_length=12, choices=Stage, default=Stage.TODO, editable=False)
    standing = models.JSONField(default=dict, editable=False)

    objects = StoryQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "stories"
        ordering = ["squad__name", "number"]
        constraints = [models.UniqueConstraint(fields=["squad", "number"], name="story_number_once")]
        indexes = [
            models.Index(fields=["release", "stage"], name="story_release_stage"),
            models.Index(fields=["squad", "stage"], name="story_squad_stage"),
            models.Index(fields=["flag"], condition=~models.Q(flag=""), name="story_flag"),
        ]

    def __str__(self) -> str:
        return self.key

    def get_absolute_url(self) -> str:
        return reverse("squads:stories:detail", args=[self.key])

    def move_progress(self, to: str, *, by: Any, because: str = "") -> StateChange:
        """Move the story to do, in progress or dev done, from either of the others, and judge it again.

        Raises AlreadyMoved when it is there already, ValueError for a rung that only evidence can reach.
        """
        if to not in self.Progress.values:
            raise ValueError(f"“{to}” is not something people set: only evidence moves a story beyond dev done.")
        with transaction.atomic():
            change = move(
                self, "progress", to, leaving=[each for each in self.Progress.values if each != to], by=by,
                because=because, progress_at=clock.now(),
            )  # fmt: skip
            Story.objects.filter(pk=self.pk).judge()
        self.refresh_from_db(fields=["stage", "standing"])
        return change


class Evidence(models.Model):
    """What was seen about a story, when, from which event, or by which person. See squads/stories/states.py for kinds."""

    class Kind(models.TextChoices):
        CHANGE = "change", "change"
        RUN = "run", "run of the mainline"
        TEST = "test", "test before production"
        DEPLOYMENT = "deployment", "deployment"
        ACCEPTANCE = "acceptance", "acceptance in production"
        FLAG = "flag", "flag"
        INCIDENT = "incident", "incident"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=12, choices=Kind)
    verdict = models.CharField(max_length=12, help_text="success, failure, or empty where neither applies")
    at = models.DateTimeField(help_text="when it was so: the finish of a run, deployment or check")
    started_at = models.DateTimeField(null=True)
    service = models.CharField(max_length=250, blank=True)
    environment = models.CharField(max_length=120, blank=True)
    tier = models.CharField(max_length=12, blank=True)
    shas = models.JSONField(
        default=list, help_text="the story's commits this speaks about; ['*'] for all made before `at`"
    )
    label = models.CharField(max_length=250, blank=True)
    words = models.CharField(
        max_length=250, blank=True, help_text="kind of deployment, audience of a flag, and the like"
    )
    link = models.CharField(max_length=1000, blank=True)
    note = models.TextField(blank=True)
    by_hand = models.BooleanField(default=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    event_id = models.UUIDField(null=True, help_text="the inbound event that proves it")

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "evidence"
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["story", "at"], name="evidence_story_at")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.story_id} at {self.at:%Y-%m-%d %H:%M}"

    @classmethod
    def compared(cls) -> tuple[str, ...]:
        """The columns that make two derived rows with one identity the same."""
        return (
            "story_id", "kind", "verdict", "at", "started_at", "service", "environment", "tier", "shas", "label",
            "words", "link", "note", "event_id",
        )  # fmt: skip

    def values(self) -> tuple[Any, ...]:
        """Return what `compared` lists."""
        return tuple(getattr(self, name) for name in self.compared())
