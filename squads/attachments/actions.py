"""Attaching files to stories and removing them, called by the pages and the API."""

import re
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum

from portal.kernel import clock
from portal.kernel.actors import Actor
from squads.attachments.models import Attachment, AttachmentBody
from squads.stories.editing import note
from squads.stories.models import Story

MEGABYTE = 1024 * 1024
MOST_MEGABYTES, MOST_FILES, MOST_MEGABYTES_OF_A_STORY = 10, 50, 100
LONGEST_NAME = 120
FILE = "file"
# The few types that pages show, each with what its first bytes are. SVG is none of them: it may hold scripts.
IMAGES = (
    ("image/png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("image/jpeg", re.compile(rb"\xff\xd8\xff")),
    ("image/gif", re.compile(rb"GIF8[79]a")),
    ("image/webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
)
# What no file system has in a name, and what turns text around or cannot be seen.
STRANGE = re.compile("[\x00-\x1f\x7f/\\\\\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


class Upload(Protocol):
    """A file that somebody sends."""

    name: str | None
    size: int | None

    def read(self, amount: int) -> bytes:
        """Return so many bytes at most."""


def kind_of(content: bytes) -> str:
    """Return the type of an image that pages show, by its first bytes, or that it is a file like any other."""
    return next((kind for kind, start in IMAGES if start.match(content)), FILE)


@transaction.atomic
def attach(story: Story, upload: Any, *, by: Actor) -> Attachment:
    """Attach a file to a story, with a row in its history.

    Raises ValidationError naming the field for a file that is empty or too big, and for one too many.
    """
    name = _name_of(upload)
    content = _content_of(upload, name)
    Story.objects.select_for_update(of=("self",), no_key=True).filter(pk=story.pk).order_by().values_list("pk").get()
    present = story.attachments.aggregate(size=Sum("size", default=0))["size"]
    if story.attachments.count() >= MOST_FILES:
        raise ValidationError({"file": f"{story.key} has {MOST_FILES} files, which is the most. Remove one first."})
    if present + len(content) > MOST_MEGABYTES_OF_A_STORY * MEGABYTE:
        raise ValidationError(
            {"file": f"A story’s files can have {MOST_MEGABYTES_OF_A_STORY} MB in total. Remove one first."}
        )
    made = Attachment.objects.create(
        story=story, name=name, kind=kind_of(content), size=len(content), by=by, at=clock.now()
    )
    AttachmentBody.objects.create(attachment=made, content=content)
    note(story, "attachments", None, name, by=by)
    return made


@transaction.atomic
def remove(attachment: Attachment, *, by: Actor) -> None:
    """Remove a file from its story for good; the history goes on naming it. Doing it twice changes nothing."""
    if Attachment.objects.filter(pk=attachment.pk).delete()[0]:
        note(attachment.story, "attachments", attachment.name, None, by=by)


def _name_of(upload: Any) -> str:
    name = STRANGE.sub("", upload.name or "").strip(" .")
    if len(name) > LONGEST_NAME:
        stem, dot, ending = name.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
        name = name[: LONGEST_NAME - len(ending)] + ending
    return name or "file"


def _content_of(upload: Any, name: str) -> bytes:
    content: bytes = upload.read(MOST_MEGABYTES * MEGABYTE + 1)
    if not content:
        raise ValidationError({"file": f"“{name}” is empty. Choose another file."})
    if len(content) > MOST_MEGABYTES * MEGABYTE:
        raise ValidationError({"file": f"“{name}” is over {MOST_MEGABYTES} MB. Shrink it, or link to it instead."})
    return content
