"""Personal addresses of the calendar feed, and how often each release's entry has changed."""

from datetime import timedelta

from django.conf import settings
from django.db import models

from portal.kernel.issued_secrets import IssuedSecret
from releases.planning.models import Release


class CalendarAddress(IssuedSecret):
    """A secret address under which somebody's calendar program reads releases. Only the digest of its secret is kept."""

    PREFIX, KIND, AUDITED_AS = "calendar_", "calendar address", "release"
    # Calendar programs ask often.
    NOTED_EVERY = timedelta(minutes=10)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_addresses")
    name = models.CharField(max_length=80, blank=True)

    class Meta:
        app_label = "releases"
        verbose_name_plural = "calendar addresses"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or 'calendar address'} ({self.start}…)"

    @property
    def history_key(self) -> str:
        """The person and the address."""
        return f"{self.person.username[:150]} {self.start}"

    @property
    def opens(self) -> str:
        """What it opens."""
        return "the calendar of releases"


class CalendarEntry(models.Model):
    """Derived. What the feed last said of a release, and how often that has changed: calendar programs take the higher number."""

    release = models.OneToOneField(Release, primary_key=True, on_delete=models.CASCADE, related_name="calendar_entry")
    # What was said: title, day, and whether it is out or cancelled.
    said = models.CharField(max_length=500)
    sequence = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        app_label = "releases"
        verbose_name_plural = "calendar entries"

    def __str__(self) -> str:
        return f"{self.release}, {self.sequence}"
