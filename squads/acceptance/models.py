"""Asking somebody to accept a story in production."""

from django.conf import settings
from django.db import models

from squads.stories.models import Evidence, Story


class AcceptanceRequest(models.Model):
    """A squad asks for a story to be accepted. The answer is a row of evidence by hand, with the accepter's name."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        ACCEPTED = "accepted", "accepted"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="acceptance_requests")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    # Nobody by name means: any of the squad's accepters.
    accepter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="acceptance_requests"
    )
    note = models.TextField(blank=True, help_text="what to look at, and where")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    evidence = models.ForeignKey(Evidence, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        app_label = "squads"
        ordering = ["-asked_at", "-id"]
        constraints = [
            # One question at a time.
            models.UniqueConstraint(fields=["story"], condition=models.Q(state="open"), name="acceptance_asked_once")
        ]
        indexes = [
            models.Index(fields=["accepter"], condition=models.Q(state="open"), name="acceptance_waiting"),
        ]

    def __str__(self) -> str:
        return f"acceptance of {self.story_id}, asked {self.asked_at:%Y-%m-%d}"
