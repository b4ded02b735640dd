"""Release trains: lines of releases that go every so many weeks, and the departures that have a release already."""

from django.conf import settings
from django.db import models
from django.urls import reverse

from portal.kernel import clock
from releases.planning.models import Release
from releases.release_trains.timetable import WEEKDAYS

LONGEST_PATTERN = 100


class ReleaseTrain(models.Model):
    """A line of releases that goes every so many weeks on a weekday. A line has one that has not ended."""

    class State(models.TextChoices):
        RUNNING = "running", "running"
        PAUSED = "paused", "paused"
        ENDED = "ended", "ended"

    line = models.CharField(max_length=120, blank=True)
    pattern = models.CharField(max_length=LONGEST_PATTERN)
    weekday = models.PositiveSmallIntegerField(choices=list(enumerate(WEEKDAYS)))
    weeks = models.PositiveSmallIntegerField()
    starts_on = models.DateField()
    zone = models.CharField(max_length=64, default="UTC")
    ahead = models.PositiveSmallIntegerField(default=2)
    next_number = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=7, choices=State, default=State.RUNNING)
    # Why the next release can't be created; empty if it can.
    problem = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["line", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["line"], condition=~models.Q(state="ended"), name="train_of_line_once")
        ]

    def __str__(self) -> str:
        return f"train of {self.line or 'the whole company'}"

    def get_absolute_url(self) -> str:
        return reverse("releases:release_trains:detail", args=[self.pk])

    @property
    def timetable(self) -> str:
        """When it goes, in words."""
        every = "every week" if self.weeks == 1 else f"every {self.weeks} weeks"
        return f"{every} on {WEEKDAYS[self.weekday]}"


class Departure(models.Model):
    """A day for which a train's release was created, or one that was there was taken. There is never a second one."""

    train = models.ForeignKey(ReleaseTrain, on_delete=models.CASCADE, related_name="departures")
    day = models.DateField()
    number = models.PositiveIntegerField()
    # Empty if somebody deleted it since: it isn't created again.
    release = models.ForeignKey(Release, null=True, on_delete=models.SET_NULL, related_name="departures")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["train", "day"], name="departure_once")]

    def __str__(self) -> str:
        return f"{self.train}, {self.day}"


class TrainEdit(models.Model):
    """What somebody changed about a train: each field as it was and as it became."""

    train = models.ForeignKey(ReleaseTrain, on_delete=models.CASCADE, related_name="edits")
    version = models.PositiveIntegerField()
    changes = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "releases"
        ordering = ["-version"]
        constraints = [models.UniqueConstraint(fields=["train", "version"], name="train_edit_once")]

    def __str__(self) -> str:
        return f"{self.train}, version {self.version}"
