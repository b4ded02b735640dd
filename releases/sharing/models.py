"""Links that show a release to people without an account."""

from django.conf import settings
from django.db import models

from portal.kernel import clock
from releases.planning.models import Release


class ReleaseLink(models.Model):
    """A read-only link to one release. Only the digest of its secret is kept; its address is shown once."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="links")
    name = models.CharField(max_length=80, blank=True, help_text="Who it is for.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(max_length=12, editable=False, help_text="its first characters, to recognise it by")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        app_label = "releases"
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.name or 'link'} ({self.start}…)"

    @property
    def is_open(self) -> bool:
        """Say whether it opens anything still."""
        return self.revoked_at is None and self.expires_at > clock.now()
