"""Requests to accept a story in production."""

from django.conf import settings
from django.db import models

from portal.kernel.actors import Anyone
from squads.acceptance.querysets import AcceptanceQuerySet
from squads.stories.authorship import own_change_reason
from squads.stories.models import Evidence, Story


class AcceptanceRequest(models.Model):
    """A squad's request to accept a story. The answer is a row of manual evidence with the accepter's name."""

    class State(models.TextChoices):
        OPEN = "open", "open"
        ACCEPTED = "accepted", "accepted"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="acceptance_requests")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    # Null asks any of the squad's accepters.
    accepter = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="acceptance_requests"
    )
    note = models.TextField(blank=True, help_text="what to check, and where")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    answered_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    evidence = models.ForeignKey(Evidence, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = AcceptanceQuerySet.as_manager()

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

    def why_may_not_accept(self, person: Anyone) -> str:
        """Say why this person cannot answer the request; "" when they can."""
        if not person.is_authenticated:
            return "Sign in first."
        squad = self.story.squad
        if self.accepter_id is not None and self.accepter_id != person.pk:
            return f"Only {self.accepter.name} was asked."  # type: ignore[union-attr]
        if self.accepter_id is None and not squad.memberships.filter(user=person, accepts=True).exists():
            return f"Only accepters of {squad} can answer. A lead can make you one."
        if squad.accepts_own:
            return ""
        if self.asked_by_id == person.pk:
            return f"You asked for this. Someone else has to accept it, unless {squad} lets people accept their own changes."
        return own_change_reason(self.story, person)


class AcceptancePlan(models.Model):
    """Who is to accept a story once it is in production, said before it is."""

    story = models.OneToOneField(Story, on_delete=models.CASCADE, related_name="acceptance_plan")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"planned acceptance of story {self.story_id}"
