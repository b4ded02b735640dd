"""Actions: what a squad decided to do about what it learned. Each becomes a story, and is done when that is rodeo done."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import models

from portal.kernel import clock
from portal.kernel.days import today
from squads.retrospectives.models import Retrospective
from squads.stories.models import Story
from squads.teams.models import Squad

# What seems urgent on the day itself may not two days later: then a story of it is offered.
SOAK = timedelta(days=2)
# So long after it was rodeo done, whoever did it is asked whether it helped.
ASKED_AFTER = timedelta(days=30)
LONGEST_TITLE, LONGEST_NOTE = 200, 500


class RetrospectiveAction(models.Model):
    """Something to do because of what was learned. Whether it's done, its story says; nobody types it."""

    class Kind(models.TextChoices):
        PREVENT = "prevent", "prevent"
        DETECT = "detect", "detect sooner"
        MITIGATE = "mitigate", "make it less bad"
        LEARN = "learn", "find out"

    class Helped(models.TextChoices):
        YES = "yes", "yes"
        PARTLY = "partly", "partly"
        NO = "no", "no"
        CANT_SAY = "cant_say", "can’t say"

    retrospective = models.ForeignKey(Retrospective, on_delete=models.CASCADE, related_name="actions")
    kind = models.CharField(max_length=8, choices=Kind)
    title = models.CharField(max_length=LONGEST_TITLE)
    squad = models.ForeignKey(Squad, on_delete=models.PROTECT, related_name="retrospective_actions")
    due = models.DateField()
    story = models.OneToOneField(Story, null=True, on_delete=models.SET_NULL, related_name="retrospective_action")
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    proposed_at = models.DateTimeField(default=clock.now)
    declined_at = models.DateTimeField(null=True)
    declined_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    declined_because = models.CharField(max_length=500, blank=True)
    # The newest answer; ActionAnswer has all of them.
    helped = models.CharField(max_length=8, choices=Helped, blank=True)
    helped_note = models.CharField(max_length=LONGEST_NOTE, blank=True)
    helped_at = models.DateTimeField(null=True)
    helped_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        app_label = "squads"
        ordering = ["due", "id"]
        indexes = [models.Index(fields=["squad", "due"], name="retrospective_action_due")]

    def __str__(self) -> str:
        return self.title

    @property
    def state(self) -> str:
        """Where it stands: proposed, under way (it has a story), done (that is rodeo done), or declined.

        If the story was cancelled, somebody has to decide: decline it, or reopen the story.
        """
        if self.declined_at is not None:
            return "declined"
        if self.story is None:
            return "proposed"
        if self.story.ending:
            return "story cancelled"
        return "done" if self.story.stage == Story.Stage.RODEO_DONE else "under way"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state not in ("declined", "done")

    @property
    def offered_at(self) -> datetime:
        """When a story of it is offered."""
        return self.proposed_at + SOAK

    @property
    def is_offered(self) -> bool:
        """Whether a story of it is offered now."""
        return self.state == "proposed" and self.offered_at <= clock.now()

    def is_overdue(self, on: date | None = None) -> bool:
        """Whether it should have been done before this day."""
        return self.is_open and self.due < (on or today())

    def asked_at(self, done_at: datetime | None) -> datetime | None:
        """When people are asked whether it helped, given when it last became rodeo done; None while it isn't."""
        return done_at + ASKED_AFTER if done_at is not None and self.state == "done" else None

    def is_asked(self, done_at: datetime | None) -> bool:
        """Whether people are asked now. An answer given before it became rodeo done again doesn't count any more."""
        asked_at = self.asked_at(done_at)
        if done_at is None or asked_at is None or asked_at > clock.now():
            return False
        return not self.helped or self.helped_at is None or self.helped_at < done_at


class ActionAnswer(models.Model):
    """One answer to whether an action helped. The newest counts; the others are how it was seen before."""

    action = models.ForeignKey(RetrospectiveAction, on_delete=models.CASCADE, related_name="answers")
    helped = models.CharField(max_length=8, choices=RetrospectiveAction.Helped)
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "squads"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_helped_display()}: {self.action_id}"
