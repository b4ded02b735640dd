"""Links that show a release to people without an account."""

from django.db import models

from portal.kernel.issued_secrets import ExpiringSecret
from releases.planning.models import Release


class ReleaseLink(ExpiringSecret):
    """A read-only link to one release. Only the digest of its secret is kept; its address is shown once."""

    PREFIX, KIND, AUDITED_AS = "share_", "release link", "release"

    class Shows(models.TextChoices):
        BOARD = "board", "board"
        STATUS = "status", "status"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="links")
    shows = models.CharField(max_length=6, choices=Shows, default=Shows.BOARD, help_text="Which page it opens.")
    name = models.CharField(max_length=80, blank=True, help_text="Who it is for.")

    class Meta:
        app_label = "releases"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or 'link'} ({self.start}…)"

    @property
    def history_key(self) -> str:
        """The release and the link."""
        return f"{self.release.slug[:180]} {self.start}"

    @property
    def audit_key(self) -> str:
        """The release."""
        return self.release.slug

    @property
    def opens(self) -> str:
        """What it opens, and until when."""
        what = "the board" if self.shows == self.Shows.BOARD else "the status"
        return f"{what} of {self.release}, until {self.expires_at:%Y-%m-%d}"
