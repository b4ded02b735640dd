"""Files that people attach to stories. Their bytes are in the database, which every backup holds (docs/adr/0034)."""

from django.conf import settings
from django.db import models

from squads.stories.models import Story


class Attachment(models.Model):
    """A file on a story. `kind` is what its first bytes say it is, never what whoever sent it said."""

    story = models.ForeignKey(Story, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, help_text="an image that pages show, or a file to download")
    size = models.PositiveIntegerField(help_text="in bytes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        app_label = "squads"
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_image(self) -> bool:
        """Whether pages show it."""
        return self.kind.startswith("image/")


class AttachmentBody(models.Model):
    """The bytes of an attachment, in a table of their own, so that listing attachments never reads them."""

    attachment = models.OneToOneField(Attachment, primary_key=True, on_delete=models.CASCADE, related_name="body")
    content = models.BinaryField()

    class Meta:
        app_label = "squads"
        verbose_name_plural = "attachment bodies"

    def __str__(self) -> str:
        return f"bytes of {self.attachment_id}"
