"""What was forecast, day by day."""

from django.db import models

from portal.kernel import clock
from releases.planning.models import Release


class DailyForecast(models.Model):
    """What the forecast of a release said on a day, so that people see how it moved and whether it held. Never edited."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="daily_forecasts")
    day = models.DateField()
    target = models.DateField(null=True, help_text="what the release was planned for, that day")
    total = models.PositiveIntegerField(help_text="its stories")
    rodeo_done = models.PositiveIntegerField()
    p50 = models.DateField(null=True, help_text="50 % by the model")
    p85 = models.DateField(null=True, help_text="85 % by the model")
    later_than = models.DateField(null=True, help_text="85 % is later than this")
    chance = models.FloatField(null=True, help_text="how likely it is by the target, 0 to 1")
    refused = models.TextField(blank=True, help_text="why there is no date")
    seed = models.BigIntegerField(help_text="the same inputs with the same seed give the same dates")
    trials = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        app_label = "releases"
        ordering = ["release", "-day"]
        constraints = [models.UniqueConstraint(fields=["release", "day"], name="daily_forecast_once")]

    def __str__(self) -> str:
        return f"{self.release_id} on {self.day:%Y-%m-%d}"
