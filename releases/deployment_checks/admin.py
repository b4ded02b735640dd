"""Admin pages of deployment checks; tokens are created and revoked on the service's own page."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.deployment_checks.models import AppToken, CheckToken, DeploymentCheck, WaitingCheck


@admin.register(CheckToken)
class CheckTokens(ReadOnly):
    list_display = ["service", "name", "start", "created_by", "created_at", "expires_at", "last_used_at", "revoked_at"]
    search_fields = ["name", "start", "service__name"]
    list_select_related = ["service", "created_by"]
    exclude = ["digest"]


@admin.register(DeploymentCheck)
class DeploymentChecks(ReadOnly):
    list_display = ["at", "asker", "by", "service", "release_name", "verdict", "times"]
    search_fields = ["by", "service__name", "release_name"]
    list_select_related = ["service"]


@admin.register(WaitingCheck)
class WaitingChecks(ReadOnly):
    list_display = [
        "asked_at",
        "source",
        "repository",
        "sha",
        "environment",
        "state",
        "reports",
        "answered_at",
        "error",
    ]
    search_fields = ["repository", "sha"]
    list_select_related = ["source"]


@admin.register(AppToken)
class AppTokens(ReadOnly):
    list_display = ["source", "installation", "expires_at"]
    list_select_related = ["source"]
    exclude = ["token", "made_with"]
