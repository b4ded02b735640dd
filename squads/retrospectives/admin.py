"""Admin pages of retrospectives: to be looked at. People change them on their own pages, which keep every version."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.kernel.admin import ReadOnly
from squads.retrospectives.models import (
    LearnedMark,
    Retrospective,
    RetrospectiveEdit,
    RetrospectiveParticipant,
    RetrospectiveRole,
    RetrospectiveSection,
    RetrospectiveTemplate,
    RetrospectiveTheme,
    TimelineEntry,
)


@admin.register(Retrospective)
class Retrospectives(ReadOnly):
    list_display = ["shown_at", "title", "kind", "state", "squad", "restricted"]
    list_filter = ["kind", "state"]
    list_select_related = ["squad"]
    search_fields = ["title", "slug"]


class OfRetrospective(ReadOnly):
    """Rows that belong to a retrospective."""

    search_fields = ["retrospective__title"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("retrospective")


@admin.register(RetrospectiveSection)
class Sections(OfRetrospective):
    list_display = ["retrospective", "title", "position"]


@admin.register(RetrospectiveEdit)
class Edits(OfRetrospective):
    list_display = ["at", "retrospective", "version", "field"]


@admin.register(TimelineEntry)
class TimelineEntries(OfRetrospective):
    list_display = ["at", "retrospective", "kind", "state", "text"]


@admin.register(RetrospectiveTheme)
class Themes(OfRetrospective):
    list_display = ["name", "retrospective"]


@admin.register(RetrospectiveParticipant)
class Participants(OfRetrospective):
    list_display = ["retrospective", "person"]
    list_select_related = ["person"]


@admin.register(RetrospectiveRole)
class Roles(OfRetrospective):
    list_display = ["words", "retrospective"]


@admin.register(LearnedMark)
class LearnedRows(OfRetrospective):
    list_display = ["retrospective"]


@admin.register(RetrospectiveTemplate)
class Templates(ReadOnly):
    list_display = ["squad", "kind", "changed_at"]
    list_select_related = ["squad"]
