"""Admin pages of imports."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from portal.kernel.admin import ReadOnly
from squads.imports.models import Import, Ticket


@admin.register(Import)
class Imports(ReadOnly):
    list_display = ["created_at", "squad", "kind", "name", "state", "by"]
    list_filter = ["kind", "state"]
    list_select_related = ["squad", "by"]
    search_fields = ["name"]
    exclude = ["body"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Import]:
        imports: QuerySet[Import] = super().get_queryset(request)
        return imports.defer("body")


@admin.register(Ticket)
class Tickets(ReadOnly):
    list_display = ["key", "story", "system", "state", "since", "seen_at"]
    list_filter = ["system", "state"]
    list_select_related = ["story"]
    search_fields = ["key"]
