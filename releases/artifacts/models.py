"""Artifacts: packages and images that runs produced."""

from django.db import models

from releases.artifacts.purls import digest_in
from releases.pipelines.models import Repository


class DigestField(models.CharField):
    """The digest that an artifact's purl names, in one spelling: it follows from the purl whenever an artifact is saved."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return what is written: the digest of the purl as it is now."""
        digest = digest_in(model_instance.purl)  # type: ignore[attr-defined]
        setattr(model_instance, self.attname, digest)
        return digest


class Artifact(models.Model):
    """Derived. A package or image that a run produced, identified by its purl with digest, never by a version alone."""

    id = models.UUIDField(primary_key=True, editable=False)
    purl = models.CharField(max_length=500, unique=True)
    digest = DigestField(max_length=140, blank=True, default="", editable=False)
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
        indexes = [
            models.Index(fields=["sha"], name="artifact_sha"),
            models.Index(fields=["digest"], name="artifact_digest"),
        ]

    def __str__(self) -> str:
        return self.purl
