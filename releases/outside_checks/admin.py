"""Admin pages of outside checks; people add them on the pages of releases and gates."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.outside_checks.models import OutsideAnswer, OutsideCheck


@admin.register(OutsideCheck)
class OutsideChecks(ReadOnly):
    list_display = ["name", "release", "line", "url", "by", "at", "removed_at"]
    search_fields = ["name", "url"]
    list_select_related = ["release", "by"]
    exclude = ["secret"]


@admin.register(OutsideAnswer)
class OutsideAnswers(ReadOnly):
    list_display = ["of", "release", "outcome", "detail", "at", "since"]
    list_select_related = ["of", "release"]
