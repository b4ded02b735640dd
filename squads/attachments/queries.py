"""How attachments are listed and handed out."""

from typing import Any

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from squads.attachments.models import Attachment, AttachmentBody
from squads.stories.models import Story


def attachments(story: Story) -> Any:
    """Return the files of a story, the oldest first, without their bytes."""
    return Attachment.objects.filter(story=story).select_related("by").order_by("at", "pk")


def handed_out(attachment: Attachment) -> HttpResponse:
    """Return a file so that no browser ever runs it: an image as the image it is, anything else to be saved.

    No browser guesses another type, and what is opened by itself is in a sandbox where nothing is loaded or run.
    """
    content = AttachmentBody.objects.values_list("content", flat=True).get(pk=attachment.pk)
    kind = attachment.kind if attachment.is_image else "application/octet-stream"
    answer = HttpResponse(bytes(content), content_type=kind)
    disposition = content_disposition_header(not attachment.is_image, attachment.name)
    answer["Content-Disposition"] = disposition or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    answer["Cache-Control"] = "private, max-age=31536000, immutable"
    return answer
