"""Admin pages of attachments, read-only: files are attached and removed on the pages of stories."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.attachments.models import Attachment, AttachmentBody


@admin.register(Attachment)
class Attachments(ReadOnly):
    list_display = ["name", "story", "kind", "size", "by", "at"]
    list_select_related = ["story", "by"]
    search_fields = ["name", "story__key"]


@admin.register(AttachmentBody)
class AttachmentBodies(ReadOnly):
    list_display = ["attachment"]
    list_select_related = ["attachment"]
    fields = ["attachment"]
