"""Secret addresses under which somebody's feed reader reads retrospectives."""

from datetime import timedelta

from django.conf import settings
from django.db import models

from portal.kernel.issued_secrets import IssuedSecret


class FeedAddress(IssuedSecret):
    """A secret address of the feed, for a program that can't sign in. It reads what its person can read."""

    PREFIX, KIND, AUDITED_AS = "feed_", "feed address", "person"
    # Feed readers ask often.
    NOTED_EVERY = timedelta(minutes=10)

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feed_addresses")
    name = models.CharField(max_length=80, blank=True)

    class Meta:
        app_label = "squads"
        verbose_name_plural = "feed addresses"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or 'feed address'} ({self.start}…)"

    @property
    def history_key(self) -> str:
        """The person and the address."""
        return f"{self.person.username[:150]} {self.start}"

    @property
    def audit_key(self) -> str:
        """Whose it is."""
        return str(self.person.username)

    @property
    def opens(self) -> str:
        """What it opens."""
        return "the feed of retrospectives"
