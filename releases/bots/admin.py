"""Admin pages of who is a bot."""

from django.contrib import admin

from portal.kernel.admin import ReadOnly
from releases.bots.models import BotRule


@admin.register(BotRule)
class BotRules(ReadOnly):
    list_display = ["name", "is_bot", "by", "at"]
    list_select_related = ["by"]
    search_fields = ["name"]
