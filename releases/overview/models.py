"""What was said of releases day by day, views of the overview that people keep, and who gets it by mail."""

from django.conf import settings
from django.db import models

from portal.kernel import clock
from releases.planning.models import Release


class DailyReadiness(models.Model):
    """What was said last of an open release on a day; while the day lasts, the row follows. Later days compare with it."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="daily_readiness")
    day = models.DateField()
    verdict = models.CharField(max_length=9)
    blockers = models.PositiveIntegerField()
    rodeo_done = models.PositiveIntegerField()
    total = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "releases"
        ordering = ["release", "-day"]
        verbose_name_plural = "daily readiness"
        constraints = [models.UniqueConstraint(fields=["release", "day"], name="daily_readiness_once")]

    def __str__(self) -> str:
        return f"{self.release_id} on {self.day:%Y-%m-%d}"


class ReadinessView(models.Model):
    """A filter of the overview under a name. It is its owner's alone."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="readiness_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, help_text="the query of the overview's address")

    class Meta:
        app_label = "releases"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="readiness_view_once")]

    def __str__(self) -> str:
        return self.name


class ReadinessDigest(models.Model):
    """Someone wants the overview by mail, once a week."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="readiness_digest")
    wanted = models.BooleanField(default=True)
    last_week = models.CharField(max_length=8, help_text="the last week that needs no mail any more, such as 2026-W49")

    class Meta:
        app_label = "releases"

    def __str__(self) -> str:
        return f"{self.person}: {'weekly' if self.wanted else 'off'}"
