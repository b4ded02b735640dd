"""Artifacts: packages and images that runs produced."""

from django.db import models

from releases.pipelines.models import Repository


class Artifact(models.Model):
    """Derived. A package or image that a run produced, identified by its purl with digest, never by a version alone."""

    id = models.UUIDField(primary_key=True, editable=False)
    purl = models.CharField(max_length=500, unique=True)
    sha = models.CharField(max_length=100, blank=True, help_text="the commit it was made from")
    repository = models.ForeignKey(Repository, null=True, on_delete=models.SET_NULL, related_name="artifacts")
    packaged_at = models.DateTimeField(null=True)
    published_at = models.DateTimeField(null=True)
    event = models.ForeignKey(
        "releases.InboundEvent",
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="empty while other events only mention it",
    )

    class Meta:
        app_label = "releases"
        ordering = ["purl"]
        indexes = [models.Index(fields=["sha"], name="artifact_sha")]

    def __str__(self) -> str:
        return self.purl
