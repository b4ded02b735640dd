"""Admin pages of labels, read-only: they are renamed and removed on the squad's page of labels."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.labels.models import Label


@admin.register(Label)
class Labels(ReadOnly):
    list_display = ["name", "squad"]
    list_select_related = ["squad"]
    search_fields = ["name"]
