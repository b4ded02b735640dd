"""Admin pages of mapping rules and of the names that events use."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.mappings.models import MappingRule, SeenName


@admin.register(MappingRule)
class MappingRules(ReadOnly):
    list_display = ["kind", "pattern", "source", "role", "service", "environment", "tier"]
    list_filter = ["kind"]
    list_select_related = ["source"]
    search_fields = ["pattern", "service", "environment"]


@admin.register(SeenName)
class SeenNames(ReadOnly):
    list_display = ["name", "kind", "source"]
    list_filter = ["kind"]
    list_select_related = ["source"]
    search_fields = ["name"]
