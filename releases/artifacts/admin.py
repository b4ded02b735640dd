"""Admin pages of artifacts, which follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.artifacts.models import Artifact


@admin.register(Artifact)
class Artifacts(ReadOnly):
    list_display = ["purl", "repository", "packaged_at", "published_at"]
    list_select_related = ["repository"]
    search_fields = ["purl"]
