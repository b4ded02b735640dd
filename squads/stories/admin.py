"""Admin pages of stories. Stories are written on their pages; what is changed here is judged again."""

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from portal.kernel.actors import actor_of
from portal.kernel.admin import NotDeleted, ReadOnly
from squads.stories import actions
from squads.stories.models import Evidence, Relation, Story, StoryAlias, StoryEdit


@admin.register(Story)
class Stories(NotDeleted):
    list_display = ["key", "title", "squad", "type", "stage"]
    list_filter = ["stage", "type", "squad"]
    list_select_related = ["squad"]
    search_fields = ["key", "title"]
    autocomplete_fields = ["release"]
    fields = [
        "key",
        "squad",
        "title",
        "type",
        "description",
        "acceptance_criteria",
        "release",
        "flag",
        "audience",
        "progress",
        "stage",
        "standing",
        "created_at",
        "created_by",
    ]
    readonly_fields = ["key", "squad", "progress", "stage", "standing", "created_at", "created_by"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Story, form: ModelForm, change: bool) -> None:
        actions.edit_story(obj, by=actor_of(request), **form.cleaned_data)


@admin.register(Evidence)
class EvidenceRows(ReadOnly):
    list_display = ["at", "story", "kind", "verdict", "service", "environment", "by_hand"]
    list_filter = ["kind", "by_hand"]
    list_select_related = ["story"]
    search_fields = ["story__key"]


@admin.register(StoryEdit)
class StoryEdits(ReadOnly):
    list_display = ["at", "story", "version", "field", "by"]
    list_select_related = ["story", "by"]
    search_fields = ["story__key"]


@admin.register(StoryAlias)
class StoryAliases(ReadOnly):
    list_display = ["key", "story"]
    list_select_related = ["story"]
    search_fields = ["key", "story__key"]


@admin.register(Relation)
class Relations(ReadOnly):
    list_display = ["story", "kind", "other", "by"]
    list_filter = ["kind"]
    list_select_related = ["story", "other", "by"]
    search_fields = ["story__key", "other__key"]
