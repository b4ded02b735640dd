"""Admin pages of deployments and acceptance runs, which follow from events."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.deployments.models import AcceptanceRun, Deployment


@admin.register(Deployment)
class Deployments(ReadOnly):
    list_display = ["finished_at", "service", "environment", "kind", "phase", "outcome"]
    list_filter = ["kind", "outcome", "environment"]
    list_select_related = ["service", "environment"]
    search_fields = ["service__name", "sha", "version"]


@admin.register(AcceptanceRun)
class AcceptanceRuns(ReadOnly):
    list_display = ["finished_at", "name", "story_key", "environment", "outcome"]
    list_filter = ["outcome", "environment"]
    list_select_related = ["environment"]
    search_fields = ["story_key", "name"]
