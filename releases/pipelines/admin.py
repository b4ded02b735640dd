"""Admin pages of repositories, changes and runs. They follow from events; people link and claim on the pages."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.pipelines.models import (
    Change,
    ChangeRelation,
    Mainline,
    Repository,
    RepositoryPart,
    RequiredPipelines,
    Run,
    StoryLink,
    Tag,
    TagMove,
)


@admin.register(Repository)
class Repositories(ReadOnly):
    list_display = ["key", "service", "url"]
    list_select_related = ["service"]
    search_fields = ["key"]


@admin.register(Mainline)
class Mainlines(ReadOnly):
    list_display = ["repository", "branch", "head", "seen_at"]
    list_select_related = ["repository"]


@admin.register(Change)
class Changes(ReadOnly):
    list_display = ["sha", "repository", "subject", "committed_at", "position", "landed"]
    list_select_related = ["repository"]
    search_fields = ["=sha", "subject"]
    raw_id_fields = ["release"]


@admin.register(StoryLink)
class StoryLinks(ReadOnly):
    list_display = ["key", "change", "rule", "person", "refused"]
    list_filter = ["rule", "refused"]
    list_select_related = ["change", "person"]
    search_fields = ["key"]


@admin.register(Run)
class Runs(ReadOnly):
    list_display = ["finished_at", "pipeline", "service", "repository", "sha", "phase", "outcome"]
    list_filter = ["outcome"]
    list_select_related = ["service", "repository"]
    search_fields = ["=sha", "pipeline"]


@admin.register(RepositoryPart)
class RepositoryParts(ReadOnly):
    list_display = ["repository", "prefix", "service"]
    list_select_related = ["repository", "service"]
    search_fields = ["prefix"]


@admin.register(Tag)
class Tags(ReadOnly):
    list_display = ["name", "repository", "tagged_at", "release"]
    list_select_related = ["repository", "release"]
    search_fields = ["name"]


@admin.register(ChangeRelation)
class ChangeRelations(ReadOnly):
    list_display = ["change", "kind", "target", "by_git"]
    list_filter = ["kind"]
    list_select_related = ["change"]
    search_fields = ["=target"]


@admin.register(RequiredPipelines)
class RequiredPipelineRules(ReadOnly):
    list_display = ["service", "names", "by", "at"]
    list_select_related = ["service", "by"]
    search_fields = ["service__name"]


@admin.register(TagMove)
class TagMoves(ReadOnly):
    list_display = ["name", "repository", "sha", "seen_at"]
    list_select_related = ["repository"]
    search_fields = ["name"]
