"""Admin pages of what releases ship; people say it on the release's own page."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.contents.models import AskedPattern, DeployOrder, ReleaseContent, SchemaNaming, SchemaPatterns


@admin.register(ReleaseContent)
class ReleaseContents(ReadOnly):
    list_display = ["release", "service", "sha", "purl", "configuration", "by", "at"]
    list_select_related = ["release", "service", "by"]
    search_fields = ["sha", "purl"]


@admin.register(SchemaPatterns)
class SchemaPatternsPages(ReadOnly):
    list_display = ["service", "by", "at"]
    list_select_related = ["service", "by"]


@admin.register(AskedPattern)
class AskedPatterns(ReadOnly):
    list_display = ["number", "pattern"]


@admin.register(SchemaNaming)
class SchemaNamings(ReadOnly):
    list_display = ["path", "kind", "by", "at"]
    list_select_related = ["by"]
    search_fields = ["path"]


@admin.register(DeployOrder)
class DeployOrders(ReadOnly):
    list_display = ["first", "then", "by", "at"]
    list_select_related = ["first", "then", "by"]
