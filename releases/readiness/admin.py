"""Admin pages of what people say about readiness; it is changed on the pages of releases and gates."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.readiness.models import (
    ChecklistItem,
    ChecklistTick,
    FlagNeed,
    GateOverride,
    GateTemplate,
    GateTemplateVersion,
    LearningRead,
)


@admin.register(GateTemplate)
class GateTemplates(ReadOnly):
    list_display = ["line", "version", "by", "at"]
    list_select_related = ["by"]


@admin.register(GateTemplateVersion)
class GateTemplateVersions(ReadOnly):
    list_display = ["line", "by", "at"]
    list_select_related = ["by"]


@admin.register(GateOverride)
class GateOverrides(ReadOnly):
    list_display = ["release", "gate", "by", "at", "until", "withdrawn_at"]
    list_select_related = ["release", "by"]


@admin.register(FlagNeed)
class FlagNeeds(ReadOnly):
    list_display = ["release", "flag", "on", "audience", "by", "at"]
    list_select_related = ["release", "by"]


@admin.register(ChecklistItem)
class ChecklistItems(ReadOnly):
    list_display = ["text", "release", "line", "who", "by", "at", "removed_at"]
    list_select_related = ["release", "by"]


@admin.register(ChecklistTick)
class ChecklistTicks(ReadOnly):
    list_display = ["item", "release", "by", "at", "unticked_at"]
    list_select_related = ["item", "release", "by"]


@admin.register(LearningRead)
class LearningReads(ReadOnly):
    list_display = ["release", "by", "at", "withdrawn_at"]
    list_select_related = ["release", "by"]
