from django.contrib import admin

from portal.kernel.admin import ReadOnly
from squads.stage_history.models import StageChange


@admin.register(StageChange)
class StageChangeAdmin(ReadOnly):
    list_display = ["story", "from_stage", "to_stage", "at", "why"]
